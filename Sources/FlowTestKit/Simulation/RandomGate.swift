import FlowModel

/// Gates of every kind, and the people who vote on them.
enum RandomGate {
    private static let roles = ["r1", "r2", "r3"]
    static let names = ["alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi", "ivan", "judy"]

    /// All have roles enough to open what `spec` makes, whoever of them voted before.
    static let everybody: [Actor] = names.dropFirst().map { Actor(person: $0, user: $0, names: [$0], roles: roles) }

    static func spec(_ random: inout SeededRandom) -> ApprovalSpec {
        var spec = ApprovalSpec(prompt: .literal("?"), rules: rules(&random))
        if random.chance(0.4) {
            spec.deadlineSeconds = 100
            while spec.escalations.count < 3, random.chance(0.4) {
                spec.escalations.append(ApprovalSpec.Escalation(rules: rules(&random), deadlineSeconds: 50))
            }
            if random.chance(0.3) { spec.escalations[safe: spec.escalations.count - 1]?.deadlineSeconds = nil }
            let isEndless = spec.escalations.last.map { $0.deadlineSeconds == nil } ?? false
            if !isEndless, random.chance(0.3) { spec.onDeadline = .approve }
            // One that reminds for ever would keep the simulated people from helping.
            if !isEndless, random.chance(0.4) { spec.remindSeconds = 60 }
        }
        spec.selfApproval = random.chance(0.2)
        spec.isDistinct = random.chance(0.8)
        if random.chance(0.3) { spec.veto = .role(random.pick(roles), count: 1) }
        if random.chance(0.3) { spec.fields = [Parameter(name: "n", kind: .int, fallback: 1)] }
        return spec
    }

    private static func rules(_ random: inout SeededRandom) -> [ApprovalRule] {
        (0..<random.int(1...2)).map { _ in rule(&random, depth: 1) }
    }

    /// Not deep: what brute force looks through grows with its parts.
    static func rule(_ random: inout SeededRandom, depth: Int) -> ApprovalRule {
        switch random.int(0...(depth > 0 ? 6 : 4)) {
        case 0, 1: return .role(random.pick(roles), count: random.int(1...2))
        case 2: return .user(random.pick(["bob", "carol"]))
        case 3, 4: return .anyone(count: 1)
        case 5: return .all((0..<2).map { _ in rule(&random, depth: depth - 1) })
        default:
            let parts = (0..<random.int(2...3)).map { _ in rule(&random, depth: depth - 1) }
            return .any(parts, count: random.int(1...2))
        }
    }

    /// Somebody with some roles, perhaps by a second user of theirs, perhaps with rights that others lent.
    static func person(_ random: inout SeededRandom, at now: Instant) -> Actor {
        let person = random.pick(names)
        let user = random.chance(0.3) ? "os:\(person)" : person
        var lent: [Delegation] = []
        while lent.count < 2, random.chance(0.5) {
            let from = random.chance(0.3) && person != "alice" ? "alice" : random.pick(names.filter { $0 != person })
            let until = now + (random.chance(0.8) ? 60 : 0)
            lent.append(Delegation(id: "\(lent.count + 1)", from: from, person: from, role: random.pick(roles), until: until))
        }
        return Actor(person: person, user: user, names: [person, "os:\(person)"], roles: roles.filter { _ in random.chance(0.4) }, delegations: lent)
    }

    static func ballot(of actor: Actor, _ random: inout SeededRandom) -> Ballot {
        let stranger = random.chance(0.05) ? random.pick(names) : nil
        let giver = random.chance(0.6) ? actor.delegations.first?.from : nil
        return Ballot(fields: random.chance(0.4) ? ["n": .int(random.int(1...2))] : [:], onBehalfOf: giver ?? stranger)
    }
}

extension Array {
    fileprivate subscript(safe index: Int) -> Element? {
        get { indices.contains(index) ? self[index] : nil }
        set { if let newValue, indices.contains(index) { self[index] = newValue } }
    }
}
