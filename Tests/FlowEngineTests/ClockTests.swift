import FlowEngine
import FlowModel
import FlowTestKit
import Glibc
import Synchronization
import Testing

/// Somebody sets the clock while runs wait: stretches of time go on, times of the day are the wall's.
@Suite("Clocks of the engine", .timeLimit(.minutes(1)))
struct ClockTests {
    /// A clock on the wall that can be set, and one that only goes on.
    private final class World: Sendable {
        private struct State {
            var wall: Int64 = 1_700_000_000_000
            var elapsed: Int64 = 5_000
        }
        private let state = Mutex(State())

        func pass(seconds: Double) {
            state.withLock { state in
                state.wall += Int64(seconds * 1_000)
                state.elapsed += Int64(seconds * 1_000)
            }
        }
        func set(by seconds: Double) { state.withLock { $0.wall += Int64(seconds * 1_000) } }
        var now: Instant { state.withLock { Instant(milliseconds: $0.wall) } }

        var environment: EngineEnvironment {
            var environment = EngineTests.environment()
            environment.now = { self.now }
            environment.elapsed = { self.state.withLock { $0.elapsed } }
            return environment
        }
    }

    private struct House {
        let world = World()
        let store: MemoryStore
        let engine: Engine
        let run: RunID

        init(_ orders: KeptOrders = KeptOrders(), _ nodes: (World) -> [Node]) async throws {
            store = MemoryStore()
            engine = try Engine(store: store, dispatcher: orders, environment: world.environment)
            run = try await engine.start(EngineTests.request(nodes(world)), by: MachineHarness.alice).run
        }

        func count(_ state: RunState) async throws -> Int { try await store.runs(RunQuery(states: [state], limit: 2_000)).count }
        func steps() async throws -> [StepRow] { try await store.steps(of: run, after: nil, limit: 10) }

        /// The writer looks at its clocks once for each of these.
        func state() async throws -> RunState? {
            for _ in 0..<2 { try await engine.settle() }
            return try await store.run(run)?.state
        }
    }

    private static func sleep(_ seconds: Double) -> Node { Node(id: "nap", name: "nap", kind: .sleep(.literal(.double(seconds)))) }

    @Test(arguments: [-7_200.0, 60, 86_400, -34_560_000, 34_560_000] as [Double])
    func `a sleep of twenty seconds takes twenty seconds, wherever somebody sets the clock`(jump: Double) async throws {
        let house = try await House { _ in [Self.sleep(20)] }
        house.world.pass(seconds: 5)
        house.world.set(by: jump)
        house.world.pass(seconds: 14)
        #expect(try await house.state() == .waiting)
        house.world.pass(seconds: 1)
        #expect(try await house.state() == .succeeded)
        #expect(try house.store.timers().isEmpty, "one that has fired is not kept for the engine after this one")
        await house.engine.shutdown()
    }

    @Test(arguments: [-7_200, 7_200] as [Double])
    func `the deadline of a gate is a stretch of time`(jump: Double) async throws {
        let spec = ApprovalSpec(prompt: .literal("?"), rules: [.anyone(count: 1)], deadlineSeconds: 100)
        let house = try await House { _ in [Node(id: "go", name: "go", kind: .approval(spec))] }
        house.world.set(by: jump)
        house.world.pass(seconds: 99)
        #expect(try await house.state() == .waiting)
        house.world.pass(seconds: 1)
        #expect(try await house.state() == .failed)
        await house.engine.shutdown()
    }

    /// Each reminder sets the next one, by a clock that shows something else by then.
    @Test(arguments: [-7_200, -50, 50, 7_200] as [Double])
    func `the deadline of a gate stays where it was beside its reminders`(jump: Double) async throws {
        let spec = ApprovalSpec(prompt: .literal("?"), rules: [.anyone(count: 1)], deadlineSeconds: 100, remindSeconds: 30)
        let house = try await House { _ in [Node(id: "go", name: "go", kind: .approval(spec))] }
        house.world.pass(seconds: 10)
        house.world.set(by: jump)
        var reminders: Set<Instant> = []
        for _ in 10..<99 {
            house.world.pass(seconds: 1)
            #expect(try await house.state() == .waiting)
            let row = try await house.store.approvals(state: nil, run: house.run, limit: 1).first
            if let next = row?.terms.remindAt { reminders.insert(next) }
        }
        #expect(reminders.count == 4, "it was told three times, and would be once more")
        house.world.pass(seconds: 1)
        #expect(try await house.state() == .failed)
        await house.engine.shutdown()
    }

    /// More of them than stay in memory: one that comes back there has its timers as they were.
    @Test func `the deadlines of many gates stay where they were`() async throws {
        let spec = ApprovalSpec(prompt: .literal("?"), rules: [.anyone(count: 1)], deadlineSeconds: 100, remindSeconds: 30)
        let house = try await House { _ in [Node(id: "go", name: "go", kind: .approval(spec))] }
        for _ in 0..<1_050 {
            let request = EngineTests.request([Node(id: "go", name: "go", kind: .approval(spec))])
            _ = try await house.engine.start(request, by: MachineHarness.alice)
        }
        house.world.pass(seconds: 10)
        house.world.set(by: 7_200)
        for moment in [30.0, 60, 90] {
            house.world.pass(seconds: moment == 30 ? 20 : 30)
            for _ in 0..<10 { try await house.engine.settle() }
            #expect(try await house.count(.waiting) == 1_051, "at \(moment)")
        }
        house.world.pass(seconds: 10)
        for _ in 0..<10 { try await house.engine.settle() }
        #expect(try await house.count(.failed) == 1_051)
        await house.engine.shutdown()
    }

    /// Its host runs it to its own deadline: another attempt would run beside it.
    @Test(arguments: [-7_200, 7_200] as [Double])
    func `an attempt on a silent host is not lost before it must have ended`(jump: Double) async throws {
        let policy = Policy(retry: Retry(attempts: 2, delaySeconds: 1), timeoutSeconds: 600)
        let orders = KeptOrders()
        let house = try await House(orders) { _ in [shell("a", policy: policy)] }
        let order = try #require(await orders.next())
        let report = { (event: AttemptReport.Event) in house.engine.report(AttemptReport(id: order.id, fence: order.fence, event: event)) }
        report(.placed(Place(bootID: "b", spoolID: "s")))
        #expect(try await house.state() == .running)
        house.world.pass(seconds: 60)
        house.world.set(by: jump)
        report(.unreachable("no route"))
        let longest = 600 + Limits.graceSeconds + Limits.silentHostMarginSeconds
        #expect(try await house.state() == .waiting)
        house.world.pass(seconds: longest - 61)
        _ = try await house.state()
        #expect(try await house.steps().map(\.state) == [.running])
        house.world.pass(seconds: 1)
        _ = try await house.state()
        #expect(try await house.steps().map(\.state) == [.backingOff])
        await house.engine.shutdown()
    }

    @Test(arguments: [-7_200, -30, 7_200] as [Double])
    func `a rate counts seconds that have passed`(jump: Double) async throws {
        let policy = Policy(claims: [ClaimSpec(name: .literal("mail"), kind: .rate(count: 1, seconds: 60))])
        let orders = KeptOrders()
        let house = try await House(orders) { _ in [shell("a", policy: policy), shell("b", policy: policy)] }
        let first = try #require(await orders.next())
        let ended = AttemptResult(outcome: .succeeded(output: [:], changed: true))
        house.engine.report(AttemptReport(id: first.id, fence: first.fence, event: .ended(ended)))
        house.world.pass(seconds: 20)
        house.world.set(by: jump)
        #expect(try await house.state() == .waiting)
        house.world.pass(seconds: 39)
        #expect(try await house.state() == .waiting)
        house.world.pass(seconds: 1)
        #expect(try await house.state() == .running)
        await house.engine.shutdown()
    }

    @Test func `how long ago a time was is told across jumps`() {
        var (wall, elapsed) = (Int64(1_000_000), Int64(5_000))
        func now() -> Moment { Moment(wall: Instant(milliseconds: wall), elapsed: elapsed) }
        var history = WallHistory(now())
        func pass(_ seconds: Int64, jump: Int64 = 0) {
            (wall, elapsed) = (wall + (seconds + jump) * 1_000, elapsed + seconds * 1_000)
            history.note(now())
        }
        let first = now().wall
        pass(10)
        let second = now().wall
        pass(0, jump: 3_600)
        pass(5)
        #expect(history.seconds(since: first, at: now()) == 15 && history.seconds(since: second, at: now()) == 5)
        pass(0, jump: -3_602)
        // Shown twice: three seconds before the jump ahead, and after it.
        #expect(history.seconds(since: now().wall, at: now()) == 0)
        pass(1)
        #expect(history.seconds(since: first, at: now()) == 16)
        // From before the engine, and from a time that never was.
        #expect(history.seconds(since: first + -100, at: now()) == 116)
        #expect(history.seconds(since: first + 1_000_000, at: now()) == 16)
        for _ in 0..<100 { pass(1, jump: 60) }
        #expect(history.seconds(since: now().wall, at: now()) == 0)
    }

    @Test func `a moment that a flow names is the wall's, also after a restart`() async throws {
        let house = try await House { world in
            [Node(id: "nap", name: "nap", kind: .sleepUntil(.literal(.string((world.now + 3_600).description))))]
        }
        house.world.pass(seconds: 3_599)
        house.world.set(by: -3_600)
        house.world.pass(seconds: 60)
        #expect(try await house.state() == .waiting)
        await house.engine.shutdown()
        let again = try Engine(store: house.store, dispatcher: KeptOrders(), environment: house.world.environment)
        house.world.set(by: 3_600)
        for _ in 0..<2 { try await again.settle() }
        #expect(try await house.store.run(house.run)?.state == .succeeded)
        await again.shutdown()
    }

    @Test func `a rate does not wait for times that a wrong clock noted`() throws {
        let now = Instant(milliseconds: 1_000_000)
        let rate = StartRate(count: 1, seconds: 60)
        #expect(rate.moment(after: [now + 7_200], now: now) == nil)
        #expect(rate.moment(after: [now + -10, now + 7_200], now: now) == now + 50)
    }

    @Test func `looking at a run does not take the writer's turn`() async throws {
        let house = try await House { _ in [Self.sleep(20)] }
        let (isHeld, hold) = AsyncStream.makeStream(of: Void.self)
        let release = Mutex(false)
        async let held: Void = house.engine.exclusively { _ in
            hold.yield()
            while !release.withLock({ $0 }) { sched_yield() }
        }
        for await _ in isHeld { break }
        let folds = house.engine.folds(from: house.store)
        #expect(try await folds.rows(of: house.run)?.run.state == .waiting)
        await #expect(throws: FlowError.self) { try await folds.undoStages(of: house.run, from: nil) }
        release.withLock { $0 = true }
        try await held
        await house.engine.shutdown()
    }
}
