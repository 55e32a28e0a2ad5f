extension Node {
    /// Every expression that the step evaluates.
    package var expressions: [Expression] {
        ownExpressions + (policy.probe.map { Node.expressions(of: $0.command) } ?? []) + (policy.claims ?? []).map(\.name)
    }

    private static func expressions(of spec: ShellSpec) -> [Expression] {
        spec.variables.map(\.value) + spec.arguments + spec.environment.sorted { $0.key < $1.key }.map(\.value)
            + [spec.workdir, spec.target, spec.account].compactMap { $0 }
    }

    private var ownExpressions: [Expression] {
        switch kind {
        case .shell(let spec): Node.expressions(of: spec)
        case .sleepUntil(let moment): [moment]
        case .waitFor, .repeatUntil: []
        case .copy(let spec): [spec.from, spec.to] + [spec.target, spec.account].compactMap { $0 }
        case .step(let spec): spec.inputs
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

    private var roundExpressions: [Expression] {
        guard case .repeatUntil(let spec) = kind else { return [] }
        return [spec.until] + [spec.value].compactMap { $0 }
    }
}
