import Foundation
import Glibc
import Testing
import Workers

/// One step on one host never has two live attempts, and never one that is too late.
@Suite("Host runner fences", .timeLimit(.minutes(2)))
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
            #expect(answer.last.hasPrefix("error refused") || answer.last.contains("superseded"), "\(number): \(answer.lines)")
        }
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
        let holder = Process()
        holder.executableURL = URL(fileURLWithPath: "/bin/sh")
        holder.arguments = ["-c", "exec 9>\(host.spool)/\(host.step("e0"))/lock; flock 9; echo held; exec sleep 1000"]
        let pipe = Pipe()
        holder.standardOutput = pipe
        try holder.run()
        #expect(pipe.fileHandleForReading.readData(ofLength: 5) == Data("held\n".utf8))
        async let waiting = host.ask("start", RunnerRequest(step: "e0", script: "echo through"))
        // It waits while the holder lives: the folder that is being made ready is all there is.
        #expect(try await comesTrue { ((try? host.records("e0")) ?? []).contains { $0.hasPrefix("new.") } })
        #expect(!host.exists("e0", "1.1"))
        kill(holder.processIdentifier, SIGKILL)
        #expect(try await waiting.text == "through\n")
        holder.waitUntilExit()
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
        await running.close()
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
