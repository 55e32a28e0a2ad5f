import FlowModel

/// `repeatUntil`: rounds of a body, one after the other, kept as the elements of a map are.
extension RunMachine {
    mutating func openRounds(_ number: Int, _ spec: RepeatSpec) {
        let rounds = 1...max(spec.maximum, 1)
        emit(.mapOpened(ref(number), keys: rounds.map(String.init), values: rounds.map(JSON.int)))
        advanceMap(number)
    }

    mutating func advance(_ number: Int, _ spec: RepeatSpec) {
        closeElements(of: number)
        guard let elements = run.steps[number].elements, elements.open.isEmpty else { return }
        if elements.failed > 0 {
            guard !wasOnlyStopped(number) else { return settle(number, .cancelled, reason: "stopped in the middle of a round") }
            return fail(number, failureReason(of: elements))
        }
        if let last = elements.scopes.lastIndex(where: { $0.map(isComplete) ?? false }), let scope = elements.scopes[last] {
            do throws(EvaluationError) {
                if try holds(spec.until, in: scope) {
                    return settle(number, .succeeded, value: try spec.value?.evaluate(in: round(scope)) ?? .null)
                }
            } catch {
                // What a round that was stopped did not hand out is no mistake.
                guard !wasOnlyStopped(number) else { return settle(number, .cancelled, reason: "stopped in the middle of a round") }
                return settle(number, because: error)
            }
            if elements.queue.isEmpty { return fail(number, "its condition did not hold after \(last + 1) rounds") }
            if spec.intervalSeconds > 0, !elements.hasRested, mayGoOn(in: run.steps[number].scope), !isInterrupted(elements) {
                return emit(.sleeping(ref(number), until: context.now + spec.intervalSeconds))
            }
        }
        openRound(number, spec)
    }

    /// A round was begun and taken up again: there is nothing to wait for before it.
    private func isInterrupted(_ elements: Elements) -> Bool { elements.queue.last.map { elements.scopes[$0] != nil } ?? false }

    private mutating func openRound(_ number: Int, _ spec: RepeatSpec) {
        if let element = nextElement(of: number, width: 1) {
            emit(.elementOpened(ref(number), element: element))
            guard let scope = run.steps[number].elements?.scopes[element] else { return }
            resumeScope(scope)
            if isOver(scope) { advance(number, spec) }
        } else if !mayGoOn(in: run.steps[number].scope) {
            settle(number, .cancelled, reason: "stopped between two rounds")
        }
    }

    private func isComplete(_ scope: Int) -> Bool { run.scopes[scope].unsettled == 0 && !run.scopes[scope].hasFailed }

    /// What a step of the round sees, with the inputs of now: the round after it would have them.
    private func round(_ scope: Int) -> StepScope {
        StepScope(run: run, step: run.scopes[scope].base, hasInputsOfNow: !run.isInUndo(scope))
    }

    private func holds(_ condition: Expression, in scope: Int) throws(EvaluationError) -> Bool {
        do throws(EvaluationError) {
            return try condition.truth(in: round(scope))
        } catch {
            if case .absent = error { return false }
            throw error
        }
    }
}
