internal import FlowModel
internal import GRDB
internal import Glibc

/// `journal.db` as a file: what may be opened, and how a new one comes into being.
///
/// Nothing is ever created over a path that exists, and a file that is refused is not changed.
struct DatabaseFile {
    let directory: String
    let migrations: [Migration]

    var path: String { directory + "/journal.db" }
    private var version: Int { migrations.last?.version ?? 0 }

    /// Makes the directory if there is none, and refuses one that cannot be written or that others can write.
    static func prepare(directory: String) throws(FlowError) {
        do throws(FileFault) {
            if !Files.exists(directory) { try Files.makeDirectory(directory) }
        } catch {
            throw FlowError(
                .storage, subject: directory, "The directory \(directory) was not made: \(error.reason).",
                hint: "FLOW_HOME=… flowctl …")
        }
        guard let status = Files.status(directory), status.st_mode & S_IFMT == S_IFDIR else {
            throw FlowError(.storage, subject: directory, "\(directory) was not opened: it is not a directory.")
        }
        guard status.st_uid == geteuid() else {
            throw FlowError(
                .storage, subject: directory,
                "\(directory) was not opened: it belongs to uid \(status.st_uid), and this process runs as uid \(geteuid()).",
                hint: "sudo -u '#\(status.st_uid)' flowctl …")
        }
        guard status.st_mode & S_IWOTH == 0 else {
            throw FlowError(
                .storage, subject: directory,
                "\(directory) was not opened: everyone may write to it, so everyone could forge what it says.",
                hint: "chmod o-w \(directory)")
        }
        guard access(directory, R_OK | W_OK | X_OK) == 0 else {
            let reason = FileFault("access", directory).reason
            throw FlowError(
                .storage, subject: directory, "\(directory) was not opened: it cannot be written (\(reason)).")
        }
    }

    /// Throws unless the file is a Flow database of a known version, with its whole write-ahead log; true when there is none yet.
    ///
    /// Reads without SQLite: opening a file through SQLite can already change it.
    func isMissing(after previous: OwnerLock.Holder?) throws(FlowError) -> Bool {
        guard let header = try existingHeader() else { return true }
        try checkLog(header, after: previous)
        return false
    }

    /// The first bytes of the database; nil when there is no file, and none was lost. Throws for a file that is no Flow database.
    func existingHeader() throws(FlowError) -> [UInt8]? {
        // SQLite opens them as they are, and would wait for a pipe.
        for name in ["-wal", "-shm", "-journal"] {
            guard let status = Files.status(path + name), status.st_mode & S_IFMT != S_IFREG else { continue }
            throw refusal(
                "journal.db\(name) beside it is \(Files.kind(path + name)), not a file. Nothing was changed.",
                hint: "mv \(path)\(name) \(path)\(name).other, then once more")
        }
        guard let status = Files.status(path) else {
            guard !Files.exists(path + "-wal") else {
                throw refusal(
                    "it is missing, but its write-ahead log journal.db-wal is there. Put the database back or restore a backup."
                )
            }
            return nil
        }
        guard status.st_mode & S_IFMT == S_IFREG else { throw refusal("it is not a file.", hint: elsewhere) }
        let header = try header()
        guard header.starts(with: Array("SQLite format 3\0".utf8)), header.count == 100 else {
            throw refusal(
                "it is not a SQLite database (\(status.st_size) bytes). Flow never writes over a file it does not know.",
                hint: elsewhere)
        }
        let id = Int32(truncatingIfNeeded: word(header, at: 68))
        guard id == Migration.applicationID else {
            throw refusal(
                "it is the database of another program (application id \(id), Flow's is \(Migration.applicationID)).",
                hint: elsewhere)
        }
        try check(version: word(header, at: 60))
        return header
    }

    /// Throws when the write-ahead log does not say all that was acknowledged, or belongs to another database.
    private func checkLog(_ header: [UInt8], after previous: OwnerLock.Holder?) throws(FlowError) {
        let log = path + "-wal"
        let size = Files.status(log)?.st_size
        guard DatabaseFile.takesLog(header) else {
            // A backup, or a database that nobody has opened yet: what its directory's last engine left behind is of another database.
            guard size ?? 0 > 0 else { return }
            throw refusal(
                "it is a backup, and the write-ahead log journal.db-wal beside it belongs to another database. Nothing was changed.",
                hint: "mv \(log) \(log).other")
        }
        guard size != nil else {
            guard previous?.isOpen == true else { return }
            throw refusal(
                """
                the engine that had it open did not end by itself, and its write-ahead log journal.db-wal is missing: \
                what was acknowledged last would be lost. Put that file back, restore a backup, or keep what is in journal.db alone.
                """, hint: Self.repair(directory))
        }
        let damage: LogDamage?
        do throws(FileFault) {
            damage = try LogDamage.find(
                log: log, database: path, pageSize: DatabaseFile.pageSize(header),
                isSameBoot: previous?.isOpen == true && previous?.boot == OwnerLock.boot)
            // What SQLite will find there counts as committed: a power cut must not take it away again.
            try Files.Descriptor(opening: log, O_RDWR).synchronize()
        } catch {
            throw FlowError(
                .storage, subject: log, "\(path) was not opened: \(error.description).", hint: "dmesg | tail, then a look at the disk")
        }
        guard let damage else { return }
        throw refusal(
            "its write-ahead log journal.db-wal was damaged: \(damage.reason). What was acknowledged would be lost. Nothing was changed.",
            hint: Self.repair(directory))
    }

    static func repair(_ directory: String) -> String { "flowctl repair --home \(directory)  # keeps a copy, and says what can be kept" }

    /// Whether a log can belong to the database: not yet, as long as SQLite has not opened it for one. No backup has been.
    static func takesLog(_ header: [UInt8]) -> Bool { header[18] == 2 }

    static func pageSize(_ header: [UInt8]) -> Int {
        let size = Int(header[16]) << 8 | Int(header[17])
        return size == 1 ? 65_536 : max(512, size)
    }

    /// Throws for a schema that is newer than this program.
    func check(version found: Int) throws(FlowError) {
        guard found <= version else {
            throw refusal(
                "it was written by schema \(found), this program knows up to \(version). Nothing was changed.",
                hint: "upgrade flowd and flowctl")
        }
    }

    private var elsewhere: String { "flowctl … --home DIR, or move \(path) away" }

    func refusal(_ why: String, hint: String? = nil) -> FlowError {
        FlowError(.database, subject: path, "\(path) was not opened: \(why)", hint: hint)
    }

    private func header() throws(FlowError) -> [UInt8] {
        do throws(FileFault) {
            guard access(path, W_OK) == 0 else { throw FileFault("access", path) }
            return try Files.Descriptor(opening: path, O_RDONLY).read(100)
        } catch {
            throw FlowError(.storage, subject: path, "\(path) was not opened: \(error.reason).")
        }
    }

    private func word(_ header: [UInt8], at offset: Int) -> Int {
        header[offset..<offset + 4].reduce(0) { $0 << 8 | Int($1) }
    }

    /// Makes a new database beside the path and moves it there, so that a crash leaves all of it or nothing.
    func create() throws {
        let draft = path + ".new"
        for name in Files.names(in: directory) where name.hasPrefix("journal.db.new") { unlink("\(directory)/\(name)") }
        let queue = try DatabaseFile.makeNew(draft)
        try migrate(queue)
        try queue.close()
        try Files.Descriptor(opening: draft, O_RDWR).synchronize()
        guard link(draft, path) == 0 else { throw FileFault("link", path) }
        unlink(draft)
        try Files.synchronize(directory: directory)
    }

    /// An empty database at a path where nothing is, for its owner alone.
    static func makeNew(_ path: String) throws -> DatabaseQueue {
        _ = try Files.Descriptor(opening: path, O_RDWR | O_CREAT | O_EXCL)
        let queue = try DatabaseQueue(path: path, configuration: Configuration())
        try queue.writeWithoutTransaction { database in
            // Pages that become free can go back to the disk, see `Room`.
            try database.execute(
                sql: "PRAGMA page_size = 4096; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA application_id = \(Migration.applicationID)")
        }
        return queue
    }

    /// Runs the migrations that the database lacks, each in a transaction of its own with its version number.
    func migrate(_ writer: some DatabaseWriter) throws {
        for migration in migrations {
            try writer.writeWithoutTransaction { database in
                let version = try Int.fetchOne(database, sql: "PRAGMA user_version") ?? 0
                guard migration.version > version else { return }
                try database.inTransaction(.exclusive) {
                    try database.execute(sql: migration.sql)
                    try database.execute(sql: "PRAGMA user_version = \(migration.version)")
                    return .commit
                }
            }
        }
    }
}
