internal import FlowModel
internal import GRDB
internal import Glibc

/// A database that was put together from what is left, beside the real one.
struct RepairDraft {
    static let prefix = "journal.db.repair-"

    private(set) var path: String
    /// Indexes and free pages were made anew from the tables.
    private(set) var isRebuilt = false
    /// What is wrong with it; what is not SQLite's own complaint concerns single runs or rows.
    private(set) var damages: [Finding] = []
    /// Ids of its runs, as far as they can be read.
    private(set) var runs: Set<String> = []
    private var lastRecord = 0
    private var lastAt: Instant?

    init(file: DatabaseFile, log: LogRemains, source: LogRemains.Source, number: Int) throws {
        path = "\(file.directory)/\(Self.prefix)\(number)"
        try Files.copy(file.path, to: path)
        try log.apply(source, to: path)
        // As a backup: a database that takes no log, so that none of another can be taken for its own.
        try Files.Descriptor(opening: path, O_RDWR).write([1, 1], at: 18)
        look()
        guard !isSound, !source.isForNames else { return }
        let damaged = self
        do {
            try rebuild(file)
            look()
        } catch {
            // A table itself cannot be read.
            self = damaged
        }
    }

    var isSound: Bool { !damages.contains { $0.subject == Verifier.structure } }

    func isBetter(than other: RepairDraft) -> Bool {
        (-damages.count, lastRecord, isRebuilt ? 0 : 1) > (-other.damages.count, other.lastRecord, other.isRebuilt ? 0 : 1)
    }

    var summary: String {
        let last = lastAt.map { ", the last of \($0)" } ?? ""
        return "\(runs.count) runs, journal records up to \(lastRecord)\(last)\(isRebuilt ? "; indexes were made anew from their tables" : "")"
    }

    private mutating func look() {
        do {
            let queue = try DatabaseQueue(path: path)
            (damages, runs, lastRecord, lastAt) = try queue.read { database in
                let damages = Verifier.findings(database, blobs: nil)
                let runs = (try? String.fetchSet(database, sql: "SELECT id FROM run NOT INDEXED")) ?? []
                let last = try? Row.fetchOne(database, sql: "SELECT sequence, at FROM journal ORDER BY sequence DESC LIMIT 1")
                let at = last.flatMap { Int64.fromDatabaseValue($0[1]) }.map { Instant(milliseconds: $0) }
                return (damages, runs, last.flatMap { Int.fromDatabaseValue($0[0]) } ?? 0, at)
            }
            try queue.close()
        } catch {
            damages = [Finding(subject: Verifier.structure, message: StoreFailure.reading(error).reason)]
        }
    }

    /// Reads every table row by row into a new database of the same version, which makes its own indexes.
    private mutating func rebuild(_ file: DatabaseFile) throws {
        let fresh = path + ".fresh"
        let queue = try DatabaseFile.makeNew(fresh)
        let old = path
        try queue.writeWithoutTransaction { try $0.execute(sql: "ATTACH ? AS old", arguments: [old]) }
        let version = try queue.read { try Int.fetchOne($0, sql: "PRAGMA old.user_version") ?? 0 }
        try DatabaseFile(directory: file.directory, migrations: file.migrations.filter { $0.version <= version }).migrate(queue)
        try queue.writeWithoutTransaction { database in
            try database.inTransaction {
                let tables = try String.fetchAll(
                    database, sql: "SELECT name FROM main.sqlite_master WHERE type = 'table' AND name <> 'sqlite_stat1' ORDER BY name DESC")
                for table in tables {
                    try database.execute(sql: "DELETE FROM main.\(table)")
                    // With a condition SQLite reads the table, and does not copy its pages and indexes as they are.
                    try database.execute(sql: "INSERT INTO main.\(table) SELECT * FROM old.\(table) NOT INDEXED WHERE 1")
                }
                return .commit
            }
        }
        try queue.close()
        try Files.rename(fresh, to: path)
        isRebuilt = true
    }

    /// The next start is that of a restored backup.
    func markRestored(now: Instant) throws {
        let queue = try DatabaseQueue(path: path)
        try queue.write { try Backup.mark($0, now: now) }
        try queue.close()
    }

    static func removeAll(of file: DatabaseFile) {
        for name in Files.names(in: file.directory) where name.hasPrefix(prefix) { unlink("\(file.directory)/\(name)") }
    }
}
