import FlowModel

/// The steps of a plan, and of the flows that it calls, whose outputs are used: by an expression, or since they are what a map or a flow hands out
/// whose output is used.
struct UsedOutputs {
    /// By flow and step: `release/build`.
    private(set) var steps: Set<String> = []
    private let plans: [String: Plan]

    init(of plan: Plan) {
        plans = Dictionary(plan.withCalls.map { ($0.flow, $0) }, uniquingKeysWith: { first, _ in first })
        for plan in plan.withCalls {
            for node in plan.nodes {
                for expression in node.readings { expression.forEach { if case .output(let step, _) = $0 { use(step, of: plan) } } }
            }
        }
    }

    private mutating func use(_ step: String, of plan: Plan) {
        guard steps.insert("\(plan.flow)/\(step)").inserted, let node = plan.nodes.first(where: { $0.id == step }) else { return }
        switch node.kind {
        case .map: if let last = plan.nodes.last(where: { $0.scope == step && $0.part == .body }) { use(last.id, of: plan) }
        case .call(let call):
            guard let called = plans[call.flow], let last = called.nodes.last(where: { $0.scope == nil && !$0.isFinally }) else { return }
            use(last.id, of: called)
        case .work, .approval, .sleep, .sleepUntil, .waitFor, .choice, .repeatUntil, .rollout: return
        }
    }
}
