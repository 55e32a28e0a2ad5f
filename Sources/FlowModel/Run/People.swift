/// Who is who now: users, the people behind them, and every link that was ever made.
///
/// Rules about people ask it and never what was written down when somebody acted: links, roles and users change while a gate is open.
package struct People: Sendable {
    /// What a user is as of now.
    package struct Standing: Hashable, Sendable {
        package var person: String
        /// All user names of the person.
        package var names: [String]
        package var roles: [String]

        package init(person: String, names: [String], roles: [String]) {
            self.person = person
            self.names = names
            self.roles = roles
        }
    }

    /// A right that is lent now, and to whom.
    package struct Loan: Hashable, Sendable {
        package var delegation: Delegation
        /// The person who has it.
        package var taker: String

        package init(_ delegation: Delegation, to taker: String) {
            self.delegation = delegation
            self.taker = taker
        }
    }

    private var standings: [String: Standing] = [:]
    /// The names that were ever linked, each with the first of its kin.
    private var kin: [String: String] = [:]
    private var loans: [String: Loan] = [:]

    /// - Parameter links: pairs of users that are one person or were at some time, also of users who were removed since.
    package init(_ standings: [Standing], links: [(String, String)] = [], loans: [Loan] = []) {
        for standing in standings {
            for name in standing.names { self.standings[name] = standing }
            for name in standing.names.dropFirst() { join(name, standing.names[0]) }
        }
        for (one, other) in links { join(one, other) }
        for loan in loans { self.loans[loan.delegation.id] = loan }
    }

    private mutating func join(_ one: String, _ other: String) {
        let (first, second) = (root(of: one), root(of: other))
        if first != second { kin[max(first, second)] = min(first, second) }
    }

    private func root(of name: String) -> String {
        var name = name
        while let next = kin[name] { name = next }
        return name
    }

    /// nil for a user who is not known, or was removed.
    package func standing(of user: String) -> Standing? { standings[user] }

    /// Whether the two users are one person, or were: a link that was taken back by removing a user counts for ever.
    package func areOne(_ one: String, _ other: String) -> Bool { root(of: one) == root(of: other) }

    /// nil for one that was revoked, or whose giver has not the role any more.
    package func loan(_ id: String) -> Loan? { loans[id] }

    /// The users among these who are, or were, one person with that one.
    package func kin(of user: String, among users: some Sequence<String>) -> [String] { users.filter { areOne($0, user) } }
}
