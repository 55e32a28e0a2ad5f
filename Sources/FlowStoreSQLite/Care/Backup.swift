internal import FlowCrypto
internal import FlowEngine
package import FlowModel
internal import GRDB
internal import GRDBSQLite
internal import Glibc
internal import Synchronization

/// A copy that knows what it is.
enum Backup {
    /// A copy of the database as of one commit.
    static func copyRows(_ database: Database, to path: String) throws {
        // VACUUM INTO refuses a file that has content; an empty one keeps the rows from other users.
        _ = try Files.Descriptor(opening: path, O_RDWR | O_CREAT | O_EXCL)
        try database.execute(sql: "VACUUM INTO ?", arguments: [path])
    }

    /// The next start on this database is that of a restored backup.
    static func mark(_ database: Database, now: Instant) throws {
        try database.execute(sql: "INSERT OR REPLACE INTO meta VALUES ('backup', ?)", arguments: [now.milliseconds])
    }
}

extension SQLiteStore {
    /// Writes everything, blobs included, as it is at one moment, to one new file, while the engine goes on.
    ///
    /// The file is complete and durable when this returns, and not there otherwise; a file that exists is refused. To restore,
    /// stop the engine, put the file in place of `journal.db` (without `journal.db-wal`) and start it, whatever the last engine left
    /// there: the database knows that it is a backup. It comes up as restored (`isRestored`), in an epoch beyond any that its hosts have seen.
    package func backup(to path: String, now: Instant) async throws(FlowError) {
        guard !Files.exists(path) else {
            throw FlowError(.conflict, subject: path, "No backup was written: \(path) exists already.")
        }
        backups.add(1, ordering: .sequentiallyConsistent)
        defer { backups.subtract(1, ordering: .sequentiallyConsistent) }
        let draft = path + ".incomplete"
        do {
            try await BackupThread.run { [self] in
                unlink(draft)
                defer { unlink(draft) }
                try copyRows(to: draft)
                try completeBackup(draft, now: now)
                guard link(draft, path) == 0 else { throw FileFault("link", path) }
                try Files.synchronize(directory: Files.folder(of: path))
            }
        } catch {
            throw StoreFailure.told(error, path: path)
        }
    }

    /// A copy of the database as of one commit, by a connection that only reads.
    private func copyRows(to draft: String) throws {
        var configuration = Configuration()
        configuration.readonly = true
        configuration.busyMode = .timeout(StoreLimits.busySeconds)
        let source = try DatabaseQueue(path: directory + "/journal.db", configuration: configuration)
        defer { try? source.close() }  // It only read.
        try source.writeWithoutTransaction { try Backup.copyRows($0, to: draft) }
    }

    /// Brings the blob files in as rows, marks the copy as a backup and makes it durable.
    private func completeBackup(_ draft: String, now: Instant) throws {
        let copy = try DatabaseQueue(path: draft)
        try copy.write { database in
            let rows = try Row.fetchAll(database, sql: "SELECT number, digest, size FROM blob WHERE bytes IS NULL")
            for row in rows {
                guard let number = Int.fromDatabaseValue(row[0]), let digest = [UInt8].fromBlob(row[1]),
                    let size = Int.fromDatabaseValue(row[2]), digest.count == 32
                else { throw StoreError.corrupt("table blob holds a row that cannot be read") }
                try copyBlob(Digest(bytes: digest), row: number, size: size, database)
            }
            try Backup.mark(database, now: now)
        }
        try copy.close()
        try Files.Descriptor(opening: draft, O_RDWR).synchronize()
    }

    /// Part by part: a blob can be large.
    private func copyBlob(_ digest: Digest, row: Int, size: Int, _ database: Database) throws {
        try database.execute(
            sql: "UPDATE blob SET bytes = zeroblob(?) WHERE number = ?", arguments: [size, row])
        let file = try Files.Descriptor(opening: blobFiles.path(of: digest), O_RDONLY)
        var blob: OpaquePointer?
        let code = sqlite3_blob_open(database.sqliteConnection, "main", "blob", "bytes", Int64(row), 1, &blob)
        defer { sqlite3_blob_close(blob) }
        guard code == SQLITE_OK else {
            throw SQLiteFault(code: code, message: "the copy of blob \(digest.short) was not opened")
        }
        var hash = RunningDigest()
        var offset = 0
        while offset < size {
            let part = try file.read(min(1 << 20, size - offset))
            guard !part.isEmpty else { break }
            hash.update(part)
            let code = sqlite3_blob_write(blob, part, CInt(part.count), CInt(offset))
            guard code == SQLITE_OK else {
                throw SQLiteFault(code: code, message: "blob \(digest.short) was not copied", systemError: errno)
            }
            offset += part.count
        }
        guard hash.finish() == digest else {
            throw StoreError.corrupt("blob \(digest.short): its file was changed or cut; a backup of it would be worthless")
        }
    }
}
