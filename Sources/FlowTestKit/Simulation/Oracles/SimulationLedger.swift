internal import FlowEngine
internal import FlowModel

/// What is remembered over a whole run, beside its journal: what was handed out, told and asked, and in what order.
struct SimulationLedger {
    private var proceeded: Set<AttemptID> = []
    private var keys: [String: String] = [:]
    private var generations: [String: String] = [:]
    private var gates: [Digest: String] = [:]
    /// Steps of `finally` that settled since the flow ended last.
    private var settled: Set<Int> = []
    /// Those that a person skipped or resolved, whenever that was.
    private var skipped: Set<Int> = []
    private var hasBegun = false
    private var isKilled = false

    /// What is wrong with a decision; nil when nothing is.
    mutating func fault(of decision: RunMachine.Decision, _ event: RunMachine.Event, _ run: Run) -> String? {
        for action in decision.actions {
            switch action {
            case .proceed(let id):
                guard proceeded.insert(id).inserted else { return "\(id) is sent twice" }
            case .dispatch(let order):
                let generation = "\(order.id.step) in generation \(order.id.generation)"
                guard keys.updateValue(generation, forKey: order.idempotencyKey) ?? generation == generation else {
                    return "two steps have the key \(order.idempotencyKey)"
                }
                guard generations.updateValue(order.idempotencyKey, forKey: generation) ?? order.idempotencyKey == order.idempotencyKey else {
                    return "\(generation) changes its key"
                }
            case .stop, .forget: break
            }
        }
        return gates(decision, run) ?? finally(decision, event, run)
    }

    /// A gate tells the people who can open it, and what they vote on is never the same as before.
    private mutating func gates(_ decision: RunMachine.Decision, _ run: Run) -> String? {
        var asked: [JSON] = []
        for entry in decision.entries {
            guard case .approvalOpened(let step, _, let digest, _) = entry else { continue }
            asked.append(.string(digest.hex))
            let gate = "\(step.path) in generation \(run.steps[step.index].generation)"
            if gates.updateValue(gate, forKey: digest) ?? gate != gate { return "two gates have one digest: \(gate)" }
        }
        return decision.notices.compactMap { $0["digest"] } == asked ? nil : "gates opened and nobody was told"
    }

    /// Each step of `finally` settles after the flow has ended, and once for each end.
    private mutating func finally(_ decision: RunMachine.Decision, _ event: RunMachine.Event, _ run: Run) -> String? {
        for entry in decision.entries {
            switch entry {
            case .bodyEnded: (settled, hasBegun) = ([], true)
            case .reopened(let steps):
                settled.subtract(steps.map(\.index))
                skipped.subtract(steps.map(\.index))
                (hasBegun, isKilled) = (false, false)
            case .cancelRequested(.kill): isKilled = true
            case .settled(let step, _) where run.steps[step.index].scope == PlanIndex.finally:
                if isDecidedByPerson(event) {
                    skipped.insert(step.index)
                } else if !settled.insert(step.index).inserted || !hasBegun && !isKilled {
                    return "'\(step.path)' settles twice at the end, or before it"
                }
            case .runState(let state, _) where state.isTerminal && !isKilled:
                let left = run.stepsOf(PlanIndex.finally).first { run.steps[$0].state.isSettled && !settled.contains($0) && !skipped.contains($0) }
                if let left { return "'\(run.steps[left].path)' did not run at this end" }
            default: break
            }
        }
        return nil
    }

    private func isDecidedByPerson(_ event: RunMachine.Event) -> Bool {
        switch event {
        case .command(.skip, _, _), .command(.resolve, _, _): true
        default: false
        }
    }
}
