/// Who is who now: users, the people behind them, and the links between them, also those that were taken back.
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

    /// A link that was taken back. It counts for every run that began until then.
    package struct FormerLink: Hashable, Sendable {
        package var one: String
        package var other: String
        package var takenBackAt: Instant

        package init(_ one: String, _ other: String, takenBackAt: Instant) {
            self.one = one
            self.other = other
            self.takenBackAt = takenBackAt
        }
    }

    private var standings: [String: Standing] = [:]
    /// The names that are linked, each with the first of its kin.
    private var kin: [String: String] = [:]
    private var formerLinks: [FormerLink] = []
    private var loans: [String: Loan] = [:]

    /// - Parameter links: pairs of users that were linked, also of users who were removed since; but not those of `formerLinks`.
    package init(_ standings: [Standing], links: [(String, String)] = [], formerLinks: [FormerLink] = [], loans: [Loan] = []) {
        self.formerLinks = formerLinks
        for standing in standings {
            for name in standing.names { self.standings[name] = standing }
            for name in standing.names.dropFirst() { join(name, standing.names[0]) }
        }
        for (one, other) in links { join(one, other) }
        for loan in loans { self.loans[loan.delegation.id] = loan }
    }

    private mutating func join(_ one: String, _ other: String) { People.join(one, other, &kin) }

    private static func join(_ one: String, _ other: String, _ kin: inout [String: String]) {
        let (first, second) = (root(of: one, kin), root(of: other, kin))
        if first != second { kin[max(first, second)] = min(first, second) }
    }

    private static func root(of name: String, _ kin: [String: String]) -> String {
        var name = name
        while let next = kin[name] { name = next }
        return name
    }

    /// nil for a user who is not known, or was removed.
    package func standing(of user: String) -> Standing? { standings[user] }

    /// A name of each person who has the role, in order.
    package func names(of role: String) -> [String] {
        Set(standings.values.filter { $0.roles.contains(role) }.compactMap(\.names.first)).sorted()
    }

    /// Whether the two users are one person where people are counted for a run.
    ///
    /// A link counts for all runs while it stands, also for those that had begun before it, and also when one of its users was removed.
    /// Taken back, it counts on for the runs that had begun by then: they were shaped, and voted on, while it stood.
    ///
    /// - Parameter begun: when the run began; of a run that was called, the one that called it.
    package func areOne(_ one: String, _ other: String, inRunBegun begun: Instant) -> Bool {
        if one == other { return true }
        let (first, second) = (People.root(of: one, kin), People.root(of: other, kin))
        if first == second { return true }
        var older: [String: String] = [:]
        for link in formerLinks where link.takenBackAt >= begun {
            People.join(People.root(of: link.one, kin), People.root(of: link.other, kin), &older)
        }
        return !older.isEmpty && People.root(of: first, older) == People.root(of: second, older)
    }

    /// nil for one that was revoked, or whose giver has not the role any more.
    package func loan(_ id: String) -> Loan? { loans[id] }

    /// The users among these who are one person with that one where people are counted for a run that began then.
    package func kin(of user: String, among users: some Sequence<String>, inRunBegun begun: Instant) -> [String] {
        users.filter { areOne($0, user, inRunBegun: begun) }
    }
}
