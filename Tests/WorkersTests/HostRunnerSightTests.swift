import Foundation
import Glibc
import Testing
import Workers

/// Which processes are those of an attempt, where they do what they can to look like others, or cannot be seen or ended.
@Suite("Host runner: whose processes", .serialized, .timeLimit(.minutes(2)))
struct HostRunnerSightTests {
    let folder: TestFolder

    init() throws { folder = try TestFolder() }

    private func numbers(_ file: String) -> [pid_t] { (folder.read(file) ?? "").split(whereSeparator: \.isWhitespace).compactMap { pid_t($0) } }

    // MARK: - What leaves the cgroup

    /// As `su` with pam_systemd and `systemd-run --scope` do it: it goes to another cgroup. One in the session of the script, one that keeps nothing
    /// but the mark, one that keeps nothing but its parent; none of them minds TERM.
    @Test(.enabled(if: Machine.hasCgroup, "the containment of this account is another one"), arguments: Shell.here)
    func `what leaves the cgroup is ended before empty is said`(_ shell: Shell) async throws {
        let host = RunnerUnderTest(shell, folder)
        let leave = """
            for m in /sys/fs/cgroup /sys/fs/cgroup/unified; do [ ! -w $m/cgroup.procs ] || echo 0 >$m/cgroup.procs; done
            echo $$ >>\(folder.file("left")); exec sleep 1000
            """
        _ = try folder.write("leave", leave)
        let script = """
            trap '' TERM
            sh \(folder.file("leave")) &
            setsid sh \(folder.file("leave")) &
            env -i "PATH=$PATH" setsid sh \(folder.file("leave")) &
            sleep 1000
            """
        let channel = try await host.begin("start", RunnerRequest(step: "a0", script: script))
        #expect(try await comesTrue { numbers("left").count == 3 })
        #expect(host.started("containment", "a0") == "cgroup")
        #expect(try await host.ask("kill", RunnerRequest(step: "a0", lines: ["grace 20"])).lines == ["empty"])
        for pid in numbers("left") { #expect(!Processes.isAlive(pid)) }
        #expect(try await RunnerUnderTest.answer(of: channel).ended?.contains("cancelled") == true)
    }

    /// It is all that is left, told nothing before, and has its time.
    @Test(.enabled(if: Machine.hasCgroup, "the containment of this account is another one"), arguments: Shell.here)
    func `the deadline ends what has left the cgroup, the session and its parent, by its mark`(_ shell: Shell) async throws {
        var host = RunnerUnderTest(shell, folder)
        try host.holdClock()
        let leave = """
            for m in /sys/fs/cgroup /sys/fs/cgroup/unified; do [ ! -w $m/cgroup.procs ] || echo 0 >$m/cgroup.procs; done
            echo $$ >>\(folder.file("left")); exec sleep 1000
            """
        _ = try folder.write("leave", leave)
        let script = "(setsid sh \(folder.file("leave")) &)\nsleep 1000"
        let channel = try await host.begin("start", RunnerRequest(step: "a1", script: script, lines: ["timeout 100000", "grace 20"]))
        #expect(try await comesTrue { numbers("left").count == 1 })
        try host.putClockForward(100_000)
        #expect(try await RunnerUnderTest.answer(of: channel).ended?.contains("timedOut") == true)
        for pid in numbers("left") { #expect(!Processes.isAlive(pid)) }
    }

    // MARK: - What cannot be seen

    /// As where /proc hides the processes of others and the step is sudo's.
    @Test(arguments: Shell.here)
    func `the deadline is kept for a step that cannot be seen`(_ shell: Shell) async throws {
        var host = RunnerUnderTest(shell, folder)
        try host.holdClock()
        try #require(host.text.contains("look() {\n"))
        let blind = "look() {\n! plain \"${a:-}/pid\" || { read -r unseen _ <\"$a/pid\"; [ \"$1\" != \"${unseen:-0}\" ] || return 1; }\n"
        host.text = host.text.replacingOccurrences(of: "look() {\n", with: blind)
        let channel = try await host.begin(
            "start", RunnerRequest(step: "b0", script: "echo begun; sleep 1000", lines: ["timeout 100000", "grace 20"]))
        // It has been looked for meanwhile, again and again.
        #expect(try await comesTrue { FileManager.default.contents(atPath: host.folder("b0") + "/stdout")?.isEmpty == false })
        try host.putClockForward(100_000)
        let answer = try await RunnerUnderTest.answer(of: channel)
        #expect(answer.ended == "ended 143 timedOut 6 0 0 0", "\(answer.lines)")
    }

    /// In a process namespace with a /proc of its own: hiding is a matter of that one only.
    private static let hiding =
        "unshare --mount --propagation private --pid --fork sh -c 'mount -t proc -o hidepid=2 proc /proc || exit 99; "
        + Machine.unprivileged + "\"$@\"; exit $?' hiding "

    @Test(
        .enabled(if: Machine.isRoot && Machine.has("unshare") && Machine.has("setpriv"), "a /proc of its own needs root"), arguments: Shell.here)
    func `where the processes of others are hidden nothing begins, and it is said what to do`(_ shell: Shell) async throws {
        var host = RunnerUnderTest(shell, folder)
        host.prefix = Self.hiding
        try #require(chmod(folder.path, 0o777) == 0)
        for verb in ["hello", "start"] {
            let answer = try await host.ask(verb, RunnerRequest(step: "b1", script: "echo >\(folder.file("ran"))"))
            #expect(answer.last.hasPrefix("error missing a view of all processes") && answer.last.contains("hidepid"), "\(answer.lines)")
            #expect(answer.last.contains("gid=") && answer.last.contains("root"))
        }
        #expect(folder.read("ran") == nil)
        // Root sees everything.
        host.prefix = Self.hiding.replacingOccurrences(of: Machine.unprivileged, with: "")
        #expect(try await host.ask("start", RunnerRequest(step: "b2", script: "true")).ended == "ended 0 - 0 0 0 0")
    }

    // MARK: - What cannot be ended

    /// As what waits for a dead disk. A runner that went on looking would be one more with each time that it is asked.
    @Test(arguments: Shell.here)
    func `what takes no KILL is named, and nobody goes on looking`(_ shell: Shell) async throws {
        var host = RunnerUnderTest(shell, folder)
        try host.holdClock()
        try #require(host.text.contains("deliver KILL $pids\n"))
        host.text = host.text.replacingOccurrences(of: "deliver KILL $pids\n", with: "say \"$pids\" >>\(folder.file("kills"))\n")
        host.text = host.text.replacingOccurrences(of: "/cgroup.kill", with: "/no.such.file")
        let channel = try await host.begin("start", RunnerRequest(step: "c0", script: "trap '' TERM; echo $$ >\(folder.file("who")); sleep 1000; :"))
        #expect(try await comesTrue { numbers("who").count == 1 && host.marked("c0").count >= 2 })
        let asked = try await host.begin("kill", RunnerRequest(step: "c0", lines: ["grace 20"]))
        #expect(try await comesTrue { folder.read("kills") != nil })
        try host.putClockForward(100_000)
        let answer = try await RunnerUnderTest.answer(of: asked)
        #expect(answer.last.hasPrefix("error alive processes that take no KILL:"), "\(answer.lines)")
        for pid in numbers("who") { #expect(answer.last.split(separator: " ").contains("\(pid)"), "\(answer.lines)") }
        for pid in host.marked("c0") { kill(pid, SIGKILL) }
        #expect(try await RunnerUnderTest.answer(of: channel).ended?.hasPrefix("ended 137 cancelled") == true)
        #expect(try await comesTrue { Processes.runners(in: host.spool).isEmpty })
    }

    @Test(arguments: Shell.here)
    func `an attempt whose former one cannot be ended does not begin, and says so`(_ shell: Shell) async throws {
        var host = RunnerUnderTest(shell, folder)
        try host.holdClock()
        host.text = host.text.replacingOccurrences(of: "deliver KILL $pids\n", with: "say \"$pids\" >>\(folder.file("kills"))\n")
        host.text = host.text.replacingOccurrences(of: "/cgroup.kill", with: "/no.such.file")
        let first = try await host.begin("start", RunnerRequest(step: "c1", script: "trap '' TERM; sleep 1000; :"))
        #expect(try await comesTrue { host.marked("c1").count >= 2 })
        let second = try await host.begin(
            "start", RunnerRequest(step: "c1", number: 2, script: "echo >\(folder.file("ran"))", lines: ["after 1", "grace 20"]))
        #expect(try await comesTrue { folder.read("kills") != nil })
        try host.putClockForward(100_000)
        let answer = try await RunnerUnderTest.answer(of: second)
        #expect(answer.last.hasPrefix("error former attempt 1 of it has not ended: processes that take no KILL:"), "\(answer.lines)")
        #expect(folder.read("ran") == nil)
        #expect(try host.records("c1") == ["1.1", "lock"])
        for pid in host.marked("c1") { kill(pid, SIGKILL) }
        #expect(try await RunnerUnderTest.answer(of: first).ended != nil)
    }

    // MARK: - Whose number it is

    @Test(arguments: Shell.here)
    func `the session of a stranger that has got the number is left alone`(_ shell: Shell) async throws {
        var host = RunnerUnderTest(shell, folder)
        try #require(host.text.contains("find_cgroup\nlevel=session\n"))
        host.text = host.text.replacingOccurrences(of: "find_cgroup\nlevel=session\n", with: "base=\nlevel=session\n")
        let stranger = try await LocalTransport().open("setsid sh -c 'sleep 1000 & echo $$ $! >\(folder.file("stranger"))'")
        #expect(try await comesTrue { numbers("stranger").count == 2 && !Processes.isAlive(numbers("stranger")[0]) })
        let (session, pid) = (numbers("stranger")[0], numbers("stranger")[1])
        let channel = try await host.begin("start", RunnerRequest(step: "d0", script: "setsid sleep 1000 &\nsleep 1000"))
        #expect(try await comesTrue { host.marked("d0").count >= 3 })
        // Nobody looks after it any more, and its leader is gone; what is left of it is known by its mark.
        let leader = try #require(pid_t(folder.read("spool/\(host.step("d0"))/1.1/pid")?.split(separator: " ").first ?? ""))
        for runner in Processes.runners(in: host.spool) { kill(runner, SIGKILL) }
        kill(leader, SIGKILL)
        #expect(try await comesTrue { Processes.runners(in: host.spool).isEmpty && !Processes.isAlive(leader) })
        channel.close()
        try "\(session) 1\n".write(toFile: host.folder("d0") + "/pid", atomically: true, encoding: .utf8)
        #expect(try await host.ask("kill", RunnerRequest(step: "d0", lines: ["grace 20"])).lines == ["empty"])
        #expect(host.marked("d0").isEmpty)
        #expect(Processes.isAlive(pid), "the stranger lives")
        kill(pid, SIGKILL)
        stranger.close()
    }
}
