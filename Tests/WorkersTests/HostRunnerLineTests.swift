import Foundation
import Glibc
import Synchronization
import Testing
import Workers

/// The runner is killed after each of its lines, by the process that executes it.
@Suite("Host runner lines", .serialized, .timeLimit(.minutes(30)))
struct HostRunnerLineTests {
    let folder: TestFolder

    init() throws { folder = try TestFolder() }
    private init(folder: TestFolder) { self.folder = folder }

    /// `make crash`: every line under every shell; else dash takes them all and the others a share.
    private static let isAll = ProcessInfo.processInfo.environment["FLOW_CRASH_LINES"] == "all"
    /// Cases at a time: most of each is waiting.
    private static let atOnce = 4

    /// Which verb dies.
    enum Scene: String, CaseIterable, Sendable { case start, attach, kill, forget }

    @Test(arguments: Shell.here)
    func `whatever line the runner dies after, no attempt is lost, repeated or left behind`(_ shell: Shell) async throws {
        var counts: [String] = []
        for scene in Scene.allCases {
            let reached = try await reached(scene, shell)
            try #require(reached.count > 20, "\(scene): only \(reached) are reached")
            let share = Self.isAll || shell == .dash ? 1 : 4
            let first = Int.random(in: 0..<share)
            let lines = reached.enumerated().filter { $0.offset % share == first }.map(\.element)
            let hit = try await withThrowingTaskGroup(of: Bool.self) { [folder] group in
                var hit = 0
                for (number, line) in lines.enumerated() {
                    if number >= Self.atOnce, try await group.next() == true { hit += 1 }
                    group.addTask { try await HostRunnerLineTests(folder: folder).play(scene, shell, dyingAfter: line) }
                }
                for try await isHit in group where isHit { hit += 1 }
                return hit
            }
            // A line that is only come to when something takes long may be missed now and then.
            #expect(hit * 10 >= lines.count * 8, "\(scene): of \(lines.count) lines only \(hit) were died after")
            counts.append("\(scene.rawValue) \(hit) of \(reached.count)")
        }
        print("host runner, \(shell.command): died after \(counts.joined(separator: ", ")) lines")
    }

    // MARK: - The lines

    /// The text with a call after each of these lines.
    private static func instrumented(_ text: String, after lines: Set<Int>, _ definition: String) -> String {
        var out = [definition]
        for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            out.append(String(line))
            if lines.contains(number) { out.append("flow_at \(number)") }
        }
        return out.joined(separator: "\n")
    }

    /// After which a command can stand: not inside a text, and not where a line goes on.
    private static let candidates: Set<Int> = {
        var found: Set<Int> = []
        var isInText = false
        for (number, line) in HostRunner.text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let quotes = line.replacingOccurrences(of: "\\\"", with: "").count { $0 == "\"" }
            if quotes % 2 == 1 { isInText.toggle() }
            let goesOn = ["&&", "||", "|", "\\"].contains { line.hasSuffix($0) }
            if !isInText, !goesOn, !line.isEmpty { found.insert(number) }
        }
        return found
    }()

    private static let safe = Mutex<Set<Int>?>(nil)

    /// Those of the candidates where the shell says that it still is a script.
    private func safeLines() async throws -> Set<Int> {
        if let known = Self.safe.withLock({ $0 }) { return known }
        var lines: Set<Int> = []
        for line in Self.candidates {
            let file = try folder.write("check.sh", Self.instrumented(HostRunner.text, after: [line], "flow_at() { :; }"))
            if try await runHere("sh -n \(file) 2>/dev/null").status == 0 { lines.insert(line) }
        }
        Self.safe.withLock { [lines] in $0 = lines }
        return lines
    }

    /// The lines that a scene comes to, in order.
    private func reached(_ scene: Scene, _ shell: Shell) async throws -> [Int] {
        var host = RunnerUnderTest(shell, folder, spool: "reached-\(scene)")
        let tracing = "flow_at() { flow_was=$?; echo \"$1\" >>\"$FLOW_SPOOL.reached\"; return $flow_was; }"
        host.text = Self.instrumented(HostRunner.text, after: try await safeLines(), tracing)
        let clean = RunnerUnderTest(shell, folder, spool: "reached-\(scene)", tag: host.tag)
        _ = try await open(scene, clean)
        _ = try await RunnerUnderTest.answer(of: try await host.begin(scene.rawValue, request(scene)))
        let text = folder.read("reached-\(scene).reached") ?? ""
        try await finish(scene, clean)
        return Set(text.split(separator: "\n").compactMap { Int($0) }).sorted()
    }

    // MARK: - The scenes

    private func script(_ scene: Scene) -> String {
        let head = "ledger=\(folder.path)/$(printf %s \"$FLOW_ATTEMPT_MARK\" | tr / _)\n"
        switch scene {
        case .start, .attach, .forget: return head + "echo start >>\"$ledger\"\nsleep 0.1\necho end >>\"$ledger\"\necho done\n"
        case .kill: return head + "echo start >>\"$ledger\"\nsleep 60\necho end >>\"$ledger\"\n"
        }
    }

    private func ledger(_ host: RunnerUnderTest, _ attempt: String) -> [String] {
        (folder.read("\(host.step("a0"))_\(attempt)_") ?? "").split(separator: "\n").map(String.init)
    }

    /// What the dying verb is asked with.
    private func request(_ scene: Scene) -> RunnerRequest {
        switch scene {
        case .start: RunnerRequest(step: "a0", script: script(scene), lines: ["grace 20"])
        case .attach: RunnerRequest(step: "a0", epoch: 2)
        case .kill: RunnerRequest(step: "a0", epoch: 2, lines: ["grace 20"])
        case .forget: RunnerRequest(step: "a0", epoch: 2)
        }
    }

    /// What comes before the dying verb, by a sound runner.
    private func open(_ scene: Scene, _ host: RunnerUnderTest) async throws {
        switch scene {
        case .start: return
        case .attach, .kill:
            let channel = try await host.begin("start", RunnerRequest(step: "a0", script: script(scene), lines: ["grace 20"]))
            _ = try await host.supervisor(of: "a0")
            channel.close()
        case .forget: _ = try await host.ask("start", RunnerRequest(step: "a0", script: script(scene)))
        }
    }

    /// Leaves nothing behind.
    private func finish(_ scene: Scene, _ host: RunnerUnderTest) async throws {
        _ = try await host.ask("kill", RunnerRequest(step: "a0", epoch: 9, lines: ["grace 20"]))
        #expect(try await comesTrue { Processes.runners(in: host.spool).isEmpty && host.marked("a0").isEmpty })
    }

    /// True when the line was come to, and its process died.
    private func play(_ scene: Scene, _ shell: Shell, dyingAfter line: Int) async throws -> Bool {
        let spool = "\(scene)-\(line)"
        let host = RunnerUnderTest(shell, folder, spool: spool)
        var dying = RunnerUnderTest(shell, folder, spool: spool, tag: host.tag)
        let death = "flow_at() { echo hit >\"$FLOW_SPOOL.hit\"; exec /bin/sh -c \"kill -9 \\$\\$\"; }"
        dying.text = Self.instrumented(HostRunner.text, after: [line], death)
        try await open(scene, host)
        let channel = try await dying.begin(scene.rawValue, request(scene))
        let answered = Task { try await RunnerUnderTest.answer(of: channel) }
        // Whoever is left of it may wait for what died: the engine would give it up, too.
        let isOver = Flag()
        let watcher = Task {
            _ = try? await answered.value
            isOver.raise()
        }
        _ = try await comesTrue { isOver.isRaised || folder.read(spool + ".hit") != nil }
        let isHit = folder.read(spool + ".hit") != nil
        channel.close()
        watcher.cancel()
        answered.cancel()
        try await judge(scene, host, "\(shell.command), \(scene) dies after line \(line)")
        return isHit
    }

    private func judge(_ scene: Scene, _ host: RunnerUnderTest, _ place: Comment) async throws {
        let written = try? String(contentsOfFile: host.folder("a0") + "/ended", encoding: .utf8)
        switch scene {
        case .start:
            let answer = try await host.ask("attach", RunnerRequest(step: "a0", epoch: 2))
            #expect(["absent", "ended", "died"].contains(answer.word), "\(place): \(answer.lines)")
            if written != nil { #expect(answer.ended != nil, "\(place): its end was written") }
            if answer.word == "absent" { #expect(ledger(host, "1.1").isEmpty, "\(place): it was said that it never started") }
            if answer.ended?.hasPrefix("ended 0") == true { #expect(ledger(host, "1.1") == ["start", "end"], place) }
            let late = try await host.ask("start", RunnerRequest(step: "a0", script: script(scene)))
            #expect(late.last.hasPrefix("error refused"), "\(place): \(late.lines)")
            #expect(host.marked("a0").isEmpty, "\(place): it is said to have ended, and something runs")
            let second = try await host.ask("start", RunnerRequest(step: "a0", epoch: 2, number: 2, script: script(scene)))
            #expect(second.ended?.hasPrefix("ended 0 ") == true, "\(place): \(second.lines)")
            #expect(ledger(host, "2.2") == ["start", "end"], place)
            #expect(ledger(host, "1.1").count { $0 == "start" } <= 1, place)
        case .attach:
            let answer = try await host.ask("attach", RunnerRequest(step: "a0", epoch: 3))
            #expect(answer.ended?.hasPrefix("ended 0 ") == true && answer.text == "done\n", "\(place): \(answer.lines)")
            #expect(ledger(host, "1.1") == ["start", "end"], place)
        case .kill:
            let killed = try await host.ask("kill", RunnerRequest(step: "a0", epoch: 3, lines: ["grace 20"]))
            #expect(killed.last == "empty", "\(place): \(killed.lines)")
            #expect(host.marked("a0").isEmpty, "\(place): something is left of what was killed")
            let answer = try await host.ask("attach", RunnerRequest(step: "a0", epoch: 4))
            #expect(["ended", "died"].contains(answer.word), "\(place): \(answer.lines)")
            #expect(!ledger(host, "1.1").contains("end"), place)
        case .forget:
            let answer = try await host.ask("attach", RunnerRequest(step: "a0", epoch: 3))
            #expect(answer.word == "absent" || answer.ended?.hasPrefix("ended 0 ") == true || answer.word == "died", "\(place): \(answer.lines)")
            let forgotten = try await host.ask("forget", RunnerRequest(step: "a0", epoch: 3))
            #expect(forgotten.last == "forgotten", "\(place): \(forgotten.lines)")
            #expect(!host.exists("a0", "1.1"), "\(place): the record is there")
        }
        #expect(try await comesTrue { Processes.runners(in: host.spool).isEmpty && host.marked("a0").isEmpty }, place)
    }
}

/// Raised once, seen by all.
private final class Flag: Sendable {
    private let value = Atomic<Bool>(false)

    var isRaised: Bool { value.load(ordering: .acquiring) }
    func raise() { value.store(true, ordering: .releasing) }
}
