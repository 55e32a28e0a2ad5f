import Foundation
import Glibc
import Testing
import Workers

/// One step on one host never has two live attempts, and never one that is too late.
@Suite("Host runner fences", .serialized, .timeLimit(.minutes(2)))
struct HostRunnerFenceTests {
    let folder: TestFolder

    init() throws { folder = try TestFolder() }

    @Test(arguments: Shell.here)
    func `of twenty starts with one fence exactly one runs`(_ shell: Shell) async throws {
        let host = RunnerUnderTest(shell, folder)
        let ledger = folder.file("ledger")
        let answers = try await withThrowingTaskGroup(of: RunnerAnswer.self) { group in
            for _ in 0..<20 {
                group.addTask { try await host.ask("start", RunnerRequest(step: "a0", script: "echo ran >>\(ledger); sleep 0.2")) }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(folder.read("ledger") == "ran\n")
        #expect(answers.count { $0.ended == "ended 0 - 0 0 0 0" } == 1)
        #expect(answers.count { $0.last == "error refused 1.1" } == 19)
        #expect(try host.records("a0") == ["1.1", "lock"])
    }

    @Test(arguments: Shell.here)
    func `a later attempt begins only when nothing is left of the earlier one`(_ shell: Shell) async throws {
        let host = RunnerUnderTest(shell, folder)
        let ledger = folder.file("ledger")
        // `wait` lets go of the trap, so that each writes its own end.
        let answers = try await withThrowingTaskGroup(of: (Int, RunnerAnswer).self) { group in
            for number in 1...12 {
                let script = """
                    trap 'echo end \(number) >>\(ledger); exit 1' TERM
                    echo start \(number) >>\(ledger)
                    sleep 0.4 & wait
                    echo end \(number) >>\(ledger)
                    """
                group.addTask {
                    (number, try await host.ask("start", RunnerRequest(step: "b0", number: number, script: script, lines: ["grace 200"])))
                }
            }
            return try await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
        }
        let lines = try #require(folder.read("ledger")).split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
        for pair in stride(from: 0, to: lines.count - 1, by: 2) {
            #expect(lines[pair][0] == "start" && lines[pair + 1] == ["end", lines[pair][1]], "attempts overlap: \(lines)")
        }
        let order = stride(from: 0, to: lines.count, by: 2).compactMap { Int(lines[$0][1]) }
        #expect(order == order.sorted() && order.last == 12)
        #expect(answers[12]?.ended == "ended 0 - 0 0 0 0")
        for (number, answer) in answers where number < 12 {
            // One that is quick may have come to its own end before a later one came.
            let isDone = answer.last == "ended 0 - 0 0 0 0"
            #expect(isDone || answer.last.hasPrefix("error refused") || answer.last.contains("superseded"), "\(number): \(answer.lines)")
        }
    }

    @Test(arguments: Shell.here)
    func `a host that has run what the engine does not know of starts nothing`(_ shell: Shell) async throws {
        let host = RunnerUnderTest(shell, folder)
        let ran = folder.file("ran")
        let script = "echo ran >>\(ran)"
        func start(_ epoch: Int, _ number: Int, _ after: Int) async throws -> RunnerAnswer {
            try await host.ask("start", RunnerRequest(step: "d0", epoch: epoch, number: number, script: script, lines: ["after \(after)"]))
        }
        #expect(try await start(1, 1, 0).ended == "ended 0 - 0 0 0 0")
        #expect(try await start(1, 2, 1).ended == "ended 0 - 0 0 0 0")
        // The journal was taken back to before both, then to between them.
        #expect(try await start(1_001, 1, 0).lines == ["error known 1"])
        #expect(try await start(1_001, 3, 1).lines == ["error known 2"])
        #expect(folder.read("ran") == "ran\nran\n")
        #expect(try host.records("d0") == ["1.1", "1.2", "lock"])
        #expect(try await start(1_001, 3, 2).ended == "ended 0 - 0 0 0 0")
    }

    @Test(arguments: Shell.here)
    func `asking raises the fence, so that a late start does nothing`(_ shell: Shell) async throws {
        let host = RunnerUnderTest(shell, folder)
        let ran = folder.file("ran")
        let script = "echo ran >>\(ran)"
        #expect(try await host.ask("attach", RunnerRequest(step: "c0", epoch: 3, number: 2)).lines == ["absent"])
        for (epoch, number) in [(3, 2), (3, 1), (2, 9)] {
            let late = try await host.ask("start", RunnerRequest(step: "c0", epoch: epoch, number: number, script: script))
            #expect(late.lines == ["error refused 3.2"])
        }
        #expect(folder.read("ran") == nil)
        #expect(try await host.ask("attach", RunnerRequest(step: "c0", epoch: 2, number: 2)).lines == ["error refused 3.2"])
        let next = try await host.ask("start", RunnerRequest(step: "c0", epoch: 3, number: 3, script: script), tail: Array("forget\n".utf8))
        #expect(next.last == "forgotten" && folder.read("ran") == "ran\n")
        // What was answered for stays known, so that the late start that was absent stays impossible.
        let after = try await host.ask("start", RunnerRequest(step: "c0", epoch: 3, number: 2, script: script))
        #expect(after.lines == ["error refused 3.2"])
    }

    @Test(arguments: Shell.here)
    func `a kill that comes before its start leaves nothing to start`(_ shell: Shell) async throws {
        let host = RunnerUnderTest(shell, folder)
        #expect(try await host.ask("kill", RunnerRequest(step: "d0", lines: ["grace 100"])).lines == ["absent"])
        #expect(try await host.ask("start", RunnerRequest(step: "d0", script: "true")).lines == ["error refused 1.1"])
    }

    @Test(arguments: Shell.here)
    func `a lock whose holder was killed holds nobody up`(_ shell: Shell) async throws {
        let host = RunnerUnderTest(shell, folder)
        _ = try await host.ask("hello", RunnerRequest(step: "e0"))
        try FileManager.default.createDirectory(atPath: host.spool + "/" + host.step("e0"), withIntermediateDirectories: true)
        let holder = try await LocalTransport().open(
            "exec 9>\(host.spool)/\(host.step("e0"))/lock; flock 9; echo $$; exec sleep 1000")
        guard case .stdout(let line)? = try await holder.next() else { throw CancellationError() }
        let pid = try #require(pid_t(String(decoding: line, as: UTF8.self).trimmingCharacters(in: .newlines)))
        async let waiting = host.ask("start", RunnerRequest(step: "e0", script: "echo through"))
        // It waits while the holder lives: the folder that is being made ready is all there is.
        #expect(try await comesTrue { ((try? host.records("e0")) ?? []).contains { $0.hasPrefix("new.") } })
        #expect(!host.exists("e0", "1.1"))
        kill(pid, SIGKILL)
        #expect(try await waiting.text == "through\n")
        holder.close()
    }

    @Test(arguments: Shell.here)
    func `forgetting removes one attempt and nothing that runs`(_ shell: Shell) async throws {
        let host = RunnerUnderTest(shell, folder)
        _ = try await host.ask("start", RunnerRequest(step: "f0", script: "true"))
        let running = try await host.begin("start", RunnerRequest(step: "f0", number: 2, script: "sleep 1000"))
        _ = try await host.supervisor(of: "f0", "1.2")
        #expect(try await host.ask("forget", RunnerRequest(step: "f0", epoch: 0, number: 1)).lines == ["forgotten"])
        #expect(try await host.ask("forget", RunnerRequest(step: "f0", epoch: 0, number: 2)).last.hasPrefix("error running"))
        #expect(try host.records("f0") == ["1.2", "lock"])
        #expect(try await host.ask("kill", RunnerRequest(step: "f0", number: 2, lines: ["grace 0"])).lines == ["empty"])
        #expect(try await host.ask("forget", RunnerRequest(step: "f0", epoch: 0, number: 2)).lines == ["forgotten"])
        #expect(!host.exists("f0"))
        running.close()
    }

    @Test(arguments: Shell.here)
    func `an attempt that follows a killed one is watched over as any other`(_ shell: Shell) async throws {
        let host = RunnerUnderTest(shell, folder)
        let first = try await host.begin("start", RunnerRequest(step: "10", script: "sleep 1000", lines: ["grace 20"]))
        for pid in Processes.runners(in: host.spool) where pid != (try await host.supervisor(of: "10")) { kill(pid, SIGKILL) }
        kill(try await host.supervisor(of: "10"), SIGKILL)
        first.close()
        let go = folder.file("go")
        let second = try await host.begin(
            "start", RunnerRequest(step: "10", number: 2, script: "while [ ! -e \(go) ]; do sleep 0.05; done; echo over"))
        _ = try await host.supervisor(of: "10", "1.2")
        // Who asks finds its supervisor alive, and waits for its end.
        let asking = try await host.begin("attach", RunnerRequest(step: "10", epoch: 2, number: 2))
        guard case .stdout? = try await asking.next() else { throw CancellationError() }
        _ = try folder.write("go", "")
        #expect(try await RunnerUnderTest.answer(of: second).text == "over\n")
        #expect(try await RunnerUnderTest.answer(of: asking).ended == "ended 0 - 5 0 0 0")
    }

    @Test(arguments: Shell.here)
    func `ending attempt 1 leaves attempt 10 alone`(_ shell: Shell) async throws {
        // The marks of the one begin as those of the other; where there is no cgroup they are all there is.
        let host = try RunnerUnderTest(shell, Level.here.last ?? .session, folder)
        let first = try await host.begin("start", RunnerRequest(step: "11", script: "sleep 1000", lines: ["grace 20"]))
        kill(try await host.supervisor(of: "11"), SIGKILL)
        #expect(try await RunnerUnderTest.answer(of: first).lines.last == "died died")
        let tenth = try await host.begin("start", RunnerRequest(step: "11", number: 10, script: "sleep 1000"))
        _ = try await host.supervisor(of: "11", "1.10")
        #expect(try await comesTrue { host.marked("11").count >= 2 })
        #expect(try await host.ask("attach", RunnerRequest(step: "11", epoch: 2)).lines == ["died died"])
        #expect(host.marked("11").count >= 2)
        #expect(try await host.ask("kill", RunnerRequest(step: "11", epoch: 2, number: 10, lines: ["grace 0"])).lines == ["empty"])
        tenth.close()
    }

    @Test(arguments: Shell.here)
    func `a spool with blanks and stars in its name is all that is ever touched`(_ shell: Shell) async throws {
        let spool = "my spool* of $(touch x)/s p"
        let host = RunnerUnderTest(shell, folder, spool: spool)
        // What unquoted words of those names would hit.
        let bystanders = ["my", "spool", "s", "my spool* of $(touch x)/s", "p"].map { folder.file($0) + "/kept" }
        for file in bystanders {
            try FileManager.default.createDirectory(atPath: (file as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
            _ = FileManager.default.createFile(atPath: file, contents: nil)
        }
        let done = try await host.ask("start", RunnerRequest(step: "12", script: "pwd"), tail: Array("forget\n".utf8))
        #expect(done.text == host.folder("12") + "/work\n" && done.last == "forgotten")
        #expect(!host.exists("12"))
        _ = try await host.ask("start", RunnerRequest(step: "13", script: "true"))
        try FileManager.default.setAttributes(
            [.modificationDate: Date(timeIntervalSinceNow: -8 * 86_400)], ofItemAtPath: "\(host.spool)/\(host.step("13"))")
        try? FileManager.default.removeItem(atPath: host.spool + "/tidied")
        _ = try await host.ask("start", RunnerRequest(step: "14", script: "true"))
        #expect(!host.exists("13"), "what is old goes")
        for file in bystanders { #expect(FileManager.default.fileExists(atPath: file), "\(file)") }
    }

    @Test func `of many first comers one makes the spool's id`() async throws {
        let host = RunnerUnderTest(.dash, folder)
        let ids = try await withThrowingTaskGroup(of: String.self) { group in
            for _ in 0..<20 { group.addTask { try await host.ask("hello", RunnerRequest(step: "0")).hello[3] } }
            return try await group.reduce(into: Set<String>()) { $0.insert($1) }
        }
        #expect(ids.count == 1)
        let mode = try FileManager.default.attributesOfItem(atPath: host.spool)[.posixPermissions] as? Int
        #expect(mode == 0o700)
    }
}
