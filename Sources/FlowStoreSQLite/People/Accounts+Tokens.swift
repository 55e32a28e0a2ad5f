internal import FlowEngine
package import FlowModel
internal import GRDB

/// A token as it may be shown: its secret is nowhere, only the hash of it in the database.
package struct TokenRow: Hashable, Sendable {
    package var id: String
    package var user: String
    package var name: String
    package var createdAt: Instant
    package var expiresAt: Instant?
    package var lastUsedAt: Instant?
    package var revokedAt: Instant?

    package init(
        id: String, user: String, name: String, createdAt: Instant, expiresAt: Instant? = nil, lastUsedAt: Instant? = nil,
        revokedAt: Instant? = nil
    ) {
        self.id = id
        self.user = user
        self.name = name
        self.createdAt = createdAt
        self.expiresAt = expiresAt
        self.lastUsedAt = lastUsedAt
        self.revokedAt = revokedAt
    }
}

extension Accounts {
    /// A token's last use is written at most this often.
    private static let touchSeconds = 60.0

    /// Adds a token for an existing user, who has at most `Limits.tokens` that count. `hash` is the SHA-256 of its secret.
    package func add(token: TokenRow, hash: Digest, by actor: String) async throws(FlowError) {
        try await store.transaction { database in
            _ = try Accounts.knownPerson(of: token.user, database)
            try Accounts.requireRoom(for: token, database)
            var query = try Query(database, "token", "INSERT INTO token VALUES (?, ?, ?, ?, ?, ?, NULL, NULL)")
            query.bind(token.id)
            query.bind(hash)
            query.bind(token.user)
            query.bind(token.name)
            query.bind(token.createdAt)
            query.bind(token.expiresAt)
            try query.run()
            try AuditChain.append(
                AuditEntry(
                    at: token.createdAt, actor: actor, verb: "token.create", subject: token.user,
                    detail: ["id": .string(token.id), "name": .string(token.name)]), database)
        }
    }

    private static func requireRoom(for token: TokenRow, _ database: Database) throws {
        let count = try Int.fetchOne(
            database, sql: "SELECT count(*) FROM token WHERE user = ? AND revokedAt IS NULL AND (expiresAt IS NULL OR expiresAt > ?)",
            arguments: [token.user, token.createdAt.milliseconds])
        guard let count, count >= Limits.tokens else { return }
        throw FlowError(
            .conflict, subject: token.user,
            "No token was made: '\(token.user)' has \(count) that are neither revoked nor expired, which is the most.",
            hint: "flowctl token list, then: flowctl token revoke TOKEN")
    }

    /// The person behind a token that is neither expired nor revoked, and the token.
    package func actor(tokenHash: Digest, at: Instant) async throws(FlowError) -> (actor: Actor, token: TokenRow)? {
        try await store.read { database in
            var query = try Query(database, "token", "SELECT \(TokenRow.columns) FROM token WHERE hash = ?")
            query.bind(tokenHash)
            guard try query.next() else { return nil }
            let token = try TokenRow(query)
            let isExpired = token.expiresAt.map { $0 <= at } ?? false
            guard token.revokedAt == nil, !isExpired, let actor = try Accounts.actor(token.user, database) else { return nil }
            return (actor, token)
        }
    }

    /// Notes that the token was used, once a minute at most.
    package func touch(_ token: TokenRow, at: Instant) async throws(FlowError) {
        if let last = token.lastUsedAt, at.seconds(since: last) < Accounts.touchSeconds { return }
        try await store.transaction { database in
            try database.execute(
                sql: "UPDATE token SET lastUsedAt = max(coalesce(lastUsedAt, 0), ?) WHERE id = ?",
                arguments: [at.milliseconds, token.id])
        }
    }

    /// Oldest first; those of one user, or all.
    package func tokens(of user: String? = nil) async throws(FlowError) -> [TokenRow] {
        try await store.read { database in
            var query = try Query(
                database, "token",
                "SELECT \(TokenRow.columns) FROM token WHERE ?1 IS NULL OR user = ?1 ORDER BY createdAt, id")
            query.bind(user)
            var tokens: [TokenRow] = []
            while try query.next() { tokens.append(try TokenRow(query)) }
            return tokens
        }
    }

    /// Revokes the token for good; false when there is none, or it was revoked before.
    package func revoke(token id: String, by actor: String, at: Instant) async throws(FlowError) -> Bool {
        try await store.transaction { database in
            try database.execute(
                sql: "UPDATE token SET revokedAt = ? WHERE id = ? AND revokedAt IS NULL", arguments: [at.milliseconds, id])
            guard database.changesCount > 0 else { return false }
            try AuditChain.append(AuditEntry(at: at, actor: actor, verb: "token.revoke", subject: id), database)
            return true
        }
    }
}

extension TokenRow {
    fileprivate static let columns = "id, user, name, createdAt, expiresAt, lastUsedAt, revokedAt"

    fileprivate init(_ query: borrowing Query) throws(StoreError) {
        self.init(
            id: try query.text(0), user: try query.text(1), name: try query.text(2), createdAt: try query.instant(3),
            expiresAt: try query.optionalInstant(4), lastUsedAt: try query.optionalInstant(5),
            revokedAt: try query.optionalInstant(6))
    }
}
