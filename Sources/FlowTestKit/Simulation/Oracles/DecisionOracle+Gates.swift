internal import FlowEngine
internal import FlowModel

// Gates that people open, and those that freezes and windows close.
extension DecisionOracle {
    /// No gate waits that has been decided, none is asked about what has changed, and whoever looks at one leaves it as things are.
    func gates() -> String? {
        for number in run.steps.indices where run.steps[number].approval?.state == .open && run.steps[number].state == .waiting {
            if let fault = gate(number) { return fault }
        }
        for (step, gate) in run.closedGates where wasLookedAt(step) {
            let oracle = EntryOracle(run: run, event: event, context: context)
            if oracle.closure(step, batch: gate.batch ?? 0) != gate.closure { return "a gate is closed by what does not hold it any more" }
        }
        return beginning()
    }

    /// A run that begins, or that is taken up again after its end, asks first whether it may.
    private func beginning() -> String? {
        guard run.bodyOutcome == nil, !run.state.isTerminal, run.gate == nil else { return nil }
        switch event {
        case .begin: break
        case .command(.undo, _, _): return nil
        default: guard before.state.isTerminal else { return nil }
        }
        let closure = EntryOracle(run: run, event: event, context: context).closure(nil, batch: 0)
        return closure.map { "the run begins in spite of \($0.rule)" }
    }

    private func gate(_ number: Int) -> String? {
        let oracle = EntryOracle(run: run, event: event, context: context)
        let path = run.steps[number].path
        guard let approval = run.steps[number].approval else { return nil }
        if oracle.isMet(number) { return "the gate '\(path)' waits and its rules are met" }
        if oracle.isVetoed(number) { return "the gate '\(path)' waits and was rejected" }
        if case .people = event, let fault = approval.votes.indices.lazy.compactMap({ oracle.lostCause($0, number) }).first {
            return "a vote on '\(path)' still counts: \(fault)"
        }
        if let sealed = approval.votes.last(where: { $0.voided == nil && $0.seal != nil }), sealed.seal != approval.digest {
            return "the gate '\(path)' asks for other answers than were approved"
        }
        guard case .approval(let spec) = run.nodeOf(number).kind else { return "'\(path)' is no gate" }
        if spec.remindSeconds != nil, approval.remindAt == nil, approval.reminders < Limits.reminders { return "'\(path)' reminds nobody" }
        if run.steps[number].due != [approval.deadline, approval.remindAt].compactMap({ $0 }).min() { return "'\(path)' is not woken in time" }
        if approval.answers != nil, !approval.votes.contains(where: { $0.voided == nil && $0.seal != nil }) {
            return "'\(path)' has answers of nobody"
        }
        guard before.steps.indices.contains(number), let old = before.steps[number].approval, old.state == .open,
            before.steps[number].generation == run.steps[number].generation
        else { return nil }
        let isChanged = decision.entries.contains { entry in
            switch entry {
            case .inputsEdited: true
            case .gate(let step, .voided): step.index == number
            default: false
            }
        }
        if isChanged, approval.digest == old.digest || approval.votes.contains(where: { $0.voided == nil }) {
            return "votes on '\(path)' count, and what they were about has changed"
        }
        if case .timer(path) = event, let deadline = old.deadline, context.hasFired(deadline), approval.level == old.level {
            return "the gate '\(path)' waits beyond its deadline"
        }
        return nil
    }

    /// - Parameter step: the rollout; nil is the run itself.
    private func wasLookedAt(_ step: Int?) -> Bool {
        switch event {
        case .gates: return true
        case .timer(let path):
            guard let step, before.steps.indices.contains(step) else { return path == Run.gatePath }
            return path == run.steps[step].path && context.hasFired(before.steps[step])
        default: return false
        }
    }
}
