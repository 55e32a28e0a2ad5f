/// The built-in roles, each with all rights of those before it. Other role names are free groups, for approvals only.
package enum Role: String, CaseIterable, Comparable, Sendable {
    /// Sees everything but secrets, and votes where the rules of a gate admit them.
    case viewer
    /// Starts registered flows and works on runs.
    case `operator`
    /// Brings code in: registers flows, runs plans and commands of their own.
    case author
    /// Keeps users, tokens and the inventory. Gives no right to approve.
    case admin

    package static func < (one: Role, other: Role) -> Bool {
        allCases.firstIndex(of: one) ?? 0 < allCases.firstIndex(of: other) ?? 0
    }

    /// The strongest built-in role among `names`.
    package static func strongest(in names: some Sequence<String>) -> Role? {
        names.compactMap(Role.init(rawValue:)).max()
    }
}

/// Who may use a route.
package enum Access: Hashable, Sendable {
    /// Without saying who they are.
    case anyone
    /// People with at least this role.
    case role(Role)

    package var name: String {
        switch self {
        case .anyone: "anyone"
        case .role(let role): role.rawValue
        }
    }
}
