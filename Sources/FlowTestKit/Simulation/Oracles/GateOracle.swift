package import FlowModel

/// Says by trying everything whether votes open a gate. Shares nothing with the machine's way to find out.
package enum GateOracle {
    /// Whether the votes meet all rules: one person fills one place of all of them, or (`isDistinct` false) one of each.
    package static func opens(_ rules: [ApprovalRule], _ votes: [ApprovalRow.Vote], isDistinct: Bool) -> Bool {
        var leaves: [ApprovalRule] = []
        let tree = Tree.all(rules.map { Tree($0, &leaves) })
        guard isDistinct else {
            return tree.holds(leaves.map { leaf in Set(votes.filter { admits(leaf, $0) }.map(\.person)).count }, leaves)
        }
        // Every voter in turn sits with each rule that takes them, or with none.
        var seatings: Set<[Int]> = [Array(repeating: 0, count: leaves.count)]
        for vote in votes {
            for seated in seatings {
                for leaf in leaves.indices where admits(leaves[leaf], vote) && seated[leaf] < leaves[leaf].count {
                    var next = seated
                    next[leaf] += 1
                    seatings.insert(next)
                }
            }
        }
        return seatings.contains { tree.holds($0, leaves) }
    }

    private static func admits(_ leaf: ApprovalRule, _ vote: ApprovalRow.Vote) -> Bool {
        switch leaf {
        case .role(let role, _): vote.roles.contains(role)
        case .user(let user): vote.names.contains(user)
        case .anyone: true
        case .all, .any: false
        }
    }

    private indirect enum Tree {
        case leaf(Int)
        case all([Tree])
        case any([Tree], Int)

        init(_ rule: ApprovalRule, _ leaves: inout [ApprovalRule]) {
            switch rule {
            case .all(let rules): self = .all(rules.map { Tree($0, &leaves) })
            case .any(let rules, let count): self = .any(rules.map { Tree($0, &leaves) }, count)
            default:
                self = .leaf(leaves.count)
                leaves.append(rule)
            }
        }

        func holds(_ seated: [Int], _ leaves: [ApprovalRule]) -> Bool {
            switch self {
            case .leaf(let number): seated[number] >= leaves[number].count
            case .all(let parts): parts.allSatisfy { $0.holds(seated, leaves) }
            case .any(let parts, let count): parts.count { $0.holds(seated, leaves) } >= count
            }
        }
    }
}
