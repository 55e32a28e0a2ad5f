import FlowModel

/// What one run's decision means for another: the runs that steps call, and the steps that wait for them.
enum Consequence {
    /// A run passes a command on to one that it waits for.
    case command(RunCommand, on: RunID, from: RunID)
    case ended(CallID, RunID, RunState, reason: String?, value: JSON, shapers: [Shaper])
    /// Says how the run ended, if it has.
    case look(CallID, RunID)
}

// Runs that steps call: each begins, is commanded and ends in the transaction in which the run that called it is told so. What does not fit
// into one transaction follows in the next; were the engine to end between them, the run that called asks again (`RunMachine.recoverCalls`).
extension Writer {
    /// Begins a run for a step that still waits for one.
    func begin(_ id: CallID, _ request: StartRequest, by actor: Actor) {
        guard cache[id.run]?.run.calling(id) != nil else { return }
        do {
            let child = try begin(request, by: actor, calledBy: id)
            decide(.callBegan(id, child), on: id.run)
        } catch let error as FlowError {
            decide(.callRefused(id, error.message), on: id.run)
        } catch {
            decide(.callRefused(id, "\(error)"), on: id.run)
        }
    }

    /// The step that calls a run, the one that called its own, and so on.
    func callers(_ parent: CallID?) -> [ClaimRow.ID] {
        guard let parent else { return [] }
        return [ClaimRow.ID(run: parent.run, step: parent.step)] + (cache[parent.run]?.run.created.callers ?? [])
    }

    /// Notes what the decision means for other runs.
    func note(_ decision: RunMachine.Decision, of run: Run) {
        for action in decision.actions {
            switch action {
            case .child(let child, let command): transaction.consequences.append(.command(command, on: child, from: run.id))
            case .lookAtChild(let id, let child): transaction.consequences.append(.look(id, child))
            case .dispatch, .proceed, .stop, .forget, .call, .findHosts: break
            }
        }
        guard let parent = run.created.parent, run.state.isTerminal, decision.entries.contains(where: \.endsRun) else { return }
        transaction.consequences.append(.ended(parent, run.id, run.state, reason: run.reason, value: run.value, shapers: run.givers))
    }

    /// Carries the consequences into this transaction, as many as it takes; the others follow.
    func takeConsequences() {
        var taken = 0
        while taken < transaction.consequences.count, taken < Limits.commitBatch {
            take(transaction.consequences[taken])
            taken += 1
        }
        transaction.later += transaction.consequences.dropFirst(taken)
        transaction.consequences.removeAll()
    }

    func take(_ consequence: Consequence) {
        switch consequence {
        case .command(let command, let child, let parent):
            guard touch(child, orLater: consequence) else { return }
            decideIfAccepted(.command(command, by: .engine, message: "as run \(parent), which called it"), on: child)
        case .ended(let id, let child, let state, let reason, let value, let shapers):
            guard touch(id.run, orLater: consequence) else { return }
            decide(.callEnded(id, child, state, reason: reason, value: value, shapers: shapers), on: id.run)
        case .look(let id, let child):
            guard touch(child, orLater: consequence), let run = cache[child]?.run, run.state.isTerminal else { return }
            decide(.callEnded(id, child, run.state, reason: run.reason, value: run.value, shapers: run.givers), on: id.run)
        }
    }
}

extension Entry {
    fileprivate var endsRun: Bool { if case .runState(let state, _) = self { state.isTerminal } else { false } }
}
