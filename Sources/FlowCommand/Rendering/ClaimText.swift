import FlowModel

/// What a plan has to itself, for people.
enum ClaimText {
    static func lines(of plan: Plan) -> [String] {
        guard let control = plan.control else { return [] }
        var lines: [String] = []
        if let claims = control.claims { lines.append("takes     \(claims.map(text).joined(separator: ", "))") }
        if let overlap = control.overlap { lines.append("overlap   \(overlap.rawValue)") }
        if let priority = control.priority { lines.append("priority  \(priority)") }
        if let budget = control.retryBudget { lines.append("retries   \(budget) in all") }
        return lines.map { $0.neutralised() }
    }

    static func parts(of policy: Policy) -> [String] {
        (policy.claims ?? []).map(text) + (policy.elementClaims ?? []).map { "each \(text($0))" }
    }

    private static func text(_ claim: ClaimSpec) -> String {
        let name = ExpressionText.text(claim.name)
        switch claim.kind {
        case .exclusive: return "lock \(name)"
        case .shared: return "lock \(name), shared"
        case .slots(let weight, let of): return "\(weight) of \(of) slots of \(name)"
        case .rate(let count, let seconds): return "\(count) in \(durationText(seconds)) of \(name)"
        case .overlap: return "no other run of \(name)"
        }
    }
}
