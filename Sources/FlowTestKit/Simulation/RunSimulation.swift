import FlowEngine
import FlowModel

/// One run in a world of faulty workers, hosts, operators and engine crashes, all from one seed, on a simulated clock.
///
/// The machine is the real one; around it everything is a function of the seed. After every event the journal is folded again
/// and must give the run that is in memory. Faults stop after a while; then the run must end, or wait for a named thing that a
/// person then decides.
package struct RunSimulation {
    /// What was wrong, with the seed that shows it again.
    package struct Violation: Error, CustomStringConvertible {
        package var seed: UInt64
        package var message: String
        package var description: String { "seed \(seed): \(message)" }
    }

    /// Faults, expanded from the seed.
    struct Options {
        var steps: Int
        var crashRate: Double
        var lossRate: Double
        var failureRate: Double
        var commandRate: Double
        /// Seconds of every hundred in which a freeze lasts, and how often somebody sets or lifts one by hand.
        var frozenSeconds = 0
        var freezeRate = 0.0
        var faultsUntil = 600
    }

    private enum Occurrence {
        case place(AttemptOrder), arrive(AttemptOrder), finish(AttemptOrder), answer(AttemptOrder)
        case report(AttemptReport)
    }

    let seed: UInt64
    let options: Options
    /// A freeze without an end that somebody set, until somebody lifts it.
    var isFrozen = false
    /// What the last event led to.
    var decided: [Entry] = []
    var random: SeededRandom
    var now = 0
    var epoch = 1
    private var crashedAt = 0
    var run: Run
    var journal: [(entries: [Entry], at: Instant)] = []
    var hosts: [StepPath: SimulatedHost] = [:]
    private var events: [(due: Int, order: Int, dies: Bool, occurrence: Occurrence)] = []
    private var scheduled = 0
    private var waitingForGo: [StepPath: AttemptOrder] = [:]
    private var orders: [AttemptID: AttemptOrder] = [:]

    /// How many events the simulation went through.
    package private(set) var eventCount = 0

    package init(seed: UInt64) {
        self.seed = seed
        random = SeededRandom(seed: seed)
        options = Options(
            steps: random.int(1...12), crashRate: random.pick([0, 0.02, 0.1]), lossRate: random.pick([0, 0.05, 0.3]),
            failureRate: random.pick([0, 0.1, 0.5]), commandRate: random.pick([0, 0.02, 0.1]), frozenSeconds: random.pick([0, 0, 30, 60]),
            freezeRate: random.pick([0, 0, 0.05]))
        let plan = RandomPlan.make(using: random.split(), size: options.steps)
        let created = Created(
            flow: plan.flow, revision: Self.digest, plan: Self.digest, binary: nil, inputs: [:], targets: RandomPlan.targets, labels: [:],
            key: nil, user: "alice", person: "alice")
        let start = Instant(milliseconds: 0)
        guard let run = Run(id: Self.id, first: .created(created), at: start, index: PlanIndex(plan)) else {
            preconditionFailure("a run begins with its creation")
        }
        self.run = run
        journal = [([.created(created)], start)]
    }

    private static let digest = Digest(bytes: [UInt8](repeating: 7, count: 32))
    private static let id = RunID(at: Instant(milliseconds: 0), random: [UInt8](repeating: 1, count: 10))

    // MARK: - The loop

    package mutating func simulate() throws(Violation) {
        try decide(.begin)
        var healing = 0
        while !run.state.isTerminal {
            let hasFaults = now < options.faultsUntil
            if hasFaults { try disturb() }
            if run.state.isTerminal { break }
            if try !occur() {
                guard run.state != .running else { throw violation("it is running and nothing is under way: \(summary)") }
                healing += 1
                guard healing < 2_000 else { throw violation("it never ends: \(summary)") }
                try help()
            }
            guard eventCount < 10_000 else { throw violation("too many events: \(summary)") }
        }
        try checkEnd()
    }

    /// Lets the next thing happen; false when nothing is scheduled and no timer is set.
    private mutating func occur() throws(Violation) -> Bool {
        if let gate = run.gate?.closure.until.map({ Int(($0.milliseconds + 999) / 1000) }) {
            let soonest = run.steps.compactMap { $0.due.map { Int(($0.milliseconds + 999) / 1000) } } + events.map(\.due)
            if soonest.allSatisfy({ gate <= $0 }) { return try passTime(to: gate) }
        }
        let timer = run.steps.indices.filter { run.steps[$0].due != nil }.min { seconds($0) < seconds($1) }
        let next = events.indices.min { (events[$0].due, events[$0].order) < (events[$1].due, events[$1].order) }
        if let timer, next.map({ seconds(timer) <= events[$0].due }) ?? true {
            now = max(now, seconds(timer))
            let path = run.steps[timer].path
            let before = run.steps[timer]
            try decide(.timer(path))
            if run.steps[timer] == before { throw violation("the timer of '\(path)' fires for ever") }
            return true
        }
        guard let next else { return false }
        let event = events.remove(at: next)
        now = max(now, event.due)
        try happen(event.occurrence)
        return true
    }

    private func seconds(_ step: Int) -> Int { Int(((run.steps[step].due?.milliseconds ?? 0) + 999) / 1000) }

    private mutating func happen(_ occurrence: Occurrence) throws(Violation) {
        switch occurrence {
        case .report(let report): try decide(.report(report))
        case .place(let order):
            waitingForGo[order.id.step] = order
            try decide(
                .report(AttemptReport(id: order.id, fence: order.fence, event: .placed(Place(bootID: "b", spoolID: "s")))))
        case .arrive(let order):
            let until = now + random.int(0...30)
            if hosts[order.id.step, default: SimulatedHost()].start(
                order.id, fence: order.fence, now: now, until: until, isProbe: order.isProbe)
            {
                schedule(until, .finish(order), dies: false)
                schedule(now, .report(AttemptReport(id: order.id, fence: order.fence, event: .started(containment: .session))))
            }
        case .finish(let order):
            guard case .running = hosts[order.id.step]?.records[order.id.number] else { return }
            let result = order.isProbe ? answer(toProbe: order) : outcome()
            hosts[order.id.step]?.end(order.id.number, .ended(result), now: now)
            // Whoever follows it now, in whatever epoch, learns of it.
            if let current = orders[order.id] { schedule(now, .answer(current)) }
        case .answer(let order): answer(order)
        }
    }

    /// The truth, when the host is well: whether anything of the step ran in this generation.
    private mutating func answer(toProbe order: AttemptOrder) -> AttemptResult {
        if now < options.faultsUntil, random.chance(options.failureRate * 0.3) {
            return AttemptResult(outcome: .failed(.init(.exitStatus, "do not know")), exitStatus: 2)
        }
        let ran = hosts[order.id.step]?.ledger.contains { $0.generation == order.id.generation } ?? false
        if ran { return AttemptResult(outcome: .succeeded(output: ["stdout": ""], changed: false), exitStatus: 0) }
        return AttemptResult(outcome: .failed(.init(.exitStatus, "it did not")), exitStatus: 1)
    }

    private mutating func outcome() -> AttemptResult {
        if now < options.faultsUntil, random.chance(options.failureRate) {
            return AttemptResult(
                outcome: random.chance(0.2)
                    ? .timedOut : .failed(.init(random.pick([.exitStatus, .exitStatus, .unreachable]), "it failed")), exitStatus: 1)
        }
        return AttemptResult(outcome: .succeeded(output: ["stdout": "x"], changed: true), exitStatus: 0)
    }

    /// The host says what it knows of the attempt.
    private mutating func answer(_ order: AttemptOrder) {
        let record = hosts[order.id.step, default: SimulatedHost()].ask(order.id, fence: order.fence)
        let event: AttemptReport.Event
        switch record {
        case .running: return
        case .ended(let result): event = .ended(result)
        case .rebooted: event = .ended(AttemptResult(outcome: .lost("the host was rebooted")))
        case nil: event = .neverStarted
        }
        schedule(now + random.int(0...2), .report(AttemptReport(id: order.id, fence: order.fence, event: event)))
    }

    private mutating func schedule(_ due: Int, _ occurrence: Occurrence, dies: Bool = true) {
        scheduled += 1
        events.append((due, scheduled, dies, occurrence))
    }

    // MARK: - Deciding

    mutating func decide(_ event: RunMachine.Event) throws(Violation) {
        eventCount += 1
        let at = Instant(milliseconds: Int64(now) * 1000)
        let (now, options, isFrozen) = (now, options, isFrozen)
        let context = RunMachine.Context(
            now: at, epoch: epoch, chance: 0.5, closure: { _ in Self.closure(at: now, options, isFrozen: isFrozen) }, hash: { _ in Self.digest })
        let before = run
        decided = []
        do throws(FlowError) {
            let decision = try RunMachine.decide(event, on: &run, in: context)
            journal.append((decision.entries, at))
            decided = decision.entries
            for action in decision.actions { carryOut(action) }
        } catch {
            guard run == before else { throw violation("a refused command changed the run: \(error)") }
        }
        try check(after: event, before)
    }

    private mutating func carryOut(_ action: RunMachine.Action) {
        switch action {
        // Plans of chance call no flows.
        case .call, .child, .lookAtChild: break
        case .dispatch(let order):
            orders[order.id] = order
            if case .attach = order.mode {
                schedule(now + random.int(0...3), .answer(order))
            } else {
                schedule(now + random.int(0...3), .place(order))
            }
        case .proceed(let id):
            // In flight it may overtake the engine's death.
            if let order = waitingForGo.removeValue(forKey: id.step) {
                schedule(now + random.int(0...10), .arrive(order), dies: false)
            }
        case .stop(let id, _):
            guard let order = orders[id] else { return }
            if case .running = hosts[id.step]?.records[id.number] {
                hosts[id.step]?.end(id.number, .ended(AttemptResult(outcome: .cancelled)), now: now)
            } else if hosts[id.step]?.records[id.number] == nil {
                _ = hosts[id.step, default: SimulatedHost()].ask(id, fence: Fence(epoch: order.fence.epoch, attempt: id.number))
                waitingForGo[id.step] = nil
                schedule(
                    now + 1,
                    .report(AttemptReport(id: id, fence: order.fence, event: .ended(AttemptResult(outcome: .cancelled)))))
                return
            }
            schedule(now + 1, .answer(order))
        case .forget: break
        }
    }

    // MARK: - Faults and people

    private mutating func disturb() throws(Violation) {
        // Once in a second at most: an engine that is killed before anything is answered does nothing else.
        if crashedAt < now, random.chance(options.crashRate) { try crash() }
        if random.chance(options.lossRate * 0.2), let path = hosts.keys.sorted().randomElement(using: &random) {
            hosts[path]?.reboot(now: now)
            if let id = run.positions[path], let attempt = run.steps[id].attempt {
                let live = AttemptID(run: run.id, step: path, generation: run.steps[id].generation, number: attempt.row.number)
                if let order = orders[live] { schedule(now + 1, .answer(order)) }
            }
        }
        if random.chance(options.commandRate) { try command() }
        if random.chance(options.freezeRate) { try freeze(!isFrozen) }
    }

    /// The engine dies; a new one folds the journal and takes over. Hosts and what is on its way to them go on.
    private mutating func crash() throws(Violation) {
        epoch += 1
        crashedAt = now
        waitingForGo = [:]
        events.removeAll { $0.dies }
        run = try refold()
        try decide(.recover)
    }

    private mutating func command() throws(Violation) {
        let path = random.pick(run.steps.map(\.path))
        let actor = RandomGate.person(&random, at: Instant(milliseconds: Int64(now) * 1000))
        if let rollout = run.rollouts.keys.sorted().randomElement(using: &random), random.chance(0.5) {
            return try decide(.command(rolloutCommand(run.steps[rollout].path), by: actor, message: random.pick([nil, "why"])))
        }
        let commands: [RunCommand] = [
            .pause, .resume, .resume, .cancel, .kill, .retry(from: nil), .retry(from: path), .skip(path),
            .resolve(path, .retry),
            .breakGlass(nil), .breakGlass(path),
            .resolve(path, .failed), .resolve(path, .succeeded(output: nil)), .signal("a", .null), .signal("b", .int(1)), .release(path),
            .hold(before: path.text, isSet: random.chance(0.7)),
            .edit(InputEdit(inputs: ["n": .int(random.int(0...3))]), isRetry: random.chance(0.5), from: nil),
        ]
        if random.chance(0.4) { return try commandGate() }
        try decide(.command(random.pick(commands), by: actor, message: random.pick([nil, "why"])))
    }

    /// Somebody votes where one can, or what a gate is about changes.
    private mutating func commandGate() throws(Violation) {
        let gates = run.steps.filter { $0.approval != nil }.map(\.path)
        guard let gate = gates.randomElement(using: &random) else { return }
        if random.chance(0.1) { return try decide(.voidVotes(gate, reason: "its inputs were edited")) }
        for _ in 0..<random.int(1...3) {
            let choice: ApprovalRow.Vote.Decision = random.chance(0.9) ? .approved : .rejected
            let voter = RandomGate.person(&random, at: Instant(milliseconds: Int64(now) * 1000))
            try decide(.command(.vote(gate, choice, digest: Self.digest, ballot: RandomGate.ballot(of: voter, &random)), by: voter, message: nil))
        }
    }

    private mutating func rolloutCommand(_ path: StepPath) -> RunCommand {
        let batches = random.chance(0.3) ? try? BatchSizes("2") : nil
        let adjustment = RolloutAdjustment(
            maxFailures: random.pick([nil, .count(3), .percent(100)]), concurrency: random.pick([nil, .count(2)]), batches: batches,
            pauseAfterBatch: random.pick([nil, nil, 1, 2]))
        return random.pick([
            .undo(path), .release(path), .breakGlass(path), .adjust(path, adjustment),
            .redo(rollout: path, .outcomes([.failed, .timedOut]), from: nil),
            .redo(rollout: nil, .outcomes([.notStarted]), from: nil), .redo(rollout: path, .named(["h1", "h4"]), from: nil),
            .redo(rollout: path, .outcomes([.ok, .changed, .failed]), from: "s2"),
        ])
    }

    /// Nothing moves any more: a person does what `why` says.
    private mutating func help() throws(Violation) {
        if run.isPaused { return try decide(.command(.resume, by: person("bob"), message: nil)) }
        if isFrozen { return try freeze(false) }
        guard let step = run.steps.first(where: { $0.waiting != nil }) else {
            throw violation("it is \(run.state) and waits for nothing named: \(summary)")
        }
        switch (step.state, step.waiting?.kind) {
        case (.waiting, .approval):
            // Everybody may have voted, some of them against it: then nobody can open it any more.
            for voter in RandomGate.everybody.shuffled(using: &random) where run.steps[run.positions[step.path] ?? 0].state == .waiting {
                try decide(.command(.vote(step.path, .approved, digest: Self.digest), by: voter, message: nil))
            }
            guard run.steps[run.positions[step.path] ?? 0].state == .waiting else { return }
            try decide(.command(run.bodyOutcome == nil ? .cancel : .kill, by: person("bob"), message: nil))
        case (.held, _), (.unknown, _):
            let resolution: RunCommand.Resolution = random.chance(0.5) ? .failed : .succeeded(output: nil)
            try decide(.command(.resolve(step.path, resolution), by: person("bob"), message: nil))
        case (.waiting, .signal):
            guard case .waitFor(let spec) = run.plan.nodes[step.node].kind else { throw violation("'\(step.path)' waits for no signal") }
            try decide(.command(.signal(spec.signal, .null), by: person("bob"), message: nil))
        case (.waiting, .breakpoint): try decide(.command(.release(step.path), by: person("bob"), message: nil))
        default: throw violation("nothing helps step '\(step.path)', which waits for \(step.waiting?.kind.rawValue ?? "nothing"): \(step.state)")
        }
    }

    private func person(_ name: String) -> Actor { Actor(person: name, user: name, names: [name], roles: []) }

    // MARK: - Oracles

    func violation(_ message: String) -> Violation { Violation(seed: seed, message: message) }

    /// The open steps and the last entries, for people.
    private var summary: String {
        let last = journal.flatMap(\.entries).suffix(12).map { "\n  \($0)" }.joined()
        let steps = run.steps.filter { $0.state != .succeeded }.map { "\($0.path)=\($0.state)(\($0.blockers))" }
        return "\(run.state) \(steps.joined(separator: " "))\(last)"
    }

    private func refold() throws(Violation) -> Run {
        var folded: Run?
        for record in journal {
            let bytes = Entry.encode(record.entries) { _ in Self.digest }
            let entries: [Entry]
            do { entries = try Entry.decode(bytes) { _ in nil } } catch {
                throw violation("the journal cannot be read: \(error)")
            }
            guard entries == record.entries else {
                throw violation("an entry does not survive its binary form: \(record.entries)")
            }
            for entry in entries {
                if folded == nil {
                    folded = Run(id: Self.id, first: entry, at: record.at, index: run.index)
                } else {
                    folded?.apply(entry, at: record.at)
                }
            }
        }
        guard let folded else { throw violation("the journal is empty") }
        return folded
    }

    private func check(after event: RunMachine.Event, _ before: Run) throws(Violation) {
        // Folding everything again is quadratic: always at first, then now and then.
        if eventCount < 60 || eventCount % 37 == 0 {
            guard try refold() == run else { throw violation("folding the journal gives another run, after \(event)") }
        }
        var counts = StepCounts()
        for step in run.steps { counts[step.state] += 1 }
        guard counts == run.counts else { throw violation("the counters are wrong after \(event)") }
        for scope in run.scopes where scope.plan == PlanIndex.root || scope.map != nil {
            let steps = run.steps[scope.base..<scope.base + run.index.scopes[scope.plan].nodes.count]
            guard scope.unsettled == steps.count(where: { !$0.state.isSettled }) else {
                throw violation("a scope's count is wrong after \(event)")
            }
        }
        for (old, new) in zip(before.steps, run.steps) where old.state.isSettled && old.generation == new.generation {
            guard old.state == new.state else {
                throw violation("'\(new.path)' left \(old.state) for \(new.state) in one generation")
            }
        }
        try checkRollouts(after: event, before)
        try GateOracle.check(run, before) { violation("\($0), after \(event)") }
        try checkGates(after: event, before)
        try checkLedgers()
    }

    private func checkRollouts(after event: RunMachine.Event, _ before: Run) throws(Violation) {
        for (number, rollout) in run.rollouts {
            guard let elements = run.steps[number].elements else { throw violation("a rollout without targets") }
            var (tally, batchTally) = (OutcomeCounts(), OutcomeCounts())
            for target in rollout.targets.indices {
                tally[rollout.targets[target].outcome] += 1
                if rollout.batch(of: target) == rollout.batch { batchTally[rollout.targets[target].outcome] += 1 }
            }
            guard tally == rollout.tally, batchTally == rollout.batchTally else {
                throw violation("the outcomes of '\(run.steps[number].path)' are counted wrongly after \(event)")
            }
            let old = Set(before.steps.indices.contains(number) ? before.steps[number].elements?.open ?? [] : [])
            for element in elements.open where !old.contains(element) {
                guard rollout.batch(of: element) == rollout.batch else {
                    throw violation("target \(elements.keys[element]) of another batch was begun after \(event)")
                }
            }
            guard Set(elements.open).count == elements.open.count, Set(elements.open).isDisjoint(with: elements.queue) else {
                throw violation("a target of '\(run.steps[number].path)' has two turns after \(event)")
            }
            // Unless somebody gave it leave in between, and the budget was breached again at once.
            let hasLeave = journal.last?.entries.contains { entry in
                guard case .rollout(let step, let entry) = entry, step.index == number else { return false }
                return entry.kind != "rolloutBreached"
            }
            if hasLeave == false, before.rollouts[number]?.breach != nil, rollout.breach != nil, !Set(elements.open).isSubset(of: old) {
                throw violation("a target was begun after the budget was breached, after \(event)")
            }
        }
    }

    private func checkLedgers() throws(Violation) {
        for (path, host) in hosts {
            guard let number = run.positions[path] else { throw violation("'\(path)' ran and is not in the run") }
            let step = run.steps[number]
            guard Set(host.ledger.map(\.attempt)).count == host.ledger.count else {
                throw violation("an attempt of '\(path)' ran twice")
            }
            guard host.ledger.allSatisfy({ $0.attempt <= step.attempt?.row.number ?? 0 }) else {
                throw violation("'\(path)' ran more often than the journal says")
            }
            for (one, other) in zip(host.ledger, host.ledger.dropFirst()) {
                guard let end = one.end, end <= other.start else { throw violation("two attempts of '\(path)' overlap") }
            }
            if run.plan.nodes[step.node].policy.retry == nil {
                let generations = Dictionary(grouping: host.ledger, by: \.generation)
                guard generations.allSatisfy({ $0.value.count == 1 }) else {
                    throw violation("'\(path)' ran twice in one generation")
                }
            }
        }
    }

    private func checkEnd() throws(Violation) {
        guard !run.steps.contains(where: { $0.state.isActive }) else { throw violation("it ended with open steps: \(summary)") }
        for (path, host) in hosts where host.records.values.contains(where: { if case .running = $0 { true } else { false } }) {
            throw violation("it ended while '\(path)' runs on its host")
        }
        if run.state == .succeeded {
            // Inside a map whose failure is ignored, or that a person settled, steps may be left.
            let open = run.steps.first { !$0.state.isSettled && run.scopes[$0.scope].plan == PlanIndex.root }
            if let open { throw violation("it succeeded without '\(open.path)'") }
        }
        guard try refold() == run else { throw violation("folding the journal gives another run at the end") }
    }
}

extension AttemptOrder {
    /// It asks whether another attempt took effect.
    fileprivate var isProbe: Bool {
        guard case .shell(let work) = work else { return false }
        return work.source == .text("asked")
    }
}
