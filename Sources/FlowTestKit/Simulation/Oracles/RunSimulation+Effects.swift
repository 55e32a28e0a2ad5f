internal import FlowEngine
internal import FlowModel

// What a run that has ended says of itself, against what is in effect on its hosts.
extension RunSimulation {
    func checkEffects() throws(Violation) {
        // What the journal has lost, only the hosts know.
        guard past == 0 else { return }
        for number in run.steps.indices where isCommandDone(number) {
            let step = run.steps[number]
            if run.isPartOfUndo(number) {
                guard isCalledUndone(around: number), !isExempt(step.path) else { continue }
                guard effects.tookBack(step.path, generation: step.generation) else {
                    throw violation("'\(step.path)' is called done, and what it undoes was done after it: \(summary)")
                }
                continue
            }
            let isTakenBack = !undoStates(around: number).isEmpty
            // A run that succeeded has all of it, but for what stands in a rollout that did not, or did so by somebody's word.
            let isWhole = run.state == .succeeded && run.surroundings(of: number).allSatisfy { isDone($0.map) }
            guard !isTakenBack || isWhole, !isExempt(step.path) else { continue }
            guard effects.isInEffect(step.path, generation: step.generation) else {
                throw violation("the run is \(run.state), '\(step.path)' is called done, and it is not in effect: \(summary)")
            }
        }
    }

    /// It stands as done, by a command that ran, and not by somebody's word.
    private func isCommandDone(_ number: Int) -> Bool {
        run.nodeOf(number).work != nil && isDone(number)
    }

    private func isDone(_ number: Int) -> Bool {
        let step = run.steps[number]
        return step.state == .succeeded && resolved[step.path] != step.generation
    }

    /// How far what undoes it, or the targets that it stands in, has come.
    private func undoStates(around number: Int) -> [UndoState] {
        let targets = run.surroundings(of: number).compactMap { run.rollouts[$0.map]?.targets[$0.element].undo }
        return targets + [run.stepUndos[number]?.state].compactMap { $0 }
    }

    /// The step or target that this one takes back is called undone.
    private func isCalledUndone(around number: Int) -> Bool {
        var scope = run.steps[number].scope
        while let outer = run.scopes[scope].map {
            if run.scopes[scope].part == .undo {
                let target = run.rollouts[outer]?.targets[run.scopes[scope].element].undo
                return target == .undone || run.stepUndos[outer]?.state == .undone
            }
            scope = run.steps[outer].scope
        }
        return false
    }

    /// Somebody gave an attempt up there: what it still does is that person's decision.
    private func isExempt(_ path: StepPath) -> Bool {
        let parts = Set(path.parts + [path.undonePart].compactMap { $0 })
        return givenUp.contains { $0.step == path || $0.step.undonePart.map(parts.contains) ?? parts.contains($0.step) }
    }
}
