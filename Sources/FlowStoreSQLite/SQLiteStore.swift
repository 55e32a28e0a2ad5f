internal import CFlowShims
package import FlowEngine
package import FlowModel
internal import GRDB
internal import GRDBSQLite
internal import Glibc
internal import Synchronization

/// The journal of one directory, in `journal.db`.
///
///     let store = try SQLiteStore.open(in: "/var/lib/flow", socket: "/var/lib/flow/flow.sock", now: now)
///     let epoch = try store.beginEpoch()
///     try store.commit(batch)          // on the writer's thread
///     let row = try await store.run(id) // anywhere
///     try store.close()
///
/// One process at a time has it open. Writes go through one connection, one after the other, whoever asks; when a write
/// returns it has been through `fsync`. Views read what was committed, on other connections, and never hold the writer up.
/// After a failure that leaves the file in doubt every later write throws `StoreError.fatal`: the process must end.
package final class SQLiteStore: Sendable {
    /// The directory, `$FLOW_HOME`.
    package let directory: String
    /// True for a database that came out of a backup, until `acceptRestore`: nothing in it may start by itself.
    package var isRestored: Bool { restored.withLock { $0 } }

    let pool: DatabasePool
    let memory = Mutex(RunMemory())
    let blobFiles: BlobFiles
    /// Held while a backup is taken: what it needs must not be deleted.
    let backups = Atomic<Int>(0)
    /// When blobs were last asked for by somebody who may be about to name them.
    let wantedBlobs = Mutex(WantedBlobs())
    private let lock: OwnerLock
    private let crumb: BreadcrumbFile
    private let restored: Mutex<Bool>
    private let lost = Mutex<String?>(nil)
    private let checkpointer: Checkpointer
    private let identities: [FileIdentity]

    /// Opens the directory's journal, or makes the directory and a new journal where there is none.
    ///
    /// Refuses with `owned` while another engine has it, `database` for a file that is not a Flow database, is newer or lacks
    /// its log, `storage` for a directory that is not ours or cannot be written. What is refused is not changed.
    package static func open(in directory: String, socket: String? = nil, now: Instant) throws(FlowError) -> SQLiteStore {
        try open(in: directory, socket: socket, now: now, migrations: Migration.all)
    }

    /// The same with other migrations than those of this version, or checkpoints after fewer pages of log: for tests.
    package static func open(
        in directory: String, socket: String?, now: Instant, migrations: [Migration] = Migration.all,
        checkpointPages: Int = StoreLimits.checkpointPages
    ) throws(FlowError) -> SQLiteStore {
        try DatabaseFile.prepare(directory: directory)
        let file = DatabaseFile(directory: directory, migrations: migrations)
        let lock = try OwnerLock(directory: directory, socket: socket, now: now)
        removeLeftovers(in: directory)
        do {
            if try file.isMissing(after: lock.previous) { try file.create() }
            return try SQLiteStore(file: file, lock: lock, now: now, checkpointPages: checkpointPages)
        } catch let error as FlowError {
            throw error
        } catch {
            throw StoreFailure.told(error, path: file.path)
        }
    }

    /// Where a backup that is to be sent somewhere is made.
    package func pathForBackup(named name: String) -> String { "\(directory)/backup-\(name).tmp" }

    /// What commands that were killed have begun: only who owns the directory makes such files.
    private static func removeLeftovers(in directory: String) {
        for name in Files.names(in: directory) {
            let isBackup = name.hasPrefix("backup-") && (name.hasSuffix(".tmp") || name.contains(".tmp.incomplete"))
            if isBackup || name.hasPrefix(RepairDraft.prefix) { unlink("\(directory)/\(name)") }
        }
    }

    private init(file: DatabaseFile, lock: OwnerLock, now: Instant, checkpointPages: Int) throws {
        directory = file.directory
        self.lock = lock
        pool = try DatabasePool(path: file.path, configuration: SQLiteStore.configuration())
        try file.check(version: try pool.writeWithoutTransaction { try Int.fetchOne($0, sql: "PRAGMA user_version") ?? 0 })
        try SQLiteStore.makeDurable(pool, file)
        try SQLiteStore.upgrade(pool, file, now: now)
        restored = Mutex(try SQLiteStore.raiseEpochAfterRestore(pool, now: now))
        checkpointer = try Checkpointer(pool, every: checkpointPages)
        blobFiles = try BlobFiles(directory: file.directory)
        crumb = try BreadcrumbFile(path: file.directory + "/breadcrumb")
        // SQLite does not say when the log's own entry in the directory could not be made durable.
        try Files.synchronize(directory: file.directory)
        identities = [FileIdentity(file.path), FileIdentity(file.path + "-wal")].compactMap { $0 }
        try lock.note(isOpen: true)
    }

    /// Copies the log into the database, closes all connections and lets another engine in: `journal.db` alone is whole then.
    ///
    /// Where it cannot be copied now (no room, a reader that goes on), log and database are left as a killed engine leaves them.
    package func close() throws(StoreError) {
        defer { lock.release() }
        do {
            checkpointer.stop(pool)
            // The connections that read cannot copy, and the last one to be closed is one of them.
            let isWhole = try lost.withLock { $0 } == nil && checkpointer.empty(pool)
            // From here on the log's absence is no sign of loss.
            if isWhole { try lock.note(isOpen: false) } else { keepLog() }
            try pool.close()
        } catch {
            throw StoreFailure.writing(error)
        }
    }

    /// A connection that only reads is closed after the writer, which else would copy the log and remove it: its absence would look like a loss.
    private func keepLog() {
        do {
            _ = try pool.read { try Int.fetchOne($0, sql: "PRAGMA user_version") }
        } catch {
            // What cannot be read is not copied either.
        }
    }

    // MARK: - Writing

    /// Does `body` in one durable transaction; after a refusal the connection is as before.
    ///
    /// - Parameter before: runs first, outside the transaction, in the same turn of the writer.
    func transaction<Result>(
        before: (Database) throws -> Void = { _ in }, _ body: (Database) throws -> Result
    ) throws(StoreError) -> Result {
        do {
            return try perform(before: before, body)
        } catch {
            throw StoreFailure.writing(error)
        }
    }

    /// Does `body` in a durable transaction, from any task, without blocking Swift's threads. A `FlowError` undoes it.
    func transaction<Result: Sendable>(_ body: @escaping @Sendable (Database) throws -> Result) async throws(FlowError)
        -> Result
    {
        do {
            return try await Blocking.run { try self.perform(body) }
        } catch {
            throw StoreFailure.told(error, path: directory + "/journal.db")
        }
    }

    /// Throws a `StoreError`, or the `FlowError` of `body`.
    private func perform<Result>(
        before: (Database) throws -> Void = { _ in }, _ body: (Database) throws -> Result
    ) throws -> Result {
        if let reason = lost.withLock({ $0 }) { throw StoreError.fatal(reason) }
        do {
            return try pool.writeWithoutTransaction { database in
                try checkIdentity()
                try before(database)
                let result = try SQLiteStore.inTransaction(database) { try body(database) }
                try checkpointer.checkpointIfDue(database)
                return result
            }
        } catch let error as FlowError {
            throw error
        } catch {
            let failure = StoreFailure.writing(error)
            if case .fatal(let reason) = failure { lost.withLock { $0 = $0 ?? reason } }
            throw failure
        }
    }

    /// By hand, and not by GRDB, because only here the system's reason for a failed commit is still known.
    private static func inTransaction<Result>(_ database: Database, _ body: () throws -> Result) throws -> Result {
        try runOnce(database, "BEGIN IMMEDIATE")
        do {
            let result = try body()
            try runOnce(database, "COMMIT")
            return result
        } catch {
            // SQLite may have undone it already.
            if database.isInsideTransaction { try runOnce(database, "ROLLBACK") }
            throw error
        }
    }

    private static func runOnce(_ database: Database, _ sql: String) throws {
        var query = try Query(database, "transaction", sql)
        try query.run()
    }

    /// Reads on the writer's own connection: for the engine's thread.
    func reading<Result>(_ body: (Database) throws -> Result) throws(StoreError) -> Result {
        do {
            return try pool.writeWithoutTransaction(body)
        } catch {
            throw StoreFailure.reading(error)
        }
    }

    /// Does `body` on a reading connection, from any task.
    func read<Result: Sendable>(_ body: @escaping @Sendable (Database) throws -> Result) async throws(FlowError) -> Result {
        do {
            return try await pool.read(body)
        } catch {
            throw StoreFailure.told(error, path: directory + "/journal.db")
        }
    }

    /// A file that was removed or replaced would swallow what is acknowledged.
    private func checkIdentity() throws(StoreError) {
        for identity in identities where FileIdentity(identity.path) != identity {
            throw .fatal("\(identity.path) was moved, replaced or deleted while it was open")
        }
    }

    /// Forgets that the database came out of a backup: an operator has looked at it. That it did at this moment stays known: times of
    /// schedules up to then may have run in the world, also of those that are worked out only later.
    package func acceptRestore(at: Instant) throws(StoreError) {
        try transaction { database in
            try database.execute(sql: "DELETE FROM meta WHERE name IN ('backup', 'restored')")
            try SQLiteStore.keep(restoredAt: at, database)
        }
        restored.withLock { $0 = false }
    }

    static func keep(restoredAt: Instant, _ database: Database) throws {
        try database.execute(sql: "INSERT OR REPLACE INTO meta VALUES ('restoredAt', ?)", arguments: [restoredAt.milliseconds])
    }

    package func breadcrumb() throws(StoreError) -> Breadcrumb? { crumb.read() }

    package func setBreadcrumb(_ breadcrumb: Breadcrumb?) throws(StoreError) {
        do {
            try crumb.write(breadcrumb)
        } catch {
            throw StoreFailure.writing(error)
        }
    }
}

/// Which file a path leads to. Asked before every commit, in the one way that costs the commit nothing (`flow_identity_of_path`).
private struct FileIdentity: Equatable, Sendable {
    let path: String
    private let device: UInt64
    private let node: UInt64

    init?(_ path: String) {
        var (device, node): (UInt64, UInt64) = (0, 0)
        guard flow_identity_of_path(path, &device, &node) == 0 else { return nil }
        self.path = path
        self.device = device
        self.node = node
    }
}
