internal import FlowEngine
internal import GRDB
internal import GRDBSQLite
internal import Glibc
internal import Synchronization

/// Copies the write-ahead log into the database, on the writer's connection only, whenever it has grown enough.
///
/// SQLite's automatic checkpoint does the same but hides its failures; a failed `fsync` of the database must end the process.
final class Checkpointer: Sendable {
    private let pages = Atomic<Int>(0)
    private let limit: Int

    init(_ pool: DatabasePool, every limit: Int) throws {
        self.limit = limit
        pool.writeWithoutTransaction { database in
            let context = Unmanaged.passUnretained(self).toOpaque()
            sqlite3_wal_hook(
                database.sqliteConnection,
                { context, _, _, pages in
                    guard let context else { return SQLITE_OK }
                    let me = Unmanaged<Checkpointer>.fromOpaque(context).takeUnretainedValue()
                    me.pages.store(Int(pages), ordering: .relaxed)
                    return SQLITE_OK
                }, context)
        }
    }

    /// The hook must not outlive this object.
    func stop(_ pool: DatabasePool) {
        pool.writeWithoutTransaction { _ = sqlite3_wal_hook($0.sqliteConnection, nil, nil) }
    }

    /// After a commit. What could not be copied for lack of room stays in the log, where it is just as durable.
    func checkpointIfDue(_ database: Database) throws {
        guard pages.load(ordering: .relaxed) >= limit else { return }
        pages.store(0, ordering: .relaxed)
        try checkpoint(database, SQLITE_CHECKPOINT_PASSIVE)
    }

    /// Copies all of the log and cuts it to nothing; false when it had to stay.
    func empty(_ pool: DatabasePool) throws -> Bool {
        try pool.writeWithoutTransaction { try checkpoint($0, SQLITE_CHECKPOINT_TRUNCATE) }
    }

    /// Throws when the database is lost to this process.
    @discardableResult
    private func checkpoint(_ database: Database, _ mode: CInt) throws -> Bool {
        errno = 0
        let code = sqlite3_wal_checkpoint_v2(database.sqliteConnection, nil, mode, nil, nil)
        let systemError = errno
        guard code != SQLITE_OK else { return true }
        guard code & 0xFF != SQLITE_BUSY else { return false }
        let message = "checkpoint: \(database.lastErrorMessage ?? "SQLite failed")"
        let failure = StoreFailure.writing(SQLiteFault(code: code, message: message, systemError: systemError))
        if case .refused = failure { return false }
        throw failure
    }
}
