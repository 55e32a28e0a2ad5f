import Crypto
import FlowModel
import Foundation
import Testing
import Workers

@Suite("Swift steps")
struct SwiftStepTests {
    private static let binary = FlowModel.Digest(bytes: [UInt8](repeating: 7, count: 32))

    private func order(_ node: String, _ inputs: JSON..., step: String? = nil, mode: AttemptOrder.Mode = .start) -> AttemptOrder {
        .of(.step(StepWork(node: node, binary: Self.binary, inputs: inputs)), step: step ?? node, mode: mode)
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

    /// An engine that is killed while it hands steps out: the process has not taken what was given to it.
    @Test func `a step that was given to a process and not taken has never started, and starts`() async throws {
        let folder = try TestFolder()
        let (stubborn, given) = (order("stubborn", .string(folder.file("never"))), order("echo", "once"))
        let first = try PoolUnderTest(folder: folder)
        try await first.crash { pool async throws in
            pool.dispatch(stubborn)
            #expect(try await comesTrue { first.reports.events(of: stubborn.id).contains(.started(containment: .process)) })
            let pid = try #require(try folder.pids().first)
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
        asked.work = .step(StepWork(node: "stubborn", binary: Self.binary, inputs: [.string(SealedText.marker("unreadable"))]))
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
