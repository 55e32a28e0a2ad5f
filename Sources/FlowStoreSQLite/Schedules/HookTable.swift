internal import FlowEngine
package import FlowModel
internal import GRDB

/// Hooks as the database keeps them. Every change is written together with its audit row.
package struct HookTable: Sendable {
    private let store: SQLiteStore

    package init(_ store: SQLiteStore) { self.store = store }

    /// By name.
    package func all() async throws(FlowError) -> [HookRow] {
        try await store.read { database in
            let query = try Query(database, "hook", "SELECT \(HookRow.columns) FROM hook ORDER BY name")
            var rows: [HookRow] = []
            while try query.next() { rows.append(try HookRow(query)) }
            return rows
        }
    }

    package func hook(named name: String) async throws(FlowError) -> HookRow? {
        try await store.read { database in
            var query = try Query(database, "hook", "SELECT \(HookRow.columns) FROM hook WHERE name = ?")
            query.bind(name)
            return try query.next() ? try HookRow(query) : nil
        }
    }

    /// Adds the hook or replaces it.
    package func put(_ row: HookRow) async throws(FlowError) {
        try await store.transaction { database in
            var count = try Query(database, "hook", "SELECT count(*) FROM hook WHERE name <> ?")
            count.bind(row.name)
            guard try count.next(), try count.int(0) < Limits.hooks else {
                throw FlowError(.tooLarge, subject: row.name, "Hook '\(row.name)' was not added: \(Limits.hooks) exist, which is all there may be.")
            }
            let json = try JSON(encoding: row.spec)
            var query = try Query(database, "hook", "INSERT OR REPLACE INTO hook VALUES (?, ?, ?, ?, ?, ?)")
            query.bind(row.name)
            query.bind(json.canonical)
            query.bind(row.secret)
            query.bind(row.user)
            query.bind(row.person)
            query.bind(row.changedAt)
            try query.run()
            try AuditChain.append(
                AuditEntry(at: row.changedAt, actor: row.user, verb: "hook.put", subject: row.name, detail: json), database)
        }
    }

    /// Forgets the hook; its deliveries and runs stay. False when there is none.
    package func remove(_ name: String, by actor: Actor, at: Instant) async throws(FlowError) -> Bool {
        try await store.transaction { database in
            try database.execute(sql: "DELETE FROM hook WHERE name = ?", arguments: [name])
            guard database.changesCount > 0 else { return false }
            try AuditChain.append(AuditEntry(at: at, actor: actor.user, verb: "hook.remove", subject: name), database)
            return true
        }
    }
}

extension HookRow {
    fileprivate static let columns = "name, spec, secret, user, person, at"

    fileprivate init(_ query: borrowing Query) throws {
        let spec = try query.json(1)
        do {
            self.init(
                name: try query.text(0), spec: try spec.decode(as: HookSpec.self), secret: try query.text(2), user: try query.text(3),
                person: try query.text(4), changedAt: try query.instant(5))
        } catch let error as StoreError {
            throw error
        } catch {
            throw query.corrupt(1, "cannot be read: \(error)")
        }
    }
}
