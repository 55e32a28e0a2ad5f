import FlowModel
import Foundation
import Testing
import Workers

@Suite("Swift steps", .timeLimit(.minutes(10)))
struct SwiftStepTests {
    private static let binary = Digest(bytes: [UInt8](repeating: 7, count: 32))

    private func order(_ node: String, _ inputs: JSON..., step: String? = nil, mode: AttemptOrder.Mode = .start) -> AttemptOrder {
        .of(StepWork(node: node, binary: Self.binary, inputs: inputs), step: step ?? node, mode: mode)
    }

    @Test func `a step runs in the flow's process with its inputs, and its log is its output`() async throws {
        let test = try PoolUnderTest(folder: try TestFolder())
        try await test.with { pool async throws in
            let echo = order("echo", "hello")
            let result = try await test.carryOut(echo, on: pool)
            #expect(result.output == ["said": "hello", "target": "none", "key": .string(echo.idempotencyKey)])
            #expect(try await test.output(echo.id) == "got hello\n")
            #expect(result.lastLine == "got hello")
            #expect(test.reports.events(of: echo.id)[1] == .started(containment: .process))
            let thrown = try await test.carryOut(order("throw"), on: pool)
            #expect(thrown.failure == .init(.thrown, "it went wrong"))
            let unknown = try await test.carryOut(order("nothing"), on: pool)
            #expect(unknown.failure?.message.contains("no Swift step 'step-fixture/nothing'") == true)
            let printed = order("print")
            _ = try await test.carryOut(printed, on: pool)
            let first = try await test.carryOut(order("pid"), on: pool)
            let second = try await test.carryOut(order("pid", step: "pid-2"), on: pool)
            #expect(first.output == second.output, "one process, many steps")
        }
    }

    @Test func `logs with NUL and secrets are made fit`() async throws {
        let test = try PoolUnderTest(folder: try TestFolder())
        try await test.with { pool async throws in
            let nul = order("nul")
            _ = try await test.carryOut(nul, on: pool)
            #expect(try await test.output(nul.id) == "a\u{FFFD}b\\u0000c\n")
            let secret = order("echo", .string(SealedText.marker(String("correct horse".reversed()))), step: "secret")
            let result = try await test.carryOut(secret, on: pool)
            #expect(result.output?["said"] == "*************")
            #expect(try await test.output(secret.id) == "got *************\n")
        }
    }

    @Test(arguments: [16_380, 40_000]) func `a long line is kept whole, and a secret in it is masked wherever it stands`(length: Int) async throws {
        let test = try PoolUnderTest(folder: try TestFolder())
        try await test.with { pool async throws in
            // Two bytes a character: pieces do not end at every byte.
            let before = String(repeating: "é", count: length / 2)
            let long = order("echo", .string(before + SealedText.marker(String("correct horse".reversed())) + " end"))
            _ = try await test.carryOut(long, on: pool)
            #expect(try await test.output(long.id) == "got \(before)************* end\n")
            let next = order("echo", "next", step: "next")
            _ = try await test.carryOut(next, on: pool)
            #expect(try await test.output(next.id) == "got next\n")
        }
    }

    // MARK: - What is printed

    @Test func `what a step prints is among its own errors when it has ended, also without a newline`() async throws {
        let test = try PoolUnderTest(folder: try TestFolder())
        try await test.with { pool async throws in
            for number in 0..<20 {
                let (line, rest) = (
                    order("say", .string("\(number)"), step: "l\(number)"), order("say-rest", .string("r\(number)"), step: "r\(number)")
                )
                for order in [line, rest] { _ = try await test.carryOut(order, on: pool) }
                #expect(try await test.output(line.id, .stderr) == "said \(number)\n")
                #expect(try await test.output(rest.id, .stderr) == "r\(number)")
            }
        }
    }

    @Test func `what is printed has no secret that the process was ever given, in whichever step`() async throws {
        let test = try PoolUnderTest(folder: try TestFolder())
        let secret = "FIRST-sesame-1111"
        try await test.with { pool async throws in
            _ = try await test.carryOut(order("keep", .string(SealedText.marker(String(secret.reversed())))), on: pool)
            let other = order("say", .string(SealedText.marker(String("SECOND-sesame".reversed()))))
            _ = try await test.carryOut(other, on: pool)
            let tell = order("tell")
            _ = try await test.carryOut(tell, on: pool)
            let line = "kept " + String(repeating: "*", count: secret.utf8.count) + "\n"
            #expect(try await test.output(tell.id, .stderr) == line + line)
            #expect(try await test.output(other.id, .stderr) == "said *************\n")
        }
    }

    @Test func `what looks like the beginning of a secret is in the log of the step that printed it`() async throws {
        let test = try PoolUnderTest(folder: try TestFolder())
        try await test.with { pool async throws in
            _ = try await test.carryOut(order("keep", .string(SealedText.marker(String("FIRST-sesame-1111".reversed())))), on: pool)
            let (cut, other) = (order("say-rest", .string("begin: FIRST-ses"), step: "cut"), order("say", .string("fine"), step: "other"))
            for order in [cut, other] { _ = try await test.carryOut(order, on: pool) }
            #expect(try await test.output(cut.id, .stderr) == "begin: *********")
            #expect(try await test.output(other.id, .stderr) == "said fine\n")
        }
    }

    @Test func `a process is given a bounded number of secrets, then another takes its place`() async throws {
        let test = try PoolUnderTest(folder: try TestFolder())
        try await test.with { pool async throws in
            func pid(_ secret: Int, _ step: String) async throws -> JSON {
                let input = JSON.string(SealedText.marker(String("secret-\(secret)".reversed())))
                return try #require(try await test.carryOut(order("where", input, step: step), on: pool).output)
            }
            var pids: [JSON] = []
            for number in 0..<WorkerLimits.hostSecretSets { pids.append(try await pid(number, "n\(number)")) }
            // One that it has already counts for nothing.
            pids.append(try await pid(0, "again"))
            #expect(Set(pids).count == 1)
            let file = test.folder.file("go")
            let busy = order("stubborn", .string(file))
            pool.dispatch(busy)
            #expect(try await comesTrue { test.reports.events(of: busy.id).contains(.started(containment: .process)) })
            #expect(try await pid(-1, "more") != pids[0])
            // The first takes no more steps, and goes with its last one.
            let first = try #require(pids[0].intValue.flatMap { pid_t(exactly: $0) })
            #expect(isRunning(first))
            #expect(FileManager.default.createFile(atPath: file, contents: nil))
            #expect(try await test.result(of: busy.id).failure == nil)
            #expect(try await comesTrue { !isRunning(first) })
        }
    }

    @Test func `secrets of a process are bounded in bytes, but for one step`() async throws {
        let test = try PoolUnderTest(folder: try TestFolder())
        try await test.with { pool async throws in
            func pid(_ letter: Character, _ count: Int) async throws -> JSON {
                let input = JSON.string(SealedText.marker(String(repeating: letter, count: count)))
                return try #require(try await test.carryOut(order("where", input, step: "of-\(letter)"), on: pool).output)
            }
            let most = WorkerLimits.hostSecretBytes
            let first = try await pid("a", most * 2 / 3)
            let second = try await pid("b", most * 2 / 3)
            #expect(second != first)
            #expect(try await pid("c", most / 3) == second)
            let long = try await pid("d", most * 2)
            #expect(long != second)
        }
    }

    // MARK: - Files that are none

    @Test(arguments: ["pipe", "device"]) func `a file of the engine that is none fails the step, which would wait or read for ever`(what: String)
        async throws
    {
        let test = try PoolUnderTest(folder: try TestFolder())
        let path = test.home + "/steps/id"
        try FileManager.default.createDirectory(atPath: test.home + "/steps", withIntermediateDirectories: true)
        try #require((what == "pipe" ? mkfifo(path, 0o600) : symlink("/dev/zero", path)) == 0)
        try await test.with { pool async throws in
            let failure = try await test.carryOut(order("pid"), on: pool).failure
            #expect(failure?.message.contains("/steps/id could not be read: it is a \(what), not a file") == true, "\(String(describing: failure))")
        }
    }

    @Test func `a process that lies about what it dropped ends nothing`() async throws {
        let test = try PoolUnderTest(folder: try TestFolder())
        try await test.with { pool async throws in
            let result = try await test.carryOut(order("lie"), on: pool)
            #expect(result.output == 1 && result.truncated, "\(result)")
        }
    }

    @Test func `a flood of logs is bounded by the reader`() async throws {
        let test = try PoolUnderTest(folder: try TestFolder())
        try await test.with { pool async throws in
            let flood = order("flood", "5000")
            let result = try await test.carryOut(flood, on: pool, within: 60)
            #expect(result.outputBytes == 5_000 * 1_001)
        }
    }

    @Test func `what a step logs and what it prints both arrive whole`() async throws {
        let test = try PoolUnderTest(folder: try TestFolder())
        try await test.with { pool async throws in
            let both = order("both")
            let result = try await test.carryOut(both, on: pool)
            let expected = (0..<1_000).reduce(0) { $0 + "log \($1)\nprint \($1)\n".utf8.count }
            #expect(result.outputBytes == expected)
            let streams = (try await test.output(both.id), try await test.output(both.id, .stderr))
            #expect(streams.0.utf8.count + streams.1.utf8.count == expected)
        }
    }

    @Test func `a cancelled step ends with its task, and a time-out cancels it`() async throws {
        let test = try PoolUnderTest(folder: try TestFolder())
        try await test.with { pool async throws in
            let sleeping = order("sleep")
            pool.dispatch(sleeping)
            #expect(try await comesTrue { test.reports.events(of: sleeping.id).contains(.started(containment: .process)) })
            pool.stop(sleeping.id, force: false)
            #expect(try await test.result(of: sleeping.id).outcome == .cancelled)
            var late = order("sleep", step: "late")
            late.timeoutSeconds = 0.2
            #expect(try await test.carryOut(late, on: pool).outcome == .timedOut)
        }
    }

    @Test func `a hard stop ends the process; a step beside it is lost, never failed`() async throws {
        let folder = try TestFolder()
        let test = try PoolUnderTest(folder: folder)
        try await test.with { pool async throws in
            let stubborn = order("stubborn", .string(folder.file("never")))
            let beside = order("sleep", step: "beside")
            pool.dispatch(stubborn)
            pool.dispatch(beside)
            for id in [stubborn.id, beside.id] {
                #expect(try await comesTrue { test.reports.events(of: id).contains(.started(containment: .process)) })
            }
            pool.stop(stubborn.id, force: true)
            #expect(try await test.result(of: stubborn.id).outcome == .cancelled)
            guard case .lost = try await test.result(of: beside.id).outcome else {
                Issue.record("\(test.reports.events(of: beside.id))")
                return
            }
            #expect(try await test.carryOut(order("echo", "again"), on: pool).output?["said"] == "again")
        }
    }

    @Test func `a process that dies loses its steps and is replaced`() async throws {
        let test = try PoolUnderTest(folder: try TestFolder())
        try await test.with { pool async throws in
            let result = try await test.carryOut(order("crash"), on: pool)
            guard case .lost(let reason) = result.outcome else {
                Issue.record("\(result)")
                return
            }
            #expect(reason.contains("signal 9"))
            #expect(try await test.carryOut(order("echo", "back"), on: pool).output?["said"] == "back")
        }
    }

    @Test func `the engine's home is hidden from steps`() async throws {
        let test = try PoolUnderTest(folder: try TestFolder())
        try "x".write(toFile: test.home + "/secret.key", atomically: true, encoding: .utf8)
        try await test.with { pool async throws in
            try #require(await pool.confinementFault() == nil)
            #expect(try await test.carryOut(order("list", .string(test.home)), on: pool).output == [])
        }
    }

    /// What an engine that crashed leaves: the run's task is cancelled and nothing is drained.
    private func crash(_ test: PoolUnderTest, while orders: [AttemptOrder]) async throws -> Place {
        try await test.crash { pool async throws in
            for order in orders { pool.dispatch(order) }
            for order in orders {
                #expect(try await comesTrue { test.reports.events(of: order.id).contains(.started(containment: .process)) })
            }
        }
        guard case .placed(let place) = test.reports.events(of: orders[0].id).first else { throw CancellationError() }
        return place
    }

    private func attached(_ order: AttemptOrder, at place: Place) -> AttemptOrder {
        var again = order
        again.mode = .attach(place)
        return again
    }

    @Test func `the next engine finds what ended, follows what runs, and knows what never began`() async throws {
        let folder = try TestFolder()
        let (ended, running) = (order("echo", "x"), order("stubborn", .string(folder.file("free"))))
        let place = try await crash(try PoolUnderTest(folder: folder), while: [ended, running])
        let second = try PoolUnderTest(folder: folder)
        try await second.with { pool async throws in
            #expect(try await second.carryOut(attached(ended, at: place), on: pool).output?["said"] == "x")
            #expect(try await second.output(ended.id) == "got x\n")
            pool.dispatch(attached(running, at: place))
            pool.dispatch(attached(order("echo", "y", step: "other"), at: place))
            #expect(try await comesTrue { second.reports.events(of: order("echo", step: "other").id) == [.neverStarted] })
            #expect(second.reports.result(of: running.id) == nil)
            try "".write(toFile: folder.file("free"), atomically: true, encoding: .utf8)
            #expect(try await second.result(of: running.id).outcome == .succeeded(output: .null, changed: nil))
            #expect(try await second.output(running.id) == "waiting\n")
        }
    }

    @Test func `what an engine that ends holds back is taken by the next one, and a secret in it is masked whole`() async throws {
        let folder = try TestFolder()
        var halves = order("halves", .string(folder.file("go")))
        halves.secrets = [String("s3cre\ntvalue".reversed())]
        let kept = "output/\(halves.id.run)/halves/1.stdout"
        let first = try PoolUnderTest(folder: folder)
        try await first.crash { [halves] pool async throws in
            pool.dispatch(halves)
            #expect(try await comesTrue { folder.read(kept) == "x " })
        }
        guard case .placed(let place) = first.reports.events(of: halves.id).first else { throw CancellationError() }
        let again = attached(halves, at: place)
        // One that only follows it, and ends, too.
        let second = try PoolUnderTest(folder: folder)
        try await second.crash { pool async throws in
            pool.dispatch(again)
            #expect(try await comesTrue { second.reports.events(of: again.id).contains(.started(containment: .process)) })
        }
        #expect(folder.read(kept) == "x ")
        _ = try folder.write("go", "")
        let third = try PoolUnderTest(folder: folder)
        try await third.with { pool async throws in
            _ = try await third.carryOut(again, on: pool)
            #expect(try await third.output(again.id) == "x ************ y\n")
        }
    }

    /// An engine that is killed while it hands steps out: the process has not taken what was given to it.
    @Test func `a step that was given to a process and not taken has never started, and starts`() async throws {
        let folder = try TestFolder()
        let (stubborn, given) = (order("stubborn", .string(folder.file("never"))), order("echo", "once"))
        let first = try PoolUnderTest(folder: folder)
        try await first.crash { pool async throws in
            pool.dispatch(stubborn)
            #expect(try await comesTrue { first.reports.events(of: stubborn.id).contains(.started(containment: .process)) })
            let pid = try #require(try folder.hosts().first)
            kill(pid, SIGSTOP)
            pool.dispatch(given)
            #expect(try await comesTrue { try folder.records(of: "started").count == 2 })
        }
        #expect(!first.reports.events(of: given.id).contains(.started(containment: .process)), "nobody has taken it")
        guard case .placed(let place) = first.reports.events(of: given.id).first else { throw CancellationError() }
        for pid in try folder.pids() { kill(pid, SIGKILL) }
        let second = try PoolUnderTest(folder: folder)
        try await second.with { pool async throws in
            pool.dispatch(attached(given, at: place))
            #expect(try await comesTrue { second.reports.events(of: given.id) == [.neverStarted] })
            // As the engine hands it out after that: it knows of no attempt that was there.
            var again = AttemptOrder.of(given.work, step: "echo", number: 2, epoch: 2)
            again.lastSent = 0
            #expect(try await second.carryOut(again, on: pool).output?["said"] == "once")
            #expect(second.reports.events(of: again.id)[1] == .started(containment: .process))
        }
    }

    /// Its request was cut off in the middle: it need not wait for what else runs in that process.
    @Test func `a step that its process will never take starts again while that one goes on`() async throws {
        let folder = try TestFolder()
        // More than the connection holds.
        let (stubborn, given) = (order("stubborn", .string(folder.file("go"))), order("echo", .string(String(repeating: "x", count: 900_000))))
        let first = try PoolUnderTest(folder: folder)
        try await first.crash { pool async throws in
            pool.dispatch(stubborn)
            #expect(try await comesTrue { first.reports.events(of: stubborn.id).contains(.started(containment: .process)) })
            for pid in try folder.hosts() { kill(pid, SIGSTOP) }
            pool.dispatch(given)
            #expect(try await comesTrue { try folder.records(of: "started").count == 2 })
        }
        guard case .placed(let place) = first.reports.events(of: given.id).first else { throw CancellationError() }
        for pid in try folder.hosts() { kill(pid, SIGCONT) }
        let second = try PoolUnderTest(folder: folder)
        try await second.with { pool async throws in
            for order in [given, stubborn] { pool.dispatch(attached(order, at: place)) }
            #expect(try await comesTrue { second.reports.events(of: given.id) == [.neverStarted] })
            #expect(second.reports.result(of: stubborn.id) == nil)
            _ = try folder.write("go", "")
            #expect(try await second.result(of: stubborn.id).outcome == .succeeded(output: .null, changed: nil))
        }
    }

    // MARK: - What steps start

    private func daemon(_ folder: TestFolder) -> AttemptOrder { order("daemon", .string(folder.file("daemon"))) }

    /// The number of the program that the step started; it runs.
    private func started(_ folder: TestFolder) async throws -> pid_t {
        #expect(try await comesTrue { folder.read("daemon") != nil })
        let pid = try #require(folder.read("daemon").flatMap { pid_t($0.dropLast()) })
        #expect(isRunning(pid))
        return pid
    }

    @Test func `a hard stop ends what a step started, whatever session that is in`() async throws {
        let folder = try TestFolder()
        let test = try PoolUnderTest(folder: folder)
        try await test.with { pool async throws in
            let order = daemon(folder)
            pool.dispatch(order)
            let pid = try await started(folder)
            pool.stop(order.id, force: true)
            #expect(try await test.result(of: order.id).outcome == .cancelled)
            #expect(!isRunning(pid), "process \(pid) is left")
        }
    }

    @Test func `so does the next engine's, of a process that another one started`() async throws {
        let folder = try TestFolder()
        let order = daemon(folder)
        let place = try await crash(try PoolUnderTest(folder: folder), while: [order])
        let pid = try await started(folder)
        let second = try PoolUnderTest(folder: folder)
        try await second.with { pool async throws in
            pool.dispatch(attached(order, at: place))
            pool.stop(order.id, force: true)
            #expect(try await second.result(of: order.id).outcome == .cancelled)
            #expect(!isRunning(pid), "process \(pid) is left")
        }
    }

    @Test func `a flow's process that is killed takes with it what its steps started, and goes with its keeper`() async throws {
        for dies in ["the process", "its keeper"] {
            let folder = try TestFolder()
            let test = try PoolUnderTest(folder: folder)
            try await test.with { pool async throws in
                let order = daemon(folder)
                pool.dispatch(order)
                let pid = try await started(folder)
                let hosts = try folder.hosts()
                try #require(hosts.count == 1)
                for one in dies == "the process" ? hosts : Array(try folder.pids()) { kill(one, SIGKILL) }
                guard case .lost(let reason) = try await test.result(of: order.id).outcome else {
                    Issue.record("\(test.reports.events(of: order.id))")
                    return
                }
                #expect(reason.contains("signal 9"), "the end told is the program's")
                #expect(try await comesTrue { !isRunning(hosts[0]) })
                // A keeper that is killed can end nothing any more but the process itself.
                if dies == "the process" { #expect(!isRunning(pid), "process \(pid) is left") } else { kill(pid, SIGKILL) }
            }
        }
    }

    @Test func `what steps started goes on when their process ends well, for want of work`() async throws {
        let folder = try TestFolder()
        let first = try PoolUnderTest(folder: folder)
        _ = try await crash(first, while: [daemon(folder)])
        let (pid, hosts) = (try await started(folder), try folder.hosts())
        _ = try folder.write("daemon.go", "")
        #expect(try await comesTrue { try hosts.allSatisfy { !isRunning($0) } && folder.pids().allSatisfy { !isRunning($0) } })
        #expect(isRunning(pid))
        kill(pid, SIGKILL)
    }

    // MARK: - Values

    @Test(arguments: ["nul-value": "NUL", "mark": "mark sealed secrets"])
    func `a value with a character that none may hold fails its step, in words`(_ node: String, _ words: String) async throws {
        let test = try PoolUnderTest(folder: try TestFolder())
        try await test.with { pool async throws in
            let failure = try await test.carryOut(order(node), on: pool).failure
            #expect(failure?.message.contains(words) == true, "\(failure as Any)")
        }
    }

    @Test func `a secret with NUL is no input, and the process lives`() async throws {
        let test = try PoolUnderTest(folder: try TestFolder())
        try await test.with { pool async throws in
            let process = try await test.carryOut(order("pid"), on: pool).output
            let failure = try await test.carryOut(order("echo", .string(SealedText.marker("a\0b"))), on: pool).failure
            #expect(failure?.cause == .input && failure?.message.contains("input 1 is a text with NUL") == true, "\(failure as Any)")
            #expect(try await test.carryOut(order("pid", step: "pid-2"), on: pool).output == process)
        }
    }

    /// As flows do that were compiled before values were looked at where they are made.
    @Test func `NUL in a recorded value is refused, not replaced`() async throws {
        let folder = try TestFolder()
        let step = order("stubborn", .string(folder.file("never")))
        let place = try await crash(try PoolUnderTest(folder: folder), while: [step])
        for pid in try folder.pids() { kill(pid, SIGKILL) }
        let steps = folder.file("home/steps")
        for name in try FileManager.default.contentsOfDirectory(atPath: steps) where name.hasSuffix(".record") {
            let frame = Array(#"{"output":"a\u0000b"}"#.utf8)
            let record = try #require(FileHandle(forWritingAtPath: "\(steps)/\(name)"))
            try record.seekToEnd()
            try record.write(contentsOf: Data([0, 0, 0, UInt8(frame.count)] + frame))
            try record.close()
        }
        let second = try PoolUnderTest(folder: folder)
        try await second.with { pool async throws in
            let failure = try await second.carryOut(attached(step, at: place), on: pool).failure
            #expect(failure?.message.contains("it returned a text with NUL") == true, "\(failure as Any)")
        }
    }

    @Test func `what was running at a power cut is lost, though the record of its begin did not reach the disk`() async throws {
        let folder = try TestFolder()
        let step = order("stubborn", .string(folder.file("never")))
        let place = try await crash(try PoolUnderTest(folder: folder), while: [step])
        for pid in try folder.pids() { kill(pid, SIGKILL) }
        // What the journal of the file system brings back: the synced file, with the boot of before, and the other one empty.
        let steps = folder.file("home/steps")
        for name in try FileManager.default.contentsOfDirectory(atPath: steps) {
            let path = "\(steps)/\(name)"
            if name.hasSuffix(".record") { truncate(path, 0) }
            guard name.hasSuffix(".started") else { continue }
            let text = try String(contentsOfFile: path, encoding: .utf8).replacingOccurrences(of: place.bootID, with: "earlier")
            try text.write(toFile: path, atomically: false, encoding: .utf8)
        }
        let second = try PoolUnderTest(folder: folder)
        try await second.with { pool async throws in
            guard case .lost = try await second.carryOut(attached(step, at: place), on: pool).outcome else {
                Issue.record("\(second.reports.events(of: step.id))")
                return
            }
        }
    }

    @Test func `what cannot be asked about is lost, never failed`() async throws {
        let folder = try TestFolder()
        let step = order("stubborn", .string(folder.file("free")))
        let place = try await crash(try PoolUnderTest(folder: folder), while: [step])
        // Its secret cannot be opened any more, so that its output could not be masked.
        var asked = attached(step, at: place)
        asked.work = StepWork(node: "stubborn", binary: Self.binary, inputs: [.string(SealedText.marker("unreadable"))])
        let second = try PoolUnderTest(folder: folder, open: { _ in throw CancellationError() })
        try await second.with { pool async throws in
            guard case .lost = try await second.carryOut(asked, on: pool).outcome else {
                Issue.record("\(second.reports.events(of: step.id))")
                return
            }
        }
        try "".write(toFile: folder.file("free"), atomically: true, encoding: .utf8)
    }

    @Test func `the next engine cancels one step of a process and not the other`() async throws {
        let folder = try TestFolder()
        let (sleeping, beside) = (order("sleep"), order("stubborn", .string(folder.file("free")), step: "beside"))
        let place = try await crash(try PoolUnderTest(folder: folder), while: [sleeping, beside])
        let second = try PoolUnderTest(folder: folder)
        try await second.with { pool async throws in
            for order in [sleeping, beside] { pool.dispatch(attached(order, at: place)) }
            pool.stop(sleeping.id, force: false)
            #expect(try await second.result(of: sleeping.id).outcome == .cancelled)
            try "".write(toFile: folder.file("free"), atomically: true, encoding: .utf8)
            #expect(try await second.result(of: beside.id).outcome == .succeeded(output: .null, changed: nil))
        }
    }

    @Test func `time runs while no engine is there, and a process that dies then loses its steps`() async throws {
        let folder = try TestFolder()
        var late = order("sleep", step: "late")
        late.timeoutSeconds = 0.3
        let (stubborn, process) = (order("stubborn", .string(folder.file("never"))), order("pid"))
        let first = try PoolUnderTest(folder: folder)
        let place = try await crash(first, while: [late, stubborn, process])
        #expect(try await comesTrue { try folder.records(of: "record").contains { $0.contains("timedOut") } })
        let pid = try #require(try folder.records(of: "started").compactMap { try JSON.parse(Array($0.utf8))["pid"]?.intValue }.first)
        kill(pid_t(pid), SIGKILL)
        let second = try PoolUnderTest(folder: folder)
        try await second.with { pool async throws in
            #expect(try await second.carryOut(attached(late, at: place), on: pool).outcome == .timedOut)
            guard case .lost = try await second.carryOut(attached(stubborn, at: place), on: pool).outcome else {
                Issue.record("\(second.reports.events(of: stubborn.id))")
                return
            }
        }
    }

    @Test func `a hard stop ends a process that another engine started`() async throws {
        let folder = try TestFolder()
        let stubborn = order("stubborn", .string(folder.file("never")))
        let place = try await crash(try PoolUnderTest(folder: folder), while: [stubborn])
        let second = try PoolUnderTest(folder: folder)
        try await second.with { pool async throws in
            pool.dispatch(attached(stubborn, at: place))
            pool.stop(stubborn.id, force: true)
            #expect(try await second.result(of: stubborn.id).outcome == .cancelled)
        }
    }
}
