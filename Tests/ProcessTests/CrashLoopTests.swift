import FlowTestKit
import Foundation
import Testing

/// `kill -9` at random moments over a flow of forty steps: local, SSH, Swift, parallel, retries, an approval.
///
/// `FLOW_CRASHES` sets how many kills; the suite's own number is small enough for every run of the tests.
@Suite("Crash loop", .serialized, .timeLimit(.minutes(30)))
struct CrashLoopTests {
    @Test(.enabled(if: SSHLab.obstacle == nil, "the SSH lab cannot be had here"))
    func `no kill loses or repeats a step, or an acknowledged command`() async throws {
        let crashes = Int(ProcessInfo.processInfo.environment["FLOW_CRASHES"] ?? "") ?? 25
        let seed = UInt64.random(in: 0 ... .max)
        print("crash loop: \(crashes) kills, seed \(seed)")
        var random = SeededRandom(seed: seed)
        let place = try Installation()
        let lab = try await SSHLab.start(hosts: 3, in: place.path("lab"))
        try FileManager.default.createDirectory(atPath: place.home, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        try String(contentsOfFile: lab.directory + "/inventory.yaml", encoding: .utf8).write(
            toFile: place.home + "/inventory.yaml", atomically: true, encoding: .utf8)

        var started: [String] = []
        var daemon = try await place.flowd()
        var kills = 0
        while kills < crashes {
            let said = try place.flowctl(
                "run", Installation.fixtures + "/torture.swift", "-p", "ledger=/tmp/flow-ledger", "--detach", "-o", "json")
            if said.status == 0, let id = try said.json()["id"] as? String { started.append(id) }
            for _ in 0..<4 where kills < crashes {
                try await Task.sleep(for: .milliseconds(random.int(0...900)))
                daemon.kill()
                kills += 1
                daemon = try await place.flowd()
                approveAll(place)
            }
        }
        for run in started {
            try await place.wait("run \(run) to end", seconds: 120) {
                approveAll(place)
                let state = try place.flowctl("show", run, "-o", "json").json()["state"] as? String
                return state == "succeeded" || state == "failed" || state == "cancelled"
            }
        }
        try check(started, place, lab)
        let doctor = try place.flowctl("doctor")
        #expect(doctor.status == 0, "\(doctor.stdout)\(doctor.stderr)")
        daemon.terminate()
        await lab.stop()
    }

    private func approveAll(_ place: Installation) {
        guard let said = try? place.flowctl("approvals", "-o", "json"), let page = try? said.json(),
            let items = page["items"] as? [[String: Any]]
        else { return }
        for item in items {
            guard let run = item["run"] as? String, let step = item["step"] as? String else { continue }
            _ = try? place.flowctl("approve", run, step)
        }
    }

    /// One line of a ledger: what, run, step, attempt, uptime.
    private struct Line {
        var what: String
        var run: String
        var step: String
        var attempt: Int
        var at: Double
    }

    private func lines(_ text: String) -> [Line] {
        text.split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ").map(String.init)
            guard words.count == 5, let attempt = Int(words[3]), let at = Double(words[4]) else { return nil }
            return Line(what: words[0], run: words[1], step: words[2], attempt: attempt, at: at)
        }
    }

    private func check(_ runs: [String], _ place: Installation, _ lab: SSHLab) throws {
        var all = lines((try? String(contentsOfFile: "/tmp/flow-ledger", encoding: .utf8)) ?? "")
        try? FileManager.default.removeItem(atPath: "/tmp/flow-ledger")
        for host in lab.hosts {
            all += lines((try? String(contentsOfFile: host.root + "/tmp/flow-ledger", encoding: .utf8)) ?? "")
        }
        for run in runs {
            let shown = try place.flowctl("show", run, "-o", "json").json()
            #expect(shown["state"] as? String == "succeeded", "run \(run): \(shown["reason"] ?? "")")
            let steps = try place.flowctl("steps", run, "-o", "json").json()["items"] as? [[String: Any]] ?? []
            #expect(steps.count >= 40)
            for step in steps {
                let path = step["path"] as? String ?? ""
                let attempts = (step["attempts"] as? [[String: Any]])?.compactMap { $0["number"] as? Int }.max() ?? 0
                let starts = all.filter { $0.run == run && $0.step == path && $0.what == "start" }
                let ends = all.filter { $0.run == run && $0.step == path && $0.what == "end" }
                #expect(starts.count <= attempts, "\(path) of \(run) ran \(starts.count) times in \(attempts) attempts")
                #expect(Set(starts.map(\.attempt)).count == starts.count, "an attempt of \(path) ran twice")
                if !path.contains("again") && !path.contains("second") && !starts.isEmpty {
                    #expect(starts.count == 1, "\(path) of \(run) has no retry and ran \(starts.count) times")
                }
                for (end, next) in zip(ends.sorted { $0.at < $1.at }, starts.sorted { $0.at < $1.at }.dropFirst()) {
                    #expect(end.at <= next.at, "two attempts of \(path) overlap")
                }
            }
        }
    }
}
