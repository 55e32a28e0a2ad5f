import Foundation
import Glibc
import Testing
import Workers

/// The record of an attempt is taken away while the spool stays: by its own script, by hand, by age. It is missed, and nothing runs twice.
@Suite("Host runner losses", .serialized, .timeLimit(.minutes(2)))
struct HostRunnerLossTests {
    let folder: TestFolder

    init() throws { folder = try TestFolder() }

    /// What a script may take away of its own record: `$FLOW_OUTPUT` lies in the folder of the attempt.
    /// More than once where something is just being written there.
    private static let removals = [
        "the attempt": #"until rm -rf "${FLOW_OUTPUT%/*}" 2>/dev/null; do :; done"#,
        "the step": #"until rm -rf "${FLOW_OUTPUT%/*/*}" 2>/dev/null; do :; done"#,
    ]

    /// What is being written there meanwhile does not keep it.
    private func remove(_ path: String) async throws {
        #expect(try await comesTrue { (try? FileManager.default.removeItem(atPath: path)) != nil || !FileManager.default.fileExists(atPath: path) })
    }

    @Test(arguments: Shell.here, removals.keys.sorted())
    func `a step that removes its own record is lost, and is not begun again by who does not know of it`(_ shell: Shell, _ what: String) async throws
    {
        let host = RunnerUnderTest(shell, folder)
        let removal = try #require(Self.removals[what])
        let script = "echo $FLOW_ATTEMPT_MARK >>\(folder.file("ran"))\n\(removal)\nsleep 0.1"
        let first = try await host.ask("start", RunnerRequest(step: "a0", script: script, lines: ["after 0"]))
        #expect(first.last == "gone", "\(first.lines)")
        // Again and again: what was begun stays known.
        for epoch in 2...3 { #expect(try await host.ask("attach", RunnerRequest(step: "a0", epoch: epoch)).lines == ["gone"]) }
        #expect(try await host.ask("kill", RunnerRequest(step: "a0", epoch: 3)).lines == ["empty"])
        #expect(try await host.ask("start", RunnerRequest(step: "a0", script: script)).lines == ["error refused 3.1"])
        let unknowing = try await host.ask("start", RunnerRequest(step: "a0", epoch: 4, number: 2, script: script, lines: ["after 0"]))
        #expect(unknowing.lines == ["error known 1"])
        #expect(folder.read("ran") == "\(host.step("a0"))/1.1/\n")
        // Who knows that it was lost may go on, and once that is journaled it is forgotten.
        let second = try await host.ask("start", RunnerRequest(step: "a0", epoch: 4, number: 2, script: "true", lines: ["after 1"]))
        #expect(second.ended == "ended 0 - 0 0 0 0", "\(second.lines)")
        for number in 1...2 {
            #expect(try await host.ask("forget", RunnerRequest(step: "a0", epoch: 0, number: number)).lines == ["forgotten"])
        }
        #expect(try await host.ask("attach", RunnerRequest(step: "a0", epoch: 5, number: 2)).lines == ["absent"])
    }

    @Test(arguments: Shell.here)
    func `a record that is removed while nobody asks is missed; what runs is waited for, and can be ended`(_ shell: Shell) async throws {
        let host = RunnerUnderTest(shell, folder)
        for (step, ending) in [("b0", "attach"), ("b1", "kill"), ("b2", "start")] {
            let go = folder.file("go-\(step)")
            let script = "while [ ! -e \(go) ]; do sleep 0.05; done; echo ran >>\(folder.file("ran-\(step)"))"
            let channel = try await host.begin("start", RunnerRequest(step: step, script: script, lines: ["grace 20"]))
            let supervisor = try await host.supervisor(of: step)
            #expect(try await comesTrue { host.marked(step).count >= 1 })
            channel.close()
            try await remove("\(host.spool)/\(host.step(step))")
            switch ending {
            case "attach":
                let asking = try await host.begin("attach", RunnerRequest(step: step, epoch: 2))
                guard case .stdout? = try await asking.next() else { throw CancellationError() }
                _ = try folder.write("go-\(step)", "")
                #expect(try await RunnerUnderTest.answer(of: asking).last == "gone")
                #expect(folder.read("ran-\(step)") == "ran\n")
            case "kill":
                #expect(try await host.ask("kill", RunnerRequest(step: step, epoch: 2, lines: ["grace 20"])).lines == ["empty"])
                #expect(host.marked(step).isEmpty && folder.read("ran-\(step)") == nil)
            default:
                // Never two live attempts, whatever is left of the record of the first.
                let next = try await host.ask(
                    "start", RunnerRequest(step: step, epoch: 2, number: 2, script: "true", lines: ["grace 20", "after 1"]))
                #expect(next.ended == "ended 0 - 0 0 0 0", "\(next.lines)")
                #expect(folder.read("ran-\(step)") == nil)
            }
            #expect(try await comesTrue { !Processes.isAlive(supervisor) && host.marked(step).isEmpty })
        }
    }

    @Test(arguments: Shell.here)
    func `the deadline is kept with all of the spool removed`(_ shell: Shell) async throws {
        var host = RunnerUnderTest(shell, folder)
        try host.holdClock()
        let channel = try await host.begin(
            "start", RunnerRequest(step: "c0", script: "sleep 1000", lines: ["timeout 100000", "grace 20"]))
        _ = try await host.supervisor(of: "c0")
        #expect(try await comesTrue { host.marked("c0").count >= 2 })
        let before = try await host.ask("hello", RunnerRequest(step: "0")).hello
        try await remove(host.spool)
        try host.putClockForward(100_000)
        #expect(try await RunnerUnderTest.answer(of: channel).last == "gone")
        #expect(host.marked("c0").isEmpty)
        // Made again, it is another one: that it knows nothing proves nothing.
        let after = try await host.ask("hello", RunnerRequest(step: "0")).hello
        #expect(before.count == 5 && after.count == 5 && before[2] == after[2] && before[3] != after[3])
        #expect(try await host.ask("start", RunnerRequest(step: "c1", script: "true")).ended == "ended 0 - 0 0 0 0")
    }

    @Test(arguments: Shell.here)
    func `what goes by age was here; what still runs does not go`(_ shell: Shell) async throws {
        let host = RunnerUnderTest(shell, folder)
        _ = try await host.ask("start", RunnerRequest(step: "d0", script: "true"))
        let orphaned = try await host.begin("start", RunnerRequest(step: "d1", script: "sleep 1000", lines: ["grace 20"]))
        let supervisor = try await host.supervisor(of: "d1")
        #expect(try await comesTrue { host.marked("d1").count >= 2 })
        // Nobody looks after it any more, and it runs.
        for pid in Processes.runners(in: host.spool) { kill(pid, SIGKILL) }
        kill(supervisor, SIGKILL)
        orphaned.close()
        for step in ["d0", "d1"] {
            try FileManager.default.setAttributes(
                [.modificationDate: Date(timeIntervalSinceNow: -8 * 86_400)], ofItemAtPath: "\(host.spool)/\(host.step(step))")
        }
        try? FileManager.default.removeItem(atPath: host.spool + "/tidied")
        _ = try await host.ask("start", RunnerRequest(step: "d2", script: "true"))
        #expect(!host.exists("d0") && host.exists("d1", "1.1/started"))
        #expect(try await host.ask("attach", RunnerRequest(step: "d0", epoch: 2)).lines == ["gone"])
        #expect(try await host.ask("attach", RunnerRequest(step: "d1", epoch: 2)).lines == ["died died"])
        #expect(host.marked("d1").isEmpty)
    }

    /// What a failing disk, a full one, or a hand can make of a small file.
    private static let damages = ["empty", "cut", "missing", "a directory", "rubbish"]
    /// One shell takes them all, the others what shells see differently.
    private static let damaged = Shell.here.flatMap { shell in (shell == .dash ? damages : ["a directory"]).map { (shell, $0) } }

    private func damage(_ path: String, _ how: String) throws {
        let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
        try FileManager.default.removeItem(atPath: path)
        switch how {
        case "empty": _ = FileManager.default.createFile(atPath: path, contents: nil)
        case "cut": try String(text.prefix(text.count / 3)).write(toFile: path, atomically: false, encoding: .utf8)
        case "a directory": try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        case "rubbish": try "\u{1}\u{2} x\ny".write(toFile: path, atomically: false, encoding: .utf8)
        default: break
        }
    }

    @Test(arguments: damaged)
    func `a damaged record of the start is replaced by its mark, and without that it is lost`(_ shell: Shell, _ how: String) async throws {
        let host = RunnerUnderTest(shell, folder)
        let go = folder.file("go")
        for (step, isMarkDamaged) in [("e0", false), ("e1", true)] {
            let script = "while [ ! -e \(go) ]; do sleep 0.05; done"
            let channel = try await host.begin("start", RunnerRequest(step: step, script: script, lines: ["grace 20"]))
            _ = try await host.supervisor(of: step)
            #expect(try await comesTrue { host.exists(step, "1.1/stdout") && host.marked(step).count >= 1 })
            channel.close()
            try damage(host.folder(step) + "/started", how)
            if isMarkDamaged { try damage("\(host.spool)/\(host.step(step)).begun", how) }
        }
        let whole = try await host.begin("attach", RunnerRequest(step: "e0", epoch: 2))
        guard case .stdout? = try await whole.next() else { throw CancellationError() }
        // It cannot be told whether that one runs: nothing is claimed of it.
        let lost = try await host.ask("attach", RunnerRequest(step: "e1", epoch: 2)).lines
        #expect(lost == ["gone"])
        _ = try folder.write("go", "")
        #expect(try await RunnerUnderTest.answer(of: whole).ended == "ended 0 - 0 0 0 0")
        #expect(try await comesTrue { Processes.runners(in: host.spool).isEmpty })
    }

    @Test(arguments: damaged)
    func `a damaged fence lets nothing begin until somebody asks`(_ shell: Shell, _ how: String) async throws {
        let host = RunnerUnderTest(shell, folder)
        #expect(try await host.ask("attach", RunnerRequest(step: "f0", epoch: 3, number: 2)).lines == ["absent"])
        let fence = "\(host.spool)/\(host.step("f0"))/fence"
        try damage(fence, how)
        let start = try await host.ask("start", RunnerRequest(step: "f0", epoch: 3, number: 1, script: "echo >\(folder.file("ran"))"))
        // A fence that is missing, and one that was cut to its first number, were never there: the start is as good as any.
        if how != "missing" {
            #expect(start.last.hasPrefix("error storage cannot read the fence") || start.last.hasPrefix("error refused"), "\(start.lines)")
            #expect(folder.read("ran") == nil)
        }
        #expect(["absent", "gone", "ended"].contains(try await host.ask("attach", RunnerRequest(step: "f0", epoch: 4, number: 2)).word))
        let late = try await host.ask("start", RunnerRequest(step: "f0", epoch: 3, number: 9, script: "true"))
        #expect(late.lines == ["error refused 4.2"])
        #expect(try await host.ask("start", RunnerRequest(step: "f0", epoch: 4, number: 3, script: "true")).ended == "ended 0 - 0 0 0 0")
    }

    @Test(arguments: damaged)
    func `an end is told without the output that was taken away, and one that cannot be read is none`(_ shell: Shell, _ how: String) async throws {
        let host = RunnerUnderTest(shell, folder)
        for (number, files) in [["stdout"], ["stderr", "started"], ["value"], ["ended"]].enumerated() {
            let step = "1\(number)"
            _ = try await host.ask(
                "start", RunnerRequest(step: step, script: "echo out; echo err >&2; echo value=1 >$FLOW_OUTPUT; exit 3"))
            for file in files { try damage("\(host.folder(step))/\(file)", how) }
            let answer = try await host.ask("attach", RunnerRequest(step: step, epoch: 2))
            // It is written over a longer block, which is all that is cut off.
            let isLost = files == ["ended"] && how != "cut"
            #expect(answer.ended == (isLost ? nil : "ended 3 - 4 0 4 0"), "\(files): \(answer.lines)")
            #expect(answer.lostValue == (files == ["value"]))
            if isLost { #expect(answer.lines == [how == "missing" ? "died died" : "gone"]) }
        }
    }

    @Test(.enabled(if: Machine.isRoot, "mounting a small disk needs root"), arguments: Shell.here)
    func `a disk that runs out of files starts all of it or nothing`(_ shell: Shell) async throws {
        for files in 8...20 {
            let host = RunnerUnderTest(shell, folder, spool: "spool-\(files)")
            try FileManager.default.createDirectory(atPath: host.spool, withIntermediateDirectories: true)
            try #require(mount("none", host.spool, "tmpfs", 0, "size=1m,mode=700,nr_inodes=\(files)") == 0)
            defer { umount2(host.spool, CInt(MNT_DETACH)) }
            let ran = folder.file("ran-\(files)")
            let answer = try await host.ask("start", RunnerRequest(step: "30", script: "echo >\(ran)"))
            let hasRun = FileManager.default.fileExists(atPath: ran)
            #expect(answer.last.hasPrefix(hasRun ? "ended 0 " : "error storage "), "\(files): \(answer.lines)")
        }
    }

    @Test(arguments: Shell.here)
    func `an end says how long ago it was`(_ shell: Shell) async throws {
        var host = RunnerUnderTest(shell, folder)
        try host.holdClock()
        let first = try await host.ask("start", RunnerRequest(step: "21", script: "true"))
        #expect(try #require(first.ago) < 100_000)
        try host.putClockForward(100_000)
        let later = try await host.ask("attach", RunnerRequest(step: "21", epoch: 2))
        #expect(try #require(later.ago) >= 100_000)
        // The clock of another boot says nothing of it.
        let boot = try #require(host.started("boot", "21"))
        for path in [host.folder("21") + "/started", "\(host.spool)/\(host.step("21")).begun"] {
            let text = try String(contentsOfFile: path, encoding: .utf8)
            try text.replacingOccurrences(of: boot, with: "00000000-0000-0000-0000-000000000000").write(
                toFile: path, atomically: false, encoding: .utf8)
        }
        let rebooted = try await host.ask("attach", RunnerRequest(step: "21", epoch: 3))
        #expect(rebooted.ended == "ended 0 - 0 0 0 0" && rebooted.ago == nil)
    }

    @Test(arguments: Shell.here)
    func `the watch never sleeps beyond the deadline`(_ shell: Shell) async throws {
        var host = RunnerUnderTest(shell, folder)
        let sleeping = "sleep \"$nap\" 3<&-"
        try #require(host.text.contains(sleeping))
        host.text = host.text.replacingOccurrences(of: sleeping, with: "say \"$now $due $nap $gone\" >>\(folder.file("naps"))\n" + sleeping)
        let answer = try await host.ask("start", RunnerRequest(step: "22", script: "sleep 1000", lines: ["timeout 130", "grace 20"]))
        #expect(answer.ended?.contains("timedOut") == true)
        let naps = try #require(folder.read("naps")).split(separator: "\n").map { $0.split(separator: " ").compactMap { Double($0) } }
        let before = naps.filter { $0[0] < $0[1] && $0.count == 3 }
        #expect(before.count > 3)
        for nap in before { #expect(nap[0] + nap[2] * 100 <= nap[1] + 0.5, "\(nap)") }
    }
}
