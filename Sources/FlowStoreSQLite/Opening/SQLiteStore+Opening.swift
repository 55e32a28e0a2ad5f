internal import FlowEngine
internal import FlowModel
internal import GRDB
internal import GRDBSQLite
internal import Glibc

// What is done to a database between finding its file and trusting it.
extension SQLiteStore {
    static func configuration() -> Configuration {
        var configuration = Configuration()
        configuration.label = "flow.journal"
        configuration.maximumReaderCount = StoreLimits.readers
        configuration.busyMode = .timeout(StoreLimits.busySeconds)
        configuration.prepareDatabase { database in
            // Checkpoints are the writer's own, see Checkpointer. SQLite 3.40.1 can lose a log that two connections reset.
            try database.execute(
                sql: """
                    PRAGMA wal_autocheckpoint = 0; PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF;
                    PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0;
                    PRAGMA cache_size = \(database.configuration.readonly ? -2_000 : -16_000);
                    """)
        }
        return configuration
    }

    /// Sets the writer to `synchronous=FULL` and refuses to go on without it: anything less loses acknowledged commits.
    static func makeDurable(_ pool: DatabasePool, _ file: DatabaseFile) throws {
        try pool.writeWithoutTransaction { database in
            // The pool sets NORMAL while it opens.
            try database.execute(sql: "PRAGMA synchronous = FULL")
            // Nobody observes transactions here, and GRDB does not see those that are made by hand.
            sqlite3_commit_hook(database.sqliteConnection, nil, nil)
            sqlite3_rollback_hook(database.sqliteConnection, nil, nil)
            let mode = try String.fetchOne(database, sql: "PRAGMA journal_mode")
            let level = try Int.fetchOne(database, sql: "PRAGMA synchronous")
            guard mode == "wal", level == 2 else {
                throw file.refusal(
                    "journal_mode is \(mode ?? "unknown") and synchronous \(level ?? -1); only wal and 2 (FULL) keep what is acknowledged."
                )
            }
        }
    }

    /// Brings an older schema up to date, keeping a copy from before, which is a backup like any other.
    static func upgrade(_ pool: DatabasePool, _ file: DatabaseFile, now: Instant) throws {
        let version = try pool.writeWithoutTransaction { try Int.fetchOne($0, sql: "PRAGMA user_version") ?? 0 }
        guard version < file.migrations.last?.version ?? 0 else { return }
        let copy = file.path + ".schema\(version)"
        unlink(copy)
        try pool.writeWithoutTransaction { try Backup.copyRows($0, to: copy) }
        let queue = try DatabaseQueue(path: copy)
        try queue.write { try Backup.mark($0, now: now) }
        try queue.close()
        try Files.Descriptor(opening: copy, O_RDWR).synchronize()
        try file.migrate(pool)
        try makeShrinkable(pool)
        // So that the file's header tells an older program at once.
        _ = try pool.writeWithoutTransaction { try $0.checkpoint(.truncate) }
    }

    /// A database from before pages could go back to the disk is written anew, once; where there is no room for that it stays as it is.
    private static func makeShrinkable(_ pool: DatabasePool) throws {
        try pool.writeWithoutTransaction { database in
            guard try Int.fetchOne(database, sql: "PRAGMA auto_vacuum") != 2 else { return }
            do {
                try database.execute(sql: "PRAGMA auto_vacuum = INCREMENTAL; VACUUM")
            } catch {
                guard case .refused = StoreFailure.writing(error) else { throw error }
            }
        }
    }

    /// Starts a restored database in an epoch beyond any that its hosts can have seen since the backup was taken.
    static func raiseEpochAfterRestore(_ pool: DatabasePool, now: Instant) throws -> Bool {
        try pool.writeWithoutTransaction { database in
            try database.inTransaction(.immediate) {
                try database.execute(
                    sql: """
                        UPDATE meta SET value = max(value + 1, ?) WHERE name = 'epoch'
                        AND EXISTS (SELECT 1 FROM meta WHERE name = 'backup')
                        """, arguments: [now.milliseconds / 1000])
                try database.execute(sql: "UPDATE meta SET name = 'restored' WHERE name = 'backup'")
                return .commit
            }
            return try Bool.fetchOne(database, sql: "SELECT EXISTS (SELECT 1 FROM meta WHERE name = 'restored')") ?? false
        }
    }
}
