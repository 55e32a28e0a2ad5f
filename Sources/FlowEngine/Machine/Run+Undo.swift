import FlowModel

/// What entries do while a run is undone.
extension Run {
    mutating func apply(_ entry: UndoEntry, at: Instant) {
        switch entry {
        case .began(let stages):
            undo = RunUndo(stages: stages)
            stoppedBy = nil
        case .opened(let item): openUndo(of: item)
        case .closed(let item, let state):
            undo?.closed(item, state)
            if let scope = undoScope(of: item) {
                scopes[scope].isOpen = false
                dropClaim(ofScope: scope)
            }
            set(state, of: item)
        case .ended:
            // One that somebody lets go on behind a step is a part of the one before.
            let asked = leftToUndo.isEmpty ? undo?.asked ?? [] : leftToUndo
            leftToUndo = asked.map { $0.filter { undoState(of: $0) != .undone } }.filter { !$0.isEmpty }
            undo = nil
        }
    }

    func undoState(of item: UndoEntry.Item) -> UndoState? {
        item.element.map { rollouts[item.step.index]?.targets[$0].undo } ?? stepUndos[item.step.index]?.state
    }

    private mutating func openUndo(of item: UndoEntry.Item) {
        undo?.opened(item)
        let number = item.step.index
        if let scope = undoScope(of: item) {
            scopes[scope].isOpen = true
            // It is undone anew: what was done since, or what did not succeed.
            renew(stepsInside(scope).filter { steps[$0].state.isSettled }, inside: scope)
        } else if let plan = index.undos[steps[number].node] {
            let scope = openScope(plan: plan, map: number, part: .undo, element: item.element ?? 0)
            if let element = item.element {
                rollouts[number]?.undos[element] = scope
            } else {
                stepUndos[number] = StepUndo(scope: scope)
            }
        }
        set(.running, of: item)
    }

    private mutating func set(_ state: UndoState, of item: UndoEntry.Item) {
        if state == .undone { forgetPast(of: item) }
        guard let element = item.element else {
            stepUndos[item.step.index]?.state = state
            return
        }
        rollouts[item.step.index]?.targets[element].undo = state
        dirtyTargets.append((item.step.index, element))
    }

    package func undoScope(of item: UndoEntry.Item) -> Int? {
        item.element.map { rollouts[item.step.index]?.undos[$0] } ?? stepUndos[item.step.index]?.scope
    }

    /// What the step is a part of undoing; nil when it is none.
    func undoItem(around number: Int) -> UndoEntry.Item? {
        var scope = steps[number].scope
        while let outer = scopes[scope].map {
            if scopes[scope].part == .undo {
                let isRollout = rollouts[outer] != nil
                return UndoEntry.Item(Entry.StepRef(index: outer, path: steps[outer].path), element: isRollout ? scopes[scope].element : nil)
            }
            scope = steps[outer].scope
        }
        return nil
    }

    /// Targets on which a step of the body succeeded, in this generation or one before, and that are not undone, last ones first.
    package func touchedTargets(of number: Int) -> [Int] {
        guard let elements = steps[number].elements, let rollout = rollouts[number] else { return [] }
        return elements.keys.indices.reversed().filter { element in
            guard rollout.targets[element].undo != .undone, let scope = elements.scopes[element] else { return false }
            return ownSteps(scope).contains(where: stands)
        }
    }

    /// What succeeded and was undone since, or half of it: it has to be done again before anything that stands on it.
    var undoneSteps: Set<Int> { Set(stepUndos.filter { isTakenBack($0.value.state, $0.value.scope) }.keys) }

    /// Targets of a rollout that were undone, or half undone, and not done again since.
    func undoneTargets(of number: Int) -> [Int] {
        rollouts[number]?.targets.indices.filter { isUndone($0, of: number) } ?? []
    }

    func isUndone(_ target: Int, of number: Int) -> Bool {
        guard let rollout = rollouts[number], rollout.undoQueue == nil else { return false }
        return isTakenBack(rollout.targets[target].undo, rollout.undos[target])
    }

    /// Whether what was done may not be in effect any more: of an undo that came to no good end, nobody knows how far it came.
    private func isTakenBack(_ undo: UndoState?, _ scope: Int?) -> Bool {
        switch undo {
        case nil, .running: false
        case .undone: true
        case .failed, .cancelled: scope.map { stepsInside($0).contains { steps[$0].startedAt != nil } } ?? false
        }
    }

    // MARK: - Steps of scopes

    func ownSteps(_ scope: Int) -> Range<Int> {
        let base = scopes[scope].base
        return base..<base + index.scopes[scopes[scope].plan].nodes.count
    }

    /// The scope and those around it, outwards, each with the step that it is a part of: up to the flow or its `finally`, which are parts of none.
    func scopesAround(_ scope: Int) -> some Sequence<(scope: Int, step: Int)> {
        sequence(state: scope) { next in
            let scope = next
            guard let step = scopes[scope].map else { return nil }
            next = steps[step].scope
            return (scope, step)
        }
    }

    /// Whether the scope undoes something, or stands in what does.
    func isInUndo(_ scope: Int) -> Bool { scopesAround(scope).contains { scopes[$0.scope].part == .undo } }

    /// The steps of a scope and of all inside it.
    func stepsInside(_ scope: Int) -> [Int] {
        ownSteps(scope).flatMap { number in
            [number] + (steps[number].elements?.scopes ?? []).compactMap { $0 }.flatMap(stepsInside)
        }
    }
}
