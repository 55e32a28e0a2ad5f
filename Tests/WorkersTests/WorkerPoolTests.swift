import FlowModel
import FlowTestKit
import Foundation
import Testing
import Workers

@Suite("Worker pool", .timeLimit(.minutes(10)))
struct WorkerPoolTests {
    @Test func `a command hands out its status, output and typed value`() async throws {
        let test = try PoolUnderTest(folder: try TestFolder())
        let order = AttemptOrder.shell(
            "echo \"$flow_1 $FLOW_STEP $FLOW_ATTEMPT [$FLOW_TARGET]\"; echo count=3 >\"$FLOW_OUTPUT\"; echo changed=true >>\"$FLOW_OUTPUT\"",
            step: "build"
        ) { work in
            work.variables = [.init(name: "flow_1", value: "hello 'world'")]
            work.output = .object([.init(name: "count", shape: .int)])
        }
        try await test.with { pool async throws in
            let result = try await test.carryOut(order, on: pool)
            let output = try #require(result.output, "\(result)")
            #expect(output["stdout"] == "hello 'world' build 1 []")
            #expect(output["exitStatus"] == 0)
            #expect(output["changed"] == true)
            #expect(output["value"]?["count"] == 3)
            let events = test.reports.events(of: order.id)
            guard case .placed = events.first, events.count == 3, case .started = events[1] else {
                Issue.record("\(events)")
                return
            }
        }
    }

    @Test func `failures say what happened`() async throws {
        let test = try PoolUnderTest(folder: try TestFolder())
        try await test.with { pool async throws in
            let exit = try await test.carryOut(.shell("echo E: broken >&2; exit 100", step: "a"), on: pool)
            #expect(exit.failure?.cause == .exitStatus)
            #expect(exit.exitStatus == 100)
            #expect(exit.failure?.message == "exited with status 100. Last line: \"E: broken\"")
            let unset = try await test.carryOut(.shell("echo \"$nothing\"", step: "b"), on: pool)
            #expect(unset.failure?.cause == .exitStatus)
            let signal = try await test.carryOut(.shell("kill -9 $$", step: "c"), on: pool)
            #expect(signal.failure?.cause == .signal)
            let output = try await test.carryOut(.shell("true", step: "d") { $0.output = .object([.init(name: "x", shape: .int)]) }, on: pool)
            #expect(output.failure?.cause == .output)
            let nul = try await test.carryOut(.shell("true", step: "e") { $0.arguments = ["a\0b"] }, on: pool)
            #expect(nul.failure?.cause == .input)
        }
    }

    @Test func `an attempt that is over its time-out is ended by its host`() async throws {
        let test = try PoolUnderTest(folder: try TestFolder())
        try await test.with { pool async throws in
            var order = AttemptOrder.shell("sleep 1000", step: "slow")
            order.timeoutSeconds = 0.5
            #expect(try await test.carryOut(order, on: pool).outcome == .timedOut)
        }
    }

    @Test func `a stop leaves no process, not even those that left the session`() async throws {
        let folder = try TestFolder()
        let test = try PoolUnderTest(folder: folder)
        let order = AttemptOrder.shell("setsid sleep 1000 & echo $! >\"$1\"; wait", step: "stop") { $0.arguments = [folder.file("pid")] }
        try await test.with { pool async throws in
            pool.dispatch(order)
            #expect(try await comesTrue { folder.read("pid")?.hasSuffix("\n") == true })
            pool.stop(order.id, force: false)
            #expect(try await test.result(of: order.id).outcome == .cancelled)
            let pid = try #require(folder.read("pid").flatMap { Int32($0.trimmingCharacters(in: .newlines)) })
            #expect(!isRunning(pid), "process \(pid) is left")
        }
    }

    @Test func `an order that is stopped before the engine answered never runs`() async throws {
        let folder = try TestFolder()
        let test = try PoolUnderTest(folder: folder, proceeds: false)
        let order = AttemptOrder.shell("touch \"$1\"", step: "never") { $0.arguments = [folder.file("ran")] }
        try await test.with { pool async throws in
            pool.dispatch(order)
            #expect(try await comesTrue { !test.reports.events(of: order.id).isEmpty })
            pool.stop(order.id, force: false)
            #expect(try await test.result(of: order.id).outcome == .cancelled)
            pool.proceed(order.id)
            #expect(folder.read("ran") == nil)
        }
    }

    @Test func `no more attempts run at once than there are places, and all come to their turn`() async throws {
        let folder = try TestFolder()
        let test = try PoolUnderTest(folder: folder)
        let orders = (0..<12).map { number in
            AttemptOrder.shell("cd \"$1\"; touch in.$$; ls in.* | wc -l; sleep 0.05; rm in.$$", step: "s\(number)") { $0.arguments = [folder.path] }
        }
        try await test.with(places: .init(hosts: 3)) { pool async throws in
            for order in orders { pool.dispatch(order) }
            for order in orders {
                let result = try await test.result(of: order.id)
                let together = try #require(result.output?["stdout"]?.stringValue.flatMap { Int($0.trimmingCharacters(in: .whitespaces)) })
                #expect((1...3).contains(together))
            }
            #expect(pool.load == (0, 0))
        }
    }

    // MARK: - Whose places

    /// Reaches this machine as if it were another, with a spool of its own.
    private static func there(_ folder: TestFolder) -> LocalTransport { LocalTransport(environment: ["FLOW_SPOOL": folder.file("spool-there")]) }

    @Test func `hosts that accept and never answer keep neither a host that lives nor work here waiting`() async throws {
        let folder = try TestFolder()
        let silent = try HostileServer(.silent, identityFile: "/nonexistent")
        var limits = SSHLimits()
        // They are silent for as long as this test looks.
        limits.keyExchange = .seconds(25)
        let ssh = try SSHPool(limits: limits)
        let test = try PoolUnderTest(folder: folder) { host in
            if let host, host.name.hasPrefix("silent") { ssh.transport(to: host) } else { Self.there(folder) }
        }
        let asking = (0..<12).map { number in
            var host = silent.host
            host.name = "silent-\(number)"
            return AttemptOrder.shell("true", step: "s\(number)").on(host)
        }
        let alive = AttemptOrder.shell("echo alive", step: "alive").on(FlowModel.Host(name: "alive", address: "127.0.0.1"))
        try await test.with(places: .init(hosts: 2, here: 1)) { pool async throws in
            for order in asking + [alive] { pool.dispatch(order) }
            #expect(try await test.carryOut(.shell("echo here", step: "here"), on: pool).output?["stdout"] == "here")
            #expect(try await test.result(of: alive.id).output?["stdout"] == "alive")
            #expect(asking.allSatisfy { test.reports.result(of: $0.id) == nil }, "somebody gave up first")
            for order in asking { pool.stop(order.id, force: false) }
            for order in asking { #expect(try await test.result(of: order.id).outcome == .cancelled) }
            #expect(pool.load == (0, 0))
        }
        silent.stop()
        await ssh.shutDown()
    }

    /// They are asked about again after a restart, hundreds at once.
    @Test func `after a restart, hosts that never answer do not keep the others from being followed`() async throws {
        let folder = try TestFolder()
        let silent = try HostileServer(.silent, identityFile: "/nonexistent")
        var limits = SSHLimits()
        limits.keyExchange = .seconds(25)
        let ssh = try SSHPool(limits: limits)
        let transports: @Sendable (FlowModel.Host?) -> any Transport = { host in
            if let host, host.name.hasPrefix("silent") { ssh.transport(to: host) } else { Self.there(folder) }
        }
        let alive = AttemptOrder.shell("while [ ! -e \"$1\" ]; do sleep 0.02; done; echo alive", step: "alive") { $0.arguments = [folder.file("go")] }
            .on(FlowModel.Host(name: "alive", address: "127.0.0.1"))
        let first = try PoolUnderTest(folder: folder, transports: transports)
        try await first.crash { pool async throws in
            pool.dispatch(alive)
            #expect(try await comesTrue { first.reports.events(of: alive.id).count == 2 })
        }
        guard case .placed(let place) = first.reports.events(of: alive.id).first else { throw CancellationError() }
        @Sendable func attached(_ order: AttemptOrder) -> AttemptOrder { order.attached(at: place) }
        let asking = (0..<WorkerLimits.attaches + 44).map { number in
            var host = silent.host
            host.name = "silent-\(number)"
            return AttemptOrder.shell("true", step: "s\(number)").on(host)
        }
        let second = try PoolUnderTest(folder: folder, transports: transports)
        try await second.crash { pool async throws in
            for order in asking { pool.dispatch(attached(order)) }
            pool.dispatch(attached(alive))
            // Not by a host that gave up: it is asked again, and would have its place again.
            _ = try folder.write("go", "")
            #expect(try await second.result(of: alive.id).output?["stdout"] == "alive")
            #expect(asking.allSatisfy { second.reports.events(of: $0.id).isEmpty }, "somebody gave up first")
            #expect(try await second.carryOut(.shell("echo here", step: "here"), on: pool).output?["stdout"] == "here")
        }
        silent.stop()
        await ssh.shutDown()
    }

    @Test func `work on hosts that takes long does not keep work here waiting, nor the other way round`() async throws {
        let folder = try TestFolder()
        let test = try PoolUnderTest(folder: folder) { _ in Self.there(folder) }
        func long(_ step: String) -> AttemptOrder {
            .shell("while [ ! -e \"$1\" ]; do sleep 0.02; done", step: step) { $0.arguments = [folder.file("go")] }
        }
        let host = FlowModel.Host(name: "host", address: "127.0.0.1")
        let (there, here) = (long("there").on(host), long("here"))
        try await test.with(places: .init(hosts: 1, here: 2)) { pool async throws in
            pool.dispatch(there)
            #expect(try await test.carryOut(.shell("echo here", step: "quick"), on: pool).output?["stdout"] == "here")
            pool.dispatch(here)
            _ = try folder.write("go", "")
            for order in [there, here] { #expect(try await test.result(of: order.id).exitStatus == 0) }
            #expect(try await test.carryOut(.shell("echo there", step: "last").on(host), on: pool).output?["stdout"] == "there")
        }
    }

    /// Reaches this machine, as soon as a file is there.
    private struct SlowTransport: Transport {
        let gate: String
        let answered: String
        let transport: LocalTransport

        func open(_ command: String) async throws -> any TransportChannel {
            while !FileManager.default.fileExists(atPath: gate) { try await Task.sleep(for: .milliseconds(5)) }
            let channel = try await transport.open(command)
            _ = FileManager.default.createFile(atPath: answered, contents: nil)
            return channel
        }
    }

    @Test func `an attempt that lent its place out waits for the next when its host answers`() async throws {
        let folder = try TestFolder()
        let slow = SlowTransport(gate: folder.file("gate"), answered: folder.file("answered"), transport: Self.there(folder))
        let test = try PoolUnderTest(folder: folder) { host in if host?.name == "slow" { slow } else { Self.there(folder) } }
        let host = FlowModel.Host(name: "slow", address: "127.0.0.1")
        let late = AttemptOrder.shell("[ -e \"$1\" ] && echo after || echo beside", step: "late") { $0.arguments = [folder.file("over")] }.on(host)
        let withdrawn = AttemptOrder.shell("touch \"$1\"", step: "withdrawn") { $0.arguments = [folder.file("ran")] }.on(host)
        let other = AttemptOrder.shell("while [ ! -e \"$1/go\" ]; do sleep 0.02; done; sleep 0.3; touch \"$1/over\"", step: "other") {
            $0.arguments = [folder.path]
        }.on(FlowModel.Host(name: "quick", address: "127.0.0.1"))
        try await test.with(places: .init(hosts: 1, here: 1)) { pool async throws in
            for order in [late, withdrawn, other] { pool.dispatch(order) }
            #expect(try await comesTrue { test.reports.events(of: other.id).contains { if case .started = $0 { true } else { false } } })
            _ = try folder.write("gate", "")
            #expect(try await comesTrue { folder.read("answered") != nil })
            pool.stop(withdrawn.id, force: false)
            #expect(try await test.result(of: withdrawn.id).outcome == .cancelled)
            _ = try folder.write("go", "")
            #expect(try await test.result(of: late.id).output?["stdout"] == "after")
            #expect(try await test.result(of: other.id).exitStatus == 0)
            #expect(folder.read("ran") == nil)
            #expect(pool.load == (0, 0))
        }
    }

    @Test func `output that is no text is no value, and says so`() async throws {
        let test = try PoolUnderTest(folder: try TestFolder())
        try await test.with { pool async throws in
            // "中文" in GBK.
            let gbk = try #require(try await test.carryOut(.shell("printf 'ok \\326\\320\\316\\304'", step: "gbk"), on: pool).output)
            #expect(gbk["stdout"] == nil)
            #expect(gbk["stdoutFault"] == "byte 3 of it is not UTF-8")
            #expect(gbk["exitStatus"] == 0)
            let nul = try #require(try await test.carryOut(.shell("printf 'a\\0b'", step: "nul"), on: pool).output)
            #expect(nul["stdout"] == nil)
            #expect(nul["stdoutFault"]?.stringValue?.contains("NUL") == true)
        }
    }

    @Test func `a stop removes the records of what has ended first`() async throws {
        let folder = try TestFolder()
        let test = try PoolUnderTest(folder: folder)
        // More than are removed at once.
        let orders = (0..<40).map { AttemptOrder.shell("true", step: "s\($0)") }
        try await test.with { pool async throws in
            for order in orders { pool.dispatch(order) }
            for order in orders { _ = try await test.result(of: order.id) }
        }
        let spool = folder.file("spool")
        let left = try FileManager.default.subpathsOfDirectory(atPath: spool).filter { $0.hasSuffix("/started") }
        #expect(left == [])
    }

    @Test func `a script survives the engine, and its result is found by the next one`() async throws {
        let folder = try TestFolder()
        let first = try PoolUnderTest(folder: folder)
        let order = AttemptOrder.shell(
            "echo begun; echo x >>\"$1\"; while [ ! -e \"$2\" ]; do sleep 0.02; done; echo over", step: "long"
        ) { $0.arguments = [folder.file("effects"), folder.file("go")] }
        try await first.with { pool async throws in
            pool.dispatch(order)
            #expect(try await comesTrue { folder.read("effects") == "x\n" })
        }
        #expect(first.reports.result(of: order.id) == nil, "nothing was reported")
        guard case .placed(let place) = first.reports.events(of: order.id).first else { throw CancellationError() }
        _ = try folder.write("go", "")
        let second = try PoolUnderTest(folder: folder)
        try await second.with { pool async throws in
            let again = order.attached(at: place)
            let result = try await second.carryOut(again, on: pool)
            #expect(result.output?["stdout"] == "begun\nover")
            #expect(try await second.output(order.id) == "begun\nover\n", "output continues where it was")
        }
        #expect(folder.read("effects") == "x\n", "it ran once")
    }

    @Test func `workers whose task is cancelled say nothing about what they carried out`() async throws {
        let folder = try TestFolder()
        let test = try PoolUnderTest(folder: folder)
        let orders = (0..<8).map { number in
            AttemptOrder.shell("while [ ! -e \"$1\" ]; do sleep 0.05; done; echo >\"$1.$2\"", step: "s\(number)") {
                $0.arguments = [folder.file("go"), String(number)]
            }
        }
        try await test.crash { pool async throws in
            for order in orders { pool.dispatch(order) }
            for order in orders {
                #expect(try await comesTrue { test.reports.events(of: order.id).contains { if case .started = $0 { true } else { false } } })
            }
        }
        for order in orders { #expect(test.reports.result(of: order.id) == nil) }
        // And the scripts run on.
        _ = try folder.write("go", "")
        #expect(try await comesTrue { orders.indices.allSatisfy { folder.read("go.\($0)") != nil } })
        #expect(try await comesTrue { Processes.runners(in: folder.file("spool")).isEmpty })
    }

    @Test func `a copy arrives whole, and is sent once`() async throws {
        let folder = try TestFolder()
        let test = try PoolUnderTest(folder: folder)
        let bytes = (0..<1_500_000).map { UInt8(truncatingIfNeeded: $0 &* 131 >> 3) }
        try Data(bytes).write(to: URL(fileURLWithPath: folder.file("source")))
        let work = CopyWork(from: folder.file("source"), to: folder.file("a goal"), mode: "0640")
        try await test.with { pool async throws in
            let first = try await test.carryOut(.of(work, step: "copy"), on: pool)
            let output = try #require(first.output, "\(first)")
            #expect(output["changed"] == true)
            #expect(output["bytes"] == 1_500_000)
            #expect(FileManager.default.contents(atPath: work.to) == Data(bytes))
            #expect(try FileManager.default.attributesOfItem(atPath: work.to)[.posixPermissions] as? Int == 0o640)
            let second = AttemptOrder.of(work, step: "again")
            let repeated = try await test.carryOut(second, on: pool)
            #expect(repeated.output?["changed"] == false)
            #expect(repeated.output?["sha256"] == output["sha256"])
            #expect(test.reports.events(of: second.id).count == 1, "nothing was placed or sent")
            let left = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasPrefix(".flow") }
            #expect(left == [])
        }
    }

    @Test func `a copy that cannot be made says why and leaves nothing`() async throws {
        let folder = try TestFolder()
        let test = try PoolUnderTest(folder: folder)
        let source = try folder.write("source", "x")
        try await test.with { pool async throws in
            func copy(_ from: String, _ to: String, _ step: String) async throws -> AttemptResult {
                try await test.carryOut(.of(CopyWork(from: from, to: to), step: step), on: pool)
            }
            #expect(try await copy(folder.file("none"), folder.file("x"), "a").failure?.cause == .input)
            #expect(try await copy(source, "relative", "b").failure?.cause == .input)
            let missing = try await copy(source, folder.file("no/such/place"), "c")
            #expect(missing.lastLine == "cannot copy to \(folder.file("no/such/place")): the directory \(folder.file("no/such")) does not exist")
            #expect(try await copy(source, folder.path, "d").lastLine == "cannot copy to \(folder.path): it is a directory")
        }
    }
}
