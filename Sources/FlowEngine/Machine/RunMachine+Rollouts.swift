import FlowModel

extension RunMachine {
    mutating func openRollout(_ number: Int, _ spec: RolloutSpec) throws(EvaluationError) {
        let (turns, leftOut) = spec.arranged(try hosts(spec.targets, for: number), seed: UInt64(context.chance * 0x1p53))
        let hosts = turns + leftOut.map(\.host)
        guard hosts.count <= Limits.mapElements else {
            throw .invalid("a rollout takes at most \(Limits.mapElements) targets, found \(hosts.count)")
        }
        emit(.mapOpened(ref(number), keys: hosts.map(\.name), values: hosts.map(\.value)))
        emit(.rollout(ref(number), .opened(ends: spec.batches.ends(of: turns.count), leftOut: leftOut.map(\.reason))))
        if turns.isEmpty || passesGate(number, batch: 0) { advanceMap(number) }
    }

    /// Closes targets that are over, begins as many as may run, and settles the rollout when none is left.
    /// - Parameter scope: the only one of it in which something has changed; nil: any.
    mutating func advance(_ number: Int, _ spec: RolloutSpec, after scope: Int? = nil) {
        closeTargets(of: number, spec, after: scope)
        repeat {
            while let target = nextTarget(of: number, spec) {
                emit(.elementOpened(ref(number), element: target))
                guard let scope = run.steps[number].elements?.scopes[target] else { break }
                resumeScope(scope)
                closeTargets(of: number, spec, after: scope)
            }
        } while moveOn(number, spec, after: scope)
    }

    /// Starts what can start in a scope that has its turn, and goes on with the maps that were begun in it, and their elements.
    mutating func resumeScope(_ scope: Int) {
        startAll(in: scope)
        for inner in openMaps(in: scope) {
            // A retry may have taken them up while the scope waited for its turn.
            for element in run.steps[inner].elements?.open ?? [] {
                if let scope = run.steps[inner].elements?.scopes[element] { resumeScope(scope) }
            }
            advanceMap(inner)
        }
    }

    private mutating func nextTarget(of number: Int, _ spec: RolloutSpec) -> Int? {
        guard let elements = run.steps[number].elements, let next = elements.queue.last, let rollout = run.rollouts[number],
            rollout.breach == nil, rollout.undoQueue == nil, run.gate == nil, rollout.batch(of: next) == rollout.batch, !run.isPaused,
            hasTurn(run.steps[number].scope), mayGoOn(in: run.steps[number].scope)
        else { return nil }
        let size = rollout.targets(of: rollout.batch).count
        let width = max((rollout.adjustment.concurrency ?? spec.concurrency)?.of(size) ?? size, 1)
        return elements.open.count < width && keepsPace(number, rollout, spec) ? next : nil
    }

    /// False while as many targets have begun as may; it is noted when that is over.
    private mutating func keepsPace(_ number: Int, _ rollout: Rollout, _ spec: RolloutSpec) -> Bool {
        // As the clock shows them now: somebody may have set it since.
        let starts = rollout.starts.map { context.now + -context.secondsSince($0) }.sorted()
        guard let moment = rollout.startRate(spec)?.moment(after: starts, now: context.now) else {
            if run.steps[number].due != nil { emit(.rollout(ref(number), .paced(until: nil))) }
            return true
        }
        if run.steps[number].due != moment { emit(.rollout(ref(number), .paced(until: moment))) }
        return false
    }

    /// The pace allows another target.
    mutating func goOnAtPace(_ number: Int) {
        emit(.rollout(ref(number), .paced(until: nil)))
        advanceMap(number)
    }

    // MARK: - Targets

    private mutating func closeTargets(of number: Int, _ spec: RolloutSpec, after scope: Int?) {
        for element in changed(.body, run.steps[number].elements?.open, after: scope) {
            guard let scope = run.steps[number].elements?.scopes[element], isOver(scope) else { continue }
            let end = targetEnd(scope)
            emit(.elementClosed(ref(number), element: element, hasFailed: run.scopes[scope].hasFailed, target: end))
        }
        noteBreach(number, spec)
    }

    /// What became of a target, by what became of the steps of its body.
    private func targetEnd(_ scope: Int) -> Entry.TargetEnd {
        let base = run.scopes[scope].base
        let steps = run.steps[base..<base + run.index.scopes[run.scopes[scope].plan].nodes.count]
        let failed = steps.first { $0.state == .failed && run.plan.nodes[$0.node].policy.onFailure != .ignore }
        if let failed { return Entry.TargetEnd(outcome: failed.outcomeOfFailure, reason: "\(failed.path): \(failed.reason ?? "failed")") }
        if let lost = steps.first(where: { $0.state == .cancelled && $0.attempt?.row.state == .lost }) {
            return Entry.TargetEnd(outcome: .unknown, reason: "\(lost.path): \(lost.reason ?? "lost")")
        }
        guard steps.allSatisfy({ $0.state.isSettled && $0.state != .cancelled }) else {
            return Entry.TargetEnd(outcome: steps.contains { $0.startedAt != nil } ? .cancelled : .notStarted, reason: nil)
        }
        if steps.allSatisfy({ $0.state == .skipped }) { return Entry.TargetEnd(outcome: .skipped, reason: steps.first?.reason) }
        return Entry.TargetEnd(outcome: steps.contains { $0.changed == true } ? .changed : .ok, reason: nil)
    }

    private mutating func noteBreach(_ number: Int, _ spec: RolloutSpec) {
        guard let rollout = run.rollouts[number], rollout.breach == nil, rollout.undoQueue == nil else { return }
        if let reason = rollout.breachReason(spec) { emit(.rollout(ref(number), .breached(reason: reason))) }
    }

    // MARK: - Batches

    /// Takes the rollout to its next batch or its end when nothing of it runs. Returns whether targets may be begun.
    private mutating func moveOn(_ number: Int, _ spec: RolloutSpec, after scope: Int?) -> Bool {
        guard run.steps[number].state == .running, let elements = run.steps[number].elements, elements.open.isEmpty,
            let rollout = run.rollouts[number]
        else { return false }
        if rollout.undoQueue != nil {
            advanceUndo(number, after: scope)
            return false
        }
        guard betweenIsOver(rollout) else { return false }
        if let breach = rollout.breach {
            meetBreach(number, spec, breach)
            return false
        }
        guard let next = elements.queue.last else {
            conclude(number, spec, rollout)
            return false
        }
        guard mayGoOn(in: run.steps[number].scope) else {
            settle(number, .cancelled, reason: "stopped: \(rollout.tally.words)")
            return false
        }
        guard !run.isPaused, run.gate == nil, hasTurn(run.steps[number].scope), rollout.batch(of: next) != rollout.batch else { return false }
        return leaveBatch(number, spec, rollout, for: rollout.batch(of: next))
    }

    /// Every target has had its turn. What was forgiven when some were taken up again counts in the end.
    private mutating func conclude(_ number: Int, _ spec: RolloutSpec, _ rollout: Rollout) {
        var whole = rollout
        (whole.forgiven, whole.batchForgiven) = (OutcomeCounts(), OutcomeCounts())
        if let reason = whole.breachReason(spec) {
            fail(number, "\(reason); \(rollout.tally.words)")
        } else if rollout.tally[.notStarted] + rollout.tally[.cancelled] > 0 {
            guard !isStopped else { return settle(number, .cancelled, reason: "stopped: \(rollout.tally.words)") }
            fail(number, "not all targets had their turn: \(rollout.tally.words)")
        } else if !run.undoneTargets(of: number).isEmpty {
            fail(number, "\(run.undoneTargets(of: number).count) targets were undone and not done again: \(rollout.tally.words)")
        } else {
            settle(number, .succeeded, value: rollout.tally.value)
        }
    }

    /// What was begun after its batch, and after those behind it that have no turn now.
    private func betweenIsOver(_ rollout: Rollout) -> Bool {
        var batch = rollout.batch
        while let scope = rollout.betweens[batch], run.scopes[scope].isOpen {
            guard isOver(scope) else { return false }
            batch += 1
        }
        return true
    }

    /// After a batch: the operator's hold, the soak, then the steps in between. Returns whether the next batch has begun.
    private mutating func leaveBatch(_ number: Int, _ spec: RolloutSpec, _ rollout: Rollout, for next: Int) -> Bool {
        if rollout.adjustment.pauseAfterBatch == rollout.batch + 1 {
            emit(.held(ref(number), reason: "held after batch \(rollout.batch + 1), as an operator asked"))
            return false
        }
        if spec.soakSeconds > 0, !rollout.isSoaked {
            emit(.rollout(ref(number), .soaking(until: context.now + spec.soakSeconds)))
            return false
        }
        guard passesBetweens(number, rollout, before: next), passesGate(number, batch: next) else { return false }
        emit(.rollout(ref(number), .batchBegan(next)))
        return true
    }

    /// Does what stands between the batches up to the next one, also behind those that have no turn now: nobody comes past an approval there because
    /// an operator chose targets behind it. Returns whether all of it has succeeded.
    private mutating func passesBetweens(_ number: Int, _ rollout: Rollout, before next: Int) -> Bool {
        guard run.index.betweens[run.steps[number].node] != nil else { return true }
        for batch in rollout.batch..<next {
            if run.rollouts[number]?.betweens[batch].map({ !run.scopes[$0].isOpen }) ?? true {
                emit(.rollout(ref(number), .betweenOpened(batch: batch)))
                if let scope = run.rollouts[number]?.betweens[batch] { resumeScope(scope) }
            }
            guard let scope = run.rollouts[number]?.betweens[batch], isOver(scope) else { return false }
            guard run.scopes[scope].hasFailed else { continue }
            fail(number, "what stands after batch \(batch + 1) did not succeed; \(rollout.tally.words)")
            return false
        }
        return true
    }

    /// Why a rollout cannot be taken up again: it keeps its hosts, and its selector says others by now. Nil when it can.
    func otherHosts(_ number: Int, _ spec: RolloutSpec) throws(EvaluationError) -> String? {
        let selector = try spec.targets.evaluate(in: scope(of: number)).text
        let hosts = run.created.targets[selector]?.map(\.name)
        guard hosts.map(Set.init) != Set(run.steps[number].elements?.keys ?? []) else { return nil }
        return "its selector is '\(selector)' by now, and it began on the hosts of another one, which it keeps: start a new run for these, or "
            + "give it what it had"
    }

    private mutating func meetBreach(_ number: Int, _ spec: RolloutSpec, _ breach: String) {
        guard let rollout = run.rollouts[number] else { return }
        switch spec.onBreach {
        case .stopNew: fail(number, "\(breach); \(rollout.tally.words)")
        case .hold where isStopped: settle(number, .cancelled, reason: "\(breach); \(rollout.tally.words)")
        case .hold: emit(.held(ref(number), reason: "\(breach); \(rollout.tally.words)"))
        case .undo:
            let touched = run.touchedTargets(of: number)
            guard !touched.isEmpty else { return fail(number, "\(breach); \(rollout.tally.words); nothing to undo") }
            emit(.rollout(ref(number), .undoBegan(touched)))
            advanceUndo(number, after: nil)
        }
    }

    // MARK: - Undo

    private mutating func advanceUndo(_ number: Int, after scope: Int?) {
        closeUndone(of: number, after: scope)
        while let target = nextUndo(of: number) {
            emit(.rollout(ref(number), .undoOpened(target)))
            guard let scope = run.rollouts[number]?.undos[target] else { break }
            resumeScope(scope)
            closeUndone(of: number, after: scope)
        }
        guard let rollout = run.rollouts[number], rollout.undoOpen.isEmpty else { return }
        if rollout.undoQueue?.isEmpty != false || isStopped { endUndo(number, rollout) }
    }

    private func nextUndo(of number: Int) -> Int? {
        guard let rollout = run.rollouts[number], let next = rollout.undoQueue?.last, !run.isPaused, !isStopped else {
            return nil
        }
        return rollout.undoOpen.count < undoWidth(of: number) ? next : nil
    }

    /// How many targets of a rollout are undone at once: as many as were in its largest batch.
    func undoWidth(of number: Int) -> Int {
        guard let rollout = run.rollouts[number], case .rollout(let spec) = node(number).kind else { return 0 }
        let largest = zip([0] + rollout.ends, rollout.ends).map { $1 - $0 }.max() ?? rollout.targets.count
        return max((rollout.adjustment.concurrency ?? spec.concurrency)?.of(largest) ?? largest, 1)
    }

    private mutating func closeUndone(of number: Int, after scope: Int?) {
        for element in changed(.undo, run.rollouts[number]?.undoOpen, after: scope) {
            guard let scope = run.rollouts[number]?.undos[element], isOver(scope) else { continue }
            let isDone = run.scopes[scope].unsettled == 0 && !run.scopes[scope].hasFailed
            let base = run.scopes[scope].base
            let steps = run.steps[base..<base + run.index.scopes[run.scopes[scope].plan].nodes.count]
            emit(.rollout(ref(number), .undoClosed(element, isDone ? .undone : steps.contains { $0.state == .failed } ? .failed : .cancelled)))
        }
    }

    private mutating func endUndo(_ number: Int, _ rollout: Rollout) {
        let reason = rollout.undoneWords
        emit(.rollout(ref(number), .undoEnded))
        // It has not brought about what it was for, however it came to that.
        let isIgnored = node(number).policy.onFailure == .ignore
        settle(number, .failed, reason: reason, isIgnored: isIgnored)
        guard !isIgnored else { return }
        stopWaiting(in: run.steps[number].scope, because: "step '\(run.steps[number].path)' was undone")
    }
}

extension Rollout {
    /// Why it failed whose targets were undone.
    var undoneWords: String {
        let undone = targets.count { $0.undo == .undone }
        let failed = targets.count { $0.undo == .failed || $0.undo == .cancelled }
        return (breach.map { "\($0); " } ?? "") + "\(undone) of \(undone + failed) targets undone"
    }
}

extension Step {
    /// What its failure makes of its target.
    fileprivate var outcomeOfFailure: TargetOutcome {
        if attempt?.row.state == .timedOut { return .timedOut }
        return attempt?.cause == .unreachable || attempt?.cause == .hostKey ? .unreachable : .failed
    }
}
