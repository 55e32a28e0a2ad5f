import FlowEngine
import FlowModel
import FlowTestKit
import Testing

/// An engine whose calls the test answers.
private struct CallingEngine {
    let store: MemoryStore
    let hands = KeptOrders()
    let engine: Engine
    let orders: AsyncStream<CallOrder>

    init(_ store: MemoryStore = MemoryStore()) throws {
        self.store = store
        let (orders, continuation) = AsyncStream.makeStream(of: CallOrder.self)
        self.orders = orders
        var environment = EngineTests.environment()
        environment.call = { continuation.yield($0) }
        engine = try Engine(store: store, dispatcher: hands, environment: environment)
    }

    /// The flow `outer`: a step, a call of `inner`, a step that reads what the call handed out.
    static func request(inner: [Node] = [shell("build")]) -> StartRequest {
        var request = EngineTests.request([
            shell("before"),
            Node(id: "sub", name: "sub", kind: .call(CallSpec(flow: "inner", inputs: ["n": .literal(3)])), needs: ["before"]),
            shell("after", needs: ["sub"]),
        ])
        request.plan.calls = [CalledFlow(plan: Plan(flow: "inner", nodes: inner, dsl: "0"))]
        return request
    }

    func nextCall() async throws -> CallOrder {
        for await order in orders { return order }
        throw CancellationError()
    }

    func answer(_ order: CallOrder) {
        let request = StartRequest(
            plan: order.plan, revision: Digest(bytes: [UInt8](repeating: 9, count: 32)), binary: nil, inputs: order.inputs, targets: [:],
            labels: order.labels, fingerprint: Digest(bytes: [UInt8](repeating: 9, count: 32)))
        engine.call(order.id, request, by: MachineHarness.alice)
    }

    func finish(_ path: String) async throws {
        let order = try #require(await hands.next())
        #expect(order.id.step.text == path)
        engine.report(EngineTests.done(order))
    }

    func rows() async throws -> [String: RunRow] {
        try await engine.settle()
        let rows = try await store.runs(RunQuery(states: [], limit: 100))
        return Dictionary(rows.map { ($0.flow, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// Waits until the newest run of the flow is in this state.
    func expect(_ flow: String, _ state: RunState, sourceLocation: Testing.SourceLocation = #_sourceLocation) async throws {
        for _ in 0..<200 {
            if try await rows()[flow]?.state == state { return }
            try await Task.sleep(for: .milliseconds(5))
        }
        Issue.record("\(flow) is \(try await rows()[flow]?.state.rawValue ?? "nowhere")", sourceLocation: sourceLocation)
    }
}

@Suite("Calls", .timeLimit(.minutes(1)))
struct CallTests {
    @Test func `a step runs another flow as a run of its own, and has what that handed out`() async throws {
        let world = try CallingEngine()
        let run = try await world.engine.start(CallingEngine.request(), by: MachineHarness.alice).run
        try await world.finish("before")
        let order = try await world.nextCall()
        #expect(order.inputs == ["n": 3] && order.labels == ["parent": run.text])
        try await world.expect("test", .waiting)
        #expect(try await world.rows()["test"]?.waitingFor.map(\.kind) == [.child])

        world.answer(order)
        world.answer(order)
        try await world.finish("build")
        try await world.finish("after")
        try await world.expect("test", .succeeded)
        let rows = try await world.store.runs(RunQuery(states: [], limit: 100))
        #expect(rows.count == 2, "an answer that comes twice makes one run")
        let child = try #require(rows.first { $0.flow == "inner" })
        #expect(child.state == .succeeded && child.person == "alice")
        #expect(try await world.engine.folds(from: world.store).rows(of: run)?.steps.map(\.state) == [.succeeded, .succeeded, .succeeded])
        await world.engine.shutdown()
    }

    @Test func `its failure comes up, and a retry calls it again`() async throws {
        let world = try CallingEngine()
        let run = try await world.engine.start(CallingEngine.request(), by: MachineHarness.alice).run
        try await world.finish("before")
        world.answer(try await world.nextCall())
        let order = try #require(await world.hands.next())
        let failure = AttemptResult.Failure(.exitStatus, "exit status 1")
        world.engine.report(
            AttemptReport(id: order.id, fence: order.fence, event: .ended(AttemptResult(outcome: .failed(failure), exitStatus: 1))))
        try await world.expect("test", .failed)
        let reason = try await world.rows()["test"]?.reason
        #expect(reason?.contains("failed: step 'build' failed: exit status 1") == true, "\(reason ?? "")")

        _ = try await world.engine.perform(.retry(from: nil), on: run, by: MachineHarness.alice)
        let again = try await world.nextCall()
        #expect(again.id.generation == 2)
        world.engine.refuse(again.id, because: "its inputs are not acceptable")
        try await world.expect("test", .failed)
        #expect(try await world.rows()["test"]?.reason == "step 'sub' failed: its inputs are not acceptable")
        await world.engine.shutdown()
    }

    @Test func `pause, resume and cancel go down`() async throws {
        let world = try CallingEngine()
        let run = try await world.engine.start(CallingEngine.request(), by: MachineHarness.alice).run
        try await world.finish("before")
        world.answer(try await world.nextCall())
        let order = try #require(await world.hands.next())
        _ = try await world.engine.perform(.pause, on: run, by: MachineHarness.alice)
        try await world.expect("inner", .paused)
        _ = try await world.engine.perform(.resume, on: run, by: MachineHarness.alice)
        try await world.expect("inner", .running)
        _ = try await world.engine.perform(.reprioritise(9), on: run, by: MachineHarness.alice)
        #expect(try await world.rows()["inner"]?.priority == 9)
        await #expect(throws: FlowError.self, "its run would go on") {
            _ = try await world.engine.perform(.skip(StepPath("sub")), on: run, by: MachineHarness.alice)
        }
        _ = try await world.engine.perform(.cancel, on: run, by: MachineHarness.alice)
        try await world.expect("inner", .cancelling)
        try await world.expect("test", .cancelling)
        world.engine.report(AttemptReport(id: order.id, fence: order.fence, event: .ended(AttemptResult(outcome: .cancelled, exitStatus: nil))))
        try await world.expect("inner", .cancelled)
        try await world.expect("test", .cancelled)
        await world.engine.shutdown()
    }

    @Test func `an engine that ends in between asks again, and learns what ended meanwhile`() async throws {
        let first = try CallingEngine()
        _ = try await first.engine.start(CallingEngine.request(), by: MachineHarness.alice)
        try await first.finish("before")
        _ = try await first.nextCall()

        // The order is lost with the engine.
        let second = try CallingEngine(first.store.afterCrash())
        await first.engine.shutdown()
        second.answer(try await second.nextCall())
        let order = try #require(await second.hands.next())
        #expect(order.id.step.text == "build")
        try await second.engine.settle()

        // The run that was called is out with a worker, and is taken over.
        let third = try CallingEngine(second.store.afterCrash())
        await second.engine.shutdown()
        try await third.finish("build")
        try await third.finish("after")
        try await third.expect("test", .succeeded)
        #expect(try await third.store.runs(RunQuery(states: [], limit: 100)).count == 2)
        await third.engine.shutdown()
    }

    @Test func `a failed sibling leaves it alone, and the run ends when it has`() async throws {
        let world = try CallingEngine()
        var request = CallingEngine.request()
        request.plan.nodes = [
            shell("before"), Node(id: "sub", name: "sub", kind: .call(CallSpec(flow: "inner", inputs: [:]))), shell("after", needs: ["sub"]),
        ]
        _ = try await world.engine.start(request, by: MachineHarness.alice)
        world.answer(try await world.nextCall())
        for _ in 0..<2 {
            let order = try #require(await world.hands.next())
            guard order.id.step.text == "before" else { continue }
            let failure = AttemptResult.Failure(.exitStatus, "exit status 1")
            world.engine.report(
                AttemptReport(id: order.id, fence: order.fence, event: .ended(AttemptResult(outcome: .failed(failure), exitStatus: 1))))
        }
        try await world.engine.settle()
        #expect(try await world.rows()["test"]?.state == .waiting)
        await world.engine.shutdown()
    }

    private static func lock(_ kind: ClaimSpec.Kind) -> FlowControl {
        FlowControl(claims: [ClaimSpec(name: .literal("db"), kind: kind)])
    }

    @Test func `a lock of the calling run is held for the run that it calls, across engines too`() async throws {
        let first = try CallingEngine()
        var request = CallingEngine.request()
        request.plan.control = Self.lock(.exclusive)
        request.plan.calls?[0].plan.control = Self.lock(.exclusive)
        let run = try await first.engine.start(request, by: MachineHarness.alice).run
        try await first.finish("before")
        first.answer(try await first.nextCall())
        #expect(try #require(await first.hands.next()).id.step.text == "build")
        try await first.expect("inner", .running)
        #expect(try first.store.claims().filter { !$0.callers.isEmpty }.map { $0.callers.map(\.run) } == [[run]])

        // The table is made from rows, and holds the same.
        let second = try CallingEngine(first.store.afterCrash())
        await first.engine.shutdown()
        try await second.engine.settle()
        let child = try #require(try await second.rows()["inner"]?.id)
        let lender = await second.engine.leases { $0.lender(of: ClaimRow.ID(run: child, step: Run.ownPath), key: "lock:db") }
        #expect(lender??.run == run)
        #expect(try await second.engine.folds(from: second.store).rows(of: child)?.claims == second.store.claims().filter { $0.id.run == child })
        try await second.finish("build")
        try await second.finish("after")
        try await second.expect("test", .succeeded)
        #expect(try second.store.claims().isEmpty)
        await second.engine.shutdown()
    }

    @Test func `a run that wants alone what its caller shares fails at once, and both are named`() async throws {
        let world = try CallingEngine()
        var request = CallingEngine.request()
        request.plan.control = Self.lock(.shared)
        request.plan.calls?[0].plan.control = Self.lock(.exclusive)
        let run = try await world.engine.start(request, by: MachineHarness.alice).run
        try await world.finish("before")
        world.answer(try await world.nextCall())
        try await world.expect("inner", .failed)
        try await world.expect("test", .failed)
        let child = try #require(try await world.rows()["inner"])
        let reason = try #require(child.reason)
        #expect(reason.contains("it would wait for ever: it asks for lock 'db'; run \(run), which called run \(child.id), has lock 'db', shared"))
        #expect(try await world.rows()["test"]?.reason?.contains(reason) == true)
        #expect(try world.store.claims().isEmpty)
        await world.engine.shutdown()
    }
}
