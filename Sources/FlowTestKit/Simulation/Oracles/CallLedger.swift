internal import FlowEngine
internal import FlowModel

/// The runs that steps have called, over a whole story: one for each turn of a step, waited for while it goes on, and its end is the step's.
struct CallLedger {
    private var made: [CallID: RunID] = [:]
    /// Called runs that have ended once: what people do with them afterwards is their own affair.
    private var ended: Set<RunID> = []

    mutating func begin(_ order: CallOrder, _ child: Run, from parent: Run) -> String? {
        guard made.updateValue(child.id, forKey: order.id) == nil else {
            return "'\(order.id.step)' called twice in generation \(order.id.generation)"
        }
        guard child.created.parent == order.id, child.created.person == parent.created.person, child.priority == parent.priority,
            child.created.labels[CallOrder.parentLabel] == parent.id.text
        else { return "run \(child.id) is not what run \(parent.id) called" }
        return nil
    }

    mutating func noteEnd(of run: Run) { if run.state.isTerminal { ended.insert(run.id) } }

    /// What a call step settles with when it is told of the end is what the run that it called came to.
    func fault(of event: RunMachine.Event, _ entries: [Entry], on run: Run, _ runs: [RunID: Run]) -> String? {
        guard case .callEnded(let id, _, _, _, _, _) = event else { return nil }
        for case .settled(let step, let end) in entries where step.path == id.step && [.succeeded, .failed].contains(end.state) {
            guard let child = run.steps[step.index].child.flatMap({ runs[$0] }) else { continue }
            guard child.state.isTerminal else { return "'\(step.path)' is \(end.state), and the run that it called is \(child.state)" }
            if (end.state == .succeeded) != (child.state == .succeeded) { return "'\(step.path)' is \(end.state), and its run \(child.state)" }
            let last = child.stepsOf(PlanIndex.root).last.flatMap { child.steps[$0].value } ?? .null
            if end.state == .succeeded, end.value != last { return "'\(step.path)' hands out something else than the run that it called" }
        }
        return nil
    }

    /// What must hold when everything that was decided has been told.
    func fault(in runs: [RunID: Run], requests: [CallID]) -> String? {
        for run in runs.values {
            if let parent = run.created.parent {
                if !ended.contains(run.id), let fault = fault(of: run, calledBy: parent, runs) { return fault }
            }
            for step in run.steps.indices where run.steps[step].waiting?.kind == .child {
                if let child = run.steps[step].child {
                    if runs[child]?.state.isTerminal != false { return "'\(run.steps[step].path)' waits for a run that has ended" }
                } else if !requests.contains(CallID(run: run.id, step: run.steps[step].path, generation: run.steps[step].generation)) {
                    return "'\(run.steps[step].path)' waits for a run that nobody makes"
                }
            }
        }
        return nil
    }

    private func fault(of child: Run, calledBy id: CallID, _ runs: [RunID: Run]) -> String? {
        guard let parent = runs[id.run], let step = parent.positions[id.step].map({ parent.steps[$0] }) else { return "a run was called by nobody" }
        guard step.waiting?.kind == .child, step.child == child.id, step.generation == id.generation else {
            return "run \(child.id) goes on, and '\(id.step)', which called it, does not wait for it"
        }
        switch parent.cancellation {
        case .kill where child.cancellation != .kill: return "run \(child.id) is not killed with the one that called it"
        case .cancel where child.cancellation == nil && child.bodyOutcome == nil && !parent.isFinally(step.scope):
            return "run \(child.id) is not cancelled with the one that called it"
        default: return nil
        }
    }
}
