import FlowModel

/// Taking back what a run that has ended did, by what its steps and rollouts say with `undo:`.
extension RunMachine {
    /// What `undo` would take back: the items of a stage together, a stage when the one before it is over.
    ///
    /// - Parameter path: a step: that one and all that came after it; nil: the whole run.
    static func undoStages(
        of run: Run, from path: StepPath?, hash: @escaping @Sendable ([UInt8]) -> Digest
    ) throws(FlowError) -> [[UndoEntry.Item]] {
        let machine = RunMachine(run: run, context: Context(now: run.createdAt, epoch: 0, chance: 0, hash: hash))
        return try machine.stagesToUndo(from: path, .undo(path))
    }

    mutating func undoRun(from path: StepPath?, _ command: RunCommand, by actor: Actor, message: String?) throws(FlowError) {
        let stages = try stagesToUndo(from: path, command)
        record(command, by: actor, message: message)
        beginUndo(stages, by: actor, message: message)
    }

    private mutating func beginUndo(_ stages: [[UndoEntry.Item]], by actor: Actor, message: String?) {
        emit(.undo(.began(stages: stages)))
        emit(.runState(.undoing, reason: "undone by \(actor.user)" + (message.map { ": \($0)" } ?? "")))
    }

    private func stagesToUndo(from path: StepPath?, _ command: RunCommand) throws(FlowError) -> [[UndoEntry.Item]] {
        if run.undo != nil { throw refuse(command, because: "it is being undone already", hint: "flowctl why \(run.id)") }
        guard run.state.isTerminal else {
            throw refuse(
                command, because: "it is \(run.state.rawValue); what has ended can be undone", hint: "flowctl cancel \(run.id)")
        }
        let chosen = try path.map { path throws(FlowError) in withFormerElements(downstream(of: try position(path))) }
        let stages = UndoOrder(run, only: chosen).stages
        guard !stages.isEmpty else {
            let subject = path.map { "step '\($0)' and what came after it" } ?? "it"
            throw refuse(
                command, because: "nothing that \(subject) did can be undone: no step that succeeded and is not undone has an 'undo:'",
                hint: "flowctl steps \(run.id)")
        }
        return stages
    }

    /// What was done for elements that are none any more goes with their map.
    private func withFormerElements(_ steps: Set<Int>) -> Set<Int> {
        steps.reduce(into: steps) { found, step in
            for scope in run.steps[step].elements?.former.values.sorted() ?? [] { found.formUnion(run.stepsInside(scope)) }
        }
    }

    // MARK: - Going on

    /// A step that undoes something has settled: its item may be over.
    mutating func closeUndo(of item: UndoEntry.Item) {
        guard run.undo?.open.contains(item) == true, let scope = run.undoScope(of: item), isOver(scope) else { return }
        let steps = run.ownSteps(scope).map { run.steps[$0] }
        let isDone = run.scopes[scope].unsettled == 0 && !run.scopes[scope].hasFailed
        emit(.undo(.closed(item, isDone ? .undone : steps.contains { $0.state == .failed } ? .failed : .cancelled)))
    }

    /// Whether the step takes back something that was done, though it cannot read the output of `node`. It does not when that is a step of the same
    /// undo, which was passed by itself.
    func takesBack(_ number: Int, without node: String) -> Bool {
        guard let item = run.undoItem(around: number) else { return false }
        return scope(of: number).position(of: node).map { run.undoItem(around: $0) != item } ?? true
    }

    /// Begins the items of the stage that has its turn; ends the undo when nothing is left, or nothing may go on.
    /// Returns whether that gave more to do.
    mutating func advanceUndo() -> Bool {
        guard let undo = run.undo else { return false }
        if isCommanded {
            // Also what was held back by a pause, in a part that had failed meanwhile, is over.
            for item in undo.open.filter({ run.undoScope(of: $0).map(isOver) ?? false }).sorted() { closeUndo(of: item) }
        }
        while let item = nextToUndo {
            emit(.undo(.opened(item)))
            if let scope = run.undoScope(of: item) { resumeScope(scope) }
            closeUndo(of: item)
        }
        if !consequences.isEmpty { return true }
        guard let undo = run.undo, undo.open.isEmpty, undo.isAtItsEnd || isStopped else { return false }
        endUndo(undo)
        return false
    }

    private var nextToUndo: UndoEntry.Item? {
        guard let undo = run.undo, !undo.isAtItsEnd, !run.isPaused, !run.isQueued, !isStopped else { return nil }
        return next(of: undo)
    }

    /// What is undone next when something may be.
    private func next(of undo: RunUndo) -> UndoEntry.Item? {
        undo.stages.last?.last { !$0.items.isEmpty && ($0.rollout.map { undoWidth(of: $0) } ?? .max) > $0.open }?.items.last
    }

    /// The run cannot have what it needs to itself: the undo of what would be next fails, and with it all of it.
    mutating func failUndo(_ undo: RunUndo, because reason: String) {
        if undo.open.isEmpty, let next = next(of: undo) { emit(.undo(.opened(next))) }
        for item in (run.undo?.open ?? []).sorted() {
            if let scope = run.undoScope(of: item) { failScope(scope, reason) }
            closeUndo(of: item)
        }
        if let undo = run.undo, undo.open.isEmpty { endUndo(undo) }
    }

    /// A run that was undone has not brought about what it was for: it ends cancelled, or failed when something could not be undone.
    private mutating func endUndo(_ undo: RunUndo) {
        let wasStopped = run.cancellation != nil
        emit(.undo(.ended))
        for number in run.rollouts.keys.sorted() { tellUndone(of: number) }
        let left = run.leftToUndo.reduce(0) { $0 + $1.count } - (undo.count - undo.undone)
        let result = "\(undo.undone) of \(undo.count) undone" + (left > 0 ? ", \(left) left from before" : "")
        // A quarantine in between has a reason of its own.
        let reason = [wasStopped ? run.stoppedBy?.words ?? run.reason : run.reason, result].compactMap { $0 }.joined(separator: "; ")
        let hasFailed = undo.hasFailed || left > 0
        let failed = hasFailed ? run.steps.indices.first { run.steps[$0].state == .failed && run.undoItem(around: $0) != nil } : nil
        let cause = failed.map { "; step '\(run.steps[$0].path)' failed" + (run.steps[$0].reason.map { ": \($0)" } ?? "") } ?? ""
        emit(.runState(hasFailed && !wasStopped ? .failed : .cancelled, reason: reason + cause))
    }

    /// A rollout that failed by its own undo says how much of it was undone: by now it may be more.
    private mutating func tellUndone(of number: Int) {
        guard let rollout = run.rollouts[number], rollout.endedUndone, run.steps[number].state == .failed else { return }
        let reason = rollout.undoneWords
        if run.steps[number].reason != reason { emit(.rollout(ref(number), .undoTold(reason: reason))) }
    }

    // MARK: - By hand

    /// Somebody has taken a step or target back by other means, or decides to leave it as it is: its undo, which had ended, goes on behind
    /// `number`, and then with what is left, unless something beside it could not be undone either.
    ///
    /// Returns false when `number` is no part of such an undo.
    mutating func goOnUndoing(past number: Int, _ command: RunCommand, by actor: Actor, message: String?) throws(FlowError) -> Bool {
        guard run.undo == nil, let item = run.undoItem(around: number), run.rollouts[item.step.index]?.undoQueue == nil else { return false }
        guard run.state.isTerminal else {
            throw refuse(command, because: "step '\(run.steps[number].path)' undoes something", hint: "flowctl why \(run.id)")
        }
        let undo = run.undoState(of: item)
        guard item.element != nil || run.stands(item.step.index), undo == .failed || undo == .cancelled else {
            throw refuse(command, because: "step '\(item.step.path)' is not left to undo", hint: "flowctl steps \(run.id)")
        }
        record(command, by: actor, message: message)
        let isNext = run.leftToUndo.first == [item]
        beginUndo(isNext ? run.leftToUndo : [[item]], by: actor, message: message)
        emit(.undo(.opened(item)))
        return true
    }
}
