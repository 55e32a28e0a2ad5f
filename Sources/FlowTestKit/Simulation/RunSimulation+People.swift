internal import FlowEngine
internal import FlowModel

// Operators and approvers: what they try, and what they do when nothing moves any more.
extension RunSimulation {
    /// Whoever helps may everything but decide about gates alone.
    private static let operatorOnCall = Actor(person: "bob", user: "bob", names: ["bob"], roles: ["admin"])

    /// Somebody, by one of their users, with some roles and rights that others lent. Alice asked for the run.
    private mutating func somebody() -> Actor {
        var actor = RandomGate.person(&random, at: wall)
        if let known = people?.anybody(&peopleRandom) { actor = known }
        if random.chance(0.3) { actor.roles.append(random.pick(ChangeRuleSpec.breakers)) }
        return actor
    }

    /// Somebody tries something, mostly with what waits for somebody.
    mutating func command() throws(Violation) {
        let message = random.pick([nil, " ", "why"])
        if !run.closedGates.isEmpty, random.chance(0.5) { return try commandChangeGate(message) }
        if let rollout = run.rollouts.keys.sorted().randomElement(using: &random), random.chance(0.4) {
            try decide(.command(rolloutCommand(run.steps[rollout].path), by: somebody(), message: message))
            return
        }
        if random.chance(0.5), run.steps.contains(where: { $0.approval != nil }) { return try commandGate() }
        let path = random.pick(run.steps.map(\.path))
        let other = run.steps.filter { $0.waiting != nil }.map(\.path).randomElement(using: &random) ?? path
        if random.chance(0.2) { return try commandWaits(path, other) }
        let commands: [RunCommand] = [
            .pause, .resume, .resume, .cancel, .kill, .retry(from: nil), .retry(from: path), .skip(path), .skip(other), .resolve(path, .retry),
            .resolve(path, .failed), .resolve(path, .succeeded(output: nil)), .resolve(other, .succeeded(output: nil)),
            .edit(edit(), isRetry: random.chance(0.5), from: random.pick([nil, path])), .undo(path),
        ]
        try decide(.command(random.pick(commands), by: somebody(), message: message))
    }

    /// Users, links, roles or lent rights change, and open gates look at their votes.
    mutating func changePeople() throws(Violation) {
        let at = wall
        for _ in 0..<peopleRandom.int(1...3) { people?.change(at: at, &peopleRandom) }
        endLoans(at: at)
        changeVoters()
        if let fault = people?.kinFault { throw violation(fault) }
        try decide(.people)
    }

    /// The time of a right by which somebody voted on an open gate is over.
    private mutating func endLoans(at now: Instant) {
        let lent = run.steps.flatMap { step in
            step.approval?.state == .open ? step.approval?.votes.compactMap { $0.voided == nil ? $0.delegation?.id : nil } ?? [] : []
        }
        guard let id = lent.randomElement(using: &peopleRandom), peopleRandom.chance(0.5) else { return }
        people?.endLoan(id, at: now)
    }

    /// What changes matters most of those who have voted on an open gate: they turn out to be one person, or that who asked for the run, or lose their
    /// roles.
    private mutating func changeVoters() {
        let voters = run.steps.flatMap { step in step.approval?.state == .open ? step.approval?.votes.map(\.user) ?? [] : [] }
        guard peopleRandom.chance(0.6), let one = voters.randomElement(using: &peopleRandom) else { return }
        if peopleRandom.chance(0.4) {
            people?.takeRoles(of: one)
        } else {
            people?.join(one, peopleRandom.pick(voters + [run.created.user]))
        }
    }

    private mutating func edit() -> InputEdit { InputEdit(inputs: ["n": .int(random.int(0...3))]) }

    /// Messages come in bursts; breakpoints by path or id are set and taken away.
    private mutating func commandWaits(_ path: StepPath, _ other: StepPath) throws(Violation) {
        let node = run.positions[path].map { run.plan.nodes[run.steps[$0].node].id } ?? path.text
        let breakpoint = run.breakpoints.sorted().randomElement(using: &random) ?? path.text
        let commands: [RunCommand] = [
            .release(path), .release(other), .hold(before: random.pick([path.text, node]), isSet: true), .hold(before: breakpoint, isSet: false),
        ]
        if random.chance(0.5) {
            try decide(.command(random.pick(commands), by: somebody(), message: nil))
            return
        }
        for _ in 0..<random.int(1...3) {
            let key = random.chance(0.5) ? "k\(random.int(1...3))" : nil
            try decide(.command(.signal(random.pick(["a", "b"]), .int(random.int(1...9)), key: key), by: somebody(), message: nil))
        }
    }

    /// Somebody breaks the glass, or tries to get round it; often who started the run, often when it is too late.
    private mutating func commandChangeGate(_ message: String?) throws(Violation) {
        var actor = somebody()
        if random.chance(0.3) { actor = Actor(person: "alice", user: random.pick(["alice", "os:alice"]), names: ["alice"], roles: ["admin"]) }
        let gate = run.closedGates.compactMap(\.step).randomElement(using: &random).map { run.steps[$0].path }
        if random.chance(0.1) { try decide(.command(.cancel, by: actor, message: nil)) }
        let release = gate.map { RunCommand.release($0) } ?? .breakGlass(nil)
        try decide(.command(random.pick([.breakGlass(nil), .breakGlass(gate), .breakGlass(gate), release]), by: actor, message: message))
    }

    /// Somebody votes where one can, or what a gate is about changes.
    private mutating func commandGate() throws(Violation) {
        let gates = run.steps.filter { $0.approval != nil }.map(\.path)
        let open = run.steps.filter { $0.approval?.state == .open }.map(\.path)
        guard let gate = (random.chance(0.8) && !open.isEmpty ? open : gates).randomElement(using: &random) else { return }
        for _ in 0..<random.int(1...5) {
            guard let approval = run.positions[gate].flatMap({ run.steps[$0].approval }) else { return }
            if random.chance(0.1) {
                try decide(.voidVotes(gate, reason: "its inputs were edited"))
                continue
            }
            if random.chance(0.05) {
                try decide(.command(.edit(edit(), isRetry: random.chance(0.2), from: random.pick([nil, gate])), by: somebody(), message: nil))
                continue
            }
            try vote(on: gate, approval)
        }
    }

    private mutating func vote(on gate: StepPath, _ approval: Approval) throws(Violation) {
        let choice: ApprovalRow.Vote.Decision = random.chance(0.85) ? .approved : .rejected
        let digest = random.chance(0.9) ? approval.digest : random.pick([nil, approval.superseded.last?.digest, Self.hash([9])])
        var voter = somebody()
        // Those who have voted, or lent their right, come again.
        let known = approval.votes.flatMap { [$0.person, $0.delegation?.person].compactMap { $0 } }
        if random.chance(0.3), people == nil, let again = known.randomElement(using: &random) {
            voter = Actor(
                person: again, user: random.pick([again, "os:\(again)"]), names: [again], roles: voter.roles, delegations: voter.delegations)
        }
        let ballot = RandomGate.ballot(of: voter, &random)
        try decide(.command(.vote(gate, choice, digest: digest, ballot: ballot), by: voter, message: nil))
    }

    private mutating func rolloutCommand(_ path: StepPath) -> RunCommand {
        let batches = random.chance(0.3) ? try? BatchSizes("2") : nil
        let adjustment = RolloutAdjustment(
            maxFailures: random.pick([nil, .count(3), .percent(100)]), concurrency: random.pick([nil, .count(2)]),
            startRate: random.pick([nil, nil, StartRate(count: 2, seconds: 5)]), batches: batches,
            pauseAfterBatch: random.pick([nil, nil, 1, 2]))
        return random.pick([
            .undo(path), .release(path), .breakGlass(path), .adjust(path, adjustment),
            .redo(rollout: path, .outcomes([.failed, .timedOut]), from: nil),
            .redo(rollout: nil, .outcomes([.notStarted]), from: nil), .redo(rollout: path, .named(["h1", "h4"]), from: nil),
            .redo(rollout: path, .outcomes([.ok, .changed, .failed]), from: "s2"),
        ])
    }

    /// The run has ended, and people try what they can with it.
    mutating func comeBack() throws(Violation) {
        if random.chance(0.5) { try undo() }
        for _ in 0..<4 where run.state.isTerminal { try command() }
    }

    /// Somebody takes back what the run did, or a part of it; which may be refused when there is nothing to take back, and only then.
    private mutating func undo() throws(Violation) {
        let path = random.chance(0.4) ? random.pick(run.steps.map(\.path)) : nil
        let isDone = !ledger.undo.undoable(from: path, in: run).isEmpty
        let isUndone = try decide(.command(.undo(path), by: somebody(), message: random.pick([nil, "it was wrong"])))
        guard isUndone != isDone else { return }
        throw violation("an undo of \(path?.text ?? "all") was \(isUndone ? "accepted" : "refused") wrongly: \(summary)")
    }

    /// Nobody passes an approval by saying that what it stands in succeeded; with one in its body a step may be called failed.
    private func holdsGate(_ step: Step) -> Bool {
        let own = run.plan.nodes[step.node].id
        return run.plan.nodes.contains { node in
            if case .approval = node.kind { node.id == own || node.id.hasPrefix(own + "/") } else { false }
        }
    }

    /// Nothing moves any more: a person does what `why` says.
    mutating func help() throws(Violation) {
        if run.isPaused {
            if try !decide(.command(.resume, by: Self.operatorOnCall, message: nil)) { throw violation("it cannot be resumed: \(summary)") }
            return
        }
        if isFrozen {
            let gate = run.closedGates.first?.step.map { run.steps[$0].path }
            if random.chance(0.5), try decide(.command(.breakGlass(gate), by: Self.operatorOnCall, message: "it cannot wait")) { return }
            return try freeze(false)
        }
        guard let step = run.steps.first(where: { $0.waiting != nil }) else {
            throw violation("it is \(run.state) and waits for nothing named: \(summary)")
        }
        switch (step.state, step.waiting?.kind) {
        case (.waiting, .approval): try open(step.path)
        case (.held, _) where random.chance(0.5) && step.elements != nil && now < healsAt + 10_000:
            try decide(.command(rolloutCommand(step.path), by: Self.operatorOnCall, message: nil))
        case (.held, _), (.unknown, _), (.running, .unreachable):
            // What people have not approved nobody can call approved.
            let mustFail = run.cancellation != nil || holdsGate(step)
            let resolution: RunCommand.Resolution = mustFail || random.chance(0.5) ? .failed : .succeeded(output: nil)
            if try !decide(.command(.resolve(step.path, resolution), by: Self.operatorOnCall, message: nil)) {
                throw violation("'\(step.path)' cannot be resolved: \(summary)")
            }
        case (.waiting, .signal):
            guard case .waitFor(let spec) = run.plan.nodes[step.node].kind else { throw violation("'\(step.path)' waits for no signal") }
            try decide(.command(.signal(spec.signal, .null), by: Self.operatorOnCall, message: nil))
        case (.waiting, .breakpoint): try decide(.command(.release(step.path), by: Self.operatorOnCall, message: nil))
        default: throw violation("nothing helps step '\(step.path)': \(step.state)")
        }
    }

    /// Everybody votes for it. Who has voted against it before cannot change that: then the run is given up.
    private mutating func open(_ gate: StepPath) throws(Violation) {
        people?.giveAllRoles()
        if people != nil { try decide(.people) }
        for voter in (people?.everybody ?? RandomGate.everybody).shuffled(using: &random) {
            guard let step = run.positions[gate].map({ run.steps[$0] }), step.state == .waiting, let approval = step.approval else { return }
            try decide(.command(.vote(gate, .approved, digest: approval.digest), by: voter, message: nil))
        }
        guard run.positions[gate].map({ run.steps[$0].state }) == .waiting else { return }
        try decide(.command(run.bodyOutcome == nil ? .cancel : .kill, by: Self.operatorOnCall, message: nil))
    }
}
