internal import FlowEngine
package import FlowModel
internal import GRDB

/// What starts nothing any more: which schedules and hooks, for which reason, and the messages that tell it. Each standstill is told once.
package struct Standstills: Sendable {
    package enum Kind: String, Sendable { case schedule, hook }

    package struct Item: Hashable, Sendable {
        package var kind: Kind
        package var name: String
        package var reason: String

        package init(_ kind: Kind, _ name: String, reason: String) {
            self.kind = kind
            self.name = name
            self.reason = reason
        }
    }

    /// A message about no run.
    package struct Notice: Hashable, Sendable {
        package var number: Int
        package var body: JSON
    }

    private struct Key: Hashable {
        var kind: String
        var name: String
    }

    private let store: SQLiteStore

    package init(_ store: SQLiteStore) { self.store = store }

    /// Takes note of all that stands still now. What was not known to, or stands still for another reason, is told by `message`, in one
    /// transaction with the note of it; what stands still no more is forgotten.
    package func note(_ items: [Item], at: Instant, message: @escaping @Sendable ([Item]) -> [JSON]) async throws(FlowError) {
        let known = try await store.read { try Standstills.known($0) }
        let now = Dictionary(items.map { (Key(kind: $0.kind.rawValue, name: $0.name), $0.reason) }, uniquingKeysWith: { first, _ in first })
        guard known != now else { return }
        try await store.transaction { database in
            let known = try Standstills.known(database)
            for key in known.keys where now[key] == nil { try Standstills.forget(key.kind, key.name, database) }
            let new = items.filter { known[Key(kind: $0.kind.rawValue, name: $0.name)] != $0.reason }
            var row = try Query(database, "standstill", "INSERT OR REPLACE INTO standstill VALUES (?, ?, ?, ?)")
            for item in new {
                row.bind(item.kind.rawValue)
                row.bind(item.name)
                row.bind(item.reason)
                row.bind(at)
                try row.run()
            }
            if !new.isEmpty { try Standstills.add(message(new), database) }
        }
    }

    /// It was written anew or removed: should it stand still again, that is told again.
    static func forget(_ kind: Kind, _ name: String, _ database: Database) throws { try forget(kind.rawValue, name, database) }

    private static func forget(_ kind: String, _ name: String, _ database: Database) throws {
        try database.execute(sql: "DELETE FROM standstill WHERE kind = ? AND name = ?", arguments: [kind, name])
    }

    private static func known(_ database: Database) throws -> [Key: String] {
        var known: [Key: String] = [:]
        let query = try Query(database, "standstill", "SELECT kind, name, reason FROM standstill")
        while try query.next() { known[Key(kind: try query.text(0), name: try query.text(1))] = try query.text(2) }
        return known
    }

    // MARK: - Messages

    private static func add(_ messages: [JSON], _ database: Database) throws {
        for message in messages { try database.execute(sql: "INSERT INTO notice (body) VALUES (?)", arguments: [message.canonical]) }
        try database.execute(
            sql: "DELETE FROM notice WHERE number <= (SELECT max(number) FROM notice) - ?", arguments: [Limits.notices])
    }

    /// Messages that were not delivered, those behind `number`, oldest first.
    package func notices(after number: Int, limit: Int) async throws(FlowError) -> [Notice] {
        try await store.read { database in
            var query = try Query(database, "notice", "SELECT number, body FROM notice WHERE number > ? ORDER BY number LIMIT ?")
            query.bind(number)
            query.bind(limit)
            var notices: [Notice] = []
            while try query.next() { notices.append(Notice(number: try query.int(0), body: try query.json(1))) }
            return notices
        }
    }

    /// It was delivered.
    package func remove(notice number: Int) async throws(FlowError) {
        try await store.transaction { try $0.execute(sql: "DELETE FROM notice WHERE number = ?", arguments: [number]) }
    }
}
