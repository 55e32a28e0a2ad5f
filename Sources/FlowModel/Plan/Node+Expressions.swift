extension Node {
    /// Every expression that the step evaluates.
    package var expressions: [Expression] {
        kind.expressions + (policy.probe?.command.expressions ?? []) + (policy.claims ?? []).map(\.name)
    }
}

extension Node.Kind {
    /// Every expression of its own.
    package var expressions: [Expression] {
        switch self {
        case .work(let work): work.spec.expressions
        case .sleepUntil(let moment): [moment]
        // The condition of a `repeatUntil` is one of the body's, which stands inside.
        case .waitFor, .repeatUntil: []
        case .approval(let spec): [spec.prompt]
        case .sleep(let seconds): [seconds]
        case .choice(let condition): [condition]
        case .map(let map):
            switch map.elements {
            case .hosts(let elements), .list(let elements): [elements]
            }
        case .rollout(let rollout): [rollout.targets]
        case .call(let call): call.inputs.sorted { $0.key < $1.key }.map(\.value)
        }
    }
}

extension Node {
    /// The steps whose values the step uses: what its expressions read, the branches and elements it stands in, and what it hands out of its
    /// body. Rather one too many than one too few.
    package func sources(in plan: Plan) -> Set<String> {
        var found = Set(guards.map(\.choice))
        if let scope { found.insert(scope) }
        for expression in expressions + roundExpressions {
            expression.forEach { part in
                switch part {
                case .output(let node, _): found.insert(node)
                case .element(let map, _): found.insert(map)
                default: break
                }
            }
        }
        if hasBody { found.formUnion(plan.nodes.filter { $0.scope == id }.map(\.id)) }
        return found
    }

    /// Every expression that is evaluated for the step or its elements.
    package var readings: [Expression] { expressions + roundExpressions + (policy.elementClaims ?? []).map(\.name) }

    private var roundExpressions: [Expression] {
        guard case .repeatUntil(let spec) = kind else { return [] }
        return [spec.until] + [spec.value].compactMap { $0 }
    }
}
