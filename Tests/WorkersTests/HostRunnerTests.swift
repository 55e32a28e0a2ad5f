import Foundation
import Glibc
import Testing
import Workers

/// The host's side of the host record, spoken to directly.
@Suite("Host runner", .serialized, .timeLimit(.minutes(2)))
struct HostRunnerTests {
    let folder: TestFolder

    init() throws { folder = try TestFolder() }

    // MARK: - An attempt from start to end

    @Test(arguments: Shell.here)
    func `a script runs in a clean session and its end says everything`(_ shell: Shell) async throws {
        let host = RunnerUnderTest(shell, folder)
        let script = """
            echo out; echo err >&2
            env | cut -d= -f1 | sort | tr '\\n' ' '
            printf 'n=1\\n' >"$FLOW_OUTPUT"
            grep -c . /proc/self/environ >/dev/null
            sed -n 's/^SigIgn:.*\\(........\\)$/\\1/p' /proc/self/status
            ls /proc/self/fd | tr '\\n' ' ' 
            cat
            exit 7
            """
        let answer = try await host.ask(
            "start", RunnerRequest(step: "a0", script: script, lines: ["env FLOW_STEP build/it [x]"]), tail: Array("forget\n".utf8))
        #expect(answer.hello.count == 5 && answer.hello[1] == "1")
        #expect(
            answer.text == """
                out
                FLOW_ATTEMPT_MARK FLOW_OUTPUT FLOW_STEP HOME LANG LC_ALL LOGNAME PATH PWD TMPDIR USER \
                00000000
                0 1 2 3\u{20}
                """)
        #expect(answer.stderr == Array("err\n".utf8))
        #expect(answer.value == Array("n=1\n".utf8))
        #expect(answer.lines == ["started \(answer.hello[4])", "ended 7 - \(answer.stdout.count) 0 4 0", "forgotten"])
        #expect(!host.exists("a0"))
    }

    @Test(arguments: Shell.here)
    func `a request that does not come is said, before anything is begun`(_ shell: Shell) async throws {
        let host = RunnerUnderTest(shell, folder)
        for verb in ["start", "attach", "kill", "forget"] {
            let answer = try await host.ask(verb, RunnerRequest(step: "e0", script: "true", isComplete: false))
            #expect(answer.last.hasPrefix("error input it ended early"), "\(verb) \(answer.lines)")
            #expect(!host.exists("e0"))
        }
    }

    /// As Go's module cache is.
    @Test(.enabled(if: Machine.isRoot && Machine.has("setpriv"), "root may write in every folder"), arguments: Shell.here)
    func `folders that may not be written in go with the record`(_ shell: Shell) async throws {
        let host = try RunnerUnderTest(shell, .session, folder)
        let script = "mkdir -p mod/inner; echo x >mod/inner/f; chmod 555 mod/inner; chmod 0 mod"
        let answer = try await host.ask("start", RunnerRequest(step: "f0", script: script), tail: Array("forget\n".utf8))
        #expect(answer.lines.last == "forgotten", "\(answer.lines)")
        #expect(!host.exists("f0"))
    }

    @Test(.enabled(if: Machine.isRoot && Machine.has("sudo"), "another account needs root and sudo"), arguments: Shell.here)
    func `folders of another account that may not be written in go with its step`(_ shell: Shell) async throws {
        let host = RunnerUnderTest(shell, folder)
        var request = RunnerRequest(step: "f1", script: "pwd; mkdir mod; echo x >mod/f; chmod 555 mod")
        request.lines = ["account nobody", "lengths \(request.prelude.utf8.count) \(request.script.utf8.count) 0 0"]
        let answer = try await host.ask("start", request)
        let place = answer.text.split(separator: "\n").first.map(String.init) ?? ""
        #expect(place.hasPrefix("/tmp/flow.") && place.hasSuffix("/work"), "\(answer.lines) \(answer.text)")
        #expect(access(String(place.dropLast("/work".count)), F_OK) != 0)
    }

    @Test(arguments: Shell.here)
    func `a script that ends by a signal is told from one that exits`(_ shell: Shell) async throws {
        let host = RunnerUnderTest(shell, folder)
        for (index, (script, end)) in [("kill -9 $$", "137"), ("kill -TERM $$", "143"), ("exit 255", "255"), ("true", "0")].enumerated() {
            let answer = try await host.ask("start", RunnerRequest(step: "b\(index)", script: script))
            #expect(answer.ended == "ended \(end) - 0 0 0 0")
        }
    }

    @Test(arguments: Shell.here)
    func `bytes come as they were written`(_ shell: Shell) async throws {
        let host = RunnerUnderTest(shell, folder)
        var data = (0..<3_200_000).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 7) }
        data += [0, 10, 27, 91, 255, 0, 92, 39]
        let request = RunnerRequest(
            step: "c0", script: #"cat "${0%/*}/data"; printf '\033[31m\0%%\377' >&2"#, lines: ["file data \(data.count)"])
        let answer = try await host.ask("start", request, tail: data)
        #expect(answer.stdout == data)
        #expect(answer.stderr == [27, 91, 51, 49, 109, 0, 37, 255])
    }

    @Test(arguments: Shell.here)
    func `a request that ends early starts nothing and leaves nothing`(_ shell: Shell) async throws {
        let host = RunnerUnderTest(shell, folder)
        let ran = folder.file("ran")
        var request = RunnerRequest(step: "d0", script: "echo >\(ran)", lines: ["file data 100000"])
        let short = try await host.ask("start", request, tail: Array("too little".utf8))
        #expect(short.lines == ["error input the request ended early"])
        request.isComplete = false
        #expect(try await host.ask("start", request).last.hasPrefix("error input it ended early"))
        #expect(try await host.ask("start", RunnerRequest(step: "../x", script: "true")).lines == ["error input step"])
        #expect(!FileManager.default.fileExists(atPath: ran))
        #expect(try host.records("d0").isEmpty)
    }

    @Test func `work goes where it is told`() async throws {
        let host = RunnerUnderTest(.dash, folder)
        let there = try await host.ask("start", RunnerRequest(step: "e0", script: "pwd", lines: [#"dir /usr\0040lib"#]))
        #expect(String(decoding: there.stderr, as: UTF8.self) == "cannot enter the directory /usr lib\n")
        #expect(there.lines.last == "ended 125 - 0 0 \(there.stderr.count) 0")
        let usr = try await host.ask("start", RunnerRequest(step: "e1", script: "pwd", lines: ["dir /usr/lib"]))
        #expect(usr.text == "/usr/lib\n")
        let fresh = try await host.ask("start", RunnerRequest(step: "e2", script: "pwd; ls -A | wc -l"))
        #expect(fresh.text == "\(host.folder("e2"))/work\n0\n")
    }

    // MARK: - Output

    @Test(arguments: Shell.here)
    func `a flood is cut, counted, and takes no memory`(_ shell: Shell) async throws {
        let host = RunnerUnderTest(shell, folder)
        let script = "head -c 2000000000 /dev/zero; yes | head -c 300000 >&2"
        let channel = try await host.begin("start", RunnerRequest(step: "f0", script: script, lines: ["cap 1048576"]))
        let supervisor = try await host.supervisor(of: "f0")
        var most = 0
        var bytes: [UInt8] = []
        loop: while let event = try await channel.next() {
            if case .stdout(let more) = event { bytes += more }
            if case .exited = event { break loop }
            for pid in Processes.runners(in: host.spool) { most = max(most, Processes.memory(pid)) }
            try await channel.finishInput()
        }
        channel.close()
        let answer = try RunnerAnswer(bytes)
        #expect(answer.stdout.count == 1 << 20 && answer.stderr.count == 300_000)
        let words = try #require(answer.ended).split(separator: " ").map(String.init)
        // What the sink had in hand when it was full is not counted.
        let dropped = try #require(Int(words[4]))
        #expect((2_000_000_000 - (1 << 20) - 200_000...2_000_000_000 - (1 << 20)).contains(dropped))
        #expect(words[1...3] == ["0", "-", "1048576"] && words[5...6] == ["300000", "0"])
        #expect(most > 0 && most < 16_384, "a shell of the runner took \(most) kB")
        #expect(!Processes.isAlive(supervisor))
    }

    @Test(arguments: Shell.here)
    func `what holds the pipes open does not hold up the end, and lives on`(_ shell: Shell) async throws {
        let host = RunnerUnderTest(shell, folder)
        let answer = try await host.ask("start", RunnerRequest(step: "10", script: "echo started\nsetsid sleep 1000 &"))
        #expect(answer.ended == "ended 0 - 8 0 0 0")
        #expect(answer.text == "started\n")
        // What holds them has not ended, and is not about to.
        let left = host.marked("10")
        #expect(left.count == 1)
        for pid in left { kill(pid, SIGKILL) }
    }

    /// On a machine that has no time for it: what copies the output begins when the script has long ended.
    @Test(arguments: Shell.here)
    func `what was written comes whole, however late it is copied`(_ shell: Shell) async throws {
        var host = RunnerUnderTest(shell, folder)
        let busy = "clock; until=$((now + 250)); while [ \"$now\" -lt \"$until\" ]; do clock; done"
        try #require(host.text.contains("exec cat\n"))
        host.text = host.text.replacingOccurrences(of: "exec cat\n", with: busy + "\nexec cat\n")
        for (step, tail) in [("17", ""), ("18", "\nsetsid sleep 1000 &")] {
            let answer = try await host.ask("start", RunnerRequest(step: step, script: "echo out; echo error >&2" + tail))
            #expect(answer.ended == "ended 0 - 4 0 6 0")
            #expect(answer.text == "out\n" && answer.stderr == Array("error\n".utf8))
            for pid in host.marked(step) { kill(pid, SIGKILL) }
        }
    }

    @Test(arguments: Shell.here)
    func `the end comes by itself when nothing is left behind`(_ shell: Shell) async throws {
        var host = RunnerUnderTest(shell, folder)
        try #require(host.text.contains(#"kill -USR1 "$me""#))
        host.text = host.text.replacingOccurrences(of: #"kill -USR1 "$me""#, with: ":")
        #expect(try await host.ask("start", RunnerRequest(step: "19", script: "echo out")).ended == "ended 0 - 4 0 0 0")
    }

    @Test(arguments: Shell.here)
    func `an output file beyond its limit is cut one byte after it`(_ shell: Shell) async throws {
        let host = RunnerUnderTest(shell, folder)
        let answer = try await host.ask("start", RunnerRequest(step: "11", script: #"head -c 3000000 /dev/zero >"$FLOW_OUTPUT""#))
        #expect(answer.value?.count == 1_048_577)
    }

    // MARK: - Coming back

    @Test(arguments: Shell.here)
    func `who comes back goes on where the connection was cut`(_ shell: Shell) async throws {
        let host = RunnerUnderTest(shell, folder)
        let script = "i=0; while [ $i -lt 30 ]; do echo line$i; echo err$i >&2; i=$((i + 1)); sleep 0.02; done; echo v=1 >$FLOW_OUTPUT"
        let first = try await host.begin("start", RunnerRequest(step: "12", script: script))
        let spooled = "\(host.folder("12"))/stdout"
        #expect(try await comesTrue { (FileManager.default.contents(atPath: spooled)?.count ?? 0) > 40 })
        first.close()
        let answer = try await host.ask("attach", RunnerRequest(step: "12", epoch: 2, lines: ["from 6 5"]))
        #expect(answer.text == (1..<30).map { "line\($0)\n" }.joined())
        #expect(String(decoding: answer.stderr, as: UTF8.self) == (1..<30).map { "err\($0)\n" }.joined())
        #expect(answer.value == Array("v=1\n".utf8))
        #expect(answer.ended == "ended 0 - 200 0 170 0")
        let again = try await host.ask("attach", RunnerRequest(step: "12", epoch: 3, lines: ["from 199 170"]))
        #expect(again.text == "\n" && again.ended == answer.ended)
        #expect(try await comesTrue { Processes.runners(in: host.spool).isEmpty })
    }

    @Test(arguments: Shell.here)
    func `a record of another boot is either an end or a loss`(_ shell: Shell) async throws {
        let host = RunnerUnderTest(shell, folder)
        _ = try await host.ask("start", RunnerRequest(step: "13", script: "echo done"))
        let record = host.folder("13") + "/started"
        let text = try String(contentsOfFile: record, encoding: .utf8)
        let boot = try #require(host.started("boot", "13"))
        try text.replacingOccurrences(of: boot, with: "00000000-0000-0000-0000-000000000000")
            .write(toFile: record, atomically: true, encoding: .utf8)
        #expect(try await host.ask("attach", RunnerRequest(step: "13", epoch: 2)).ended == "ended 0 - 5 0 0 0")
        try FileManager.default.removeItem(atPath: host.folder("13") + "/ended")
        #expect(try await host.ask("attach", RunnerRequest(step: "13", epoch: 3)).lines == ["rebooted"])
        #expect(try await host.ask("start", RunnerRequest(step: "13", script: "true", lines: ["place a b"])).word == "error")
    }

    // MARK: - What a host may lack

    @Test(arguments: Shell.here)
    func `a missing tool is named and nothing is started`(_ shell: Shell) async throws {
        let tools = folder.file("tools")
        try FileManager.default.createDirectory(atPath: tools, withIntermediateDirectories: true)
        let names = ["cat", "chmod", "dd", "env", "grep", "ln", "mkdir", "mkfifo", "mv", "rm", "rmdir", "setsid", "sleep", "sync", "wc"]
        for name in names + [shell.rawValue] {
            let path = try #require(["/bin/", "/usr/bin/"].map { $0 + name }.first { access($0, X_OK) == 0 })
            try FileManager.default.createSymbolicLink(atPath: "\(tools)/\(name)", withDestinationPath: path)
        }
        var host = RunnerUnderTest(shell, folder)
        host.environment = ["PATH": tools]
        // A busybox that brings its own is no host without it.
        let answer = try await host.ask("start", RunnerRequest(step: "14", script: "true"))
        #expect(answer.lines == ["error missing flock"] || shell == .busybox)
        host.environment = [:]
        let absent = try await host.ask("start", RunnerRequest(step: "15", script: "true", lines: ["program nosuchprogram"]))
        #expect(absent.lines == ["error missing nosuchprogram"])
    }

    @Test(.enabled(if: Machine.isRoot, "mounting a small disk needs root"), arguments: Shell.here)
    func `a full disk starts nothing, and one that fills up loses no end`(_ shell: Shell) async throws {
        let host = RunnerUnderTest(shell, folder)
        try FileManager.default.createDirectory(atPath: host.spool, withIntermediateDirectories: true)
        try #require(mount("none", host.spool, "tmpfs", 0, "size=64k,mode=700") == 0)
        defer { umount2(host.spool, CInt(MNT_DETACH)) }
        let filled = try await host.ask("start", RunnerRequest(step: "16", script: "echo one >$FLOW_OUTPUT; head -c 1000000 /dev/zero"))
        let words = try #require(filled.ended).split(separator: " ").map(String.init)
        #expect(words[1] == "0")
        // How much is missing cannot always be counted where nothing can be written, but that it is.
        #expect(try #require(Int(words[3])) < 65_536 && (try #require(Int(words[4]))) > 0)
        #expect(filled.stdout.count < 65_536)
        #expect(filled.value == Array("one\n".utf8), "there is no room for a copy of it, but it is there")
        _ = FileManager.default.createFile(atPath: host.spool + "/fill", contents: Data(repeating: 0, count: 1 << 16))
        let refused = try await host.ask("start", RunnerRequest(step: "17", script: "touch \(folder.file("ran"))"))
        #expect(refused.last.hasPrefix("error storage "))
        #expect(folder.read("ran") == nil)
    }

    @Test(.enabled(if: Machine.isRoot && Machine.has("sudo"), "another account needs root and sudo"), arguments: Shell.here)
    func `another account gets the script, and its output comes back`(_ shell: Shell) async throws {
        let host = RunnerUnderTest(shell, folder)
        let prelude = "set -eu\nsecret='in the prelude'\n. \"${0%/*}/script\"\n"
        let script = #"id -un; pwd; echo "v=$secret" >"$FLOW_OUTPUT"; wc -c <"${0%/*}/data""#
        let data = [UInt8](repeating: 7, count: 100_000)
        let request = RunnerRequest(
            step: "18", script: script, prelude: prelude,
            lines: ["account nobody", "lengths \(prelude.utf8.count) \(script.utf8.count) 4 \(data.count)", "dir /usr", "file data \(data.count)"])
        let answer = try await host.ask("start", request, tail: data)
        #expect(answer.text == "nobody\n/usr\n100000\n")
        #expect(answer.value == Array("v=in the prelude\n".utf8))
        #expect(answer.ended != nil)
        let unknown = try await host.ask("start", RunnerRequest(step: "19", script: "true", lines: ["account nosuchaccount"]))
        #expect(unknown.last.hasPrefix("error sudo ") && unknown.last.contains("nosuchaccount"))
    }

    @Test func `values are gone from the host when the attempt has ended`() async throws {
        let host = RunnerUnderTest(.dash, folder)
        let request = RunnerRequest(step: "1a", script: "true", prelude: "secret='canary'\n. \"${0%/*}/script\"\n")
        #expect(try await host.ask("start", request).ended != nil)
        #expect(FileManager.default.contents(atPath: host.folder("1a") + "/prelude")?.isEmpty == true)
    }

    @Test func `records that nobody asks about go after a week, those that run do not`() async throws {
        let host = RunnerUnderTest(.dash, folder)
        _ = try await host.ask("start", RunnerRequest(step: "1b", script: "true"))
        let running = try await host.begin("start", RunnerRequest(step: "1c", script: "sleep 1000"))
        _ = try await host.supervisor(of: "1c")
        for step in ["1b", "1c"] {
            try FileManager.default.setAttributes(
                [.modificationDate: Date(timeIntervalSinceNow: -8 * 86_400)], ofItemAtPath: "\(host.spool)/\(host.step(step))")
        }
        try? FileManager.default.removeItem(atPath: host.spool + "/tidied")
        _ = try await host.ask("start", RunnerRequest(step: "1d", script: "true"))
        #expect(!host.exists("1b"))
        #expect(host.exists("1c"))
        #expect(try await host.ask("kill", RunnerRequest(step: "1c", lines: ["grace 0"])).lines == ["empty"])
        running.close()
    }
}
