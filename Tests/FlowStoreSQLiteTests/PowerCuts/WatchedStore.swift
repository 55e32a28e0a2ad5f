import FlowCrypto
import FlowEngine
import FlowModel
import FlowStoreSQLite
import FlowTestKit
import GRDBSQLite
import Synchronization

/// A SQLite store that notes on the tape when a commit begins and when it is acknowledged, and what the whole database then says.
final class WatchedStore: WrappingStore {
    /// What the oracle must see.
    enum Plant: CaseIterable { case acknowledgedBeforeCommit, committedInHalves }

    /// What the database said before the first commit and after each.
    struct History: Sendable { var contents: [Digest] = [] }

    let store: SQLiteStore
    let recorder: Recorder
    private let plant: Plant?
    private let history: Mutex<History>

    init(_ store: SQLiteStore, _ recorder: Recorder, plant: Plant? = nil, continuing history: History? = nil) throws {
        self.store = store
        self.recorder = recorder
        self.plant = plant
        self.history = Mutex(try history ?? History(contents: [DatabaseContent.digest(of: store.directory + "/journal.db")]))
    }

    /// By the number of commits.
    var contents: History { history.withLock { $0 } }

    func beginEpoch() throws(StoreError) -> Int { try watched { () throws(StoreError) in try store.beginEpoch() } }

    func commit(_ batch: CommitBatch) throws(StoreError) {
        if plant == .acknowledgedBeforeCommit { recorder.note(.acknowledged(history.withLock { $0.contents.count })) }
        try watched { () throws(StoreError) in
            guard plant == .committedInHalves, !batch.steps.isEmpty else { return try store.commit(batch) }
            var first = batch
            first.steps = []
            var second = CommitBatch(epoch: batch.epoch)
            second.steps = batch.steps
            try store.commit(first)
            try store.commit(second)
        }
    }

    private func watched<Result>(_ body: () throws(StoreError) -> Result) throws(StoreError) -> Result {
        let number = history.withLock { $0.contents.count }
        recorder.note(.begun(number))
        let result = try body()
        do {
            let content = try DatabaseContent.digest(of: store.directory + "/journal.db")
            history.withLock { $0.contents.append(content) }
        } catch {
            throw .fatal("the test cannot read the database: \(error)")
        }
        recorder.note(.acknowledged(number))
        return result
    }
}

/// Everything that a database says: each value of each row of each table.
enum DatabaseContent {
    static func digest(of path: String) throws -> Digest {
        var database: OpaquePointer?
        defer { sqlite3_close_v2(database) }
        guard sqlite3_open_v2(path, &database, SQLITE_OPEN_READONLY, nil) == SQLITE_OK else { throw failure(database) }
        var bytes: [UInt8] = []
        for table in try rows(database, "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name") {
            let name = String(decoding: table.dropFirst(9), as: UTF8.self)
            bytes += name.utf8
            for row in try rows(database, "SELECT * FROM \"\(name)\"") { bytes += row }
        }
        return Digest(of: bytes)
    }

    /// Rows as type, length and bytes of each value.
    private static func rows(_ database: OpaquePointer?, _ sql: String) throws -> [[UInt8]] {
        var statement: OpaquePointer?
        defer { sqlite3_finalize(statement) }
        guard sqlite3_prepare_v2(database, sql, -1, &statement, nil) == SQLITE_OK else { throw failure(database) }
        var rows: [[UInt8]] = []
        while true {
            switch sqlite3_step(statement) {
            case SQLITE_ROW: rows.append(row(statement))
            case SQLITE_DONE: return rows
            default: throw failure(database)
            }
        }
    }

    private static func row(_ statement: OpaquePointer?) -> [UInt8] {
        var bytes: [UInt8] = []
        for column in 0..<sqlite3_column_count(statement) {
            bytes.append(UInt8(sqlite3_column_type(statement, column)))
            let count = Int(sqlite3_column_bytes(statement, column))
            withUnsafeBytes(of: count) { bytes += $0 }
            if count > 0, let start = sqlite3_column_blob(statement, column) { bytes += UnsafeRawBufferPointer(start: start, count: count) }
        }
        return bytes
    }

    private static func failure(_ database: OpaquePointer?) -> StoreConformance.Failure {
        .init(description: "SQLite: " + (sqlite3_errmsg(database).map { String(cString: $0) } ?? "no memory"))
    }
}
