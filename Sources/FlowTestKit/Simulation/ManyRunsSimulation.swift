import FlowEngine
import FlowModel

/// A handful of runs that want the same locks, slots and rates and call others, with workers that fail and lose attempts, people who pause,
/// cancel, undo, reprioritise and set the clock, and engines that end at any moment: all from one seed. The machines and the table are the real ones.
///
/// After every event: nobody works with what somebody else has alone, no limit is exceeded, no rate either; each turn of a step has called
/// one run, which goes on only while it is waited for. At the end every run has ended, and nothing is claimed.
package struct ManyRunsSimulation {
    package struct Violation: Error, CustomStringConvertible {
        package var seed: UInt64
        package var message: String
        package var description: String { "seed \(seed): \(message)" }
    }

    /// What a decision means for other runs, to be taken in the same transaction.
    enum Consequence {
        case command(RunCommand, on: RunID)
        case ended(CallID, RunID)
        case look(CallID, RunID)
    }

    let seed: UInt64
    var random: SeededRandom
    /// What the clock on the wall shows.
    var now = Instant(milliseconds: 1_000)
    /// Seconds by which somebody has set it.
    var ahead = 0
    private var clock: SeededRandom
    var epoch = 1
    var runs: [RunID: Run] = [:]
    var journals: [RunID: [(entries: [Entry], at: Instant)]] = [:]
    var table = LeaseTable()
    /// What the store has.
    var rates: [RateRow] = []
    var orders: [AttemptOrder] = []
    /// Runs that steps have asked for and that are being made.
    var requests: [CallOrder] = []
    var searches: [HostSearch] = []
    var consequences: [Consequence] = []
    /// Turns at rates, by the time that has passed.
    var starts: [String: [Instant]] = [:]
    var calls = CallLedger()
    var undos: [RunID: UndoLedger] = [:]
    /// People try things, and engines end, until then.
    var isDisturbed = true

    /// What happened, for a test to see that it did.
    package internal(set) var grants = 0
    package internal(set) var waits = 0
    package internal(set) var deadlocks = 0
    package internal(set) var called = 0
    package internal(set) var undone = 0

    package init(seed: UInt64) {
        self.seed = seed
        random = SeededRandom(seed: seed)
        clock = SeededRandom(seed: seed &* 3 &+ 1)
    }

    static let digest = Digest(bytes: [UInt8](repeating: 7, count: 32))
    private static let events = 6_000
    private static let disturbed = 400

    package mutating func simulate() throws(Violation) {
        for number in 0..<random.int(2...5) { try start(number) }
        var count = 0
        while runs.values.contains(where: { !$0.state.isTerminal }) {
            count += 1
            isDisturbed = count < Self.disturbed
            guard count < Self.events else { throw violation("it never ends: \(summary)") }
            now = now + Double(random.int(1...20))
            if isDisturbed, clock.chance(0.05) { try setClock() }
            if isDisturbed, random.chance(0.1) { try disturb() }
            if !(try goOn()), runs.values.contains(where: { !$0.state.isTerminal }) { try help() }
            try check()
        }
        guard table.rows.isEmpty else { throw violation("all runs have ended, and there are claims: \(table.rows.keys.map(\.step))") }
        for id in runs.keys { try checkJournal(of: id) }
    }

    /// Never to before the beginning.
    private mutating func setClock() throws(Violation) {
        let jump = max(clock.pick([-86_400, -3_600, -30, -5, 5, 30, 3_600, 86_400]), -ahead)
        ahead += jump
        now = now + Double(jump)
        table.clockWasSet(by: Int64(jump) * 1_000)
        try takeWhatFollows()
    }

    /// Whatever the clock shows.
    var passed: Instant { now + Double(-ahead) }

    // MARK: - Runs

    private mutating func start(_ number: Int) throws(Violation) {
        let sharing = RandomPlan.Sharing(names: ["a", "b", "c"], calls: random.pick([0, 1, 2]))
        let flow = random.pick(["one", "two"])
        let plan = RandomPlan.make(using: random.split(), size: random.int(1...5), flow: flow, sharing: sharing)
        let created = Created(
            flow: flow, revision: Self.digest, plan: Self.digest, binary: nil, inputs: [:], targets: RandomPlan.targets, labels: [:], key: nil,
            user: "alice", person: "alice", priority: random.pick([nil, 0, 9]))
        try begin(plan, created)
        try takeWhatFollows()
    }

    @discardableResult
    private mutating func begin(_ plan: Plan, _ created: Created) throws(Violation) -> RunID {
        let id = RunID(at: now, random: [UInt8](repeating: UInt8(truncatingIfNeeded: runs.count), count: 10))
        guard let run = Run(id: id, first: .created(created), at: now, index: PlanIndex(plan)) else { throw violation("a run does not begin") }
        runs[id] = run
        journals[id] = [([.created(created)], now)]
        undos[id] = UndoLedger()
        try decide(.begin, on: id)
        return id
    }

    /// The run that a step asks for begins, if it is still asked for.
    private mutating func begin(_ order: CallOrder) throws(Violation) {
        guard let parent = runs[order.id.run], parent.calling(order.id) != nil else { return }
        if random.chance(0.1) {
            try decide(.callRefused(order.id, "its inputs are not acceptable"), on: order.id.run)
            return
        }
        let created = Created(
            flow: order.plan.flow, revision: Self.digest, plan: Self.digest, binary: nil, inputs: order.inputs, targets: RandomPlan.targets,
            labels: order.labels, key: nil, user: order.user, person: order.person, parent: order.id,
            callers: [ClaimRow.ID(run: order.id.run, step: order.id.step)] + parent.created.callers, priority: parent.priority)
        let child = try begin(order.plan, created)
        called += 1
        if let run = runs[child], let fault = calls.begin(order, run, from: parent) { throw violation("\(fault): \(summary)") }
        try decide(.callBegan(order.id, child), on: order.id.run)
        try takeWhatFollows()
        if parent.isPaused, let run = runs[child], !run.isPaused, !run.state.isTerminal { throw violation("run \(child) begins in a pause") }
    }

    // MARK: - What happens

    /// Ends an attempt that is out, makes a run that was asked for, or lets time pass; false when none of it is left.
    private mutating func goOn() throws(Violation) -> Bool {
        let due = sortedRuns.flatMap { run in run.steps.compactMap { step in step.due.map { ($0, run.id, step.path) } } }
            .min { ($0.0, $0.1, $0.2) < ($1.0, $1.1, $1.2) }
        if let due, due.0 <= now, random.chance(0.5) {
            try happen(.timer(due.2), on: due.1)
        } else if !requests.isEmpty, orders.isEmpty || random.chance(0.5) {
            let position = random.int(0...(requests.count - 1))
            // Whoever makes it may be told to twice.
            let order = random.chance(0.2) ? requests[position] : requests.remove(at: position)
            try begin(order)
            try takeWhatFollows()
        } else if let search = searches.popLast() {
            let hosts = RandomPlan.inventory
            try happen(.hostsFound(search.id, selector: search.selector, Array(hosts.prefix(random.int(1...hosts.count)))), on: search.id.run)
        } else if !orders.isEmpty {
            let order = orders.remove(at: random.int(0...(orders.count - 1)))
            try happen(.report(AttemptReport(id: order.id, fence: order.fence, event: .ended(AttemptResult(outcome: outcome())))), on: order.id.run)
        } else {
            return try passTime(to: due)
        }
        return true
    }

    private mutating func outcome() -> AttemptResult.Outcome {
        guard isDisturbed, random.chance(0.3) else { return .succeeded(output: ["stdout": .string(random.pick(["x", "y"]))], changed: true) }
        return random.chance(0.8)
            ? .failed(.init(.exitStatus, "it failed", retryAfterSeconds: random.pick([nil, 7]))) : .lost("the host was rebooted")
    }

    private mutating func passTime(to timer: (Instant, RunID, StepPath)?) throws(Violation) -> Bool {
        guard let next = [timer?.0, table.nextMoment(at: now)].compactMap({ $0 }).min() else { return false }
        now = max(now, next)
        if let timer, timer.0 <= now { try happen(.timer(timer.2), on: timer.1) }
        try takeWhatFollows()
        return true
    }

    /// The next engine knows what was written, and takes over what was out: some of it was never sent.
    mutating func crash() throws(Violation) {
        epoch += 1
        (orders, consequences, searches) = ([], [], [])
        // What is made may outlive who asked for it.
        if random.chance(0.7) { requests = [] }
        for id in runs.keys { runs[id] = try refold(id) }
        let rows = sortedRuns.flatMap { run in run.claims.keys.sorted().compactMap(run.claimRow) }
        table = LeaseTable(rows: rows, rates: rates, now: now)
        for run in sortedRuns where !run.state.isTerminal { try decide(.recover, on: run.id) }
        try takeWhatFollows()
    }

    var sortedRuns: [Run] { runs.values.sorted { $0.id < $1.id } }
    func violation(_ message: String) -> Violation { Violation(seed: seed, message: message) }

    var summary: String {
        sortedRuns.map { run in
            let steps = run.steps.filter { $0.state.isActive }.map { "\($0.path) \($0.waiting?.kind.rawValue ?? $0.state.rawValue)" }
            let claims = run.claims.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value.demands.words)\($0.value.isGranted ? "" : " waits")" }
            return "\(run.id.text.suffix(4)) \(run.state) [\(steps.joined(separator: ", "))] {\(claims.joined(separator: "; "))}"
        }.joined(separator: " | ")
    }
}
