internal import FlowEngine
package import FlowModel
internal import GRDB

/// A user name and the person behind it.
package struct UserRow: Hashable, Sendable {
    /// `os:alice`, `alice`.
    package var name: String
    package var person: String
    /// Those of the person, sorted.
    package var roles: [String]
    package var createdAt: Instant
}

/// Who may do what: users, the persons they belong to, and the persons' roles.
///
/// A person is named after the first of its users and keeps that name. Roles belong to persons; several users can be one
/// person. Every change is written together with its audit row, and is durable when the call returns.
package struct Accounts: Sendable {
    let store: SQLiteStore

    package init(_ store: SQLiteStore) { self.store = store }

    /// The person behind a user name; nil for a name that is not known.
    package func actor(user: String) async throws(FlowError) -> Actor? {
        try await store.read { try Accounts.actor(user, $0) }
    }

    /// By name.
    package func users() async throws(FlowError) -> [UserRow] {
        try await store.read { database in
            let query = try Query(database, "user", "SELECT name, person, createdAt FROM user ORDER BY name")
            var users: [UserRow] = []
            while try query.next() {
                let person = try query.text(1)
                users.append(
                    UserRow(
                        name: try query.text(0), person: person, roles: try Accounts.roles(of: person, database),
                        createdAt: try query.instant(2)))
            }
            return users
        }
    }

    /// Adds a user who is a person of its own, with these roles; throws `conflict` when the name is taken.
    package func add(user: String, roles: [String], by actor: String, at: Instant) async throws(FlowError) {
        try await store.transaction { database in
            guard try Accounts.person(of: user, database) == nil else {
                throw FlowError(
                    .conflict, subject: user, "User '\(user)' was not added: the name is taken.", hint: "flowctl user list")
            }
            // A person keeps the name of a user who was linked away or removed, so the name may be in use.
            let person = try Accounts.freePerson(named: user, database)
            try database.execute(
                sql: "INSERT INTO user VALUES (?, ?, ?)", arguments: [user, person, at.milliseconds])
            try Accounts.set(roles, of: person, database)
            try AuditChain.append(
                AuditEntry(
                    at: at, actor: actor, verb: "user.add", subject: user,
                    detail: ["roles": .array(roles.sorted().map(JSON.string))]), database)
        }
    }

    /// Gives the person behind the user exactly these roles.
    ///
    /// - Parameter kept: a role that somebody must have after it if somebody had it before; else nothing is changed.
    package func setRoles(_ roles: [String], of user: String, keeping kept: String? = nil, by actor: String, at: Instant) async throws(FlowError) {
        try await store.transaction { database in
            let person = try Accounts.knownPerson(of: user, database)
            try Accounts.keeping(kept, subject: user, database) { try Accounts.set(roles, of: person, database) }
            try AuditChain.append(
                AuditEntry(
                    at: at, actor: actor, verb: "user.roles", subject: user,
                    detail: ["roles": .array(roles.sorted().map(JSON.string))]), database)
        }
    }

    /// Makes the two users one person, with the roles of both. What each had is remembered, for when the link is taken back: one of them may
    /// have been removed since an earlier link, and be somebody else now.
    package func link(_ user: String, to other: String, by actor: String, at: Instant) async throws(FlowError) {
        try await store.transaction { database in
            let gone = try Accounts.knownPerson(of: user, database)
            let kept = try Accounts.knownPerson(of: other, database)
            let isNew = gone != kept
            let roles = isNew ? (try Accounts.rolesText(of: gone, database), try Accounts.rolesText(of: kept, database)) : (nil, nil)
            if isNew {
                try database.execute(
                    sql: "UPDATE user_link SET userRoles = NULL, otherRoles = NULL WHERE user = ? AND other = ?", arguments: [other, user])
                try database.execute(sql: "UPDATE user SET person = ? WHERE person = ?", arguments: [kept, gone])
                try database.execute(sql: "UPDATE OR IGNORE role SET person = ? WHERE person = ?", arguments: [kept, gone])
                try database.execute(sql: "DELETE FROM role WHERE person = ?", arguments: [gone])
            }
            // Of two who are one already it keeps what it remembers.
            try database.execute(
                sql: """
                    INSERT INTO user_link (user, other, userRoles, otherRoles) VALUES (?, ?, ?, ?) ON CONFLICT (user, other) DO UPDATE
                    SET takenBackAt = NULL, userRoles = excluded.userRoles, otherRoles = excluded.otherRoles
                    WHERE takenBackAt IS NOT NULL OR excluded.userRoles IS NOT NULL
                    """, arguments: [user, other, roles.0, roles.1])
            try AuditChain.append(
                AuditEntry(at: at, actor: actor, verb: "user.link", subject: user, detail: ["to": .string(other)]), database)
        }
    }

    /// Removes the user, revokes its tokens and what it lent or was lent, and takes it from its schedules and hooks: whoever gets the name
    /// later has none of it. The person stays while it has another user. False when there is no such user.
    ///
    /// - Parameter kept: a role that somebody must have after it if somebody had it before; else nothing is changed.
    package func remove(user: String, keeping kept: String? = nil, by actor: String, at: Instant) async throws(FlowError) -> Bool {
        try await store.transaction { database in
            guard let person = try Accounts.person(of: user, database) else { return false }
            try Accounts.keeping(kept, subject: user, database) {
                try database.execute(sql: "DELETE FROM user WHERE name = ?", arguments: [user])
                try database.execute(
                    sql: "DELETE FROM role WHERE person = ?1 AND NOT EXISTS (SELECT 1 FROM user WHERE person = ?1)",
                    arguments: [person])
            }
            try database.execute(
                sql: "UPDATE token SET revokedAt = ? WHERE user = ? AND revokedAt IS NULL", arguments: [at.milliseconds, user])
            try database.execute(
                sql: "UPDATE delegation SET revokedAt = ?1 WHERE (giver = ?2 OR taker = ?2) AND revokedAt IS NULL",
                arguments: [at.milliseconds, user])
            // No person has the empty name.
            try database.execute(sql: "UPDATE schedule_revision SET person = '' WHERE user = ?", arguments: [user])
            try database.execute(sql: "UPDATE hook SET person = '' WHERE user = ?", arguments: [user])
            try AuditChain.append(AuditEntry(at: at, actor: actor, verb: "user.remove", subject: user), database)
            return true
        }
    }
}

// MARK: - Who is who

extension Accounts {
    /// Everybody as of now, with every link that was ever made, also those that were taken back, and what is lent at that moment.
    package func people(at now: Instant) async throws(FlowError) -> People {
        try await store.read { database in
            var names: [String: [String]] = [:]
            let users = try Query(database, "user", "SELECT person, name FROM user ORDER BY name")
            while try users.next() { names[try users.text(0), default: []].append(try users.text(1)) }
            var roles: [String: [String]] = [:]
            let given = try Query(database, "role", "SELECT person, role FROM role ORDER BY person, role")
            while try given.next() { roles[try given.text(0), default: []].append(try given.text(1)) }
            var links: [(String, String)] = []
            var former: [People.FormerLink] = []
            let linked = try Query(database, "user_link", "SELECT user, other, takenBackAt FROM user_link")
            while try linked.next() {
                let (one, other) = (try linked.text(0), try linked.text(1))
                if let at = try linked.optionalInstant(2) {
                    former.append(People.FormerLink(one, other, takenBackAt: at))
                } else {
                    links.append((one, other))
                }
            }
            let standings = names.map { People.Standing(person: $0.key, names: $0.value, roles: roles[$0.key] ?? []) }
            return People(standings, links: links, formerLinks: former, loans: try Accounts.loans(at: now, database))
        }
    }

    private static func loans(at now: Instant, _ database: Database) throws -> [People.Loan] {
        var query = try Query(
            database, "delegation",
            """
            SELECT d.id, d.giver, g.person, d.role, d.until, t.person FROM delegation d
            JOIN user t ON t.name = d.taker JOIN user g ON g.name = d.giver
            JOIN role r ON r.person = g.person AND r.role = d.role
            WHERE g.person <> t.person AND d.revokedAt IS NULL AND d.until > ?
            """)
        query.bind(now)
        var loans: [People.Loan] = []
        while try query.next() {
            let lent = Delegation(
                id: try query.text(0), from: try query.text(1), person: try query.text(2), role: try query.text(3), until: try query.instant(4))
            loans.append(People.Loan(lent, to: try query.text(5)))
        }
        return loans
    }
}

// MARK: - Within a transaction

extension Accounts {
    /// Does `change`, and undoes it with a refusal if nobody has the role after it and somebody had before. Persons are counted, not names.
    static func keeping(_ role: String?, subject: String, _ database: Database, _ change: () throws -> Void) throws {
        let had = try role.map { try isHeld($0, database) } ?? false
        try change()
        guard let role, had, !(try isHeld(role, database)) else { return }
        throw FlowError(
            .conflict, subject: subject, "Nothing was changed: '\(subject)' is the last \(role).",
            hint: "flowctl user add OTHER --role \(role) (and --role for each that OTHER has: others are taken away)")
    }

    private static func isHeld(_ role: String, _ database: Database) throws -> Bool {
        try Bool.fetchOne(
            database, sql: "SELECT EXISTS (SELECT 1 FROM role JOIN user ON user.person = role.person WHERE role = ?)", arguments: [role]) ?? false
    }

    static func actor(_ user: String, _ database: Database) throws -> Actor? {
        guard let person = try person(of: user, database) else { return nil }
        let names = try String.fetchAll(
            database, sql: "SELECT name FROM user WHERE person = ? ORDER BY name", arguments: [person])
        return Actor(
            person: person, user: user, names: names, roles: try roles(of: person, database), delegations: try delegations(to: person, database))
    }

    static func person(of user: String, _ database: Database) throws -> String? {
        try String.fetchOne(database, sql: "SELECT person FROM user WHERE name = ?", arguments: [user])
    }

    static func knownPerson(of user: String, _ database: Database) throws -> String {
        guard let person = try person(of: user, database) else {
            let names = try String.fetchAll(database, sql: "SELECT name FROM user ORDER BY name LIMIT 1000")
            let near = nearestNames(to: user, in: names)
            let guess = near.isEmpty ? "" : " Did you mean \(near.map { "'\($0)'" }.joined(separator: " or "))?"
            throw FlowError(.notFound, subject: user, "There is no user '\(user)'.\(guess)", hint: "flowctl user list")
        }
        return person
    }

    static func roles(of person: String, _ database: Database) throws -> [String] {
        try String.fetchAll(database, sql: "SELECT role FROM role WHERE person = ? ORDER BY role", arguments: [person])
    }

    static func set(_ roles: [String], of person: String, _ database: Database) throws {
        try database.execute(sql: "DELETE FROM role WHERE person = ?", arguments: [person])
        for role in Set(roles) {
            try database.execute(sql: "INSERT INTO role VALUES (?, ?)", arguments: [person, role])
        }
    }

    static func freePerson(named name: String, _ database: Database) throws -> String {
        var candidate = name
        var count = 1
        while try Bool.fetchOne(
            database, sql: "SELECT EXISTS (SELECT 1 FROM user WHERE person = ?)", arguments: [candidate]) ?? false
        {
            count += 1
            candidate = "\(name)-\(count)"
        }
        return candidate
    }
}
