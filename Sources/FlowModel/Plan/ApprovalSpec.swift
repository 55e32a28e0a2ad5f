/// A gate that people open.
package struct ApprovalSpec: Hashable, Sendable, Codable {
    /// What they are asked, as a text expression.
    package var prompt: Expression
    /// All must be met, by distinct people: one person counts once.
    package var rules: [ApprovalRule]
    /// Seconds until it is rejected by itself; nil waits for ever.
    package var deadlineSeconds: Double?
    /// Whether the person who started the run may approve.
    package var selfApproval: Bool

    package init(prompt: Expression, rules: [ApprovalRule], deadlineSeconds: Double? = nil, selfApproval: Bool = false) {
        self.prompt = prompt
        self.rules = rules
        self.deadlineSeconds = deadlineSeconds
        self.selfApproval = selfApproval
    }
}

/// Who may open a gate, and how many of them must.
package enum ApprovalRule: Hashable, Sendable, Codable {
    case role(String, count: Int)
    case user(String)
    case anyone(count: Int)

    /// How many people it takes.
    package var count: Int {
        switch self {
        case .role(_, let count), .anyone(let count): count
        case .user: 1
        }
    }

    /// Whether a person with these user names and roles counts towards it.
    package func admits(names: some Collection<String>, roles: some Collection<String>) -> Bool {
        switch self {
        case .role(let role, _): roles.contains(role)
        case .user(let name): names.contains(name)
        case .anyone: true
        }
    }
}
