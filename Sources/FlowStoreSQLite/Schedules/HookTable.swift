internal import FlowEngine
package import FlowModel
internal import GRDB

/// Hooks as the database keeps them. Every change is written together with its audit row.
package struct HookTable: Sendable {
    private let store: SQLiteStore

    package init(_ store: SQLiteStore) { self.store = store }

    /// Those behind `name`, by name: at most `limit`, and no more than begin within `bytes` of what they consist of.
    package func page(after name: String?, limit: Int, bytes: Int) async throws(FlowError) -> [HookRow] {
        try await store.read { database in
            var query = try Query(
                database, "hook", "SELECT \(HookRow.columns), length(spec) FROM hook WHERE name > ? ORDER BY name LIMIT ?")
            query.bind(name ?? "")
            query.bind(limit)
            var (rows, taken) = ([HookRow](), 0)
            while taken < bytes, try query.next() {
                rows.append(try HookRow(query))
                taken += try query.int(6)
            }
            return rows
        }
    }

    /// Does `body` with each of them, by name, some at a time.
    package func each(_ body: (HookRow) async throws -> Void) async throws {
        var after: String?
        while true {
            let rows = try await page(after: after, limit: HookTable.pageRows, bytes: HookTable.pageBytes)
            for row in rows { try await body(row) }
            guard let last = rows.last else { return }
            after = last.name
        }
    }

    private static let pageRows = 200
    private static let pageBytes = 1 << 20

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
            try Standstills.forget(.hook, row.name, database)
            try AuditChain.append(
                AuditEntry(at: row.changedAt, actor: row.user, verb: "hook.put", subject: row.name, detail: SealedText.redacted(json)), database)
        }
    }

    /// The flows of hooks that have inputs.
    package func flowsWithInputs() async throws(FlowError) -> Set<String> {
        try await store.read { try StoredSpec.flowsWithInputs(in: "hook", $0) }
    }

    /// Has the inputs of the flow's hooks kept as `seal` gives them, and notes which hooks those were. Gives their names.
    package func seal(
        inputsOf flow: String, by user: String, at: Instant, _ seal: @escaping @Sendable ([String: JSON]) throws -> [String: JSON]?
    ) async throws(FlowError) -> [String] {
        try await store.transaction { database in
            var changed: [(name: String, spec: JSON)] = []
            let query = try Query(database, "hook", "SELECT name, spec FROM hook ORDER BY name")
            while try query.next() {
                let name = try query.text(0)
                if let sealed = try StoredSpec.sealed(try query.json(1), of: flow, seal) { changed.append((name, sealed)) }
            }
            for (name, spec) in changed {
                var update = try Query(database, "hook", "UPDATE hook SET spec = ? WHERE name = ?")
                update.bind(spec.canonical)
                update.bind(name)
                try update.run()
                try AuditChain.append(
                    AuditEntry(at: at, actor: user, verb: "hook.seal", subject: name, detail: ["flow": .string(flow)]), database)
            }
            return changed.map(\.name)
        }
    }

    /// Forgets the hook; its deliveries and runs stay. False when there is none.
    package func remove(_ name: String, by actor: Actor, at: Instant) async throws(FlowError) -> Bool {
        try await store.transaction { database in
            try database.execute(sql: "DELETE FROM hook WHERE name = ?", arguments: [name])
            guard database.changesCount > 0 else { return false }
            try Standstills.forget(.hook, name, database)
            try database.execute(sql: "DELETE FROM hook_refusal WHERE hook = ?", arguments: [name])
            try AuditChain.append(AuditEntry(at: at, actor: actor.user, verb: "hook.remove", subject: name), database)
            return true
        }
    }
}

// MARK: - Refusals

/// A request to a hook that started nothing, and why.
package struct HookRefusal: Hashable, Sendable {
    package var hook: String
    /// Its id, as far as it can be shown.
    package var delivery: String
    package var at: Instant
    package var reason: String

    package init(hook: String, delivery: String, at: Instant, reason: String) {
        self.hook = hook
        self.delivery = delivery
        self.at = at
        self.reason = reason
    }
}

extension HookTable {
    /// Adds them, oldest first; of each hook the newest `Limits.hookRefusals` stay. Those of hooks that are gone are left out.
    package func keep(_ refusals: [HookRefusal]) async throws(FlowError) {
        try await store.transaction { database in
            var query = try Query(
                database, "hook_refusal",
                "INSERT INTO hook_refusal (hook, delivery, at, reason) SELECT ?1, ?2, ?3, ?4 WHERE EXISTS (SELECT 1 FROM hook WHERE name = ?1)")
            for refusal in refusals {
                query.bind(refusal.hook)
                query.bind(refusal.delivery)
                query.bind(refusal.at)
                query.bind(refusal.reason)
                try query.run()
            }
            for hook in Set(refusals.map(\.hook)) {
                try database.execute(
                    sql: """
                        DELETE FROM hook_refusal WHERE hook = ?1 AND number <=
                        (SELECT number FROM hook_refusal WHERE hook = ?1 ORDER BY number DESC LIMIT 1 OFFSET ?2)
                        """, arguments: [hook, Limits.hookRefusals])
            }
        }
    }

    /// Newest first.
    package func refusals(of hook: String) async throws(FlowError) -> [HookRefusal] {
        try await store.read { database in
            var query = try Query(
                database, "hook_refusal", "SELECT number, delivery, at, reason FROM hook_refusal WHERE hook = ? ORDER BY number DESC")
            query.bind(hook)
            var refusals: [HookRefusal] = []
            while try query.next() {
                refusals.append(
                    HookRefusal(hook: hook, delivery: try query.text(1), at: try query.instant(2), reason: try query.text(3)))
            }
            return refusals
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
