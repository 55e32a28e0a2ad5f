import Crypto
import FlowEngine
import FlowModel
import FlowStoreSQLite
import Foundation
import Glibc
import Synchronization

/// The real engine on the real store, with hands that finish every attempt at once, in this process.
final class EngineUnderTest: Sendable {
    let engine: Engine
    private let store: SQLiteStore

    /// Reports success from the thread that dispatches.
    final class InstantHands: AttemptDispatcher {
        private let engine = Mutex<Engine?>(nil)

        func connect(_ engine: Engine?) { self.engine.withLock { $0 = engine } }

        func dispatch(_ order: AttemptOrder) {
            let result = AttemptResult(outcome: .succeeded(output: ["exitStatus": 0, "stdout": ""], changed: nil), exitStatus: 0)
            let engine = self.engine.withLock { $0 }
            engine?.report(AttemptReport(id: order.id, fence: order.fence, event: .ended(result)))
        }

        func proceed(_ id: AttemptID) {}
        func stop(_ id: AttemptID, force: Bool) {}
        func forget(_ id: AttemptID, target: FlowModel.Host?) {}
    }

    private let hands = InstantHands()

    init(in directory: String) throws {
        let environment = EngineEnvironment(
            now: { Instant(milliseconds: Int64(Date().timeIntervalSince1970 * 1000)) },
            random: { count in (0..<count).map { _ in UInt8.random(in: 0 ... .max) } },
            hash: { Digest(bytes: SHA256.hash(data: $0)) })
        store = try SQLiteStore.open(in: directory, now: environment.now())
        engine = try Engine(store: store, dispatcher: hands, environment: environment)
        hands.connect(engine)
    }

    func close() async throws {
        await engine.shutdown()
        hands.connect(nil)
        try store.close()
    }

    /// A flow of no-op steps, one after the other.
    static func chain(of count: Int) -> StartRequest {
        let nodes = (1...count).map { number in
            Node(
                id: "s\(number)", name: "s\(number)", kind: .shell(ShellSpec(source: .text("true"))),
                needs: number == 1 ? [] : ["s\(number - 1)"])
        }
        let plan = Plan(flow: "chain", nodes: nodes, dsl: "0")
        let revision = Digest(bytes: SHA256.hash(data: Array("chain \(count)".utf8)))
        return StartRequest(plan: plan, revision: revision, binary: nil, inputs: [:], targets: [:], fingerprint: revision)
    }

    static let actor = Actor(person: "bench", user: "bench", names: ["bench"], roles: ["admin"])

    /// How long runs took, from two points of view.
    struct Took: Sendable {
        var fromFirstRequest: Double
        var fromLastReceipt: Double
        /// Of the whole process, from the last receipt.
        var cpuSeconds: Double
    }

    /// Starts the runs, and returns when all have ended.
    func complete(_ count: Int, of request: StartRequest) async throws -> Took {
        let changes = engine.changes()
        let clock = ContinuousClock()
        let begin = clock.now
        async let end: ContinuousClock.Instant = {
            var terminal = Set<RunID>()
            for await change in changes where change.state.isTerminal {
                terminal.insert(change.run)
                if terminal.count == count { break }
            }
            return clock.now
        }()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<count { group.addTask { _ = try await self.engine.start(request, by: Self.actor) } }
            try await group.waitForAll()
        }
        let (received, cpu) = (clock.now, clockSeconds(CLOCK_PROCESS_CPUTIME_ID))
        let ended = await end
        return Took(
            fromFirstRequest: seconds(ended - begin), fromLastReceipt: seconds(ended - received),
            cpuSeconds: clockSeconds(CLOCK_PROCESS_CPUTIME_ID) - cpu)
    }
}
