package import FlowModel

/// A plan from a seed, of every shape that the machine knows, and the hosts of its selectors: for tests of what goes through whole plans.
package struct SimulatedPlan {
    package let plan: Plan
    package let hosts: [Host]

    /// - Parameters:
    ///   - size: steps at the top, about.
    ///   - calls: how deep flows call others.
    package init(seed: UInt64, size: Int, calls: Int = 1) {
        let made = RandomPlan.make(
            using: SeededRandom(seed: seed), size: size, sharing: RandomPlan.Sharing(names: ["a", "b"], calls: calls))
        plan = SimulatedPlan.withSelectors(made)
        hosts = RandomPlan.inventory
    }

    /// The simulation has no selectors: what it calls `all` is every host.
    private static func withSelectors(_ plan: Plan) -> Plan {
        var plan = plan
        for index in plan.nodes.indices {
            guard case .rollout(var spec) = plan.nodes[index].kind else { continue }
            spec.targets = .literal("h*")
            plan.nodes[index].kind = .rollout(spec)
        }
        plan.calls = plan.calls?.map { CalledFlow(plan: withSelectors($0.plan), binary: $0.binary) }
        return plan
    }
}
