internal import FlowEngine
package import FlowModel
internal import GRDB

/// Freezes and windows as the database keeps them. Every change is written together with its audit row.
package struct ChangeRuleTable: Sendable {
    private let store: SQLiteStore

    package init(_ store: SQLiteStore) { self.store = store }

    /// By kind and name.
    package func all() async throws(FlowError) -> [ChangeRuleRow] {
        try await store.read { database in
            let query = try Query(
                database, "change_rule", "SELECT \(ChangeRuleRow.columns) FROM \(ChangeRuleRow.tables) ORDER BY kind, name")
            var rows: [ChangeRuleRow] = []
            while try query.next() { rows.append(try ChangeRuleRow(query)) }
            return rows
        }
    }

    /// Gives the rule a new revision.
    package func put(
        _ kind: ChangeRuleKind, _ name: String, _ spec: ChangeRuleSpec, by actor: Actor, at: Instant
    ) async throws(FlowError) -> ChangeRuleRow {
        try await store.transaction { database in
            var count = try Query(database, "change_rule", "SELECT count(*) FROM change_rule WHERE NOT (kind = ? AND name = ?)")
            count.bind(kind.rawValue)
            count.bind(name)
            guard try count.next(), try count.int(0) < Limits.changeRules else {
                throw FlowError(.tooLarge, subject: name, "The \(kind.rawValue) '\(name)' was not added: \(Limits.changeRules) exist, which is all.")
            }
            let json = try JSON(encoding: spec)
            var revision = try Query(
                database, "change_rule_revision",
                """
                INSERT INTO change_rule_revision
                SELECT ?1, ?2, coalesce(max(revision), 0) + 1, ?3, ?4, ?5 FROM change_rule_revision WHERE kind = ?1 AND name = ?2
                """)
            revision.bind(kind.rawValue)
            revision.bind(name)
            revision.bind(json.canonical)
            revision.bind(actor.user)
            revision.bind(at)
            try revision.run()
            var place = try Query(
                database, "change_rule",
                "INSERT OR REPLACE INTO change_rule SELECT ?1, ?2, max(revision) FROM change_rule_revision WHERE kind = ?1 AND name = ?2")
            place.bind(kind.rawValue)
            place.bind(name)
            try place.run()
            try AuditChain.append(
                AuditEntry(at: at, actor: actor.user, verb: "\(kind.rawValue).put", subject: name, detail: json), database)
            var query = try Query(
                database, "change_rule", "SELECT \(ChangeRuleRow.columns) FROM \(ChangeRuleRow.tables) WHERE kind = ? AND name = ?")
            query.bind(kind.rawValue)
            query.bind(name)
            guard try query.next() else { throw StoreError.fatal("\(kind.rawValue) \(name) was not kept") }
            return try ChangeRuleRow(query)
        }
    }

    /// Forgets the rule; its revisions stay. False when there is none.
    package func remove(_ kind: ChangeRuleKind, _ name: String, by actor: Actor, at: Instant) async throws(FlowError) -> Bool {
        try await store.transaction { database in
            try database.execute(sql: "DELETE FROM change_rule WHERE kind = ? AND name = ?", arguments: [kind.rawValue, name])
            guard database.changesCount > 0 else { return false }
            try AuditChain.append(AuditEntry(at: at, actor: actor.user, verb: "\(kind.rawValue).remove", subject: name), database)
            return true
        }
    }
}

extension ChangeRuleRow {
    fileprivate static let tables = "change_rule JOIN change_rule_revision AS revision USING (kind, name, revision)"
    fileprivate static let columns = "name, kind, revision, revision.spec, revision.user, revision.at"

    fileprivate init(_ query: borrowing Query) throws {
        let spec = try query.json(3)
        do {
            self.init(
                kind: try query.value(1, as: ChangeRuleKind.self), name: try query.text(0), revision: try query.int(2),
                spec: try spec.decode(as: ChangeRuleSpec.self), user: try query.text(4), changedAt: try query.instant(5))
        } catch let error as StoreError {
            throw error
        } catch {
            throw query.corrupt(3, "cannot be read: \(error)")
        }
    }
}
