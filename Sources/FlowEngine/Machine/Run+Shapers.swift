package import FlowModel

/// Who shaped what a run does.
extension Run {
    /// Who had a hand in what the step, and all that it holds back, will do; in what the run does, without a step.
    package func shapers(of step: Int?) -> [Shaper] {
        let own = [Shaper(user: created.user, person: created.person, .started)] + created.shapers + editors
        guard steps.contains(where: { $0.giver != nil }) else { return own }
        let used = step.map(nodesUsed)
        let givers = steps.filter { step in step.giver != nil && used?.contains(plan.nodes[step.node].id) ?? true }.compactMap(\.giver)
        return own + givers.filter { !own.contains($0) }
    }

    /// The steps whose values the step or something behind it uses, directly or through others.
    private func nodesUsed(by step: Int) -> Set<String> {
        var open = [plan.nodes[steps[step].node]] + nodes(behind: step)
        var used: Set<String> = []
        while let next = open.popLast() {
            for source in next.sources(in: plan).sorted() where used.insert(source).inserted {
                if let number = index.nodes[source] { open.append(plan.nodes[number]) }
            }
        }
        return used
    }

    /// The steps that a gate holds back, in order.
    func nodes(behind gate: Int) -> [Node] {
        let gate = plan.nodes[steps[gate].node]
        var behind: Set<String> = [gate.id]
        // A step stands after all that it needs.
        return plan.nodes.filter { node in
            guard node.isFinally == gate.isFinally else { return false }
            guard node.needs.contains(where: behind.contains) || node.scope.map(behind.contains) ?? false else { return false }
            behind.insert(node.id)
            return true
        }
    }

    /// Somebody else may be kept from voting now: what is shown of open gates is written again.
    mutating func noteShaped() {
        for number in steps.indices where steps[number].approval?.state == .open { dirty.append(number) }
    }
}
