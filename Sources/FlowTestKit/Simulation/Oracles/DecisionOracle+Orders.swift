internal import FlowEngine
internal import FlowModel

// What the world is told: orders, and what is to be stopped.
extension DecisionOracle {
    /// Who is cancelled is stopped, and so is what was to be stopped when the engine ended.
    func stops() -> String? {
        var stopped: Set<AttemptID> = []
        var forced: Set<AttemptID> = []
        for case .stop(let id, let force) in decision.actions {
            stopped.insert(id)
            if force { forced.insert(id) }
        }
        func id(_ step: Step) -> AttemptID {
            AttemptID(run: run.id, step: step.path, generation: step.generation, number: step.attempt?.row.number ?? 0)
        }
        let isCancelled = decision.entries.contains { if case .cancelRequested = $0 { true } else { false } }
        for (number, step) in run.steps.enumerated() where isCancelled {
            if step.state == .running, step.elements == nil, !run.isFinally(step.scope) || run.cancellation == .kill {
                if step.attempt?.isStopping != true || !stopped.contains(id(step)) { return "'\(step.path)' runs on in a cancelled run" }
                if run.cancellation == .kill, !forced.contains(id(step)) { return "'\(step.path)' is killed gently" }
            }
            let isLeft = [.waiting, .backingOff, .held, .unknown].contains(step.state) && (!run.isFinally(step.scope) || run.cancellation == .kill)
            if isLeft, before.steps.indices.contains(number) { return "'\(step.path)' is \(step.state) in a cancelled run" }
        }
        for entry in decision.entries {
            guard case .adopted(let step, _) = entry else { continue }
            let now = run.steps[step.index]
            if now.attempt?.isStopping == true, now.state == .running, !stopped.contains(id(now)) {
                return "'\(now.path)' was to be stopped and is not"
            }
        }
        if case .timer(let path) = event, let step = before.positions[path], before.steps[step].waiting?.kind == .unreachable,
            run.steps[step].attempt != before.steps[step].attempt, !stopped.contains(id(before.steps[step]))
        {
            return "an attempt that was lost on a silent host is not stopped"
        }
        if case .command(.resolve(let path, _), _, _) = event, let step = before.positions[path], before.steps[step].waiting?.kind == .unreachable,
            !stopped.contains(id(before.steps[step]))
        {
            return "an attempt that was given up is not stopped"
        }
        return nil
    }

    /// Each attempt that was handed out or taken over has its order, with its fence.
    func dispatches() -> String? {
        var expected: [StepPath: Bool] = [:]
        for entry in decision.entries {
            switch entry {
            case .leased(let step, _): expected[step.path] = false
            case .adopted(let step, _): expected[step.path] = true
            default: break
            }
        }
        for case .dispatch(let order) in decision.actions {
            guard let isAttached = expected.removeValue(forKey: order.id.step), let number = run.positions[order.id.step] else {
                return "an order that nobody decided: \(order.id)"
            }
            let step = run.steps[number]
            guard order.fence == step.attempt?.fence, order.fence.epoch == context.epoch, order.id.number == step.attempt?.row.number else {
                return "the order of '\(step.path)' has another fence than its attempt"
            }
            if case .attach(let place) = order.mode, isAttached {
                if place != step.attempt?.place { return "another place is asked" }
            } else if isAttached || order.mode != .start {
                return "the order of '\(step.path)' is \(order.mode)"
            }
            if order.target?.name != step.attempt?.row.target { return "the order of '\(step.path)' goes elsewhere" }
            let policy = run.nodeOf(number).policy
            if order.timeoutSeconds != (step.attempt?.isProbe == true ? policy.probe?.timeoutSeconds : policy.timeoutSeconds) {
                return "the order of '\(step.path)' has another time-out"
            }
            if let fault = values(order, number) { return fault }
        }
        return expected.first.map { "'\($0.key)' was handed out and has no order" }
    }

    /// The values that the script is given.
    private func values(_ order: AttemptOrder, _ step: Int) -> String? {
        guard let work = order.work as? ShellWork, run.steps[step].attempt?.isProbe != true,
            let spec = run.nodeOf(step).kind.work(as: ShellSpec.self)
        else {
            return nil
        }
        for (variable, given) in zip(spec.variables, work.variables) {
            let value: JSON?
            switch variable.value {
            case .output(let id, _):
                let source = run.visible(id, from: step)
                // What an undo reads of what was done `UndoLedger` looks at.
                if run.isPartOfUndo(step), let source, !run.isPartOfUndo(source) { continue }
                value = source.flatMap { run.steps[$0].value?["stdout"] }
            case .element(let map, _):
                let around = run.surroundings(of: step).first { run.nodeOf($0.map).id == map }
                value = around.flatMap { around in
                    run.rollouts[around.map] == nil ? run.steps[around.map].elements?.values[around.element] : .string(around.key)
                }
            case .run(.outcome): value = run.bodyOutcome.map { .string($0.rawValue) }
            default: continue
            }
            if let value, value.text != given.value { return "'\(run.steps[step].path)' is given \(given.value), not \(value.text)" }
        }
        return nil
    }
}
