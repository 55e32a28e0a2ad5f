internal import FlowEngine
package import FlowModel
internal import GRDB

// Links that were made by mistake.
extension Accounts {
    /// Takes the link between the two users back: it counts for no run that begins from now on. Those that have begun were shaped, and voted
    /// on, while it stood, so it counts for them on.
    ///
    /// If no other link holds the two together they are two persons from now on. Each has of the person's roles those that it had before the
    /// link; where nobody noted them, the one named first keeps all and the other one has none. Where one of the two was removed, so are those
    /// parted whom it held together, and who is left loses what came with it. Throws `conflict` when no link between them stands.
    ///
    /// - Parameter kept: a role that somebody must have after it if somebody had it before; else nothing is changed.
    package func unlink(
        _ user: String, from other: String, keeping kept: String? = nil, reason: String, by actor: String, at: Instant
    ) async throws(FlowError) {
        try await store.transaction { database in
            let link = try Accounts.standingLink(user, other, database)
            // The run with the highest id began last, by a clock that may have been ahead.
            let newest = try String.fetchOne(database, sql: "SELECT max(id) FROM run").flatMap { RunID($0) }?.instant
            try database.execute(
                sql: "UPDATE user_link SET takenBackAt = ?1 WHERE takenBackAt IS NULL AND ((user = ?2 AND other = ?3) OR (user = ?3 AND other = ?2))",
                arguments: [max(at, newest ?? at).milliseconds, user, other])
            try Accounts.keeping(kept, subject: user, database) { try Accounts.part(user, from: other, link, database) }
            try AuditChain.append(
                AuditEntry(
                    at: at, actor: actor, verb: "user.unlink", subject: user, detail: ["from": .string(other), "message": .string(reason)]), database)
        }
    }

    /// The roles of a person as they are remembered with a link.
    static func rolesText(of person: String, _ database: Database) throws -> String {
        JSON.array(try roles(of: person, database).map(JSON.string)).canonical
    }

    /// What the two had before they were linked; nil: nobody noted it.
    private struct Link {
        var own: Set<String>?
        var others: Set<String>?
    }

    private static func standingLink(_ user: String, _ other: String, _ database: Database) throws -> Link {
        let rows = try Row.fetchAll(
            database,
            sql: """
                SELECT user, userRoles, otherRoles, takenBackAt FROM user_link WHERE (user = ?1 AND other = ?2) OR (user = ?2 AND other = ?1)
                """, arguments: [user, other])
        let standing = rows.filter { ($0[3] as Int64?) == nil }
        guard !standing.isEmpty else { throw try noLink(user, other, rows.compactMap { $0[3] as Int64? }.max(), database) }
        var link = Link()
        for row in standing {
            let isForward = (row[0] as String) == user
            let texts = (row[1] as String?, row[2] as String?)
            link.own = try roles(isForward ? texts.0 : texts.1) ?? link.own
            link.others = try roles(isForward ? texts.1 : texts.0) ?? link.others
        }
        return link
    }

    private static func roles(_ text: String?) throws -> Set<String>? {
        try text.map { Set((try JSON.parse($0).arrayValue ?? []).compactMap(\.stringValue)) }
    }

    private static func noLink(_ user: String, _ other: String, _ takenBackAt: Int64?, _ database: Database) throws -> FlowError {
        let partners = try String.fetchAll(
            database,
            sql: """
                SELECT other FROM user_link WHERE user = ?1 AND takenBackAt IS NULL
                UNION SELECT user FROM user_link WHERE other = ?1 AND takenBackAt IS NULL ORDER BY 1 LIMIT 20
                """, arguments: [user])
        let known =
            partners.isEmpty ? "'\(user)' is linked with nobody" : "'\(user)' is linked with \(partners.map { "'\($0)'" }.joined(separator: ", "))"
        let before = takenBackAt.map { " Their link was taken back before; it counts for runs that began until \(Instant(milliseconds: $0))." } ?? ""
        return FlowError(
            .conflict, subject: user, "Nothing was changed: no link between '\(user)' and '\(other)' stands; \(known).\(before)",
            hint: "flowctl user list")
    }

    /// Makes two persons of one where no other link holds the two users together.
    private static func part(_ user: String, from other: String, _ link: Link, _ database: Database) throws {
        let others = try linked(with: other, database)
        guard !others.contains(user) else { return }
        // Who was removed, and added again, is another person than the rest.
        let persons = Set(try [user, other].compactMap { try person(of: $0, database) })
        for person in persons.sorted() {
            let names = Set(try String.fetchAll(database, sql: "SELECT name FROM user WHERE person = ?", arguments: [person]))
            let (ours, theirs) = (names.subtracting(others), names.intersection(others))
            if !ours.isEmpty, !theirs.isEmpty {
                try split(person, ours, theirs, named: user, other, link, database)
            } else if persons.count == 1 {
                // What came with the one who was removed.
                let (own, foreign) = ours.isEmpty ? (link.others, link.own) : (link.own, link.others)
                guard let own, let foreign else { continue }
                try set(try roles(of: person, database).filter { own.contains($0) || !foreign.contains($0) }, of: person, database)
            }
        }
    }

    private static func split(
        _ person: String, _ rest: Set<String>, _ others: Set<String>, named user: String, _ other: String, _ link: Link, _ database: Database
    ) throws {
        let all = Set(try roles(of: person, database))
        let kept = link.own.map(all.intersection) ?? (link.others.map(all.subtracting) ?? all)
        let theirs = link.others.map(all.intersection) ?? []
        // Who the person is named after stays it.
        let isTheirs = others.contains(person)
        let moving = isTheirs ? rest : others
        let new = try freePerson(named: isTheirs ? user : other, database)
        for name in moving.sorted() {
            try database.execute(sql: "UPDATE user SET person = ? WHERE name = ?", arguments: [new, name])
            // What they wrote is theirs from now on. What nobody has any more stays nobody's.
            for table in ["schedule_revision", "hook"] {
                try database.execute(sql: "UPDATE \(table) SET person = ? WHERE user = ? AND person = ?", arguments: [new, name, person])
            }
        }
        try set(Array(isTheirs ? theirs : kept), of: person, database)
        try set(Array(isTheirs ? kept : theirs), of: new, database)
    }

    /// The user, and who is linked with it, directly or through others, also through some who were removed.
    private static func linked(with user: String, _ database: Database) throws -> Set<String> {
        let rows = try Row.fetchAll(database, sql: "SELECT user, other FROM user_link WHERE takenBackAt IS NULL")
        let links = rows.map { ($0[0] as String, $0[1] as String) }
        var found: Set<String> = [user]
        var count = 0
        while found.count > count {
            count = found.count
            for (one, other) in links where found.contains(one) || found.contains(other) { found.formUnion([one, other]) }
        }
        return found
    }
}
