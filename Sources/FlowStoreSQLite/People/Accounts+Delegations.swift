internal import FlowEngine
package import FlowModel
internal import GRDB

/// A right to vote that was lent.
package struct DelegationRow: Hashable, Sendable {
    package var id: String
    /// Users.
    package var from: String
    package var to: String
    package var role: String
    package var reason: String?
    package var createdAt: Instant
    package var until: Instant
    package var revokedAt: Instant?

    package init(
        id: String, from: String, to: String, role: String, reason: String? = nil, createdAt: Instant, until: Instant,
        revokedAt: Instant? = nil
    ) {
        self.id = id
        self.from = from
        self.to = to
        self.role = role
        self.reason = reason
        self.createdAt = createdAt
        self.until = until
        self.revokedAt = revokedAt
    }
}

extension Accounts {
    /// Lends a role that the giver has. Throws when they have not, when both are one person, or when the taker has too many.
    package func add(delegation row: DelegationRow, by actor: String) async throws(FlowError) {
        try await store.transaction { database in
            let giver = try Accounts.knownPerson(of: row.from, database)
            let taker = try Accounts.knownPerson(of: row.to, database)
            guard giver != taker else {
                throw FlowError(.conflict, subject: row.to, "Nothing was lent: \(row.from) and \(row.to) are one person.")
            }
            guard try Accounts.has(giver, row.role, database) else {
                throw FlowError(
                    .conflict, subject: row.role, "Nothing was lent: \(row.from) does not have the role \(row.role).", hint: "flowctl user list")
            }
            guard try Accounts.delegations(to: taker, at: row.createdAt, database).count < Limits.delegations else {
                throw FlowError(
                    .conflict, subject: row.to, "Nothing was lent: \(row.to) has \(Limits.delegations) delegations already.",
                    hint: "flowctl approval delegations")
            }
            var query = try Query(database, "delegation", "INSERT INTO delegation VALUES (?, ?, ?, ?, ?, ?, ?, NULL)")
            query.bind(row.id)
            query.bind(row.from)
            query.bind(row.to)
            query.bind(row.role)
            query.bind(row.reason)
            query.bind(row.createdAt)
            query.bind(row.until)
            try query.run()
            var detail: [String: JSON] = [
                "id": .string(row.id), "to": .string(row.to), "role": .string(row.role), "until": .string(row.until.description),
            ]
            if let reason = row.reason { detail["reason"] = .string(reason) }
            try AuditChain.append(
                AuditEntry(at: row.createdAt, actor: actor, verb: "approval.delegate", subject: row.from, detail: .object(detail)), database)
        }
    }

    /// All, newest first; with those that are over or revoked.
    package func delegations() async throws(FlowError) -> [DelegationRow] {
        try await store.read { database in
            let query = try Query(database, "delegation", "SELECT \(DelegationRow.columns) FROM delegation ORDER BY createdAt DESC, id")
            var rows: [DelegationRow] = []
            while try query.next() { rows.append(try DelegationRow(query)) }
            return rows
        }
    }

    /// Ends it now; false when there is none, or it was revoked before.
    package func revoke(delegation id: String, by actor: String, at: Instant) async throws(FlowError) -> Bool {
        try await store.transaction { database in
            try database.execute(
                sql: "UPDATE delegation SET revokedAt = ? WHERE id = ? AND revokedAt IS NULL", arguments: [at.milliseconds, id])
            guard database.changesCount > 0 else { return false }
            try AuditChain.append(AuditEntry(at: at, actor: actor, verb: "approval.undelegate", subject: id), database)
            return true
        }
    }

    // MARK: - Within a transaction

    /// What was lent to the person, by people who still have the role. Those that are over are among them, so that they can be named.
    static func delegations(to person: String, at: Instant? = nil, _ database: Database) throws -> [Delegation] {
        var query = try Query(
            database, "delegation",
            """
            SELECT d.id, d.giver, g.person, d.role, d.until FROM delegation d
            JOIN user t ON t.name = d.taker JOIN user g ON g.name = d.giver
            JOIN role r ON r.person = g.person AND r.role = d.role
            WHERE t.person = ?1 AND g.person <> ?1 AND d.revokedAt IS NULL AND (?2 IS NULL OR d.until > ?2)
            ORDER BY d.until DESC, d.id LIMIT \(Limits.delegations)
            """)
        query.bind(person)
        query.bind(at)
        var found: [Delegation] = []
        while try query.next() {
            found.append(
                Delegation(
                    id: try query.text(0), from: try query.text(1), person: try query.text(2), role: try query.text(3),
                    until: try query.instant(4)))
        }
        return found
    }

    private static func has(_ person: String, _ role: String, _ database: Database) throws -> Bool {
        try Bool.fetchOne(
            database, sql: "SELECT EXISTS (SELECT 1 FROM role WHERE person = ? AND role = ?)", arguments: [person, role]) ?? false
    }
}

extension DelegationRow {
    fileprivate static let columns = "id, giver, taker, role, reason, createdAt, until, revokedAt"

    fileprivate init(_ query: borrowing Query) throws(StoreError) {
        self.init(
            id: try query.text(0), from: try query.text(1), to: try query.text(2), role: try query.text(3),
            reason: try query.optionalText(4), createdAt: try query.instant(5), until: try query.instant(6),
            revokedAt: try query.optionalInstant(7))
    }
}
