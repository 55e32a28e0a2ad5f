import FlowModel
import FlowTestKit
import Testing

/// Who may open a gate, against a search through everything.
@Suite("Seating", .timeLimit(.minutes(10)))
struct SeatingTests {
    private static func vote(_ person: String, _ roles: [String]) -> ApprovalRow.Vote {
        ApprovalRow.Vote(
            user: person, person: person, names: [person], roles: roles, decision: .approved, comment: nil, at: Instant(milliseconds: 0))
    }

    private func isOpen(_ rules: [ApprovalRule], _ votes: [ApprovalRow.Vote], isDistinct: Bool = true) -> Bool {
        Seating(rules, votes, isDistinct: isDistinct).isComplete
    }

    @Test func `the matching opens exactly what a search through all assignments opens`() {
        var random = SeededRandom(seed: 39)
        var opened = 0
        for round in 0..<20_000 {
            let rules = (0..<random.int(1...2)).map { _ in Self.rule(&random, depth: 2) }
            let people = ["bob", "carol", "dave", "erin", "frank"].shuffled(using: &random).prefix(random.int(0...5))
            let votes = people.map { Self.vote($0, ["r1", "r2", "r3"].filter { _ in random.chance(0.5) }) }
            let isDistinct = random.chance(0.8)
            let expected = GateOracle.opens(rules, votes, isDistinct: isDistinct)
            if expected { opened += 1 }
            let found = isOpen(rules, votes, isDistinct: isDistinct)
            #expect(found == expected, "round \(round): \(rules.map(\.text)) with \(votes.map { "\($0.person) \($0.roles)" })")
            guard found == expected else { return }
        }
        #expect((2_000...18_000).contains(opened), "both answers are met often: \(opened)")
    }

    private static func rule(_ random: inout SeededRandom, depth: Int) -> ApprovalRule {
        switch random.int(0...(depth > 0 ? 5 : 3)) {
        case 0, 1: return .role(random.pick(["r1", "r2", "r3"]), count: random.int(1...2))
        case 2: return .user(random.pick(["bob", "carol"]))
        case 3: return .anyone(count: random.int(1...2))
        case 4: return .all((0..<2).map { _ in rule(&random, depth: depth - 1) })
        default: return .any((0..<2).map { _ in rule(&random, depth: depth - 1) }, count: random.int(1...2))
        }
    }

    @Test func `a vote does not sit where only another one could`() {
        let rules: [ApprovalRule] = [.role("r1", count: 1), .role("r2", count: 1)]
        // A greedy choice puts the first into r1, and the second finds no place.
        #expect(isOpen(rules, [Self.vote("bob", ["r1", "r2"]), Self.vote("carol", ["r1"])]))
        #expect(!isOpen(rules, [Self.vote("bob", ["r1", "r2"])]))
        #expect(isOpen(rules, [Self.vote("bob", ["r1", "r2"])], isDistinct: false))
    }

    @Test func `what is missing is said by way, the nearest first`() {
        let rules: [ApprovalRule] = [.any([.role("director", count: 1), .all([.role("ops", count: 2), .user("dora")])], count: 1)]
        let seating = Seating(rules, [Self.vote("bob", ["ops"]), Self.vote("dora", [])], isDistinct: true)
        let missing = seating.missing.map { way in way.map { "\($0.count): \($0.rule.text)" } }
        #expect(missing == [["1: 1 of role director"], ["1: 2 of role ops"]])
    }

    @Test func `the ways of a tree are counted without making them`() {
        var random = SeededRandom(seed: 7)
        for _ in 0..<500 {
            let rule = Self.rule(&random, depth: 2)
            #expect(rule.wayCount(limit: 1_000) == rule.ways.count, "\(rule.text)")
        }
        let wide = ApprovalRule.all(Array(repeating: .any([.user("a"), .user("b"), .user("c")], count: 1), count: 60))
        #expect(wide.wayCount(limit: 257) == 257)
    }
}
