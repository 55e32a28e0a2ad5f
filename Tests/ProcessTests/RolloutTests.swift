import FlowModel
import FlowTestKit
import Foundation
import Testing

/// A canary rollout over fifty real hosts, with an engine that is killed again and again.
@Suite("Canary rollout", .serialized, .timeLimit(.minutes(8)))
struct RolloutTests {
    @Test(.enabled(if: SSHLab.obstacle == nil, "the SSH lab cannot be had here"))
    func `exact batches, a budget, undo on request, redo of the rest and then of what was undone, through five kills`() async throws {
        let place = try Installation()
        let lab = try await SSHLab.start(hosts: 50, in: place.path("lab"))
        try FileManager.default.copyItem(atPath: lab.directory + "/inventory.yaml", toPath: place.home + "/inventory.yaml")
        do {
            try await Canary(place: place, lab: lab).go()
        } catch {
            await lab.stop()
            throw error
        }
        await lab.stop()
    }
}

private final class Canary {
    private let place: Installation
    private let lab: SSHLab
    private var flowd: Program?
    private var kills = 0

    init(place: Installation, lab: SSHLab) {
        self.place = place
        self.lab = lab
    }

    func go() async throws {
        let broken = [7, 8]
        for host in broken { try Data().write(to: URL(filePath: lab.hosts[host].root + "/var/tmp/broken")) }
        flowd = try await place.flowd()
        let run = try await place.start("rollout.swift")

        try await kill("the second batch") { self.switched >= 3 }
        try await kill("the third batch") { self.switched >= 7 }
        try await ends(run, "failed")
        try await checkBreach(run, broken)

        #expect(try await place.flowctl("undo", run, "deploy", "-m", "two hosts fail").status == 0)
        try await kill("some hosts to be undone") { self.lines("back") >= 1 }
        try await ends(run, "cancelled")
        let done = lab.hosts.indices.filter { log($0) != [] }
        for host in done { #expect(log(host) == ["switched", "back"], "\(host)") }

        for host in broken { try FileManager.default.removeItem(atPath: lab.hosts[host].root + "/var/tmp/broken") }
        let redo = try await place.flowctl("retry", run, "--targets", "failed,notStarted", "-m", "mended")
        #expect(redo.status == 0, "\(redo)")
        try await kill("the redo") { self.switched >= done.count + 8 }
        try await kill("the last batch") { self.switched >= 40 }
        try await ends(run, "failed")
        for host in lab.hosts.indices {
            #expect(log(host) == (done.contains(host) ? ["switched", "back"] : ["switched"]), "\(host)")
        }
        #expect(kills == 5)
        try await checkAttempts(run, done: done, broken: broken)

        #expect(try await place.flowctl("retry", run, "-m", "those that were undone, too").status == 0)
        try await ends(run, "succeeded")
        for host in lab.hosts.indices {
            #expect(log(host) == (done.contains(host) ? ["switched", "back", "switched"] : ["switched"]), "\(host)")
        }
        let doctor = try await place.flowctl("doctor")
        #expect(doctor.status == 0, "\(doctor.stdout)")
        await flowd?.terminate()
    }

    /// Batches of 1, 5, 10, 20 and 14; two failed; what had not begun when the second one did never has.
    private func checkBreach(_ run: String, _ broken: [Int]) async throws {
        let targets = try await targets(run)
        #expect(Dictionary(grouping: targets, by: \.batch).mapValues(\.count) == [1: 1, 2: 5, 3: 10, 4: 20, 5: 14])
        #expect(targets.indices.filter { targets[$0].outcome == "failed" } == broken)
        #expect(targets[..<7].allSatisfy { $0.outcome == "ok" })
        #expect(targets[13...].allSatisfy { $0.outcome == "notStarted" }, "four at once: the second failure is among the first four")
        for (host, target) in zip(lab.hosts.indices, targets) {
            #expect(log(host) == (target.outcome == "ok" ? ["switched"] : []), "\(host)")
        }
    }

    private func checkAttempts(_ run: String, done: [Int], broken: [Int]) async throws {
        let steps = try await place.flowctl("steps", run, "-o", "json").items()
        for step in steps {
            guard let path = step["path"] as? String, path.hasSuffix("/switch") else { continue }
            let attempts = try #require(step["attempts"] as? [[String: Any]])
            let isBroken = broken.contains { path.contains("[\(lab.hosts[$0].host.name)]") }
            // One that an engine died over before it was sent is on record as cancelled.
            let carriedOut = attempts.count { $0["state"] as? String != "cancelled" }
            #expect(carriedOut == (isBroken ? 2 : 1), "\(path): \(attempts)")
        }
    }

    private struct Shown {
        var batch: Int
        var outcome: String
    }

    private func targets(_ run: String) async throws -> [Shown] {
        try await place.flowctl("rollout", run, "deploy", "-o", "json").items().map {
            Shown(batch: $0["batch"] as? Int ?? 0, outcome: $0["outcome"] as? String ?? "")
        }
    }

    private func ends(_ run: String, _ state: String) async throws {
        try await place.wait("the run to be \(state)") {
            let shown = try await self.place.flowctl("show", run, "-o", "json").json()
            return shown["endedAt"] != nil && shown["state"] as? String == state
        }
    }

    private func kill(_ moment: String, when isNow: @escaping () -> Bool) async throws {
        try await place.wait(moment) { isNow() }
        await flowd?.kill()
        kills += 1
        flowd = try await place.flowd()
    }

    // MARK: - What the hosts say

    private func log(_ host: Int) -> [String] {
        let text = (try? String(contentsOfFile: lab.hosts[host].root + "/var/tmp/web/log", encoding: .utf8)) ?? ""
        return text.split(separator: "\n").map(String.init)
    }

    private func lines(_ word: String) -> Int { lab.hosts.indices.reduce(0) { $0 + log($1).count { $0 == word } } }
    private var switched: Int { lines("switched") }
}
