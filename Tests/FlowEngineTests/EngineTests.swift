import FlowEngine
import FlowModel
import FlowTestKit
import Synchronization
import Testing

/// Hands that keep what they are told, for the test to look at and to answer.
final class KeptOrders: AttemptDispatcher {
    let orders: AsyncStream<AttemptOrder>
    private let continuation: AsyncStream<AttemptOrder>.Continuation

    init() { (orders, continuation) = AsyncStream.makeStream() }

    func dispatch(_ order: AttemptOrder) { continuation.yield(order) }
    func proceed(_ id: AttemptID) {}
    func stop(_ id: AttemptID, force: Bool) {}
    func forget(_ id: AttemptID, target: FlowModel.Host?) {}

    func next() async -> AttemptOrder? {
        for await order in orders { return order }
        return nil
    }
}

@Suite("Engine", .timeLimit(.minutes(1)))
struct EngineTests {
    static func environment(
        trapped: RunID? = nil, fatal: @escaping @Sendable (String) -> Void = { _ in }
    ) -> EngineEnvironment {
        let ticks = Atomic<Int>(1_700_000_000_000)
        return EngineEnvironment(
            now: { Instant(milliseconds: Int64(ticks.add(1, ordering: .relaxed).newValue)) },
            random: { count in (0..<count).map { _ in UInt8.random(in: 0 ... .max) } },
            hash: { bytes in
                // Any function that differs for different bytes will do.
                var sum: UInt64 = 14_695_981_039_346_656_037
                var out: [UInt8] = []
                for byte in bytes { sum = (sum ^ UInt64(byte)) &* 1_099_511_628_211 }
                for shift in 0..<32 { out.append(UInt8(truncatingIfNeeded: sum >> UInt64(shift))) }
                return Digest(bytes: out)
            }, trapped: trapped, fatal: fatal)
    }

    static func request(_ nodes: [Node], key: String? = nil, fingerprint: UInt8 = 1) -> StartRequest {
        let digest = Digest(bytes: [UInt8](repeating: UInt8(nodes.count), count: 32))
        return StartRequest(
            plan: Plan(flow: "test", nodes: nodes, dsl: "0"), revision: digest, binary: nil, inputs: [:], targets: [:], key: key,
            fingerprint: Digest(bytes: [UInt8](repeating: fingerprint, count: 32)))
    }

    static func done(_ order: AttemptOrder) -> AttemptReport {
        AttemptReport(
            id: order.id, fence: order.fence,
            event: .ended(AttemptResult(outcome: .succeeded(output: [:], changed: nil), exitStatus: 0)))
    }

    /// Waits for the run's end.
    static func end(of run: RunID, _ changes: AsyncStream<RunChange>) async -> RunState? {
        for await change in changes where change.run == run && change.state.isTerminal { return change.state }
        return nil
    }

    @Test func `a start is durable when it returns, and the run goes to its end`() async throws {
        let store = MemoryStore()
        let hands = KeptOrders()
        let engine = try Engine(store: store, dispatcher: hands, environment: Self.environment())
        let changes = engine.changes()
        let receipt = try await engine.start(Self.request([shell("a"), shell("b", needs: ["a"])]), by: MachineHarness.alice)
        #expect(try store.afterCrash().journal(of: receipt.run)?.isEmpty == false)
        for path in ["a", "b"] {
            let order = try #require(await hands.next())
            #expect(order.id.step.text == path)
            engine.report(Self.done(order))
        }
        #expect(await Self.end(of: receipt.run, changes) == .succeeded)
        let refolded = try #require(await engine.folds(from: store).rows(of: receipt.run))
        #expect(try await store.run(receipt.run) == refolded.run)
        #expect(try await store.steps(of: receipt.run, after: nil, limit: 100) == refolded.steps)
        await engine.shutdown()
    }

    @Test func `the same key gives the same run, and other content is refused`() async throws {
        let engine = try Engine(store: MemoryStore(), dispatcher: KeptOrders(), environment: Self.environment())
        let first = try await engine.start(Self.request([shell("a")], key: "k"), by: MachineHarness.alice)
        let second = try await engine.start(Self.request([shell("a")], key: "k"), by: MachineHarness.alice)
        #expect(first.isNew && !second.isNew && first.run == second.run)
        let error = await #expect(throws: FlowError.self) {
            try await engine.start(Self.request([shell("a")], key: "k", fingerprint: 2), by: MachineHarness.alice)
        }
        #expect(error?.code == .keyReused)
        await engine.shutdown()
    }

    @Test func `many starts with one key at once give one run`() async throws {
        let engine = try Engine(store: MemoryStore(), dispatcher: KeptOrders(), environment: Self.environment())
        let runs = try await withThrowingTaskGroup(of: RunID.self) { group in
            for _ in 0..<50 {
                group.addTask { try await engine.start(Self.request([shell("a")], key: "k"), by: MachineHarness.alice).run }
            }
            return try await group.reduce(into: Set<RunID>()) { $0.insert($1) }
        }
        #expect(runs.count == 1)
        await engine.shutdown()
    }

    @Test func `a refused commit answers with an error, keeps nothing, and a report is not lost by it`() async throws {
        let store = MemoryStore()
        let hands = KeptOrders()
        let engine = try Engine(store: store, dispatcher: hands, environment: Self.environment())
        let changes = engine.changes()
        let receipt = try await engine.start(Self.request([shell("a")]), by: MachineHarness.alice)
        let order = try #require(await hands.next())
        store.fail(commit: store.commits + 1, .before(.refused("no space left on device")))
        let error = await #expect(throws: FlowError.self) {
            try await engine.start(Self.request([shell("a")]), by: MachineHarness.alice)
        }
        #expect(error?.code == .storage)
        let refusal = try #require(engine.commitRefusal(at: Instant(milliseconds: 1_700_000_000_000)))
        #expect(refusal.message == "no space left on device" && engine.refusedCommits == 1)
        #expect(engine.commitRefusal(at: Instant(milliseconds: 1_700_000_900_000)) == nil, "nobody has tried for long, and nothing waits")
        store.fail(commit: store.commits + 1, .before(.refused("no space left on device")))
        engine.report(Self.done(order))
        #expect(await Self.end(of: receipt.run, changes) == .succeeded)
        #expect(engine.commitRefusal(at: Instant(milliseconds: 1_700_000_000_000)) == nil)
        await engine.shutdown()
    }

    @Test func `each of several messages of one moment has an id of its own, and is acknowledged by itself`() async throws {
        let store = MemoryStore()
        let engine = try Engine(store: store, dispatcher: KeptOrders(), environment: Self.environment())
        let gates = ["one", "two", "three"].map { name in
            Node(
                id: name, name: name,
                kind: .approval(ApprovalSpec(prompt: .literal("Go?"), rules: [.anyone(count: 1)], selfApproval: true)))
        }
        let run = try await engine.start(Self.request(gates), by: MachineHarness.alice).run
        let journal = try #require(try store.journal(of: run))
        let messages = await engine.outbox()
        #expect(messages.count == 3 && journal.count < 3, "several messages, one record")
        #expect(Set(messages.map(\.id)).count == 3)
        engine.acknowledge(outbox: messages[1].id)
        #expect(await engine.outbox() == [messages[0], messages[2]])
        // Ids are never given again, also when nothing is left to compare them with.
        for message in messages { engine.acknowledge(outbox: message.id) }
        #expect(await engine.outbox().isEmpty)
        await engine.shutdown()
        let next = try Engine(store: store.afterCrash(), dispatcher: KeptOrders(), environment: Self.environment())
        _ = try await next.start(Self.request(gates), by: MachineHarness.alice)
        #expect(Set(await next.outbox().map(\.id)).isDisjoint(with: messages.map(\.id)))
        await next.shutdown()
    }

    @Test func `messages are read in pages, however many wait`() async throws {
        let engine = try Engine(store: MemoryStore(), dispatcher: KeptOrders(), environment: Self.environment())
        let count = Limits.messagePage + 50
        let gates = (0..<count).map { number in
            Node(id: "g\(number)", name: "g", kind: .approval(ApprovalSpec(prompt: .literal("Go?"), rules: [.anyone(count: 1)])))
        }
        _ = try await engine.start(Self.request(gates), by: MachineHarness.alice)
        let first = await engine.outbox()
        #expect(first.count == Limits.messagePage)
        let second = await engine.outbox(after: try #require(first.last).id)
        #expect(second.count == 50)
        #expect((first + second).map(\.id) == (first + second).map(\.id).sorted())
        #expect(await engine.outbox(after: try #require(second.last).id).isEmpty)
        await engine.shutdown()
    }

    @Test func `a run whose journal is damaged is shown as standing still, others as they are`() async throws {
        let store = MemoryStore()
        let old = try Engine(store: store, dispatcher: KeptOrders(), environment: Self.environment())
        let damaged = try await old.start(Self.request([shell("a")]), by: MachineHarness.alice).run
        let sound = try await old.start(Self.request([shell("a")]), by: MachineHarness.alice).run
        await old.shutdown()
        let crashed = store.afterCrash()
        crashed.damage(damaged)
        let engine = try Engine(store: crashed, dispatcher: KeptOrders(), environment: Self.environment())
        let error = await #expect(throws: FlowError.self) {
            try await engine.perform(.pause, on: damaged, by: MachineHarness.alice)
        }
        #expect(error?.code == .database)
        let row = try #require(try await crashed.run(damaged))
        #expect(row.state == .running)
        let shown = engine.shown(row)
        #expect(shown.state == .paused && shown.reason?.contains("its journal is damaged") == true && !shown.isLive)
        #expect(shown.waitingFor.map(\.release) == ["flowctl doctor"])
        let other = try #require(try await crashed.run(sound))
        #expect(engine.shown(other) == other)
        await engine.shutdown()
    }

    @Test func `a lost database ends the process, and nothing is acknowledged`() async throws {
        let store = MemoryStore()
        let ended = AsyncStream.makeStream(of: String.self)
        let environment = Self.environment { ended.continuation.yield($0) }
        let engine = try Engine(store: store, dispatcher: KeptOrders(), environment: environment)
        store.fail(commit: store.commits + 1, .after(.fatal("fsync failed")))
        await #expect(throws: FlowError.self) {
            try await engine.start(Self.request([shell("a")]), by: MachineHarness.alice)
        }
        var messages = ended.stream.makeAsyncIterator()
        #expect(await messages.next()?.contains("fsync failed") == true)
        await engine.shutdown()
    }

    @Test func `a new engine takes the runs of the old one over`() async throws {
        let store = MemoryStore()
        let first = KeptOrders()
        let old = try Engine(store: store, dispatcher: first, environment: Self.environment())
        let receipt = try await old.start(Self.request([shell("a"), shell("b")]), by: MachineHarness.alice)
        let sent = try #require(await first.next())
        old.report(AttemptReport(id: sent.id, fence: sent.fence, event: .placed(Place(bootID: "b", spoolID: "s"))))
        // The answer to a command that came after the report shows that the report is in the journal.
        _ = try await old.perform(.pause, on: receipt.run, by: MachineHarness.alice)
        _ = try await old.perform(.resume, on: receipt.run, by: MachineHarness.alice)
        let crashed = store.afterCrash()
        await old.shutdown()

        let second = KeptOrders()
        let new = try Engine(store: crashed, dispatcher: second, environment: Self.environment())
        let changes = new.changes()
        var modes: [String: AttemptOrder.Mode] = [:]
        for _ in 0..<2 {
            let order = try #require(await second.next())
            modes[order.id.step.text] = order.mode
            new.report(Self.done(order))
        }
        #expect(modes == [sent.id.step.text: .attach(Place(bootID: "b", spoolID: "s")), sent.id.step.text == "a" ? "b" : "a": .start])
        #expect(await Self.end(of: receipt.run, changes) == .succeeded)
        await new.shutdown()
    }

    @Test func `a run that ends the engine twice is paused, the others go on`() async throws {
        let store = MemoryStore()
        let old = try Engine(store: store, dispatcher: KeptOrders(), environment: Self.environment())
        let poison = try await old.start(Self.request([shell("a")]), by: MachineHarness.alice).run
        let innocent = try await old.start(Self.request([shell("a")]), by: MachineHarness.alice).run
        await old.shutdown()
        var crashed = store.afterCrash()
        for _ in 1...2 {
            let engine = try Engine(
                store: crashed, dispatcher: KeptOrders(), environment: Self.environment(trapped: poison))
            _ = try await engine.perform(.pause, on: innocent, by: MachineHarness.alice)
            _ = try await engine.perform(.resume, on: innocent, by: MachineHarness.alice)
            await engine.shutdown()
            crashed = crashed.afterCrash()
        }
        let row = try #require(await crashed.run(poison))
        #expect(row.state == .paused)
        #expect(row.reason?.contains("with this run in hand") == true)
        #expect(try await crashed.run(innocent)?.state == .running)
    }

    @Test func `the receipt of a new run carries the row that the store has, that of an old one does not`() async throws {
        let store = MemoryStore()
        let engine = try Engine(store: store, dispatcher: KeptOrders(), environment: Self.environment())
        let request = Self.request([shell("a")], key: "k")
        let first = try await engine.start(request, by: MachineHarness.alice)
        // Nothing answers the order, so the row stays as it was committed.
        #expect(first.row == (try await store.run(first.run)))
        #expect(first.row?.state == .running)
        let second = try await engine.start(request, by: MachineHarness.alice)
        #expect(second.run == first.run)
        #expect(second.row == nil)
        await engine.shutdown()
    }

    @Test func `a change says whether it put messages into the outbox`() async throws {
        let engine = try Engine(store: MemoryStore(), dispatcher: KeptOrders(), environment: Self.environment())
        var changes = engine.changes().makeAsyncIterator()
        let plain = try await engine.start(Self.request([shell("a")]), by: MachineHarness.alice).run
        let gate = [approval("go", [.anyone(count: 1)]), shell("b", needs: ["go"])]
        let asking = try await engine.start(Self.request(gate), by: MachineHarness.alice).run
        let told = [await changes.next(), await changes.next()]
        #expect(told.map { $0?.run } == [plain, asking])
        #expect(told.map { $0?.hasMessages } == [false, true])
        #expect(await engine.outbox().map(\.run) == [asking])
        await engine.shutdown()
    }

    @Test func `a timer survives the engine`() async throws {
        let store = MemoryStore()
        let sleep = Node(id: "nap", name: "nap", kind: .sleep(.literal(0.05)))
        let old = try Engine(store: store, dispatcher: KeptOrders(), environment: Self.environment())
        let run = try await old.start(Self.request([sleep]), by: MachineHarness.alice).run
        let crashed = store.afterCrash()
        await old.shutdown()
        let new = try Engine(store: crashed, dispatcher: KeptOrders(), environment: Self.environment())
        let changes = new.changes()
        if try await new.exclusively({ try $0.run(run)?.state.isTerminal }) != true { #expect(await Self.end(of: run, changes) == .succeeded) }
        await new.shutdown()
    }
}
