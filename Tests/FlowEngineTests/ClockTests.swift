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

        init(_ nodes: (World) -> [Node]) async throws {
            store = MemoryStore()
            engine = try Engine(store: store, dispatcher: KeptOrders(), environment: world.environment)
            run = try await engine.start(EngineTests.request(nodes(world)), by: MachineHarness.alice).run
        }

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
