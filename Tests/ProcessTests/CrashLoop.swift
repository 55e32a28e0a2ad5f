import FlowTestKit
import Foundation
import Synchronization
import Testing

/// A flowd that is killed again and again while two people start runs, pause and resume them, approve, and decide what is unknown:
/// each repeats a command, under the same key where it has one, until it is acknowledged.
final class CrashLoop: Sendable {
    private struct State {
        var daemon: Program
        var isOver = false
        var started: [String] = []
        var acknowledged = 0
        var refused = 0
        var unknown = 0
        var retried = 0
    }

    let place: Installation
    let lab: SSHLab
    private let flows: [String]
    /// Hosts are taken away, so that steps fail that never began.
    private let mayRetry: Bool
    private let ledger: String
    private let login: Login
    private let state: Mutex<State>
    private let random: Mutex<SeededRandom>

    init(_ place: Installation, _ lab: SSHLab, seed: UInt64, flows: [String] = ["torture.swift"], mayRetry: Bool = false) async throws {
        self.place = place
        self.flows = flows
        self.mayRetry = mayRetry
        self.lab = lab
        random = Mutex(SeededRandom(seed: seed))
        ledger = "/tmp/flow-ledger-\(seed)"
        let port = try Loopback.freePort()
        try "listen: 127.0.0.1:\(port)\n".write(toFile: place.home + "/flowd.yaml", atomically: true, encoding: .utf8)
        state = Mutex(State(daemon: try await place.flowd()))
        login = try await place.login("alice", "operator", "author", port: port)
    }

    var story: String {
        state.withLock {
            "\($0.started.count) runs, \($0.acknowledged) commands acknowledged, \($0.refused) tries in vain, \($0.unknown) steps unknown, "
                + "\($0.retried) runs taken up again"
        }
    }

    func run(kills: Int) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for person in 1...2 { group.addTask { try await self.work(person) } }
            for _ in 0..<kills {
                try await Task.sleep(for: .milliseconds(random.withLock { $0.int(20...700) }))
                await daemon.kill()
                try await begin()
            }
            finish()
            try await group.waitForAll()
        }
    }

    var daemon: Program { state.withLock { $0.daemon } }

    /// Starts flowd anew.
    func begin() async throws {
        let daemon = try await place.flowd()
        state.withLock { $0.daemon = daemon }
    }

    /// Nobody starts another run.
    func finish() { state.withLock { $0.isOver = true } }

    func number(in range: ClosedRange<Int>) -> Int { random.withLock { $0.int(range) } }

    func end() async {
        await daemon.terminate()
        try? FileManager.default.removeItem(atPath: ledger)
    }

    // MARK: - The people

    func work(_ person: Int) async throws {
        var number = 0
        while !state.withLock({ $0.isOver }) {
            number += 1
            let flow = flows[self.number(in: 0...flows.count - 1)]
            let secret = flow == "soak.swift" ? ["-p", "word=\(Self.canary)"] : []
            let said = try await insist(
                ["run", Installation.fixtures + "/" + flow, "-p", "ledger=\(ledger)", "--key", "\(person)-\(number)", "--detach", "-o", "json"]
                    + secret)
            let id = try #require(try said.json()["id"] as? String)
            state.withLock { $0.started.append(id) }
            if random.withLock({ $0.int(1...3) == 1 }) {
                try await insist("pause", id, "-m", "a look")
                try await insist("resume", id)
            }
            try await place.wait("run \(id) to end", seconds: 180) { try await self.carry(id) }
        }
    }

    /// Does what the run waits for; true when it has ended.
    private func carry(_ id: String) async throws -> Bool {
        let shown = try await place.flowctl("show", id, "-o", "json", as: login)
        guard shown.status == 0, let run = try? shown.json() else { return false }
        switch run["state"] as? String {
        case "succeeded", "cancelled": return true
        // A host that could not be reached when a step was to be sent: nothing has run there.
        case "failed" where mayRetry:
            if try await attempt("retry", id, "-m", "it can be reached again").status == 0 { state.withLock { $0.retried += 1 } }
            return false
        case "failed": return true
        default: break
        }
        for item in run["waitingFor"] as? [[String: Any]] ?? [] {
            guard let kind = item["kind"] as? String, let step = item["subject"] as? String else { continue }
            switch kind {
            case "approval": _ = try await attempt("approve", id, step)
            case "signal": _ = try await attempt("signal", id, "go", "{\"word\":\"go\"}")
            case "hold": _ = try await attempt("retry", id, "-m", "held")
            case "unknown":
                let said = try await attempt("resolve", id, step, "--as", "succeeded", "--output", "{\"number\":0}", "-m", "seen")
                if said.status == 0 { state.withLock { $0.unknown += 1 } }
            default: break
            }
        }
        return false
    }

    /// Repeats a command until it is acknowledged.
    @discardableResult
    private func insist(_ arguments: String...) async throws -> Said { try await insist(arguments) }

    @discardableResult
    private func insist(_ arguments: [String]) async throws -> Said {
        for _ in 0..<200 {
            let said = try await attempt(arguments)
            // 4 is a conflict: the run was over before it could be said.
            if said.status == 0 || said.status == 4 { return said }
            try await Task.sleep(for: .milliseconds(50))
        }
        Issue.record("never acknowledged: \(arguments)")
        throw CancellationError()
    }

    private func attempt(_ arguments: String...) async throws -> Said { try await attempt(arguments) }

    private func attempt(_ arguments: [String]) async throws -> Said {
        let command = try place.spawn("flowctl", arguments, as: login)
        await command.ended()
        let said = command.said()
        state.withLock { if said.status == 0 { $0.acknowledged += 1 } else { $0.refused += 1 } }
        return said
    }

    // MARK: - What must hold

    func check() async throws {
        let started = state.withLock { $0.started }
        let rows = try await place.flowctl("list", "--limit", "1000", "-o", "json").items()
        let listed = rows.filter { $0["flow"] as? String != "tick" }.compactMap { $0["id"] as? String }
        #expect(Set(listed) == Set(started), "each key started one run, and every acknowledged run is there")
        var all = Ledger.read(ledger)
        for host in lab.hosts { all += Ledger.read(host.root + ledger) }
        for run in started { try await check(run, all.filter { $0.run == run }) }
        if mayRetry { try await checkLeftovers(of: rows.compactMap { $0["id"] as? String }) }
        let doctor = try await place.flowctl("doctor")
        #expect(doctor.status == 0, "\(doctor.stdout)\(doctor.stderr)")
    }

    private func check(_ run: String, _ lines: [Ledger.Line]) async throws {
        let shown = try await place.flowctl("show", run, "-o", "json").json()
        #expect(shown["state"] as? String == "succeeded", "run \(run): \(shown["reason"] ?? "")")
        let steps = try await place.flowctl("steps", run, "-o", "json").items()
        #expect(steps.count >= 25)
        for step in steps {
            let path = step["path"] as? String ?? ""
            let rows = step["attempts"] as? [[String: Any]] ?? []
            let attempts = rows.compactMap { $0["number"] as? Int }.max() ?? 0
            let wasLost = rows.contains { $0["state"] as? String == "lost" }
            let executions = Ledger.executions(of: path, in: lines)
            #expect(executions.count <= attempts, "\(path) of \(run) ran \(executions.count) times in \(attempts) attempts")
            #expect(executions.allSatisfy { $0.starts == 1 && $0.ends <= 1 }, "an attempt of \(path) of \(run) ran twice")
            for (earlier, later) in zip(executions, executions.dropFirst()) {
                #expect(earlier.last <= later.first, "two attempts of \(path) of \(run) overlap")
            }
            switch step["kind"] as? String {
            case "script", "shell", "step":
                let mayRepeat = path.contains("again") || path.contains("second")
                // Of one that was lost nobody knows whether it ran.
                let mayMiss = wasLost && executions.isEmpty
                // `finally` runs again whenever its run is taken up again.
                let most = path == "last" ? step["generation"] as? Int ?? 1 : 1
                let isRight = mayRepeat ? !executions.isEmpty : (1...most).contains(executions.count) || mayMiss
                // These leave no line.
                let leavesNone = path.hasSuffix("/round") || path.contains("tell")
                #expect(leavesNone || isRight, "\(path) of \(run) ran \(executions.count) times")
            default: #expect(executions.isEmpty)
            }
        }
    }
}
