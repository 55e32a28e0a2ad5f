package import FlowModel

/// What entries do to the gates that freezes and windows close.
extension Run {
    /// Where the timer of the run's own gate stands; no step has such a name.
    package static let gatePath = StepPath("gate:")

    mutating func apply(_ entry: ChangeGateEntry, at: Instant) {
        guard let step = entry.step else {
            switch entry.change {
            case .closed(let closure): gate = ClosedGate(closure: closure, since: gate?.since ?? at)
            case .opened, .passed: gate = nil
            }
            return
        }
        let number = step.index
        switch entry.change {
        case .closed(let closure):
            guard let rollout = rollouts[number] else { return }
            // Before the first batch no target has begun, and so none has left the queue.
            let next = steps[number].elements?.queue.last.map(rollout.batch(of:)) ?? rollout.batch
            let gate = ClosedGate(closure: closure, since: rollout.gate?.since ?? at, batch: next)
            wait(closure.kind.waitKind, step, at: gate.since, until: closure.until)
            steps[number].waiting?.reason = gate.words
            rollouts[number]?.gate = gate
        case .opened, .passed:
            let batch = rollouts[number]?.gate?.batch
            if case .passed = entry.change { rollouts[number]?.passedBatch = batch }
            enter(.running, number, at: at)
            rollouts[number]?.gate = nil
        }
    }

    /// Every gate that is closed: the run's own, then those of rollouts in order.
    package var closedGates: [(step: Int?, gate: ClosedGate)] {
        let own = gate.map { [(step: Int?.none, gate: $0)] } ?? []
        return own
            + rollouts.keys.sorted().compactMap { number in
                guard steps[number].state == .waiting, let gate = rollouts[number]?.gate else { return nil }
                return (number, gate)
            }
    }

    /// What the run itself waits for, before its first step.
    package var gateWait: Waiting? {
        gate.map { Waiting(kind: $0.closure.kind.waitKind, subject: $0.closure.rule, since: $0.since, until: $0.closure.until, reason: $0.words) }
    }
}

extension ClosedGate {
    /// For people: `freeze 'year-end' holds it: the books are closed`.
    var words: String {
        let what = closure.kind == .freeze ? "freeze '\(closure.rule)' holds it" : "window '\(closure.rule)' is not open"
        return "\(what): \(closure.reason). Whoever did not start the run and is \(ChangeRuleSpec.breakers.joined(separator: " or ")) may pass it"
    }
}
