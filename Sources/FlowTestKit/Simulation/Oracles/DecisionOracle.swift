internal import FlowEngine
internal import FlowModel

/// What must hold of a whole decision and of the run that it leaves: nothing that could start was left behind, nothing that must end goes
/// on, and the world was told of exactly what was decided.
struct DecisionOracle {
    let before: Run
    let run: Run
    let event: RunMachine.Event
    let context: RunMachine.Context
    let decision: RunMachine.Decision

    func fault() -> String? {
        entries() ?? report() ?? verdict() ?? counters() ?? gates() ?? movement() ?? stops() ?? dispatches() ?? end()
    }

    /// Each entry where it stands; all of them together give the run.
    private func entries() -> String? {
        var shadow = before
        var taken: [Int: JSON] = [:]
        for (number, entry) in decision.entries.enumerated() {
            if case .commanded = entry, number > 0 { return "a command is written down after it was carried out" }
            if case .signalTaken(let step, let signal) = entry { taken[step.index] = shadow.signals[signal]?.first }
            let oracle = EntryOracle(run: shadow, event: event, context: context, earlier: decision.entries[..<number], taken: taken)
            if let fault = oracle.fault(of: entry) { return "\(fault) (\(entry))" }
            shadow.apply(entry, at: context.now)
        }
        if isRepetition {
            guard decision.entries.isEmpty, decision.actions.isEmpty else { return "a message that was sent again changed something" }
        } else if case .command = event, case .commanded? = decision.entries.first {
        } else if case .command = event {
            return "a command is not written down"
        }
        return shadow == run ? nil : "the entries give another run than the decision"
    }

    /// A message under a key that the run had before.
    private var isRepetition: Bool {
        guard case .command(.signal(_, _, let key?), _, _) = event else { return false }
        return before.signalKeys[key] != nil
    }

    /// A report that is not the current attempt's changes nothing in the run. Of an attempt whose outcome is in the journal its host is told to forget it,
    /// and of no other.
    private func report() -> String? {
        guard case .report(let report) = event else { return nil }
        let step = before.positions[report.id.step].map { before.steps[$0] }
        let isCurrent =
            step?.attempt?.row.number == report.id.number && step?.attempt?.fence == report.fence && step?.state == .running
            && step?.attempt?.row.state.isTerminal == false
        if !isCurrent {
            let isQuiet = decision.entries.allSatisfy { if case .noted = $0 { true } else { false } }
            guard isQuiet else { return "a report that is not the current attempt's was accepted" }
            let forgotten = decision.actions.map { if case .forget(report.id, _) = $0 { true } else { false } }
            let isEnd = if case .ended = report.event { true } else { false }
            return forgotten == (isEnd && isOver(report, step) ? [true] : []) ? nil : "a late report has its host told the wrong thing"
        }
        if case .ended = report.event, !decision.actions.contains(where: { if case .forget(report.id, _) = $0 { true } else { false } }) {
            return "the host's record is kept for ever"
        }
        if case .reachable = report.event, run.steps.contains(where: { $0.path == report.id.step && $0.waiting != nil }) {
            return "a host that can be asked again is still called silent"
        }
        if case .placed = report.event, step?.attempt?.place == nil {
            let isTold = decision.actions.contains(.proceed(report.id))
            return isTold != step?.attempt?.isStopping ? nil : "an attempt that was placed is told the wrong thing"
        }
        return nil
    }

    /// Whether the attempt of a report is one that the journal has the outcome of: an earlier one, or this very one.
    private func isOver(_ report: AttemptReport, _ step: Step?) -> Bool {
        guard let newest = step?.attempt else { return false }
        return report.id.number < newest.row.number
            || report.id.number == newest.row.number && report.fence == newest.fence && newest.row.state.isTerminal
    }

    /// A command that was accepted was one that may be.
    private func verdict() -> String? {
        guard case .command(let command, let actor, _) = event else { return nil }
        switch command {
        case .pause:
            let isCancelling = before.cancellation != nil && actor != .engine
            return before.state.isTerminal || isCancelling || before.isPaused ? "a run was paused that cannot be" : nil
        case .resume: return before.state.isTerminal || !before.isPaused ? "a run was resumed that was not paused" : nil
        case .cancel:
            let isOver = before.state.isTerminal || before.bodyOutcome != nil && before.undo == nil
            if isOver || before.cancellation != nil && !before.isPaused { return "a run was cancelled that cannot be" }
            return run.isPaused ? "a run was cancelled and stays paused" : nil
        case .kill:
            if before.state.isTerminal || before.cancellation == .kill && !before.isPaused { return "a run was killed that cannot be" }
            return run.isPaused ? "a run was killed and stays paused" : nil
        case .skip(let path):
            guard let step = before.positions[path] else { return "a step was skipped that is none" }
            if case .approval = before.nodeOf(step).kind { return "an approval was skipped" }
            let state = before.steps[step].state
            if state == .running || state == .succeeded || state == .skipped { return "a step was skipped that is \(state)" }
            return run.steps[step].state == .skipped ? nil : "a step that was skipped is \(run.steps[step].state)"
        case .resolve(let path, let resolution):
            guard let step = before.positions[path].map({ before.steps[$0] }) else { return "a step was resolved that is none" }
            let isOpen = step.state == .unknown || step.state == .held || step.state == .running && step.waiting?.kind == .unreachable
            if case .succeeded = resolution {
                if case .approval = before.plan.nodes[step.node].kind { return "an approval was resolved as succeeded" }
                // An output can be given to what has settled without one.
                if step.state.isSettled { return step.state == .succeeded ? "a step was resolved that is succeeded" : nil }
            }
            if resolution == .retry, before.cancellation != nil { return "a cancelling run goes on" }
            return isOpen ? nil : "a step was resolved that is \(step.state)"
        case .retry, .redo, .undo: return before.cancellation == nil ? nil : "a cancelling run was taken up again"
        case .signal: return before.state.isTerminal && !decision.entries.isEmpty ? "a run was changed that has ended" : nil
        case .hold(let step, let isSet):
            if before.state.isTerminal { return "a run was changed that has ended" }
            return run.breakpoints.contains(step) == isSet && before.breakpoints.contains(step) != isSet
                ? nil : "a breakpoint is not what was asked for"
        case .edit(let edit, _, _):
            if before.cancellation != nil { return "a cancelling run was changed" }
            return edit.inputs.allSatisfy { run.created.inputs[$0.key] == $0.value } ? nil : "inputs were edited and are what they were"
        case .release(let path):
            if let step = before.positions[path], before.closedGates.contains(where: { $0.step == step }) {
                return "a gate was passed without more ado"
            }
            return before.state.isTerminal ? "a step was released in a run that has ended" : nil
        case .breakGlass: return before.closedGates.isEmpty || before.wasStopped ? "the glass was broken where none is" : nil
        case .adjust: return before.state.isTerminal ? "a rollout was changed in a run that has ended" : nil
        case .reprioritise(let priority): return run.priority == priority ? nil : "the priority is not what was asked for"
        case .vote: return before.state.isTerminal ? "a vote was counted in a run that has ended" : nil
        }
    }

    // MARK: - What the run keeps

    private func counters() -> String? {
        let leaves = run.steps.filter { $0.elements == nil && !run.index.isMap($0.node) }
        if run.live != leaves.count(where: { $0.state == .running }) { return "the attempts that are out are counted wrongly" }
        if run.unreachable != run.steps.count(where: { $0.waiting?.kind == .unreachable }) { return "the hosts that are silent are counted wrongly" }
        for scope in run.scopes.indices {
            let active = run.stepsOf(scope).count { run.steps[$0].state.isActive }
            if run.scopes[scope].active != active { return "the active steps of a scope are counted wrongly" }
        }
        let letsOthersStart = run.lettingOthersStart()
        for step in run.steps.indices {
            let path = run.steps[step].path
            if run.steps[step].blockers != run.needsOf(step).count(where: { !letsOthersStart[$0] }) {
                return "the needs of '\(path)' are counted wrongly"
            }
            if run.steps[step].state.isSettled, run.steps[step].approval?.state == .open { return "the gate '\(path)' is open and settled" }
            guard let old = before.steps.indices.contains(step) ? before.steps[step] : nil, old.generation != run.steps[step].generation else {
                continue
            }
            if old.generation + 1 != run.steps[step].generation { return "'\(path)' left out a generation" }
        }
        return generations()
    }

    /// What begins a new generation has nothing to show from the one before.
    private func generations() -> String? {
        var shadow = before
        for entry in decision.entries {
            shadow.apply(entry, at: context.now)
            if case .rollout(let step, .requeued(let chosen)) = entry, let fault = requeued(chosen, shadow, step.index) { return fault }
            guard case .reopened(let steps) = entry else { continue }
            for step in steps.map({ shadow.steps[$0.index] }) {
                let isClean = step.spent == 0 && step.value == nil && step.approval == nil && step.changed == nil && !step.state.isSettled
                if !isClean { return "'\(step.path)' begins a new generation with something of the old one" }
            }
            if let lost = steps.first(where: { hasNoTurn($0.index) }) { return "'\(lost.path)' is to be done again, and its target has no turn" }
        }
        return nil
    }

    /// What is done again on a target of a rollout needs that target's turn.
    private func hasNoTurn(_ step: Int) -> Bool {
        guard run.steps[step].state == .pending, !run.isPartOfUndo(step) else { return false }
        return run.surroundings(of: step).contains { map, element, _ in
            guard let rollout = run.rollouts[map], rollout.undoQueue == nil, !run.steps[map].state.isSettled, let elements = run.steps[map].elements
            else { return false }
            // It may have had it, and failed, in this very decision.
            let hadIt = decision.entries.contains {
                switch $0 {
                case .elementOpened(let other, element), .elementClosed(let other, element, _, _): other.index == map
                default: false
                }
            }
            return !hadIt && !elements.open.contains(element) && !elements.queue.contains(element)
        }
    }

    /// Targets that have their turn again have it in their batch, and no failure from before counts twice.
    private func requeued(_ chosen: [Int], _ run: Run, _ step: Int) -> String? {
        guard let rollout = run.rollouts[step], case .rollout(let spec) = run.nodeOf(step).kind else { return "a rollout that never was" }
        guard let first = chosen.min() else { return nil }
        if rollout.batch > rollout.batch(of: first) { return "'\(run.steps[step].path)' goes past what stands between" }
        return spec.failures(of: rollout).found == 0 ? nil : "failures of '\(run.steps[step].path)' from before count again"
    }

    /// Nothing that could start was left where it is, nothing waits where nothing comes any more.
    private func movement() -> String? {
        if run.state != run.stateByDefinition { return "the run is called \(run.state), it is \(run.stateByDefinition)" }
        guard !run.state.isTerminal else { return nil }
        let letsOthersStart = run.lettingOthersStart()
        for step in run.steps.indices {
            let scope = run.steps[step].scope
            switch run.steps[step].state {
            case .pending, .ready:
                let isFree = run.needsOf(step).allSatisfy { letsOthersStart[$0] } && run.canGoOn(scope) && run.hasItsTurn(scope) && run.gate == nil
                // While something is undone nothing else has to begin.
                if isFree, !run.isPaused, !run.rollouts.values.contains(where: { $0.undoQueue != nil }) {
                    return "'\(run.steps[step].path)' could start and does not"
                }
            case .waiting:
                if run.steps[step].elements == nil, !run.canGoOn(scope) { return "'\(run.steps[step].path)' waits where nothing goes on" }
            case .running where run.steps[step].elements != nil:
                if let fault = elements(step) { return fault }
            default: break
            }
        }
        return nil
    }

    private func elements(_ step: Int) -> String? {
        guard let elements = run.steps[step].elements, let next = elements.queue.last else { return nil }
        guard !run.isPaused, run.gate == nil, run.canGoOn(run.steps[step].scope), run.hasItsTurn(run.steps[step].scope) else { return nil }
        switch run.nodeOf(step).kind {
        case .map(let map):
            return (elements.failed == 0 || map.keepsGoing == true) && elements.open.count < map.width
                ? "the next element of '\(run.steps[step].path)' could begin" : nil
        case .rollout(let spec):
            guard let rollout = run.rollouts[step], rollout.breach == nil, rollout.undoQueue == nil else { return nil }
            let batch = rollout.targets(of: rollout.batch)
            // The moment that its pace waits for comes as a timer of its own.
            let isFree =
                batch.contains(next) && spec.paceAllows(rollout, context) && run.steps[step].due == nil
                && elements.open.count < spec.width(rollout, of: batch.count)
            return isFree ? "the next target of '\(run.steps[step].path)' could begin" : nil
        default: return nil
        }
    }

    private var isStop: Bool { decision.entries.contains { if case .cancelRequested = $0 { true } else { false } } }
    private func says(_ words: String) -> Bool { run.reason?.contains(words) == true }

    private func end() -> String? {
        guard run.state.isTerminal, !before.state.isTerminal || decision.entries.contains(.undo(.ended)) else { return nil }
        if run.steps.contains(where: { $0.state.isActive }) { return "it ended with open steps" }
        if run.gate != nil { return "it ended and is closed" }
        if run.isPaused || run.endedAt == nil { return "it ended and is paused, or does not know when" }
        if run.state == .cancelled, before.cancellation != nil || isStop, !["cancelled by", "killed by"].contains(where: says) {
            return "it was stopped and does not say by whom: \(run.reason ?? "")"
        }
        // What an undo leaves behind `UndoLedger` looks at.
        if decision.entries.contains(.undo(.ended)) { return run.reason == nil ? "it was undone and does not say so" : nil }
        let finally = run.stepsOf(PlanIndex.finally)
        let hasFailed = finally.contains(where: run.isFailure)
        let flow: RunState = run.stepsOf(PlanIndex.root).contains(where: run.isFailure) ? .failed : .succeeded
        guard before.cancellation == nil, !decision.entries.contains(where: { if case .cancelRequested = $0 { true } else { false } }) else {
            return run.state == .cancelled || before.bodyOutcome == .failed || before.bodyOutcome == .succeeded
                ? nil : "it was cancelled and is \(run.state)"
        }
        if !hasFailed, finally.contains(where: { !run.steps[$0].state.isSettled }) { return "it ended without its 'finally'" }
        if flow == .succeeded, run.state != (hasFailed ? .failed : .succeeded) { return "it ended \(run.state)" }
        if flow == .failed, run.state != .failed { return "it ended \(run.state) and a step failed" }
        if run.state == .failed, run.reason == nil { return "it failed and does not say why" }
        return nil
    }
}
