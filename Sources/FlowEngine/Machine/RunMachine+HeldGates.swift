import FlowModel

/// Approvals that a command would pass by, or whose answer it would make worthless.
extension RunMachine {
    /// The approval that stands in the step and that nobody has given: in its body, in the branches that hang on it, in the flow that it calls.
    /// A step that holds one is not passed by either.
    func undecidedApproval(in number: Int) -> String? {
        let node = node(number)
        switch node.kind {
        case .call: return heldApproval(in: number)
        case .choice:
            let scope = run.steps[number].scope
            return run.ownSteps(scope).lazy.filter { self.node($0).guards.contains { $0.choice == node.id } }
                .compactMap { self.approval($0) ?? self.undecidedApproval(in: $0) }.first
        case .map, .rollout, .repeatUntil:
            guard let name = run.plan.approval(inside: node.id) else { return nil }
            guard let elements = run.steps[number].elements, elements.queue.isEmpty, elements.scopes.allSatisfy({ $0 != nil }) else { return name }
            return steps(inside: number).lazy.compactMap { self.approval($0) ?? self.calledApproval($0) }.first
        case .work, .approval, .sleep, .sleepUntil, .waitFor: return nil
        }
    }

    /// It is an approval, or one stands in it. Were it skipped because it cannot read what it needs, what comes behind would run without a vote.
    func holdsApproval(_ number: Int) -> Bool {
        switch node(number).kind {
        case .approval: true
        case .map, .rollout, .repeatUntil: run.plan.approval(inside: node(number).id) != nil
        case .choice, .call: undecidedApproval(in: number) != nil
        case .work, .sleep, .sleepUntil, .waitFor: false
        }
    }

    /// The approval in the flow that a step calls.
    func heldApproval(in number: Int) -> String? {
        guard case .call(let spec) = node(number).kind else { return nil }
        return run.plan.calls?.first { $0.plan.flow == spec.flow }?.plan.approval.map { "\($0) of flow '\(spec.flow)'" }
    }

    /// The path of an approval that was not given.
    private func approval(_ number: Int) -> String? {
        guard case .approval = node(number).kind, run.steps[number].state != .succeeded else { return nil }
        return "'\(run.steps[number].path)'"
    }

    private func calledApproval(_ number: Int) -> String? {
        guard case .call = node(number).kind, run.steps[number].state != .succeeded else { return nil }
        return undecidedApproval(in: number)
    }

    /// Gates that were asked about what these steps give, when something behind them is still to be done.
    ///
    /// What is done again may give something else: whoever approved it is asked anew.
    func gates(askedAbout numbers: Set<Int>) -> Set<Int> {
        guard run.undo == nil else { return [] }
        return Set(
            run.steps.indices.filter { gate in
                guard let approval = run.steps[gate].approval, run.steps[gate].state == .succeeded || approval.state == .open,
                    !numbers.contains(gate)
                else { return false }
                return run.uses(gate, numbers)
            })
    }
}

extension RunMachine {
    /// Whether one of these steps gives something that stands in the gate's question: it cannot be asked while that is done again.
    func asksAbout(_ numbers: Set<Int>, gate: Int) -> Bool {
        let scope = scope(of: gate)
        let around = Set(run.scopesAround(run.steps[gate].scope).map { node($0.step).id })
        return node(gate).sources(in: run.plan).subtracting(around).contains { scope.position(of: $0).map(numbers.contains) ?? false }
    }
}

extension Run {
    /// Whether what the gate asks about is made of what one of these steps gives, and has not all been done.
    fileprivate func uses(_ gate: Int, _ numbers: Set<Int>) -> Bool {
        let behind = Set(nodes(behind: gate).map(\.id))
        // That a map or rollout round the gate is taken up again changes nothing that it was asked about: other elements begin anew.
        let around = Set(scopesAround(steps[gate].scope).map { plan.nodes[steps[$0.step].node].id })
        let used = nodesUsed(by: gate, without: around).subtracting(behind)
        guard numbers.contains(where: { used.contains(plan.nodes[steps[$0].node].id) && isBeside($0, gate) }) else { return false }
        return steps.indices.contains { number in
            behind.contains(plan.nodes[steps[number].node].id) && isBeside(number, gate)
                && (!isDone(number) || numbers.contains(number))
        }
    }

    private func isDone(_ number: Int) -> Bool { steps[number].state == .succeeded || steps[number].state == .skipped }

    /// They do not stand in different elements of one map.
    private func isBeside(_ one: Int, _ other: Int) -> Bool {
        let around = elementNumbers(around: other)
        return elementNumbers(around: one).allSatisfy { around[$0.key] ?? $0.value == $0.value }
    }

    private func elementNumbers(around number: Int) -> [Int: Int] {
        scopesAround(steps[number].scope).reduce(into: [:]) { found, around in
            if scopes[around.scope].part == .body { found[around.step] = scopes[around.scope].element }
        }
    }
}

extension Plan {
    /// An approval of it, or of a flow that it calls.
    fileprivate var approval: String? {
        for node in nodes {
            if case .approval = node.kind { return "'\(node.id)'" }
        }
        return (calls ?? []).lazy.compactMap { called in called.plan.approval.map { "\($0) of flow '\(called.plan.flow)'" } }.first
    }

    /// An approval in the body of the node, or deeper, or in a flow that is called there.
    fileprivate func approval(inside id: String) -> String? {
        for node in nodes where node.scope == id {
            switch node.kind {
            case .approval: return "'\(node.id)'"
            case .call(let spec):
                if let name = calls?.first(where: { $0.plan.flow == spec.flow })?.plan.approval { return "\(name) of flow '\(spec.flow)'" }
            case .work, .sleep, .sleepUntil, .waitFor, .choice, .map, .repeatUntil, .rollout:
                if let name = approval(inside: node.id) { return name }
            }
        }
        return nil
    }
}
