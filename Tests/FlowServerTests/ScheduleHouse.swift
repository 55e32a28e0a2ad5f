import FlowAPI
import FlowCrypto
import FlowEngine
import FlowModel
import FlowSchedules
import FlowServer
import FlowStoreSQLite
import FlowWire
import Foundation
import Logging
import Synchronization

/// An engine with schedules on a clock that the test sets. Runs of flow `open` wait for a person; all others end at once.
final class ScheduleHouse: Sendable {
    static let alice = Actor(person: "p1", user: "alice", names: ["alice"], roles: ["author"])

    let clock: ManualClock
    let store: SQLiteStore
    let engine: Engine
    let scheduler: Scheduler
    let book: any ScheduleDirectory
    let preparation: any RunPreparation
    /// Alice has an account.
    let people: PeopleBook
    /// What a start fails with.
    let faults: StartFaults

    init(home: TemporaryHome, clock: ManualClock, isRestored: Bool = false, faults: StartFaults = StartFaults()) async throws {
        self.clock = clock
        self.faults = faults
        let store = try SQLiteStore.open(in: home.path, now: clock.now)
        self.store = store
        var environment = EngineEnvironment(
            now: { clock.now }, random: { count in (0..<count).map { _ in UInt8.random(in: 0...255) } },
            hash: { Digest(of: $0) })
        let people = PeopleBook(store: store, now: { clock.now })
        self.people = people
        environment.people = { people.people }
        let accounts = Accounts(store)
        if try await accounts.actor(user: "alice") == nil { try await accounts.add(user: "alice", roles: ["author"], by: "test", at: clock.now) }
        engine = try Engine(store: store, dispatcher: NoHands(), environment: environment)
        let preparation = OwnPlans(faults: faults)
        self.preparation = preparation
        scheduler = Scheduler(
            store: store, engine: engine, preparation: preparation,
            inputs: StoredInputs(secrets: { _ in [] }, seal: { "sealed " + $0 }, open: { String($0.dropFirst("sealed ".count)) }), home: home.path,
            now: { clock.now },
            people: { people.people }, logger: Logger(label: "test"))
        book = ScheduleBook(scheduler: scheduler, plans: preparation)
        try await scheduler.load(isRestored: isRestored)
        try await people.connect(engine)
        let scheduler = scheduler
        people.listen { await scheduler.ownersChanged($0) }
    }

    /// A run has ended: what waits for it starts.
    func releaseQueue() async throws {
        // What its end takes is decided in the turns before these are answered.
        for _ in 0..<3 { try await engine.settle() }
        await scheduler.runEnded()
        _ = await scheduler.turn()
    }

    func close() async throws {
        await engine.shutdown()
        try store.close()
    }

    /// Lets the time pass in steps, with a turn of the scheduler after each.
    func pass(to text: String, stepSeconds: Double) async throws {
        let end = try moment(text)
        while clock.now < end {
            clock.set(min(clock.now + stepSeconds, end))
            _ = await scheduler.turn()
        }
    }

    func put(_ name: String, flow: String = "quick", _ change: (inout ScheduleSpec) -> Void) async throws {
        var spec = ScheduleSpec(flow: flow)
        change(&spec)
        _ = try await book.put(name, spec, by: ScheduleHouse.alice)
    }

    /// What became of the schedule's times, oldest first: `2026-03-28T02:30+01:00 run`.
    func ledger(_ name: String) async throws -> [String] {
        try await book.occurrences(of: name, isMissed: false, before: nil, limit: 10_000).reversed().map { row in
            "\(row.nominal.prefix { $0 != "[" }) \(row.reason?.rawValue ?? row.state?.rawValue ?? "")"
        }
    }

    func states(_ name: String) async throws -> [String] {
        try await ledger(name).map { String($0.split(separator: " ").last ?? "") }
    }
}

final class ManualClock: Sendable {
    private let instant: Mutex<Instant>
    init(_ text: String) throws { instant = Mutex(try moment(text)) }
    var now: Instant { instant.withLock { $0 } }
    func set(_ value: Instant) { instant.withLock { $0 = value } }
}

func moment(_ text: String) throws -> Instant {
    guard let instant = Instant(text) else { throw FlowError(.usage, subject: text, "no instant") }
    return instant
}

/// Nothing is ever handed out: the plans have no steps that need hands.
private final class NoHands: AttemptDispatcher {
    func dispatch(_ order: AttemptOrder) {}
    func proceed(_ id: AttemptID) {}
    func stop(_ id: AttemptID, force: Bool) {}
    func forget(_ id: AttemptID, target: FlowModel.Host?) {}
}

/// What the preparation of a flow's runs throws, by flow.
final class StartFaults: Sendable {
    enum Fault: Sendable {
        case thrown(FlowError)
        /// A stop comes in the middle of it; it fails with whatever was broken off.
        case stop
    }

    private let faults = Mutex<[String: Fault]>([:])

    subscript(flow: String) -> Fault? {
        get { faults.withLock { $0[flow] } }
        set { faults.withLock { $0[flow] = newValue } }
    }
}

private struct OwnPlans: RunPreparation {
    let faults: StartFaults

    private func plan(_ start: Wire.Start) throws -> Plan {
        switch start.flow {
        case "open": Plan(flow: "open", nodes: [Nodes.approval("go")], dsl: "test")
        case "quick": Plan(flow: "quick", nodes: [Nodes.sleep("nap", 0)], dsl: "test")
        default: throw FlowError(.notFound, subject: start.flow ?? "", "There is no flow '\(start.flow ?? "")'.")
        }
    }

    func prepare(_ start: Wire.Start, key: String?, content: JSON) async throws -> StartRequest {
        let plan = try plan(start)
        switch faults[plan.flow] {
        case .thrown(let error): throw error
        case .stop:
            withUnsafeCurrentTask { $0?.cancel() }
            throw FlowError(.usage, subject: plan.flow, "Nothing was read.")
        case nil: break
        }
        func digest(_ text: String) -> Digest { Digest(of: text.utf8) }
        return StartRequest(
            plan: plan, revision: digest(plan.flow), binary: nil, inputs: start.inputs ?? [:], targets: [:], labels: start.labels ?? [:], key: key,
            fingerprint: digest(content.canonical))
    }

    func edit(_ inputs: [String: JSON], of plan: Plan, begunWith created: Created, now current: JSON) async throws -> InputEdit {
        InputEdit(inputs: inputs)
    }

    func check(_ start: Wire.Start, taken: Set<String>?) async throws { _ = try plan(start) }

    func preview(_ start: Wire.Start) async throws -> Wire.Preview {
        let plan = try plan(start)
        let revision = Digest(bytes: [UInt8](repeating: 0, count: 32))
        return Wire.Preview(flow: plan.flow, revision: revision, plan: plan, inputs: .object([:]), targets: [:])
    }
}
