import FlowEngine
import FlowModel
import FlowTestKit
import Synchronization
import Testing

/// A run whose journal takes several turns of the writer to be folded.
@Suite("Long runs", .timeLimit(.minutes(2)))
struct LongRunTests {
    private static let elements = 6_500

    @Test func `while a long run is read others go on, and what comes for it waits`() async throws {
        let (store, run) = try await LongRunTests.parked()
        let engine = try Engine(store: store, dispatcher: KeptOrders(), environment: EngineTests.environment())
        async let paused = engine.perform(.pause, on: run, by: MachineHarness.alice)
        async let hurried = engine.perform(.reprioritise(9), on: run, by: MachineHarness.alice)
        async let other = engine.start(EngineTests.request([shell("a")]), by: MachineHarness.alice)
        let started = try await other.row?.head.sequence ?? .max
        let sequences = [try await paused.head.sequence, try await hurried.head.sequence]
        #expect(sequences.allSatisfy { $0 > started })
        #expect(try await engine.folds(from: store).rows(of: run)?.run.state == .paused)
        await engine.shutdown()
    }

    @Test func `a long journal with damage in its middle is said to everybody who asked, and others go on`() async throws {
        let (store, run) = try await LongRunTests.parked()
        let damaged = DamagedStore(store, after: 4_000, .corrupt("record 4001 is not what was written"))
        let engine = try Engine(store: damaged, dispatcher: KeptOrders(), environment: EngineTests.environment())
        for _ in 0..<2 {
            await #expect(throws: FlowError.self) { try await engine.perform(.pause, on: run, by: MachineHarness.alice) }
        }
        #expect(try await engine.start(EngineTests.request([shell("a")]), by: MachineHarness.alice).isNew)
        let row = try #require(await store.run(run))
        #expect(engine.shown(row).reason?.contains("record 4001") == true)
        await engine.shutdown()
    }

    @Test func `who waits for a long run is answered when the engine ends`() async throws {
        let (store, run) = try await LongRunTests.parked()
        let engine = try Engine(store: store, dispatcher: KeptOrders(), environment: EngineTests.environment())
        async let paused: Void = {
            do {
                _ = try await engine.perform(.pause, on: run, by: MachineHarness.alice)
            } catch let error as FlowError {
                #expect(error.code == .overloaded)
            }
        }()
        await engine.shutdown()
        try await paused
    }

    /// A run that waits at a gate after more records than a turn folds, in a store as a crash leaves it.
    private static func parked() async throws -> (MemoryStore, RunID) {
        let store = MemoryStore()
        let hands = PromptHands()
        let engine = try Engine(store: store, dispatcher: hands, environment: EngineTests.environment())
        hands.engine.withLock { $0 = engine }
        let changes = engine.changes()
        let list = JSON.array((0..<elements).map { .int($0) })
        let nodes = [
            Node(id: "all", name: "all", kind: .map(MapSpec(elements: .list(.literal(list)), width: 1))),
            Node(id: "all/s", name: "s", scope: "all", kind: .shell(ShellSpec(source: .text("true")))),
            approval("go", [.anyone(count: 1)], needs: ["all"]),
        ]
        let run = try await engine.start(EngineTests.request(nodes), by: MachineHarness.alice).run
        for await change in changes where change.run == run && change.hasMessages { break }
        await engine.shutdown()
        let crashed = store.afterCrash()
        #expect(try crashed.journal(of: run)?.count ?? 0 > elements)
        return (crashed, run)
    }
}

/// Every order has succeeded as soon as it is there.
private final class PromptHands: AttemptDispatcher {
    let engine = Mutex<Engine?>(nil)

    func dispatch(_ order: AttemptOrder) { engine.withLock { $0 }?.report(EngineTests.done(order)) }
    func proceed(_ id: AttemptID) {}
    func stop(_ id: AttemptID, force: Bool) {}
    func forget(_ id: AttemptID, target: FlowModel.Host?) {}
}

/// A store that does not give what comes after a record of a journal.
private final class DamagedStore: WrappingStore {
    let store: MemoryStore
    private let sequence: Int
    private let error: StoreError

    init(_ store: MemoryStore, after sequence: Int, _ error: StoreError) { (self.store, self.sequence, self.error) = (store, sequence, error) }

    func commit(_ batch: CommitBatch) throws(StoreError) { try store.commit(batch) }

    func journalPage(of run: RunID, after sequence: Int, limit: Int) throws(StoreError) -> [JournalRecord]? {
        if sequence >= self.sequence { throw error }
        return try store.journalPage(of: run, after: sequence, limit: limit)
    }
}
