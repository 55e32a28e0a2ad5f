import FlowModel
import FlowTestKit
import Foundation
import Testing

/// `flows/release.swift` on three real hosts, with what goes wrong in the middle of a release.
@Suite("Release", .serialized, .timeLimit(.minutes(5)))
struct ReleaseTests {
    @Test(.enabled(if: SSHLab.obstacle == nil, "the SSH lab cannot be had here"))
    func `one asks, another approves, and neither a killed engine nor a cut connection repeats a script`() async throws {
        let place = try Installation()
        let lab = try await SSHLab.start(hosts: 3, in: place.path("lab"))
        try FileManager.default.copyItem(atPath: lab.directory + "/inventory.yaml", toPath: place.home + "/inventory.yaml")
        do {
            try await release(place, lab)
        } catch {
            await lab.stop()
            throw error
        }
        await lab.stop()
    }

    private func release(_ place: Installation, _ lab: SSHLab) async throws {
        let port = try Loopback.freePort()
        try "listen: 127.0.0.1:\(port)\n".write(toFile: place.home + "/flowd.yaml", atomically: true, encoding: .utf8)
        var flowd = try await place.flowd()
        let alice = try await place.login("alice", "author", port: port)
        let bob = try await place.login("bob", "viewer", "release-manager", port: port)

        let started = try await place.flowctl(
            "run", Installation.root + "/flows/release.swift", "-p", "version=1.4.2", "-p", "hosts=group:lab", "-p", "pace=4",
            "-p", "packages=\(place.path("packages"))", "--detach", "-o", "json", as: alice)
        let run = try #require(try started.json()["id"] as? String)
        try await place.wait("the approval") { try await place.flowctl("approvals", "-o", "json", as: bob).items().count == 1 }
        let own = try await place.flowctl("approve", run, "go", as: alice)
        #expect(own.status == 4, "\(own)")
        #expect(try await place.flowctl("approve", run, "go", as: bob).status == 0)

        // While the first host runs its script, the engine is killed.
        try await place.wait("the switch of lab-1") { !switches(lab.hosts[0]).isEmpty }
        await flowd.kill()
        flowd = try await place.flowd()
        // While the second does, its connection is.
        try await place.wait("the switch of lab-2") { !switches(lab.hosts[1]).isEmpty }
        let sshds = lab.hosts[1].connections()
        #expect(!sshds.isEmpty)
        for pid in sshds { kill(pid, SIGKILL) }
        // The third ends its script while no engine is there.
        try await place.wait("the switch of lab-3") { !switches(lab.hosts[2]).isEmpty }
        await flowd.kill()
        try await place.wait("the script of lab-3 to end") { isCurrent(lab.hosts[2]) }
        flowd = try await place.flowd()

        try await place.wait("the end") { try await place.flowctl("show", run, "-o", "json").json()["endedAt"] != nil }
        let shown = try await place.flowctl("show", run, "-o", "json")
        #expect(try shown.json()["state"] as? String == "succeeded", "\(shown.stdout)")
        for host in lab.hosts {
            #expect(switches(host) == ["\(run) deploy[\(host.host.name)]/switch 1.4.2"])
            #expect(isCurrent(host))
        }
        for step in try await place.flowctl("steps", run, "-o", "json").items() {
            guard let path = step["path"] as? String, path.hasSuffix("/switch") else { continue }
            let attempts = try #require(step["attempts"] as? [[String: Any]])
            #expect(attempts.count == 1, "\(path) was adopted, not repeated")
        }
        await flowd.terminate()
    }

    /// The lines that executions of the script left.
    private func switches(_ host: LabHost) -> [String] {
        let text = (try? String(contentsOfFile: host.root + "/var/tmp/web/switches", encoding: .utf8)) ?? ""
        return text.split(separator: "\n").map(String.init)
    }

    private func isCurrent(_ host: LabHost) -> Bool {
        (try? FileManager.default.destinationOfSymbolicLink(atPath: host.root + "/var/tmp/web/current")) == "releases/1.4.2"
    }
}
