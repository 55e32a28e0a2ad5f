internal import FlowEngine
internal import FlowModel

// Operators and approvers: what they try, and what they do when nothing moves any more.
extension RunSimulation {
    /// Alice asked for the run; Dave may nothing.
    private static let people = [
        Actor(person: "alice", user: "alice", names: ["alice"], roles: ["ops"]), Actor(person: "alice", user: "al", names: ["al"], roles: ["ops"]),
        Actor(person: "bob", user: "bob", names: ["bob"], roles: ["ops"]), Actor(person: "carol", user: "carol", names: ["carol"], roles: ["ops"]),
        Actor(person: "dave", user: "dave", names: ["dave"], roles: []), Actor(person: "erin", user: "erin", names: ["erin"], roles: ["ops"]),
    ]

    mutating func command() throws(Violation) {
        let path = random.pick(run.steps.map(\.path))
        let actor = random.pick(Self.people)
        if let rollout = run.rollouts.keys.sorted().randomElement(using: &random), random.chance(0.5) {
            try decide(.command(rolloutCommand(run.steps[rollout].path), by: actor, message: nil))
            return
        }
        let gates = run.steps.filter { $0.approval != nil }.map(\.path)
        let gate = gates.isEmpty || random.chance(0.2) ? path : random.pick(gates)
        let digest = random.chance(0.8) ? digest(of: gate) : random.pick([nil, Self.hash([9])])
        let commands: [RunCommand] = [
            .pause, .resume, .resume, .cancel, .kill, .retry(from: nil), .retry(from: path), .skip(path), .skip(gate), .resolve(path, .retry),
            .resolve(path, .failed), .resolve(path, .succeeded(output: nil)), .vote(gate, .approved, digest: digest),
            .vote(gate, .approved, digest: digest), .vote(gate, .rejected, digest: digest),
            .signal("a", .null), .signal("b", .int(1)), .release(path), .hold(before: path.text, isSet: random.chance(0.7)),
            .edit(InputEdit(inputs: ["n": .int(random.int(0...3))]), isRetry: random.chance(0.5), from: nil),
        ]
        try decide(.command(random.pick(commands), by: actor, message: nil))
    }

    private func digest(of gate: StepPath) -> Digest? { run.positions[gate].flatMap { run.steps[$0].approval?.digest } }

    private mutating func rolloutCommand(_ path: StepPath) -> RunCommand {
        let batches = random.chance(0.3) ? try? BatchSizes("2") : nil
        let adjustment = RolloutAdjustment(
            maxFailures: random.pick([nil, .count(3), .percent(100)]), concurrency: random.pick([nil, .count(2)]), batches: batches,
            pauseAfterBatch: random.pick([nil, nil, 1, 2]))
        return random.pick([
            .undo(path), .release(path), .adjust(path, adjustment), .redo(rollout: path, .outcomes([.failed, .timedOut]), from: nil),
            .redo(rollout: nil, .outcomes([.notStarted]), from: nil), .redo(rollout: path, .named(["h1", "h4"]), from: nil),
            .redo(rollout: path, .outcomes([.ok, .changed, .failed]), from: "s2"),
        ])
    }

    /// The run has ended, and people try what they can with it.
    mutating func comeBack() throws(Violation) {
        for _ in 0..<4 where run.state.isTerminal { try command() }
    }

    /// Nothing moves any more: a person does what `why` says.
    mutating func help() throws(Violation) {
        if run.isPaused {
            if try !decide(.command(.resume, by: Self.people[2], message: nil)) { throw violation("it cannot be resumed: \(summary)") }
            return
        }
        guard let step = run.steps.first(where: { $0.waiting != nil }) else {
            throw violation("it is \(run.state) and waits for nothing named: \(summary)")
        }
        switch (step.state, step.waiting?.kind) {
        case (.waiting, .approval):
            try decide(.command(.vote(step.path, .approved, digest: step.approval?.digest), by: random.pick(Self.people), message: nil))
        case (.held, _) where random.chance(0.5) && step.elements != nil && now < healsAt + 10_000:
            try decide(.command(rolloutCommand(step.path), by: Self.people[2], message: nil))
        case (.held, _), (.unknown, _), (.running, .unreachable):
            let isRunOver = run.cancellation != nil
            let resolution: RunCommand.Resolution = isRunOver || random.chance(0.5) ? .failed : .succeeded(output: nil)
            if try !decide(.command(.resolve(step.path, resolution), by: Self.people[2], message: nil)) {
                throw violation("'\(step.path)' cannot be resolved: \(summary)")
            }
        case (.waiting, .signal):
            guard case .waitFor(let spec) = run.plan.nodes[step.node].kind else { throw violation("'\(step.path)' waits for no signal") }
            try decide(.command(.signal(spec.signal, .null), by: Self.people[2], message: nil))
        case (.waiting, .breakpoint): try decide(.command(.release(step.path), by: Self.people[2], message: nil))
        default: throw violation("nothing helps step '\(step.path)': \(step.state)")
        }
    }
}
