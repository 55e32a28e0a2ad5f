import FlowCrypto
import FlowEngine
import FlowModel
import FlowStoreSQLite
import Foundation
import Glibc
import Synchronization

/// The real engine on the real store, with hands that finish every attempt at once, in this process.
final class EngineUnderTest: Sendable {
    let engine: Engine
    /// The store as the engine has it, which notes its commits.
    let stamps: StampedStore
    private let store: SQLiteStore
    private let hands: any Hands

    init(in directory: String, hands: any Hands = InstantHands()) throws {
        self.hands = hands
        let environment = EngineEnvironment(
            now: { Instant(milliseconds: Int64(Date().timeIntervalSince1970 * 1000)) },
            random: { count in (0..<count).map { _ in UInt8.random(in: 0 ... .max) } },
            hash: { Digest(of: $0) })
        store = try SQLiteStore.open(in: directory, now: environment.now())
        stamps = StampedStore(store)
        engine = try Engine(store: stamps, dispatcher: hands, environment: environment)
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
        return request(Plan(flow: "chain", nodes: nodes, dsl: "0"))
    }

    static func request(_ plan: Plan, targets: [String: [FlowModel.Host]] = [:]) -> StartRequest {
        let revision = Digest(of: "\(plan.flow) \(plan.nodes.count)".utf8)
        return StartRequest(plan: plan, revision: revision, binary: nil, inputs: [:], targets: targets, fingerprint: revision)
    }

    static let actor = Actor(person: "bench", user: "bench", names: ["bench"], roles: ["admin"])

    /// How long runs took, from two points of view.
    struct Took: Sendable {
        var fromFirstRequest: Double
        var fromLastReceipt: Double
        /// Of the whole process, from the last receipt.
        var cpuSeconds: Double
    }

    /// Starts the runs, at once or spread over so many seconds, and returns when all have ended.
    func complete(_ count: Int, of request: StartRequest, spreadOver seconds: Double = 0) async throws -> Took {
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
            for number in 0..<count {
                group.addTask {
                    if seconds > 0 { try await Task.sleep(for: .seconds(seconds * Double(number) / Double(count))) }
                    _ = try await self.engine.start(request, by: Self.actor)
                }
            }
            try await group.waitForAll()
        }
        let (received, cpu) = (clock.now, clockSeconds(CLOCK_PROCESS_CPUTIME_ID))
        let ended = await end
        return Took(
            fromFirstRequest: flow_bench.seconds(ended - begin), fromLastReceipt: flow_bench.seconds(ended - received),
            cpuSeconds: clockSeconds(CLOCK_PROCESS_CPUTIME_ID) - cpu)
    }
}
