import FlowModel

extension Run {
    /// It cleans up after another run, which is never kept waiting. Who retries it later is.
    var isUngated: Bool { created.isUngated == true && !wasTakenUp }
}

/// Gates that freezes and windows close. They stand where a change can wait without harm: before a run's first step and before each
/// batch of a rollout. What has begun ends, and undoing is never kept waiting.
extension RunMachine {
    // MARK: - Asking

    /// Closes the run's own gate if something keeps all of it from beginning. Returns whether it may begin.
    mutating func passesGate() -> Bool {
        let hosts = run.created.targets.keys.sorted().flatMap { run.created.targets[$0]?.map(\.name) ?? [] }
        guard !run.isUngated, let closure = context.closure(subject(hosts)) else { return true }
        emit(.changeGate(ChangeGateEntry(nil, .closed(closure))))
        return false
    }

    /// Closes the rollout's gate if something keeps the batch from beginning. Returns whether it may begin.
    mutating func passesGate(_ number: Int, batch: Int) -> Bool {
        guard run.rollouts[number]?.passedBatch != batch, !hasBrokenGlass, let closure = closure(number, batch: batch) else { return true }
        emit(.changeGate(ChangeGateEntry(ref(number), .closed(closure))))
        return false
    }

    private func closure(_ number: Int, batch: Int) -> ChangeClosure? {
        guard !run.isUngated, let rollout = run.rollouts[number], let keys = run.steps[number].elements?.keys else { return nil }
        return context.closure(subject(rollout.targets(of: batch).map { keys[$0] }))
    }

    func subject(_ hosts: [String]) -> ChangeSubject {
        ChangeSubject(flow: run.created.flow, labels: run.created.labels, hosts: hosts)
    }

    // MARK: - Looking again

    /// Freezes or windows have changed, or one may be over.
    mutating func lookAtGates() {
        for (step, _) in run.closedGates { lookAtGate(step) }
    }

    /// - Parameter step: the rollout; nil is the run itself.
    mutating func lookAtGate(_ step: Int?) {
        guard let gate = run.closedGates.first(where: { $0.step == step })?.gate else { return }
        let closure: ChangeClosure?
        if let step, let batch = gate.batch {
            closure = self.closure(step, batch: batch)
        } else {
            let hosts = run.created.targets.keys.sorted().flatMap { run.created.targets[$0]?.map(\.name) ?? [] }
            closure = context.closure(subject(hosts))
        }
        if let closure {
            if closure != gate.closure { emit(.changeGate(ChangeGateEntry(step.map(ref), .closed(closure)))) }
        } else {
            open(step, .opened)
        }
    }

    private mutating func open(_ step: Int?, _ change: ChangeGateEntry.Change) {
        emit(.changeGate(ChangeGateEntry(step.map(ref), change)))
        if let step { advanceMap(step) } else { startEverything() }
    }

    // MARK: - Breaking the glass

    /// Lets what waits at a gate go on, once, whatever freezes it. Takes a second person with a role for it, and a reason.
    mutating func breakGlass(_ path: StepPath?, _ command: RunCommand, by actor: Actor, message: String?) throws(FlowError) {
        try requireOpen(command)
        let gate = try closedGate(path, command)
        if let shaper = run.shapers(of: gate).first(where: { isOne($0, user: actor.user, person: actor.person) }) {
            throw FlowError(
                .forbidden, subject: run.id.text,
                "The gate was not passed: who \(shaper.words) cannot break the glass, and \(words(for: actor.user, as: shaper)).",
                hint: "somebody else: flowctl release \(run.id) --break-glass -m REASON")
        }
        guard !Set(actor.roles).isDisjoint(with: ChangeRuleSpec.breakers) else {
            throw FlowError(
                .forbidden, subject: run.id.text,
                "The gate was not passed: \(actor.user) is not \(ChangeRuleSpec.breakers.joined(separator: " or ")).")
        }
        guard let message, !message.allSatisfy(\.isWhitespace) else {
            throw FlowError(.usage, subject: "message", "The gate was not passed: say why; it is kept in the journal and on the audit trail.")
        }
        let gates = run.closedGates.prefix(Limits.plannedShown).map { "\($0.gate.closure.kind.rawValue) \($0.gate.closure.rule)" }
        record(command, by: actor, message: message)
        noteBrokenGlass(path, gates, by: actor, message)
        // The run and the first batch of a rollout that begins with it are one change.
        hasBrokenGlass = gate == nil
        open(gate, .passed(user: actor.user))
    }

    private mutating func noteBrokenGlass(_ path: StepPath?, _ gates: [String], by actor: Actor, _ message: String) {
        var detail: [String: JSON] = [
            "message": .string(message), "flow": .string(run.created.flow), "requester": .string(run.created.user),
            "gates": .array(gates.map(JSON.string)),
        ]
        if let path { detail["step"] = .string(path.text) }
        decision.audit.append(
            AuditEntry(at: context.now, actor: actor.user, verb: "run.break-glass", subject: run.id.text, detail: .object(detail)))
    }

    private func closedGate(_ path: StepPath?, _ command: RunCommand) throws(FlowError) -> Int? {
        let closed = run.closedGates
        if let path {
            let number = try position(path)
            guard closed.contains(where: { $0.step == number }) else {
                throw refuse(command, because: "step '\(path)' does not wait for a freeze or window", hint: "flowctl why \(run.id)")
            }
            return number
        }
        guard let first = closed.first else {
            throw refuse(command, because: "nothing in it waits for a freeze or window", hint: "flowctl why \(run.id)")
        }
        guard closed.count == 1 else {
            let names = closed.compactMap { $0.step.map { "'\(run.steps[$0].path)'" } }.joined(separator: ", ")
            throw refuse(command, because: "more than one gate is closed: \(names)", hint: "flowctl release \(run.id) STEP --break-glass -m REASON")
        }
        return first.step
    }
}
