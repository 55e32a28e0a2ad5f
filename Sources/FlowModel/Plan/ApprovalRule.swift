/// Who may open a gate, and how many of them must: a tree.
package indirect enum ApprovalRule: Hashable, Sendable {
    case role(String, count: Int)
    /// The person with this user name, by whichever of their users.
    case user(String)
    case anyone(count: Int)
    case all([ApprovalRule])
    /// So many of these.
    case any([ApprovalRule], count: Int)

    /// The least number of places that it takes.
    package var count: Int {
        switch self {
        case .role(_, let count), .anyone(let count): count
        case .user: 1
        case .all(let rules): rules.reduce(0) { $0 + $1.count }
        case .any(let rules, let count): rules.map(\.count).sorted().prefix(max(0, count)).reduce(0, +)
        }
    }

    /// Whether a person with these user names and roles counts towards it, or a part of it.
    package func admits(names: some Collection<String>, roles: some Collection<String>) -> Bool {
        switch self {
        case .role(let role, _): roles.contains(role)
        case .user(let name): names.contains(name)
        case .anyone: true
        case .all(let rules), .any(let rules, _): rules.contains { $0.admits(names: names, roles: roles) }
        }
    }

    /// For people: `2 of role release-manager and (user bob or user carol)`.
    package var text: String { text(isInside: false) }

    private func text(isInside: Bool) -> String {
        switch self {
        case .role(let role, let count): return "\(count) of role \(role)"
        case .user(let name): return "user \(name)"
        case .anyone(let count): return "\(count) of anyone"
        case .all(let rules):
            let text = rules.map { $0.text(isInside: true) }.joined(separator: " and ")
            return isInside && rules.count > 1 ? "(\(text))" : text
        case .any(let rules, let count):
            let parts = rules.map { $0.text(isInside: true) }
            if count > 1 { return "\(count) of (\(parts.joined(separator: "; ")))" }
            return isInside && rules.count > 1 ? "(\(parts.joined(separator: " or ")))" : parts.joined(separator: " or ")
        }
    }
}

extension ApprovalRule {
    /// The rules without parts in it, in order.
    package var leaves: [ApprovalRule] {
        switch self {
        case .role, .user, .anyone: [self]
        case .all(let rules), .any(let rules, _): rules.flatMap(\.leaves)
        }
    }

    package var depth: Int {
        switch self {
        case .role, .user, .anyone: 1
        case .all(let rules), .any(let rules, _): 1 + (rules.map(\.depth).max() ?? 0)
        }
    }

    /// In how many ways it can be met, at most `limit`: choices of parts, whoever fills them.
    package func wayCount(limit: Int) -> Int {
        switch self {
        case .role, .user, .anyone: return 1
        case .all(let rules): return rules.reduce(1) { min(limit, $0 * $1.wayCount(limit: limit)) }
        case .any(let rules, let count):
            // Ways to meet exactly `chosen` of the parts so far.
            var ways = [1] + Array(repeating: 0, count: max(0, count))
            for rule in rules {
                let own = rule.wayCount(limit: limit)
                for chosen in stride(from: ways.count - 1, to: 0, by: -1) { ways[chosen] = min(limit, ways[chosen] + ways[chosen - 1] * own) }
            }
            return ways[max(0, count)]
        }
    }

    /// Every way to meet it, as the rules without parts that must all be filled. Plans are checked for how many there are.
    package var ways: [[ApprovalRule]] {
        switch self {
        case .role, .user, .anyone: return [[self]]
        case .all(let rules): return rules.reduce([[]]) { sofar, rule in sofar.flatMap { way in rule.ways.map { way + $0 } } }
        case .any(let rules, let count): return ApprovalRule.ways(toMeet: max(0, count), of: rules[...])
        }
    }

    private static func ways(toMeet count: Int, of rules: ArraySlice<ApprovalRule>) -> [[ApprovalRule]] {
        if count == 0 { return [[]] }
        guard let first = rules.first, rules.count >= count else { return [] }
        let rest = ways(toMeet: count - 1, of: rules.dropFirst())
        return first.ways.flatMap { way in rest.map { way + $0 } } + ways(toMeet: count, of: rules.dropFirst())
    }
}
