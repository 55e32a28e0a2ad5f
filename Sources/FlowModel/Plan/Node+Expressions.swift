extension Node {
    /// Every expression that the step evaluates.
    package var expressions: [Expression] {
        kind.expressions + (policy.probe?.command.expressions ?? []) + (policy.claims ?? []).map(\.name)
    }
}

extension ShellSpec {
    /// Always in one order: what a step needs is named in the order in which it is read.
    package var expressions: [Expression] {
        variables.map(\.value) + arguments + environment.sorted { $0.key < $1.key }.map(\.value) + [workdir, target, account].compactMap { $0 }
    }
}

extension Node.Kind {
    /// Every expression of its own.
    package var expressions: [Expression] {
        switch self {
        case .shell(let spec): spec.expressions
        case .sleepUntil(let moment): [moment]
        // The condition of a `repeatUntil` is one of the body's, which stands inside.
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
