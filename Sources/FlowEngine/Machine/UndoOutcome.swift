package import FlowModel

/// What the undo of a run that has ended came to, as far as nothing of it was done again since.
package struct UndoOutcome: Hashable, Sendable {
    /// How much that was to be taken back was not.
    package var left = 0
    /// What an undo names to go on with what is left, and with nothing else; nil: the whole run.
    package var step: StepPath?
    /// Steps that could not take something back: behind them the undo goes on by hand.
    package var stuck: [StepPath] = []
    /// Something is taken back.
    package var isUndone = false

    package init() {}
}

extension Run {
    package func undoOutcome(hash: @escaping @Sendable ([UInt8]) -> Digest) -> UndoOutcome {
        var outcome = UndoOutcome()
        let items = undoItems
        outcome.isUndone = items.contains { undoState(of: $0) == .undone }
        let broken = items.filter { undoState(of: $0) == .failed || undoState(of: $0) == .cancelled }
        let left = Set(broken).union(leftToUndo.joined())
        outcome.left = left.count
        guard !left.isEmpty else { return outcome }
        let inside = broken.compactMap(undoScope).flatMap(stepsInside)
        let stuck = inside.filter { (steps[$0].state == .failed || steps[$0].state == .cancelled) && steps[$0].elements == nil }
        outcome.stuck = stuck.map { steps[$0].path }
        outcome.step = part(of: left, hash)
        return outcome
    }

    /// Steps that did something and do not say how it is undone, by their id in the plan. What a rollout undoes of a target is no such thing.
    package var staysWhenUndone: [String] {
        let doing = steps.indices.filter { number in
            guard stands(number), index.undos[steps[number].node] == nil, plan.nodes[steps[number].node].doesSomething else { return false }
            let around = scopesAround(steps[number].scope)
            return around.allSatisfy { scopes[$0.scope].part == .body && index.undos[steps[$0.step].node] == nil } && !isInFinally(number)
        }
        var seen: Set<Int> = []
        return doing.map { steps[$0].node }.filter { seen.insert($0).inserted }.sorted().map { plan.nodes[$0].id }
    }

    private func isInFinally(_ number: Int) -> Bool {
        let outermost = scopesAround(steps[number].scope).reduce(steps[number].scope) { steps[$1.step].scope }
        return outermost == PlanIndex.finally
    }

    /// All that was undone, or was to be, in order.
    private var undoItems: [UndoEntry.Item] {
        let single = stepUndos.keys.map { UndoEntry.Item(Entry.StepRef(index: $0, path: steps[$0].path)) }
        let targets = rollouts.flatMap { number, rollout in
            rollout.targets.indices.map { UndoEntry.Item(Entry.StepRef(index: number, path: steps[number].path), element: $0) }
        }
        return (single + targets).filter { undoState(of: $0) != nil }.sorted()
    }

    /// The step with what came after it that is left; nil when it is the whole run, or no step has just that behind it.
    private func part(of left: Set<UndoEntry.Item>, _ hash: @escaping @Sendable ([UInt8]) -> Digest) -> StepPath? {
        func holds(_ path: StepPath?) -> Bool {
            guard let stages = try? RunMachine.undoStages(of: self, from: path, hash: hash) else { return false }
            return Set(stages.joined()) == left
        }
        guard !holds(nil) else { return nil }
        return Set(left.map(\.step.path)).sorted { $0.text < $1.text }.prefix(UndoOutcome.partsTried).first { holds($0) }
    }
}

extension Node {
    /// It may change something: what only decides, waits or holds other steps leaves nothing behind.
    fileprivate var doesSomething: Bool {
        if case .rollout = kind { return false }
        return canBeUndone
    }
}

extension UndoOutcome {
    /// Steps of which it is worked out whether the rest of an undo is that of theirs.
    static let partsTried = 20
}
