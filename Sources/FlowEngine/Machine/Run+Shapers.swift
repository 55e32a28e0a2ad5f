package import FlowModel

/// Who shaped what a run does.
extension Run {
    /// When what it does began to be shaped: its own beginning, or that of the run that called it, and so on.
    package var shapedSince: Instant { created.shapedSince ?? createdAt }

    /// Who had a hand in what the step, and all that it holds back, will do; in what the run does, without a step.
    package func shapers(of step: Int?) -> [Shaper] {
        let own = [Shaper(user: created.user, person: created.person, .started)] + created.shapers + editors
        guard steps.contains(where: { !$0.givers.isEmpty }) else { return own }
        let used = step.map { nodesUsed(by: $0) }
        let givers = steps.filter { step in !step.givers.isEmpty && used?.contains(plan.nodes[step.node].id) ?? true }.flatMap(\.givers)
        return own + givers.filter { !own.contains($0) }
    }

    /// Those who shaped what it hands out, beside who shaped the run that called it: that run is told of them. Each person once.
    package var givers: [Shaper] {
        let stopped = stoppedBy.flatMap { $0.user == Actor.engine.user ? nil : Shaper(user: $0.user, person: $0.person, .stopped) }
        let deeds =
            editors + (stopped.map { [$0] } ?? [])
            + steps.flatMap { step in
                step.givers.map { giver in
                    var giver = giver
                    giver.subject = giver.called == nil ? step.path.text : giver.subject
                    return giver
                }
            }
        var seen: Set<String> = []
        return deeds.filter { seen.insert("\($0.user) \($0.person)").inserted }.map { deed in
            var deed = deed
            deed.called = deed.called ?? id
            return deed
        }
    }

    /// The steps whose values the step or something behind it uses, directly or through others; those of `left`, and what they use, are left out.
    func nodesUsed(by step: Int, without left: Set<String> = []) -> Set<String> {
        var open = [plan.nodes[steps[step].node]] + nodes(behind: step)
        var used: Set<String> = []
        while let next = open.popLast() {
            for source in next.sources(in: plan).sorted() where !left.contains(source) && used.insert(source).inserted {
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
