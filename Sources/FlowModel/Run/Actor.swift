/// Who asks for something. Always a person: tokens and sockets lead to one.
package struct Actor: Hashable, Sendable {
    /// Identifies the person; several users can be one person (`flowctl user link`).
    package var person: String
    /// The user as shown: `os:alice`, `alice`.
    package var user: String
    /// All user names of the person.
    package var names: [String]
    /// Built-in roles and free groups.
    package var roles: [String]
    /// Rights to vote that others lent to the person.
    package var delegations: [Delegation]

    package init(person: String, user: String, names: [String], roles: [String], delegations: [Delegation] = []) {
        self.person = person
        self.user = user
        self.names = names
        self.roles = roles
        self.delegations = delegations
    }

    /// The engine itself: deadlines, recovery, retention.
    package static let engine = Actor(person: "flow", user: "flow", names: [], roles: [])
}
