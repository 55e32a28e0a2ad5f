import FlowModel

/// People who satisfy the rules of a gate: as few as will do, each of whom has what one place of a rule asks for.
enum InventedPeople {
    /// Who starts the run, and decides what waits for a person.
    static let author = Actor(person: "rehearsal", user: "rehearsal", names: ["rehearsal"], roles: ["admin"])

    /// Who approves by these rules.
    static func approvers(by rules: [ApprovalRule]) -> [Actor] {
        var people: [Actor] = []
        for place in ApprovalRule.all(rules).ways.first ?? [] {
            switch place {
            case .user(let name): people.append(person(name, roles: []))
            case .role(let role, let count): people += invented(count, as: role, roles: [role], after: people)
            case .anyone(let count): people += invented(count, as: "somebody", roles: [], after: people)
            case .all, .any: continue
            }
        }
        return people
    }

    /// Who rejects: whose rejection ends it.
    static func rejecter(of spec: ApprovalSpec, level: Int) -> Actor? {
        approvers(by: spec.veto.map { [$0] } ?? spec.rules(at: level)).first
    }

    private static func invented(_ count: Int, as name: String, roles: [String], after people: [Actor]) -> [Actor] {
        let known = people.count { $0.user.hasPrefix("\(name)-") }
        return (0..<max(0, count)).map { person("\(name)-\(known + $0 + 1)", roles: roles) }
    }

    private static func person(_ name: String, roles: [String]) -> Actor { Actor(person: name, user: name, names: [name], roles: roles) }
}
