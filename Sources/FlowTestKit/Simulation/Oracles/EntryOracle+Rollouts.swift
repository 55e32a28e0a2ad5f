internal import FlowEngine
internal import FlowModel

// Elements of maps, and targets of rollouts: in their turn, as many as may, and counted for what became of them.
extension EntryOracle {
    func elementOpened(_ step: Int, _ element: Int) -> String? {
        let path = run.steps[step].path
        guard let elements = run.steps[step].elements, run.steps[step].state == .running else { return "'\(path)' has no elements now" }
        if run.isPaused { return "an element of '\(path)' begins while the run is paused" }
        if run.gate != nil { return "an element of '\(path)' begins before the run's gate" }
        if !run.canGoOn(run.steps[step].scope) { return "an element of '\(path)' begins where nothing may go on" }
        if !run.hasItsTurn(run.steps[step].scope) { return "an element of '\(path)' begins out of turn" }
        if elements.queue.last != element { return "an element of '\(path)' begins out of order" }
        switch run.nodeOf(step).kind {
        case .map(let map):
            if elements.open.count >= max(map.width, 1) { return "'\(path)' is wider than \(map.width)" }
            return elements.failed == 0 || map.minSucceeded != nil || map.keepsGoing == true ? nil : "an element of '\(path)' begins after one failed"
        case .repeatUntil(let spec):
            if !elements.open.isEmpty || elements.failed > 0 { return "two rounds of '\(path)' overlap" }
            return elements.scopes[element] == nil && isReached(spec, step) ? "a round of '\(path)' begins after what it waited for" : nil
        case .rollout(let spec): return targetOpened(step, element, elements, spec)
        default: return "'\(path)' has no elements"
        }
    }

    private func targetOpened(_ step: Int, _ element: Int, _ elements: Elements, _ spec: RolloutSpec) -> String? {
        let path = run.steps[step].path
        guard let rollout = run.rollouts[step] else { return "a target of no rollout begins" }
        if rollout.breach != nil || rollout.undoQueue != nil { return "a target of '\(path)' begins after the budget was breached" }
        let batch = rollout.targets(of: rollout.batch)
        let isLast = rollout.batch == max(rollout.ends.count - 1, 0)
        if !batch.contains(element), !isLast || element < batch.upperBound { return "a target of another batch of '\(path)' begins" }
        if !spec.paceAllows(rollout, context) { return "a target of '\(path)' begins faster than may" }
        if let left = firstBetweenLeft(step, in: 0..<rollout.batch(of: element)) {
            return "a target of '\(path)' begins past what stands after batch \(left + 1)"
        }
        let isBegun = earlier.contains { entry in
            switch entry {
            case .rollout(let other, .opened), .resumed(let other): other.index == step
            default: false
            }
        }
        if isBegun, let fault = mayBegin(batch: rollout.batch, step) { return fault }
        if !isBegun, isTakenUp(element, step), elements.scopes[element] != nil,
            context.closure(ChangeSubject(flow: run.created.flow, labels: run.created.labels, hosts: [elements.keys[element]])) != nil,
            rollout.passedBatch != rollout.batch
        {
            return "a target of '\(path)' is done again in spite of a freeze"
        }
        let budget = spec.failures(of: rollout)
        if budget.found > budget.borne { return "a target of '\(path)' begins after \(budget.found) failures of \(budget.borne)" }
        return elements.open.count < spec.width(rollout, of: batch.count) ? nil : "more targets of '\(path)' run at once than may"
    }

    func elementClosed(_ step: Int, _ element: Int, _ hasFailed: Bool, _ target: Entry.TargetEnd?) -> String? {
        let path = run.steps[step].path
        guard let elements = run.steps[step].elements, elements.open.contains(element), let scope = elements.scopes[element] else {
            return "an element of '\(path)' ends and was not open"
        }
        guard run.hasEnded(scope) else { return "an element of '\(path)' ends while it goes on" }
        if hasFailed != run.stepsOf(scope).contains(where: run.isFailure) { return "an element of '\(path)' failed: not \(hasFailed)" }
        guard run.rollouts[step] != nil else { return target == nil ? nil : "an element has the outcome of a target" }
        let expected = outcome(scope)
        return target?.outcome == expected
            ? nil : "target \(elements.keys[element]) of '\(path)' is \(expected), not \(target.map { "\($0.outcome)" } ?? "nothing")"
    }

    /// What became of a target.
    private func outcome(_ scope: Int) -> TargetOutcome {
        let steps = run.stepsOf(scope).map { run.steps[$0] }
        for (number, step) in zip(run.stepsOf(scope), steps) where step.state == .failed && run.isFailure(number) {
            if step.attempt?.row.state == .timedOut { return .timedOut }
            return [.unreachable, .hostKey].contains(step.attempt?.cause) ? .unreachable : .failed
        }
        if steps.contains(where: { $0.state == .cancelled && $0.attempt?.row.state == .lost }) { return .unknown }
        if steps.contains(where: { !$0.state.isSettled || $0.state == .cancelled }) {
            return steps.allSatisfy { $0.startedAt == nil } ? .notStarted : .cancelled
        }
        if steps.allSatisfy({ $0.state == .skipped }) { return .skipped }
        return steps.contains { $0.changed == true } ? .changed : .ok
    }

    /// It has its turn again in this very decision.
    private func isTakenUp(_ element: Int, _ step: Int) -> Bool {
        earlier.contains { entry in
            guard case .rollout(let other, .requeued(let chosen)) = entry else { return false }
            return other.index == step && chosen.contains(element)
        }
    }

    /// The first of these batches after which something is to be done, or has failed.
    private func firstBetweenLeft(_ step: Int, in batches: Range<Int>) -> Int? {
        guard run.index.betweens[run.steps[step].node] != nil, let rollout = run.rollouts[step] else { return nil }
        return batches.first { batch in
            guard let scope = rollout.betweens[batch] else { return true }
            return !run.stepsOf(scope).allSatisfy(run.hasEndedWell)
        }
    }

    // MARK: - Ends of a rollout

    func rolloutSucceeded(_ step: Int, _ spec: RolloutSpec) -> String? {
        guard let rollout = run.rollouts[step], let elements = run.steps[step].elements else { return "a rollout succeeded that never was" }
        let path = run.steps[step].path
        if !elements.open.isEmpty || !elements.queue.isEmpty || rollout.undoQueue != nil { return "'\(path)' succeeded and is not over" }
        if let left = rollout.targets.firstIndex(where: { $0.outcome == .notStarted || $0.outcome == .cancelled }) {
            return "'\(path)' succeeded without target \(elements.keys[left])"
        }
        if let undone = rollout.targets.firstIndex(where: { $0.undo == .undone }) {
            return "'\(path)' succeeded, and target \(elements.keys[undone]) was undone"
        }
        let budget = whole(rollout, spec)
        return budget.found <= budget.borne ? nil : "'\(path)' succeeded with \(budget.found) failures of \(budget.borne)"
    }

    /// In the end every failure counts, also one that a later turn had forgiven.
    private func whole(_ rollout: Rollout, _ spec: RolloutSpec) -> (found: Int, borne: Int) {
        let budget = spec.failures(of: rollout)
        let forgiven = spec.budget.scope == .batch ? rollout.batchForgiven : rollout.forgiven
        return (budget.found + forgiven.failures(spec.budget.counting), budget.borne)
    }

    func rolloutFailed(_ step: Int, _ spec: RolloutSpec) -> String? {
        guard let rollout = run.rollouts[step], let elements = run.steps[step].elements, elements.open.isEmpty else {
            return "a rollout failed while a target runs"
        }
        // The end of an undoing, which may have been asked for when all was well.
        if rollout.undoQueue == nil, rollout.targets.contains(where: { $0.undo != nil }), rollout.breach == nil { return nil }
        if rollout.breach != nil { return spec.onBreach == .hold ? "'\(run.steps[step].path)' failed, and its policy is to hold" : nil }
        let budget = whole(rollout, spec)
        let isIncomplete = rollout.targets.contains { $0.outcome == .notStarted || $0.outcome == .cancelled } && elements.queue.isEmpty
        let between = rollout.betweens.contains { $0.key >= rollout.batch && run.stepsOf($0.value).contains(where: run.isFailure) }
        if budget.found > budget.borne || between || rollout.targets.contains(where: { $0.undo != nil }) { return nil }
        guard isIncomplete else { return "'\(run.steps[step].path)' failed without a reason" }
        return run.wasStopped ? "'\(run.steps[step].path)' was stopped, and is called failed" : nil
    }

    func rolloutHeld(_ step: Int, _ spec: RolloutSpec) -> String? {
        guard let rollout = run.rollouts[step] else {
            return run.nodeOf(step).policy.onFailure == .hold ? nil : "a rollout is held that never was"
        }
        if rollout.breach == nil, rollout.adjustment.pauseAfterBatch == rollout.batch + 1 { return nil }
        if rollout.breach != nil, spec.onBreach == .hold { return nil }
        return run.nodeOf(step).policy.onFailure == .hold ? rolloutFailed(step, spec) : "'\(run.steps[step].path)' is held without a reason"
    }

    // MARK: - Batches and undoing

    func fault(of entry: RolloutEntry, _ step: Int) -> String? {
        guard case .rollout(let spec) = run.nodeOf(step).kind, let elements = run.steps[step].elements else { return "it is no rollout" }
        if case .opened(let ends, let leftOut) = entry {
            let isAscending = zip([0] + ends, ends).allSatisfy { $0 < $1 }
            let states = elements.values.map { $0["labels"]?["state"]?.stringValue ?? "" }
            let skipped = states.map { spec.skipping?.contains($0) ?? false }
            if skipped != states.indices.map({ $0 >= ends.last ?? 0 }) { return "hosts have a turn, or none, in spite of their state" }
            return isAscending && (ends.last ?? 0) + leftOut.count == elements.keys.count ? nil : "batches that do not fit: \(ends)"
        }
        guard let rollout = run.rollouts[step] else { return "the rollout has not begun" }
        switch entry {
        case .batchBegan(let batch): return batchBegan(batch, step, spec, rollout, elements)
        case .soaking(let until):
            return elements.open.isEmpty && until == now + spec.soakSeconds ? nil : "a soak of \(spec.soakSeconds) s ends at \(until)"
        case .soaked:
            guard run.steps[step].waiting?.kind == .soak else { return "what does not soak has soaked" }
            if case .release? = command { return nil }
            return context.hasFired(run.steps[step]) ? nil : "a soak ends too early"
        case .paced(let until?): return spec.paceAllows(rollout, context) || until <= now ? "a rollout waits that need not" : nil
        case .paced: return nil
        case .betweenOpened(let batch):
            let isNext = batch >= rollout.batch && firstBetweenLeft(step, in: rollout.batch..<batch) == nil
            return isNext && elements.open.isEmpty ? nil : "what stands between batches begins too early"
        case .breached:
            let budget = spec.failures(of: rollout)
            return budget.found > budget.borne ? nil : "\(budget.found) failures of \(budget.borne) are no breach"
        case .released: return released(rollout, spec)
        case .adjusted(_, let ends):
            return ends.last == rollout.ends.last && ends.starts(with: rollout.ends.prefix(rollout.batch + 1)) ? nil : "begun batches change"
        case .requeued(let chosen): return Set(chosen).isDisjoint(with: elements.open) ? nil : "a running target has another turn"
        case .undoBegan(let chosen): return undoBegan(chosen, rollout, spec, elements)
        case .undoOpened(let target): return undoOpened(target, rollout, spec)
        case .undoClosed(let target, let state): return undoClosed(target, state, rollout)
        case .undoEnded:
            let isOver = rollout.undoOpen.isEmpty && (rollout.undoQueue?.isEmpty != false || run.wasStopped)
            return isOver ? nil : "the undoing ends while it goes on"
        case .undoTold: return run.steps[step].state == .failed && rollout.endedUndone ? nil : "what did not end by its undo is told so"
        case .opened: return nil
        }
    }

    private func batchBegan(_ batch: Int, _ step: Int, _ spec: RolloutSpec, _ rollout: Rollout, _ elements: Elements) -> String? {
        let path = run.steps[step].path
        let isTakenUp = earlier.contains { if case .rollout(let other, .requeued) = $0 { other.index == step } else { false } }
        if isTakenUp, batch < rollout.batch {
            return firstBetweenLeft(step, in: batch..<batch + 1) == nil ? "'\(path)' goes back where nothing is left" : nil
        }
        if !elements.open.isEmpty { return "a batch of '\(path)' begins while one runs" }
        if run.isPaused || rollout.breach != nil || rollout.undoQueue != nil { return "a batch of '\(path)' begins that must not" }
        if spec.soakSeconds > 0, !rollout.isSoaked { return "a batch of '\(path)' begins without a soak" }
        if rollout.adjustment.pauseAfterBatch == rollout.batch + 1 { return "a batch of '\(path)' begins after which it was to be held" }
        if firstBetweenLeft(step, in: rollout.batch..<batch) != nil { return "a batch of '\(path)' begins before what stands between" }
        let isNext = elements.queue.last.map { rollout.batch(of: $0) == batch } == true
        return isNext ? mayBegin(batch: batch, step) : "the wrong batch of '\(path)' begins"
    }

    private func released(_ rollout: Rollout, _ spec: RolloutSpec) -> String? {
        switch command {
        case .release?, .adjust?:
            let budget = spec.failures(of: rollout)
            return budget.found <= budget.borne ? nil : "a rollout goes on with \(budget.found) failures of \(budget.borne)"
        default: return "a rollout goes on and nobody asked for it"
        }
    }

    private func undoBegan(_ chosen: [Int], _ rollout: Rollout, _ spec: RolloutSpec, _ elements: Elements) -> String? {
        let touched = elements.keys.indices.reversed().filter { target in
            guard rollout.targets[target].undo != .undone, let scope = elements.scopes[target] else { return false }
            // In this generation or one before: what was done stands.
            return run.stepsOf(scope).contains { run.steps[$0].state == .succeeded || run.pasts[$0] != nil }
        }
        if chosen != touched { return "\(chosen) are undone, not \(touched)" }
        if case .undo? = command { return nil }
        return rollout.breach != nil && spec.onBreach == .undo && elements.open.isEmpty ? nil : "nobody asked to undo anything"
    }

    private func undoOpened(_ target: Int, _ rollout: Rollout, _ spec: RolloutSpec) -> String? {
        if run.isPaused || run.wasStopped { return "a target is undone while the run is stopped" }
        if rollout.undoQueue?.last != target { return "targets are undone out of order" }
        return rollout.undoOpen.count < spec.undoWidth(rollout) ? nil : "more targets are undone at once than may"
    }

    private func undoClosed(_ target: Int, _ state: UndoState, _ rollout: Rollout) -> String? {
        guard rollout.undoOpen.contains(target), let scope = rollout.undos[target], run.hasEnded(scope) else { return "an undoing ends too early" }
        let steps = run.stepsOf(scope)
        let expected: UndoState =
            steps.allSatisfy(run.hasEndedWell) ? .undone : steps.contains { run.steps[$0].state == .failed } ? .failed : .cancelled
        return state == expected ? nil : "a target is \(state), not \(expected)"
    }
}
