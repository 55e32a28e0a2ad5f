import FlowEngine
import FlowModel

/// A handful of runs, and runs that they call, that want the same locks, slots and rates, with workers that fail and lose attempts, operators who pause, cancel and
/// reprioritise, and engines that end at any moment: all from one seed. The machines and the table are the real ones.
///
/// After every event: nobody but the runs that it called has what somebody else has alone, no limit is exceeded, no rate either, each attempt that is out has all that its
/// step asks for and each claim belongs to a run that knows of it. At the end every run has ended.
package struct LeaseSimulation {
    package struct Violation: Error, CustomStringConvertible {
        package var seed: UInt64
        package var message: String
        package var description: String { "seed \(seed): \(message)" }
    }

    private let seed: UInt64
    private var random: SeededRandom
    private var now = Instant(milliseconds: 1_000)
    private var epoch = 1
    private var runs: [RunID: Run] = [:]
    private var table = LeaseTable()
    /// What the store has.
    private var rates: [RateRow] = []
    private var orders: [AttemptOrder] = []
    /// Runs that steps asked for and that have not begun.
    private var callOrders: [CallOrder] = []
    private var consequences: [Consequence] = []
    private var madeRuns = 0
    private var starts: [String: [Instant]] = [:]

    /// What happened, for a test to see that it did.
    package private(set) var grants = 0
    package private(set) var waits = 0
    package private(set) var deadlocks = 0
    /// Claims that were granted beside that of a run which called theirs.
    package private(set) var loans = 0

    private enum Consequence {
        case command(RunCommand, RunID)
        case ended(CallID, RunID)
    }

    package init(seed: UInt64) {
        self.seed = seed
        random = SeededRandom(seed: seed)
    }

    private static let digest = Digest(bytes: [UInt8](repeating: 7, count: 32))
    private static let actor = Actor(person: "alice", user: "alice", names: ["alice"], roles: ["operator"])
    private static let events = 8_000

    package mutating func simulate() throws(Violation) {
        for _ in 0..<random.int(2...6) { try begin() }
        var count = 0
        while runs.values.contains(where: { !$0.state.isTerminal }) {
            count += 1
            guard count < Self.events else { throw violation("it never ends: \(summary)") }
            now = now + Double(random.int(1...20))
            if count < Self.events / 2, random.chance(0.1) { try disturb() }
            try takeConsequences()
            if !(try finishOne()), runs.values.contains(where: { !$0.state.isTerminal }) { try help() }
            try takeConsequences()
            try check()
        }
        guard table.rows.isEmpty else { throw violation("all runs have ended, and there are claims: \(table.rows.keys.map(\.step))") }
    }

    // MARK: - Plans

    private mutating func begin() throws(Violation) {
        try begin(
            plan(),
            Created(
                flow: random.pick(["one", "two"]), revision: Self.digest, plan: Self.digest, binary: nil, inputs: [:], targets: [:], labels: [:],
                key: nil, user: "alice", person: "alice", priority: random.pick([nil, 0, 9])))
    }

    @discardableResult
    private mutating func begin(_ plan: Plan, _ created: Created) throws(Violation) -> RunID {
        madeRuns += 1
        let id = RunID(at: now, random: (0..<10).map { $0 < 8 ? 0 : UInt8(truncatingIfNeeded: madeRuns >> (8 * (9 - $0))) })
        guard let run = Run(id: id, first: .created(created), at: now, index: PlanIndex(plan)) else { throw violation("run \(id) does not begin") }
        runs[id] = run
        try decide(.begin, on: id)
        return id
    }

    /// Begins the run that a step asked for, unless it does not wait for it any more.
    private mutating func begin(_ order: CallOrder) throws(Violation) {
        guard let caller = runs[order.id.run], caller.calling(order.id) != nil else { return }
        let child = try begin(
            order.plan,
            Created(
                flow: order.plan.flow, revision: Self.digest, plan: Self.digest, binary: nil, inputs: [:], targets: [:], labels: [:], key: nil,
                user: "alice", person: "alice", parent: order.id,
                callers: [ClaimRow.ID(run: order.id.run, step: order.id.step)] + caller.created.callers, priority: order.priority))
        try decide(.callBegan(order.id, child), on: order.id.run)
    }

    /// - Parameter depth: flows that it may call within one another.
    private mutating func plan(named name: String = "simulated", depth: Int = 2) -> Plan {
        let called = depth > 0 && random.chance(0.5) ? plan(named: "called-\(depth)", depth: depth - 1) : nil
        var nodes: [Node] = []
        for number in 0..<random.int(1...4) {
            let name = "s\(number)"
            let needs = number > 0 && random.chance(0.5) ? ["s\(number - 1)"] : []
            if random.chance(0.3) {
                let width = random.int(1...3)
                nodes.append(
                    Node(
                        id: name, name: name, kind: .map(MapSpec(elements: .list(.literal([1, 2, 3])), width: width)), needs: needs,
                        policy: Policy(claims: claims(0.3), elementClaims: claims(0.4))))
                nodes.append(
                    called.flatMap { random.chance(0.5) ? call($0.flow, "\(name)/inner", "inner", scope: name) : nil }
                        ?? shell("\(name)/inner", "inner", scope: name))
            } else if let called, random.chance(0.3) {
                nodes.append(call(called.flow, name, name, needs: needs))
            } else {
                nodes.append(shell(name, name, needs: needs))
            }
        }
        let overlap: ScheduleSpec.Overlap? = random.pick([nil, nil, .queue])
        return Plan(
            flow: name, nodes: nodes, dsl: "0",
            control: FlowControl(claims: claims(0.3), overlap: overlap, retryBudget: random.pick([nil, 3])),
            calls: called.map { [CalledFlow(plan: $0)] })
    }

    private mutating func shell(_ id: String, _ name: String, scope: String? = nil, needs: [String] = []) -> Node {
        var policy = Policy(onFailure: random.pick([.stop, .ignore]), claims: claims(0.8))
        if random.chance(0.5) { policy.retry = Retry(attempts: 3, delaySeconds: 2) }
        return Node(id: id, name: name, scope: scope, kind: .shell(ShellSpec(source: .text("true"))), needs: needs, policy: policy)
    }

    private func call(_ flow: String, _ id: String, _ name: String, scope: String? = nil, needs: [String] = []) -> Node {
        Node(
            id: id, name: name, scope: scope, kind: .call(CallSpec(flow: flow, inputs: [:])), needs: needs, policy: Policy(onFailure: .ignore))
    }

    private mutating func claims(_ chance: Double) -> [ClaimSpec]? {
        guard random.chance(chance) else { return nil }
        return (0..<random.int(1...3)).map { _ in
            let kind: ClaimSpec.Kind = random.pick([
                .exclusive, .exclusive, .shared, .slots(weight: random.int(1...4), of: 4), .rate(count: 2, seconds: 30),
            ])
            return ClaimSpec(name: .literal(.string(random.pick(["a", "b", "c"]))), kind: kind)
        }
    }

    // MARK: - What happens

    /// Ends an attempt that is out; false when none is and no time is to pass either.
    private mutating func finishOne() throws(Violation) -> Bool {
        if !callOrders.isEmpty, orders.isEmpty || random.chance(0.5) {
            try begin(callOrders.remove(at: random.int(0...(callOrders.count - 1))))
            return true
        }
        guard !orders.isEmpty else { return try passTime() }
        let order = orders.remove(at: random.int(0...(orders.count - 1)))
        let outcome: AttemptResult.Outcome =
            random.chance(0.6)
            ? .succeeded(output: ["stdout": ""], changed: true)
            : random.chance(0.8)
                ? .failed(.init(.exitStatus, "it failed", retryAfterSeconds: random.pick([nil, 7]))) : .lost("the host was rebooted")
        try decide(.report(AttemptReport(id: order.id, fence: order.fence, event: .ended(AttemptResult(outcome: outcome)))), on: order.id.run)
        return true
    }

    private mutating func passTime() throws(Violation) -> Bool {
        let timers = sortedRuns.flatMap { run in run.steps.compactMap { step in step.due.map { ($0, run.id, step.path) } } }
        let timer = timers.min { ($0.0, $0.1, $0.2) < ($1.0, $1.1, $1.2) }
        let moment = table.nextMoment(at: now)
        guard let next = [timer?.0, moment].compactMap({ $0 }).min() else { return false }
        now = max(now, next)
        if let timer, timer.0 <= now { try decide(.timer(timer.2), on: timer.1) }
        try grant()
        return true
    }

    /// A person decides what only a person can.
    private mutating func help() throws(Violation) {
        for run in sortedRuns where !run.state.isTerminal {
            if run.isPaused { return try command(.resume, on: run.id) }
            if let step = run.steps.first(where: { $0.state == .unknown || $0.state == .held }) {
                return try command(.resolve(step.path, random.chance(0.5) ? .succeeded(output: nil) : .retry), on: run.id)
            }
        }
        throw violation("nothing is under way and nobody can help: \(summary)")
    }

    private mutating func disturb() throws(Violation) {
        let id = random.pick(sortedRuns).id
        switch random.int(0...6) {
        case 0: try command(.pause, on: id)
        case 1: try command(.resume, on: id)
        case 2: try command(.reprioritise(random.int(0...9)), on: id)
        case 3: try command(random.chance(0.5) ? .cancel : .kill, on: id)
        case 4: try command(.retry(from: nil), on: id)
        default: try crash()
        }
    }

    private mutating func command(_ command: RunCommand, on id: RunID) throws(Violation) {
        try decide(.command(command, by: Self.actor, message: nil), on: id)
    }

    /// The next engine knows what was written, and takes over what was out: some of it was never sent.
    private mutating func crash() throws(Violation) {
        epoch += 1
        (orders, callOrders) = ([], [])
        let rows = sortedRuns.flatMap { run in run.claims.keys.sorted().compactMap(run.claimRow) }
        table = LeaseTable(rows: rows, rates: rates, now: now)
        for run in sortedRuns where !run.state.isTerminal { try decide(.recover, on: run.id) }
        try grant()
    }

    // MARK: - Deciding, as the shell does

    private mutating func decide(_ event: RunMachine.Event, on id: RunID) throws(Violation) {
        guard var run = runs[id] else { return }
        let context = RunMachine.Context(now: now, epoch: epoch, chance: 0.5, hash: { _ in Self.digest })
        let decision: RunMachine.Decision
        do throws(FlowError) {
            decision = try RunMachine.decide(event, on: &run, in: context)
        } catch {
            // A command came too late.
            return
        }
        for row in table.rows.values where row.id.run == id && run.claims[row.id.step] == nil { table.remove(row.id) }
        runs[id] = run
        for action in decision.actions {
            switch action {
            case .call(let order): callOrders.append(order)
            case .child(let child, let command): consequences.append(.command(command, child))
            case .lookAtChild(let call, let child): consequences.append(.ended(call, child))
            case .dispatch(let order): orders.append(order)
            case .stop(let attempt, _):
                guard let order = orders.first(where: { $0.id == attempt }) else { continue }
                orders.removeAll { $0.id == attempt }
                try decide(.report(AttemptReport(id: order.id, fence: order.fence, event: .ended(AttemptResult(outcome: .cancelled)))), on: id)
            case .proceed, .forget: break
            }
        }
        if let parent = run.created.parent, run.state.isTerminal { consequences.append(.ended(parent, id)) }
        try note(id)
        try grant()
    }

    private mutating func takeConsequences() throws(Violation) {
        while !consequences.isEmpty {
            switch consequences.removeFirst() {
            case .command(let command, let child): try self.command(command, on: child)
            case .ended(let call, let child):
                guard let run = runs[child], run.state.isTerminal else { continue }
                try decide(.callEnded(call, child, run.state, reason: run.reason, value: run.value), on: call.run)
            }
        }
    }

    private mutating func note(_ id: RunID) throws(Violation) {
        for path in runs[id]?.claims.keys.sorted() ?? [] {
            // As it is now: what came of the one before may have changed it.
            guard let row = runs[id]?.claimRow(at: path), table.rows[row.id] != row else { continue }
            if table.rows[row.id] == nil { waits += 1 }
            table.set(row)
            guard table.deadlock(of: row.id) != nil else { continue }
            deadlocks += 1
            try decide(.deadlocked(path, reason: "it would wait for ever"), on: id)
        }
    }

    private mutating func grant() throws(Violation) {
        while let id = table.next(at: now) {
            grants += 1
            if let row = table.rows[id], row.demands.contains(where: { table.lender(of: id, key: $0.key) != nil }) { loans += 1 }
            let turns = (table.rows[id]?.demands ?? []).filter(\.isRate).map(\.key)
            try decide(.granted(id.step), on: id.run)
            // A paused run gives its turn back, and what ends in the same moment has begun nothing.
            if table.rows[id]?.isGranted == true { for key in turns { starts[key, default: []].append(now) } }
            if table.rows[id]?.isGranted == false { throw violation("'\(id.step)' of \(id.run) has its turn and does not take it") }
        }
        rates = table.changedRates + rates.filter { old in !table.changedRates.contains { $0.name == old.name } }
    }

    // MARK: - What must hold

    private func check() throws(Violation) {
        for key in table.keys {
            let holders = table.holders(of: key)
            // What a run has out of what its caller has counts once: neither those who called nobody nor those who were not called have too much.
            let outermost = holders.filter { holder in !holders.contains { holder.row.wasCalled(within: $0.row.id) } }
            let innermost = holders.filter { holder in !holders.contains { $0.row.wasCalled(within: holder.row.id) } }
            for some in [outermost, innermost] {
                let weight = some.reduce(0) { if case .slots(let weight, _) = $1.demand.kind { $0 + weight } else { $0 } }
                if weight > 4 { throw violation("\(weight) of the 4 slots of \(key) are taken") }
            }
            for holder in holders where holder.demand.kind == .exclusive || holder.demand.kind == .overlap {
                for other in holders where other.row.id != holder.row.id {
                    let isInside = holder.row.wasCalled(within: other.row.id)
                    guard isInside || other.row.wasCalled(within: holder.row.id) else {
                        throw violation("\(key) is somebody's alone, and has \(holders.count) holders")
                    }
                    let mayShare = holders.contains { $0.demand.kind == .exclusive && holder.row.wasCalled(within: $0.row.id) }
                    if isInside, other.demand.kind == .shared, !mayShare { throw violation("\(key) is shared, and alone further in") }
                }
            }
        }
        for (key, moments) in starts {
            for (one, other) in zip(moments, moments.dropFirst(2)) where other.seconds(since: one) < 30 {
                throw violation("\(key) began three times in \(other.seconds(since: one)) s")
            }
        }
        for row in table.rows.values where runs[row.id.run]?.claimRow(at: row.id.step) != row {
            throw violation("the table has a claim at '\(row.id.step)' that its run does not know")
        }
        for run in runs.values { try check(run) }
    }

    private func check(_ run: Run) throws(Violation) {
        for step in run.steps {
            let isOut = step.state == .running && step.elements == nil || step.state == .unknown
            guard isOut, run.plan.nodes[step.node].policy.claims != nil else { continue }
            guard run.claims[step.path]?.isGranted == true else { throw violation("'\(step.path)' is \(step.state) without what it asked for") }
        }
        if run.isQueued, run.live > 0 { throw violation("run \(run.id) is queued, and something of it runs") }
    }

    private var sortedRuns: [Run] { runs.values.sorted { $0.id < $1.id } }
    private func violation(_ message: String) -> Violation { Violation(seed: seed, message: message) }

    private var summary: String {
        sortedRuns.map { run in
            let steps = run.steps.filter { $0.state.isActive }.map { "\($0.path) \($0.state)" }.joined(separator: ", ")
            let claims = run.claims.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value.demands.words)\($0.value.isGranted ? "" : " waits")" }
            return "\(run.id.text.suffix(4)) \(run.state) [\(steps)] {\(claims.joined(separator: "; "))}"
        }.joined(separator: " | ")
    }
}
