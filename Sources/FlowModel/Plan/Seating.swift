/// Whether the people who have voted fill the places of a gate's rules, and what is missing if not.
///
/// One vote fills one place: which one is found by matching, so that nobody sits where only another one could (a greedy choice
/// would leave a gate closed that its voters can open).
package struct Seating: Sendable {
    /// People of a rule who are missing.
    package struct Shortfall: Hashable, Sendable {
        /// Without parts.
        package var rule: ApprovalRule
        package var count: Int
    }

    /// What is missing, by way to open the gate, the nearest first; one that misses nothing is `[]`.
    package let missing: [[Shortfall]]

    package var isComplete: Bool { missing.first?.isEmpty ?? false }

    /// - Parameters:
    ///   - votes: Those that approve, and count.
    ///   - isDistinct: A person fills one place of all rules; else one of each.
    package init(_ rules: [ApprovalRule], _ votes: [ApprovalRow.Vote], isDistinct: Bool) {
        let ways = ApprovalRule.all(rules).ways.map { isDistinct ? Seating.matched($0, votes) : Seating.counted($0, votes) }
        func size(_ way: [Shortfall]) -> Int { way.reduce(0) { $0 + $1.count } }
        var seen = Set<[Shortfall]>()
        missing = ways.enumerated().sorted { (size($0.element), $0.offset) < (size($1.element), $1.offset) }.map(\.element)
            .filter { seen.insert($0).inserted }
    }

    private static func counted(_ leaves: [ApprovalRule], _ votes: [ApprovalRow.Vote]) -> [Shortfall] {
        leaves.compactMap { leaf in
            let lacking = leaf.count - votes.count { leaf.admits(names: $0.names, roles: $0.roles) }
            return lacking > 0 ? Shortfall(rule: leaf, count: lacking) : nil
        }
    }

    /// A bipartite matching by augmenting paths: voters on one side, the places of the rules on the other.
    private static func matched(_ leaves: [ApprovalRule], _ votes: [ApprovalRow.Vote]) -> [Shortfall] {
        let places = leaves.indices.flatMap { Array(repeating: $0, count: leaves[$0].count) }
        var holder = [Int?](repeating: nil, count: places.count)
        for voter in votes.indices {
            var seen = Set<Int>()
            _ = seat(voter, votes, places, leaves, &holder, &seen)
        }
        let open = places.indices.filter { holder[$0] == nil }.map { places[$0] }
        return leaves.indices.compactMap { leaf in
            let lacking = open.count { $0 == leaf }
            return lacking > 0 ? Shortfall(rule: leaves[leaf], count: lacking) : nil
        }
    }

    private static func seat(
        _ voter: Int, _ votes: [ApprovalRow.Vote], _ places: [Int], _ leaves: [ApprovalRule], _ holder: inout [Int?], _ seen: inout Set<Int>
    ) -> Bool {
        for place in places.indices where leaves[places[place]].admits(names: votes[voter].names, roles: votes[voter].roles) {
            guard seen.insert(place).inserted else { continue }
            let isFree = holder[place].map { seat($0, votes, places, leaves, &holder, &seen) } ?? true
            if isFree {
                holder[place] = voter
                return true
            }
        }
        return false
    }
}
