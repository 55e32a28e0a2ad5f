package import FlowModel

/// Steps that run another flow, as a run of its own that this one waits for.
///
/// What happens to this run happens to that one: cancel, kill, pause and resume go down, its end comes up. The run that is asked for is made
/// outside, where hosts are known, and begins in the transaction that writes its id here: there is one for each generation of the step.
extension RunMachine {
    mutating func openCall(_ number: Int, _ spec: CallSpec) throws(EvaluationError) {
        let order = try callOrder(number, spec)
        emit(.calling(ref(number)))
        decision.actions.append(.call(order))
    }

    private func callOrder(_ number: Int, _ spec: CallSpec) throws(EvaluationError) -> CallOrder {
        guard let called = run.plan.calls?.first(where: { $0.plan.flow == spec.flow }) else {
            throw .invalid("flow '\(spec.flow)' is not part of the plan that the run began with")
        }
        var inputs: [String: JSON] = [:]
        for name in spec.inputs.keys.sorted() { inputs[name] = try spec.inputs[name]?.evaluate(in: scope(of: number)) }
        var labels = run.created.labels
        labels[CallOrder.parentLabel] = run.id.text
        return CallOrder(
            id: CallID(run: run.id, step: run.steps[number].path, generation: run.steps[number].generation), plan: called.plan,
            binary: called.binary ?? run.created.binary, inputs: inputs, labels: labels, user: run.created.user, person: run.created.person,
            priority: run.priority, limit: run.created.limit, shapers: run.shapers(of: number).map(inherited), isRegistered: run.created.isRegistered,
            isUngated: isTidying(number) || run.isUngated ? true : nil)
    }

    /// It stands in a `finally`, or in what undoes something.
    private func isTidying(_ number: Int) -> Bool {
        let scope = run.steps[number].scope
        return run.isInUndo(scope) || run.scopes[outermost(scope)].plan == PlanIndex.finally
    }

    private func inherited(_ shaper: Shaper) -> Shaper {
        var shaper = shaper
        shaper.caller = shaper.caller ?? run.id
        return shaper
    }

    // MARK: - From below

    /// The run that was asked for has begun, in this transaction.
    mutating func callBegan(_ id: CallID, _ child: RunID) {
        guard let number = run.calling(id) else { return }
        emit(.called(ref(number), child))
        if run.isPaused { decision.actions.append(.child(child, .pause)) }
    }

    /// It cannot begin: its inputs or hosts are not acceptable.
    mutating func callRefused(_ id: CallID, _ reason: String) {
        guard let number = run.calling(id) else { return }
        fail(number, reason)
    }

    /// - Parameter shapers: who shaped its value.
    mutating func callEnded(_ id: CallID, _ child: RunID, _ state: RunState, _ reason: String?, _ value: JSON, _ shapers: [Shaper]) {
        guard let number = run.positions[id.step], run.steps[number].child == child, run.steps[number].isCalling else { return }
        // Who let it fail, or stopped it, too: what reads it has its default then.
        if !isStopped { for shaper in shapers { emit(.given(ref(number), shaper)) } }
        let words = "run \(child) \(state == .cancelled ? "was cancelled" : state.rawValue)" + (reason.map { ": \($0)" } ?? "")
        switch state {
        case .succeeded:
            let faults = node(number).output?.faults(in: value) ?? []
            if let first = faults.first { return fail(number, "run \(child) did not hand out the declared shape: \(first.message)") }
            settle(number, .succeeded, value: value)
        case .cancelled where isStopped: settle(number, .cancelled, reason: words)
        default: fail(number, words)
        }
    }

    // MARK: - From above

    /// Asks again for what may not have come about before the engine ended, and looks at what may have ended meanwhile.
    mutating func recoverCalls() {
        for number in run.steps.indices where run.steps[number].isCalling {
            if let child = run.steps[number].child {
                if let cancellation = run.cancellation { decision.actions.append(.child(child, cancellation == .kill ? .kill : .cancel)) }
                decision.actions.append(.lookAtChild(callID(number), child))
            } else {
                askAgain(number)
            }
        }
    }

    private mutating func askAgain(_ number: Int) {
        guard case .call(let spec) = node(number).kind else { return }
        do throws(EvaluationError) {
            decision.actions.append(.call(try callOrder(number, spec)))
        } catch {
            settle(number, because: error)
        }
    }

    /// Passes on to the runs that this one waits for what was asked of it.
    mutating func passDown(_ command: RunCommand) {
        for step in run.steps where step.isCalling {
            if let child = step.child { decision.actions.append(.child(child, command)) }
        }
    }

    private func callID(_ number: Int) -> CallID {
        CallID(run: run.id, step: run.steps[number].path, generation: run.steps[number].generation)
    }
}

extension Run {
    /// The step that asks for this run and has none yet.
    package func calling(_ id: CallID) -> Int? {
        guard let number = positions[id.step], steps[number].isCalling, steps[number].child == nil, steps[number].generation == id.generation
        else { return nil }
        return number
    }

    /// What the flow hands out: the output of its last step.
    package var value: JSON {
        guard let last = index.scopes[PlanIndex.root].nodes.indices.last else { return .null }
        return steps[scopes[PlanIndex.root].base + last].value ?? .null
    }
}

extension Step {
    /// It waits for a run of another flow.
    var isCalling: Bool { state == .waiting && waiting?.kind == .child }
}
