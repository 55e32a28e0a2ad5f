internal import FlowEngine
internal import FlowModel

/// What is remembered over a whole run, beside its journal: what was handed out, told and asked, and in what order.
struct SimulationLedger {
    private var proceeded: Set<AttemptID> = []
    private var keys: [String: String] = [:]
    private var generations: [String: String] = [:]
    private var gates: [Digest: String] = [:]
    /// How often a gate was asked anew or answered.
    private var seals = 0
    /// How many messages of each signal were sent and not taken.
    private var kept: [String: Int] = [:]
    /// Keys under which messages were taken.
    private var signalKeys: Set<String> = []
    /// Steps whose time between two rounds is over.
    private var rested: Set<Int> = []
    /// Steps of `finally` that settled since the flow ended last.
    private var settled: Set<Int> = []
    /// Those that a person skipped or resolved, whenever that was.
    private var skipped: Set<Int> = []
    private var hasBegun = false
    private var isKilled = false
    private(set) var undo = UndoLedger()

    /// What is wrong with a decision; nil when nothing is.
    mutating func fault(of decision: RunMachine.Decision, _ event: RunMachine.Event, _ before: Run, _ run: Run, at now: Instant) -> String? {
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
            case .stop, .forget, .call, .child, .lookAtChild, .findHosts: break
            }
        }
        return gates(decision, run) ?? messages(decision, run) ?? rounds(decision, before, run) ?? finally(decision, event, run)
            ?? undo.fault(of: decision, event, before, at: now)
    }

    /// A gate tells the people who can open it whenever there is something new, and what they vote on is never the same as before.
    private mutating func gates(_ decision: RunMachine.Decision, _ run: Run) -> String? {
        var told: [JSON] = []
        var lost: Set<Int> = []
        for entry in decision.entries {
            switch entry {
            case .approvalOpened(let step, _, let digest, _):
                told.append(.string("approval.waiting \(digest.hex)"))
                if let fault = bind(digest, "\(step.path) in generation \(run.steps[step.index].generation)") { return fault }
            case .voted(let step, let vote):
                guard let seal = vote.seal else { continue }
                if let fault = bind(seal, "\(step.path) in generation \(run.steps[step.index].generation), \(seals)") { return fault }
                seals += 1
            case .gate(let step, .voided(_, _, let digest)):
                told.append(.string("approval.waiting \(digest.hex)"))
                if let fault = bind(digest, "\(step.path) in generation \(run.steps[step.index].generation), \(seals)") { return fault }
                seals += 1
            case .gate(let step, let change):
                guard let approval = run.steps[step.index].approval, approval.state == .open else { continue }
                if case .reminder(_, isSent: true) = change { told.append(.string("approval.waiting \(approval.digest.hex)")) }
                if case .voteLost = change, lost.insert(step.index).inserted { told.append(.string("approval.waiting \(approval.digest.hex)")) }
                if case .escalated = change { told.append(.string("approval.escalated \(approval.digest.hex)")) }
            default: break
            }
        }
        let notices = decision.notices.map { JSON.string("\($0["kind"]?.stringValue ?? "") \($0["digest"]?.stringValue ?? "")") }
        return notices.map(\.text).sorted() == told.map(\.text).sorted() ? nil : "people were told \(notices), not \(told)"
    }

    private mutating func bind(_ digest: Digest, _ gate: String) -> String? {
        gates.updateValue(gate, forKey: digest) ?? gate == gate ? nil : "two questions have one digest: \(gate)"
    }

    /// Each message is taken once: what was sent and not taken is there.
    private mutating func messages(_ decision: RunMachine.Decision, _ run: Run) -> String? {
        for entry in decision.entries {
            switch entry {
            case .signalled(let signal, _): kept[signal, default: 0] += 1
            case .keyed(let key, _): guard signalKeys.insert(key).inserted else { return "a message under key '\(key)' was taken twice" }
            case .signalTaken(_, let signal): kept[signal, default: 0] -= 1
            default: break
            }
        }
        for (signal, count) in kept where count != run.signals[signal, default: []].count {
            return "a message of '\(signal)' was taken twice, or not"
        }
        return nil
    }

    /// Between two rounds there is the time that the flow says.
    private mutating func rounds(_ decision: RunMachine.Decision, _ before: Run, _ run: Run) -> String? {
        for entry in decision.entries {
            switch entry {
            case .resumed(let step): rested.insert(step.index)
            case .elementOpened(let step, let element):
                let hasRested = rested.remove(step.index) != nil
                guard case .repeatUntil(let spec) = run.nodeOf(step.index).kind, spec.intervalSeconds > 0, !hasRested else { continue }
                let scopes = before.steps.indices.contains(step.index) ? before.steps[step.index].elements?.scopes ?? [] : []
                let isFresh = !scopes.indices.contains(element) || scopes[element] == nil
                let isFurther = element > 0
                if isFresh, isFurther { return "a round of '\(step.path)' begins without a pause" }
            default: break
            }
        }
        return nil
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
