import FlowModel

/// What was taken back, as the tree shows it.
extension StepTree.Node {
    /// A step that undoes something, beneath that.
    private var isUndo: Bool { label.hasPrefix("undo:") }
    /// What it is made of, without what undoes it.
    var body: [StepTree.Node] { children.filter { !$0.isUndo } }
    /// What undoes it only as far as that tells of now: what was done again since is not undone.
    var shownChildren: [StepTree.Node] { ownUndo == nil ? body : children }

    /// What became of its undo; nil when nothing of it was undone, or it was done again, or only a part is taken back.
    var undo: UndoState? {
        if let ownUndo { return ownUndo }
        // A map, or an element of one, is undone when all that can be undone in it is.
        let states = body.compactMap(\.undo)
        for state in [UndoState.running, .failed, .cancelled] where states.contains(state) { return state }
        let isWhole = body.allSatisfy { $0.undo == .undone || $0.step?.state != .succeeded && !$0.goesOn }
        return !states.isEmpty && isWhole ? .undone : nil
    }

    /// Something in it was undone, and is not done again.
    var holdsUndo: Bool { undo != nil || body.contains(where: \.holdsUndo) }

    private var goesOn: Bool { !state.isSettled && state != .pending }

    private var ownUndo: UndoState? {
        let parts = children.filter(\.isUndo)
        let states = parts.map(\.state)
        if parts.contains(where: \.goesOn) { return .running }
        guard let ended = parts.compactMap({ $0.endedAt ?? $0.startedAt }).max(), !isDoneAgain(since: ended) else { return nil }
        if states.contains(.failed) { return .failed }
        if states.contains(.cancelled) { return .cancelled }
        return states.contains(.pending) ? .running : .undone
    }

    private func isDoneAgain(since undone: Instant) -> Bool {
        if let step, step.state == .pending || step.state == .ready { return true }
        return (step.map { [$0] } ?? body.compactMap(\.step)).contains { ($0.startedAt ?? undone) > undone }
    }

    /// In place of the state of something that was done: what became of it then.
    var undoWord: String? {
        guard state == .succeeded else { return nil }
        return switch undo {
        case nil: nil
        case .running: "undoing"
        case .undone: "undone"
        case .failed, .cancelled: "not undone"
        }
    }
}
