import Foundation
import Glibc
import Testing
import Workers

/// Nothing of an attempt outlives its kill or its deadline.
@Suite("Host runner containment", .serialized, .timeLimit(.minutes(2)))
struct HostRunnerContainmentTests {
    let folder: TestFolder

    init() throws { folder = try TestFolder() }

    /// Leaves the session, forks twice, ignores signals, is stopped.
    private static let family = """
        trap '' TERM
        setsid sleep 1000 &
        (setsid sh -c 'trap "" TERM; sleep 1000; :' &)
        nohup sleep 1000 >/dev/null 2>&1 &
        sh -c 'kill -STOP $$; sleep 1000' &
        sleep 1000
        """

    private static let cases = Shell.here.flatMap { shell in Level.here.map { (shell, $0) } }

    @Test(arguments: cases)
    func `empty is said when nothing is left`(_ shell: Shell, _ level: Level) async throws {
        let host = try RunnerUnderTest(shell, level, folder)
        let channel = try await host.begin("start", RunnerRequest(step: "a0", script: HostRunnerContainmentTests.family))
        #expect(try await comesTrue { host.marked("a0").count >= 6 }, "\(host.marked("a0"))")
        #expect(host.started("containment", "a0") == level.rawValue)
        #expect(try await host.ask("kill", RunnerRequest(step: "a0", lines: ["grace 30"])).lines == ["empty"])
        #expect(host.marked("a0").isEmpty)
        let answer = try await RunnerUnderTest.answer(of: channel)
        #expect(answer.last == "ended 137 cancelled 0 0 0 0")
        #expect(try await comesTrue { Processes.runners(in: host.spool).isEmpty })
    }

    @Test(arguments: cases)
    func `a script that cleans up on TERM gets its time`(_ shell: Shell, _ level: Level) async throws {
        let host = try RunnerUnderTest(shell, level, folder)
        let script = "trap 'sleep 0.2; echo clean; exit 0' TERM\necho ready\nsleep 1000 & wait"
        let channel = try await host.begin("start", RunnerRequest(step: "b0", script: script))
        #expect(try await comesTrue { FileManager.default.contents(atPath: host.folder("b0") + "/stdout")?.isEmpty == false })
        #expect(try await host.ask("kill", RunnerRequest(step: "b0", lines: ["grace 1000"])).lines == ["empty"])
        let answer = try await RunnerUnderTest.answer(of: channel)
        #expect(answer.text == "ready\nclean\n" && answer.last == "ended 0 cancelled 12 0 0 0")
    }

    @Test(arguments: cases)
    func `the deadline is kept with nobody connected`(_ shell: Shell, _ level: Level) async throws {
        var host = try RunnerUnderTest(shell, level, folder)
        try host.holdClock()
        let channel = try await host.begin(
            "start", RunnerRequest(step: "c0", script: HostRunnerContainmentTests.family, lines: ["timeout 100000", "grace 20"]))
        #expect(try await comesTrue { host.marked("c0").count >= 6 })
        let supervisor = try await host.supervisor(of: "c0")
        // The follower's shell, as if its connection were gone with it.
        if let parent = Processes.state(supervisor)?.parent { kill(parent, SIGKILL) }
        channel.close()
        try host.putClockForward(100_000)
        #expect(try await comesTrue { host.exists("c0", "1.1/ended") })
        #expect(host.marked("c0").isEmpty)
        let answer = try await host.ask("attach", RunnerRequest(step: "c0", epoch: 2))
        #expect(answer.ended?.split(separator: " ")[2] == "timedOut")
    }

    @Test(arguments: Shell.here)
    func `an end says why it came, even where that could not be written down`(_ shell: Shell) async throws {
        var host = RunnerUnderTest(shell, folder)
        try host.holdClock()
        func begin(_ step: String) async throws -> any TransportChannel {
            let channel = try await host.begin(
                "start", RunnerRequest(step: step, script: "sleep 1000", lines: ["timeout 100000", "grace 20"]))
            #expect(try await comesTrue { host.marked(step).count >= 2 })
            // What a full disk leaves of it, and what is there while somebody is about to write it.
            try #require(FileManager.default.createFile(atPath: host.folder(step) + "/stop", contents: nil))
            return channel
        }
        let killed = try await begin("f0")
        #expect(try await host.ask("kill", RunnerRequest(step: "f0", lines: ["grace 20"])).lines == ["empty"])
        #expect(try await RunnerUnderTest.answer(of: killed).last == "ended 143 cancelled 0 0 0 0")
        let late = try await begin("f1")
        try host.putClockForward(100_000)
        #expect(try await RunnerUnderTest.answer(of: late).last == "ended 143 timedOut 0 0 0 0")
    }

    /// A follower that is left would end the attempt at once; the watch, a child of the supervisor, is the one in question.
    private func killAllButTheWatch(of supervisor: pid_t, _ host: RunnerUnderTest) {
        // Looked for before anything is killed, since an orphan has another parent. What has ended meanwhile has none.
        let followers = Processes.runners(in: host.spool).filter { pid in
            pid != supervisor && Processes.state(pid).map { $0.parent != supervisor && Processes.state($0.parent)?.parent != supervisor } ?? false
        }
        if let parent = Processes.state(supervisor)?.parent { kill(parent, SIGKILL) }
        for pid in followers { kill(pid, SIGKILL) }
        kill(supervisor, SIGKILL)
    }

    @Test(arguments: cases)
    func `the deadline is kept with the supervisor killed`(_ shell: Shell, _ level: Level) async throws {
        var host = try RunnerUnderTest(shell, level, folder)
        try host.holdClock()
        let channel = try await host.begin(
            "start", RunnerRequest(step: "d0", script: "setsid sleep 1000 &\nsleep 1000", lines: ["timeout 100000", "grace 20"]))
        #expect(try await comesTrue { host.marked("d0").count >= 3 })
        killAllButTheWatch(of: try await host.supervisor(of: "d0"), host)
        channel.close()
        #expect(host.marked("d0").count >= 3, "the deadline has not come")
        try host.putClockForward(100_000)
        #expect(try await comesTrue { host.marked("d0").isEmpty })
        let answer = try await host.ask("attach", RunnerRequest(step: "d0", epoch: 2))
        #expect(answer.lines == ["died timedOut"], "\(answer.lines)")
    }

    @Test(arguments: Shell.here)
    func `the deadline is kept when the supervisor is killed between two looks at it`(_ shell: Shell) async throws {
        var host = RunnerUnderTest(shell, folder)
        try host.holdClock()
        // The watch has just seen its supervisor alive, and stands still before it looks at the pipes that this one holds.
        let halt = host.spool + ".halt", halted = host.spool + ".halted"
        let place = "elif [ ! -e \"/proc/$me/fdinfo/7\" ]"
        try #require(host.text.components(separatedBy: place).count == 2)
        let stop = "[ ! -e \(halt) ] || { : >\(halted); while [ -e \(halt) ]; do sleep 0.02; done; }"
        host.text = host.text.replacingOccurrences(of: place, with: "elif \(stop); [ ! -e \"/proc/$me/fdinfo/7\" ]")
        let channel = try await host.begin(
            "start", RunnerRequest(step: "d1", script: "sleep 1000", lines: ["timeout 100000", "grace 20"]))
        #expect(try await comesTrue { host.marked("d1").count >= 2 })
        try #require(FileManager.default.createFile(atPath: halt, contents: nil))
        try #require(try await comesTrue { FileManager.default.fileExists(atPath: halted) })
        killAllButTheWatch(of: try await host.supervisor(of: "d1"), host)
        try FileManager.default.removeItem(atPath: halt)
        try host.putClockForward(100_000)
        #expect(try await comesTrue { host.marked("d1").isEmpty })
        #expect(try await host.ask("attach", RunnerRequest(step: "d1", epoch: 2)).lines == ["died timedOut"])
        channel.close()
    }

    @Test(arguments: Shell.here)
    func `the deadline is kept while the engine is frozen`(_ shell: Shell) async throws {
        var host = RunnerUnderTest(shell, folder)
        try host.holdClock()
        // Nobody reads the channel: the pipe to the engine is full, and the follower hangs in its write.
        let channel = try await host.begin(
            "start", RunnerRequest(step: "e0", script: "head -c 4000000 /dev/zero\nsleep 1000", lines: ["timeout 100000", "grace 20"]))
        let spooled = host.folder("e0") + "/stdout"
        #expect(try await comesTrue { (try? FileManager.default.attributesOfItem(atPath: spooled)[.size] as? Int) == 4_000_000 })
        try host.putClockForward(100_000)
        #expect(try await comesTrue { host.exists("e0", "1.1/ended") })
        #expect(host.marked("e0").isEmpty)
        let answer = try await RunnerUnderTest.answer(of: channel)
        #expect(answer.stdout.count == 4_000_000 && answer.ended?.contains("timedOut") == true)
    }

    @Test(arguments: cases)
    func `who finds the supervisor killed empties the attempt before saying so`(_ shell: Shell, _ level: Level) async throws {
        let host = try RunnerUnderTest(shell, level, folder)
        let channel = try await host.begin("start", RunnerRequest(step: "f0", script: HostRunnerContainmentTests.family, lines: ["grace 20"]))
        #expect(try await comesTrue { host.marked("f0").count >= 6 })
        kill(try await host.supervisor(of: "f0"), SIGKILL)
        let answer = try await RunnerUnderTest.answer(of: channel)
        #expect(answer.lines.last == "died died")
        #expect(host.marked("f0").isEmpty)
        #expect(try await comesTrue { Processes.runners(in: host.spool).isEmpty })
    }

    @Test(.enabled(if: Machine.isRoot && Machine.has("sudo"), "another account needs root and sudo"))
    func `what runs as another account is ended as well`() async throws {
        let host = RunnerUnderTest(.dash, folder)
        let script = HostRunnerContainmentTests.family
        let prelude = "set -eu\n. \"${0%/*}/script\"\n"
        let channel = try await host.begin(
            "start",
            RunnerRequest(
                step: "10", script: script, prelude: prelude,
                lines: ["account nobody", "lengths \(prelude.utf8.count) \(script.utf8.count) 0 0"]))
        #expect(try await comesTrue { host.marked("10").count >= 6 })
        #expect(try await host.ask("kill", RunnerRequest(step: "10", lines: ["grace 20"])).lines == ["empty"])
        #expect(host.marked("10").isEmpty)
        #expect(try await RunnerUnderTest.answer(of: channel).ended?.contains("cancelled") == true)
    }
}
