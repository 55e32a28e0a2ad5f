import FlowModel
import FlowTestKit
import Foundation
import Testing

@Suite("A host that shows another key", .enabled(if: SSHLab.obstacle == nil, "needs root and sshd"), .timeLimit(.minutes(5)))
struct HostKeyTests {
    /// A place whose inventory has one real host.
    private func withHost(_ work: (Place, SSHLab, LabHost) async throws -> Void) async throws {
        let place = try Place()
        let lab = try await SSHLab.start(hosts: 1, in: place.folder.appending(path: "lab").path)
        do {
            try place.makeHome()
            try place.writeHome("inventory.yaml", lab.inventoryYAML)
            try await work(place, lab, lab.hosts[0])
        } catch {
            await lab.stop()
            throw error
        }
        await lab.stop()
        try await place.leave()
    }

    /// The fingerprint that the host shows now, and the whole answer.
    private func shown(_ place: Place, _ host: LabHost) async throws -> String {
        // Nobody can be asked here: it is told what it would be asked, and adds nothing.
        var said = ""
        // A host that is busy, or has just begun, may cut the connection before it shows anything.
        for _ in 0..<20 {
            said = try await place.run("inventory", "add", "probe", host.host.address, "--port", "\(host.host.port)").err
            let line = said.split(separator: "\n").first { $0.contains("ssh-ed25519: SHA256:") }
            if let shown = line?.split(separator: " ").last { return String(shown) }
            try await Task.sleep(for: .milliseconds(250))
        }
        throw FlowError(.internal, subject: "host key", "no key was shown: \(said)")
    }

    @Test func `a changed key is refused with both fingerprints, the host sees nothing, and the command said accepts it`()
        async throws
    {
        try await withHost { place, lab, host in
            let trace = "/tmp/trace"
            let command = ["exec", "lab-1", "--", "echo x >> \(trace)"]
            #expect(try await place.start(command).result().status == 0)
            let before = try await shown(place, host)
            try await lab.changeHostKey(of: host)
            let after = try await shown(place, host)
            #expect(before != after)

            let ping = try await place.run("ping", "lab-1")
            #expect(ping.status == 5)
            #expect(ping.out.contains(before) && ping.out.contains(after), "\(ping.out)")
            let run = try await place.start(command).result()
            #expect(run.status == 1)
            #expect(run.err.contains(before) && run.err.contains(after), "\(run.err)")
            #expect(run.err.contains("nothing was sent to it"), "\(run.err)")
            #expect(try String(contentsOfFile: host.root + trace, encoding: .utf8) == "x\n", "the host did nothing")

            let accept = "inventory add lab-1 \(host.host.address) --port \(host.host.port)"
            #expect(ping.out.contains("flowctl \(accept)"), "\(ping.out)")
            let arguments = accept.split(separator: " ").map(String.init)
            let forged = try await place.start(arguments + ["--yes", before]).result()
            #expect(forged.status == 5, "a fingerprint that the host does not show accepts nothing: \(forged.err)")
            #expect(try await place.run("ping", "lab-1").status == 5)
            let accepted = try await place.start(arguments + ["--yes", after]).result()
            #expect(accepted.status == 0, "\(accepted.err)")
            #expect(try await place.run("ping", "lab-1").status == 0)
            #expect(try await place.start(command).result().status == 0)
        }
    }

    @Test func `a host without a key in the inventory is refused, and the command said accepts what it shows`() async throws {
        try await withHost { place, lab, host in
            let keyless = lab.inventoryYAML.replacing(/, hostKey: "[^"]*"/, with: "")
            try place.writeHome("inventory.yaml", keyless)
            let key = try await shown(place, host)
            let ping = try await place.run("ping", "lab-1")
            #expect(ping.status == 5)
            #expect(ping.out.contains("has no host key in the inventory") && ping.out.contains(key), "\(ping.out)")
            let accept = "inventory add lab-1 \(host.host.address) --port \(host.host.port)"
            #expect(ping.out.contains("flowctl \(accept)"), "\(ping.out)")
            let accepted = try await place.start(accept.split(separator: " ").map(String.init) + ["--yes", key]).result()
            #expect(accepted.status == 0, "\(accepted.err)")
            #expect(try await place.run("ping", "lab-1").status == 0)
        }
    }
}
