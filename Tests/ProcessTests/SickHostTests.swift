import FlowModel
import FlowTestKit
import Foundation
import Testing

/// What a run says of its hosts, against the files that they have.
@Suite("Sick hosts", .serialized, .timeLimit(.minutes(3)))
struct SickHostTests {
    @Test(.enabled(if: SSHLab.obstacle == nil, "the SSH lab cannot be had here"))
    func `hosts that were undone while the run went on have the new version when it succeeds; an exec is retried where it failed`() async throws {
        let place = try Installation()
        let lab = try await SSHLab.start(hosts: 3, in: place.path("lab"))
        try FileManager.default.copyItem(atPath: lab.directory + "/inventory.yaml", toPath: place.home + "/inventory.yaml")
        do {
            try await undoneThenDoneAgain(place, lab)
            try await execRetried(place, lab)
        } catch {
            await lab.stop()
            throw error
        }
        await lab.stop()
    }

    private func undoneThenDoneAgain(_ place: Installation, _ lab: SSHLab) async throws {
        let flowd = try await place.flowd()
        for host in [0, 1] { try touch(lab, host, "sick") }
        let run = try await place.start("sick.swift", "-p", "folder=\(place.directory)")
        try await place.wait("the breach") { try await state(of: "deploy", run, place) == "held" }
        #expect(versions(lab) == ["new", "new", "new"])
        #expect(try await place.flowctl("undo", run, "deploy", "-m", "two are not well").status == 0)
        try await place.wait("the undo") { try await state(of: "deploy", run, place) == "failed" }
        #expect(versions(lab) == ["old", "old", "old"])
        for host in [0, 1] { try FileManager.default.removeItem(atPath: lab.hosts[host].root + "/var/tmp/sick") }
        let retry = try await place.flowctl("retry", run, "-m", "they are well")
        #expect(retry.status == 0, "\(retry)")
        try await place.wait("the rollout") { try await state(of: "deploy", run, place) == "succeeded" }
        #expect(versions(lab) == ["new", "new", "new"])
        try "".write(toFile: place.path("done"), atomically: true, encoding: .utf8)
        try await place.wait("the end") { try await place.state(of: run) == "succeeded" }
        await flowd.terminate()
    }

    private func execRetried(_ place: Installation, _ lab: SSHLab) async throws {
        let flowd = try await place.flowd()
        try touch(lab, 1, "sick")
        let command = "echo ran >>/var/tmp/ran; test ! -e /var/tmp/sick"
        let failed = try await place.flowctl("exec", "group:lab", "--width", "1", "--", command)
        #expect(failed.status == 1)
        #expect(lab.hosts.indices.map { lines(lab, $0, "ran") } == [1, 1, 1], "every host had its turn")
        let run = try #require(try await place.flowctl("list", "--limit", "1", "-o", "json").items().first?["id"] as? String)
        let why = try await place.flowctl("why", run).stdout
        #expect(why.contains(lab.hosts[1].host.name) && why.contains(command) && !why.contains(lab.hosts[0].host.name), "\(why)")
        try FileManager.default.removeItem(atPath: lab.hosts[1].root + "/var/tmp/sick")
        #expect(try await place.flowctl("retry", run, "-m", "well").status == 0)
        try await place.wait("the end") { try await place.state(of: run) == "succeeded" }
        #expect(lab.hosts.indices.map { lines(lab, $0, "ran") } == [1, 2, 1], "the command ran again where it had failed, and nowhere else")
        await flowd.terminate()
    }

    private func touch(_ lab: SSHLab, _ host: Int, _ name: String) throws {
        try Data().write(to: URL(filePath: lab.hosts[host].root + "/var/tmp/" + name))
    }

    private func versions(_ lab: SSHLab) -> [String] {
        lab.hosts.map { host in
            let text = (try? String(contentsOfFile: host.root + "/var/tmp/version", encoding: .utf8)) ?? "none"
            return text.trimmingCharacters(in: .whitespacesAndNewlines)
        }
    }

    private func lines(_ lab: SSHLab, _ host: Int, _ name: String) -> Int {
        let text = (try? String(contentsOfFile: lab.hosts[host].root + "/var/tmp/" + name, encoding: .utf8)) ?? ""
        return text.split(separator: "\n").count
    }

    private func state(of step: String, _ run: String, _ place: Installation) async throws -> String? {
        try await place.flowctl("steps", run, "-o", "json").items().first { $0["path"] as? String == step }?["state"] as? String
    }
}
