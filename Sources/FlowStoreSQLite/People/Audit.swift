internal import FlowCrypto
internal import FlowEngine
package import FlowModel
internal import GRDB

/// An entry with its place in the trail.
package struct AuditRow: Hashable, Sendable {
    package var number: Int
    package var entry: AuditEntry
    /// SHA-256 over the hash before it and everything in the row.
    package var hash: Digest
}

/// The audit trail: only ever added to, each row hashed together with the one before it, never deleted by retention.
package struct Audit: Sendable {
    private let store: SQLiteStore

    package init(_ store: SQLiteStore) { self.store = store }

    /// Adds an entry, durably.
    package func append(_ entry: AuditEntry) async throws(FlowError) {
        try await store.transaction { try AuditChain.append(entry, $0) }
    }

    /// Newest first, those before `number`.
    package func rows(before number: Int? = nil, limit: Int) async throws(FlowError) -> [AuditRow] {
        try await store.read { database in
            var query = try Query(
                database, "audit",
                "SELECT \(AuditRow.columns) FROM audit WHERE number < ? ORDER BY number DESC LIMIT ?")
            query.bind(number ?? Int.max)
            query.bind(min(limit, StoreLimits.pageRows))
            var rows: [AuditRow] = []
            while try query.next() { rows.append(try AuditRow(query)) }
            return rows
        }
    }
}

/// How audit rows are linked.
enum AuditChain {
    /// Adds an entry within a transaction, so that a deed and its trace are written together.
    static func append(_ entry: AuditEntry, _ database: Database) throws {
        let detail = entry.detail.canonical
        guard detail.utf8.count <= StoreLimits.auditDetailBytes else {
            throw StoreError.refused(
                "an audit detail has \(detail.utf8.count) bytes, at most \(StoreLimits.auditDetailBytes) are kept")
        }
        var last = try Query(database, "audit", "SELECT number, hash FROM audit ORDER BY number DESC LIMIT 1")
        let (number, previous) = try last.next() ? (try last.int(0), try last.digest(1)) : (0, JournalRecord.chainStart)
        last.restart()
        var query = try Query(database, "audit", "INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?)")
        query.bind(number + 1)
        query.bind(entry.at)
        query.bind(entry.actor)
        query.bind(entry.verb)
        query.bind(entry.subject)
        query.bind(detail)
        query.bind(hash(of: entry, number: number + 1, after: previous))
        try query.run()
    }

    /// Every field with its length, so that no two rows have the same input.
    private static func hash(of entry: AuditEntry, number: Int, after previous: Digest) -> Digest {
        let fields = [
            previous.hex, "\(number)", "\(entry.at.milliseconds)", entry.actor, entry.verb, entry.subject,
            entry.detail.canonical,
        ]
        return Digest(of: fields.flatMap { Array("\($0.utf8.count):\($0),".utf8) })
    }

    /// What is wrong with the trail, a sentence for each row.
    static func problems(_ database: Database) throws -> [String] {
        let query = try Query(database, "audit", "SELECT \(AuditRow.columns) FROM audit ORDER BY number")
        var problems: [String] = []
        var previous = JournalRecord.chainStart
        var number = 0
        while try query.next() {
            number += 1
            let row = try AuditRow(query)
            if row.number != number {
                problems.append("row \(number) is missing")
            } else if row.hash != hash(of: row.entry, number: number, after: previous) {
                problems.append("row \(number): its hash does not follow from the row before it")
            }
            previous = row.hash
            number = row.number
            if problems.count >= StoreLimits.findings { break }
        }
        return problems
    }
}

extension AuditRow {
    static let columns = "number, at, actor, verb, subject, detail, hash"

    init(_ query: borrowing Query) throws(StoreError) {
        let entry = AuditEntry(
            at: try query.instant(1), actor: try query.text(2), verb: try query.text(3), subject: try query.text(4),
            detail: try query.json(5))
        self.init(number: try query.int(0), entry: entry, hash: try query.digest(6))
    }
}
