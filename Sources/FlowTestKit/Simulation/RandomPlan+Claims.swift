import FlowModel

extension RandomPlan {
    /// What plans have where more than one run goes on.
    struct Sharing {
        /// The names of locks and limits.
        var names: [String]
        /// How deep flows call others.
        var calls: Int
    }

    mutating func addClaims(to policy: inout Policy, of kind: Node.Kind) {
        switch kind {
        case .work: policy.claims = claims(0.6)
        case .map, .rollout: (policy.claims, policy.elementClaims) = (claims(0.25), claims(0.4))
        case .approval, .sleep, .sleepUntil, .waitFor, .choice, .repeatUntil, .call: break
        }
    }

    private mutating func claims(_ chance: Double) -> [ClaimSpec]? {
        guard let sharing, random.chance(chance) else { return nil }
        return (0..<random.int(1...3)).map { _ in
            let kind: ClaimSpec.Kind = random.pick([
                .exclusive, .exclusive, .shared, .slots(weight: random.int(1...4), of: 4), .rate(count: 2, seconds: 30),
            ])
            return ClaimSpec(name: .literal(.string(random.pick(sharing.names))), kind: kind)
        }
    }

    mutating func control() -> FlowControl? {
        guard sharing != nil else { return nil }
        return FlowControl(
            claims: claims(0.3), overlap: random.pick([nil, nil, .queue]), priority: random.pick([nil, nil, 8]),
            retryBudget: random.pick([nil, 3]))
    }
}
