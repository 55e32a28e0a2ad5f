import FlowModel

/// The steps of a plan and of all flows that it calls, as patterns name them.
struct PlanSteps {
    private let plans: [Plan]

    init(of plan: Plan) { plans = plan.withCalls }

    var all: [Node] { plans.flatMap(\.nodes) }

    /// For people: what one may mean.
    var names: [String] { all.filter { $0.kindName != "when" }.map(\.id) }

    func named(by pattern: StepPattern) -> [(plan: Plan, node: Node)] {
        plans.flatMap { plan -> [(plan: Plan, node: Node)] in
            guard isCalled(plan, by: pattern.callers[...]) else { return [] }
            return plan.nodes.filter(pattern.names).map { (plan, $0) }
        }
    }

    /// Whether steps of these names, outermost first, can call one another and the last of them this plan.
    private func isCalled(_ plan: Plan, by callers: ArraySlice<StepPattern>) -> Bool {
        guard let last = callers.last else { return true }
        return plans.contains { other in
            let calls = other.nodes.contains { node in
                if case .call(let call) = node.kind { call.flow == plan.flow && last.names(node) } else { false }
            }
            return calls && isCalled(other, by: callers.dropLast())
        }
    }
}
