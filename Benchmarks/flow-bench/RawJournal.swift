import Foundation
import GRDBSQLite

/// The ceiling: the same SQLite, the same durability, a journal row and a state row for one transition, in plain C calls.
struct RawJournal {
    private var database: OpaquePointer?
    private var insert: OpaquePointer?
    private var upsert: OpaquePointer?
    private var written: Int64 = 0

    private init(in directory: String) throws {
        try check(sqlite3_open(directory + "/raw.db", &database))
        for sql in [
            "PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL",
            "CREATE TABLE journal (seq INTEGER PRIMARY KEY, run INTEGER, body BLOB)", "CREATE INDEX by_run ON journal (run)",
            "CREATE TABLE state (id INTEGER PRIMARY KEY, state TEXT, at INTEGER)",
        ] { try check(sqlite3_exec(database, sql, nil, nil, nil)) }
        try check(sqlite3_prepare_v2(database, "INSERT INTO journal VALUES (?, ?, ?)", -1, &insert, nil))
        try check(
            sqlite3_prepare_v2(
                database, "INSERT INTO state VALUES (?, 'running', ?) ON CONFLICT (id) DO UPDATE SET at = excluded.at", -1, &upsert, nil))
    }

    /// Transitions a second with `batch` of them in each transaction, in a database of its own.
    static func transitionsPerSecond(in directory: String, batch: Int) throws -> Double {
        var raw = try RawJournal(in: directory)
        defer { raw.close() }
        // So that the log has its size.
        _ = try raw.transitionsPerSecond(batch: batch, for: .milliseconds(500))
        return try raw.transitionsPerSecond(batch: batch, for: .seconds(2))
    }

    private mutating func transitionsPerSecond(batch: Int, for duration: Duration) throws -> Double {
        let body = [UInt8](repeating: 7, count: 200)
        let clock = ContinuousClock()
        let start = clock.now
        var transitions = 0
        while clock.now - start < duration {
            try check(sqlite3_exec(database, "BEGIN IMMEDIATE", nil, nil, nil))
            for _ in 0..<batch {
                written += 1
                sqlite3_bind_int64(insert, 1, written)
                sqlite3_bind_int64(insert, 2, written % 1_000)
                sqlite3_bind_blob(insert, 3, body, Int32(body.count), nil)
                try step(insert)
                sqlite3_bind_int64(upsert, 1, written % 1_000)
                sqlite3_bind_int64(upsert, 2, written)
                try step(upsert)
            }
            try check(sqlite3_exec(database, "COMMIT", nil, nil, nil))
            transitions += batch
        }
        return Double(transitions) / seconds(clock.now - start)
    }

    private func close() {
        sqlite3_finalize(insert)
        sqlite3_finalize(upsert)
        sqlite3_close(database)
    }

    private func step(_ statement: OpaquePointer?) throws {
        let status = sqlite3_step(statement)
        guard status == SQLITE_DONE else { throw RawError(status: status) }
        sqlite3_reset(statement)
    }

    private func check(_ status: Int32) throws {
        guard status == SQLITE_OK else { throw RawError(status: status) }
    }

    struct RawError: Error { var status: Int32 }
}
