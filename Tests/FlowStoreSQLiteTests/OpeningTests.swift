import FlowCrypto
import FlowEngine
import FlowModel
import FlowStoreSQLite
import Foundation
import GRDB
import Testing

@Suite("Opening the store", .timeLimit(.minutes(10)))
struct OpeningTests {
    private let newest = Migration.all.count

    /// What opening throws, and that it changed no file.
    private func refusal(_ scratch: Scratch, migrations: [Migration] = Migration.all) throws -> FlowError {
        let names = ["journal.db", "journal.db-wal"]
        let before = names.map { FileManager.default.contents(atPath: "\(scratch.path)/\($0)") }
        var refusal: FlowError?
        do {
            let store = try SQLiteStore.open(in: scratch.path, socket: nil, now: start, migrations: migrations)
            try store.close()
        } catch let error as FlowError {
            refusal = error
        }
        #expect(names.map { FileManager.default.contents(atPath: "\(scratch.path)/\($0)") } == before)
        return try #require(refusal)
    }

    @Test func `a new directory gets a durable database that only its owner can read`() throws {
        let scratch = try Scratch()
        let store = try SQLiteStore.open(in: scratch.path + "/a/b", now: start)
        defer { try? store.close() }
        let settings = try store.settings().writer
        let names = ["journal_mode", "synchronous", "wal_autocheckpoint", "application_id", "user_version"]
        #expect(names.map { settings[$0] } == ["wal", "2", "0", "1179406167", "\(newest)"])
        for path in ["", "/journal.db", "/journal.db-wal", "/owner.lock"] {
            let attributes = try FileManager.default.attributesOfItem(atPath: scratch.path + "/a/b" + path)
            #expect((attributes[.posixPermissions] as? Int ?? 0) & 0o077 == 0, "\(path)")
        }
    }

    @Test func `runs of schedules that an older version started are known as theirs after the upgrade`() throws {
        let scratch = try Scratch()
        let old = Migration.all.filter { $0.version < 12 }
        let before = try SQLiteStore.open(in: scratch.path, socket: nil, now: start, migrations: old)
        try before.close()
        let file = try DatabaseQueue(path: scratch.database)
        try file.write { database in
            for (number, state) in [(1, "waiting"), (2, "succeeded"), (3, "running")] {
                try database.execute(
                    sql: """
                        INSERT INTO run (id, flow, revision, inputs, labels, actor, person, fingerprint, createdAt, state, isLive)
                        VALUES (?, 'f', zeroblob(32), '{}', '{}', 'a', 'a', zeroblob(32), 1, ?, 0)
                        """, arguments: [runID(number).text, state])
                guard number < 3 else { continue }
                try database.execute(
                    sql: "INSERT INTO occurrence VALUES ('nightly', ?, ?, 1, 1, 'run', NULL, NULL, ?, 1, NULL)",
                    arguments: ["time \(number)", number, runID(number).text])
            }
        }
        try file.close()
        let store = try scratch.open()
        #expect(try store.openRuns(ofSchedule: "nightly") == [runID(1)])
        try store.close()
    }

    @Test func `readers neither write nor checkpoint`() throws {
        let scratch = try Scratch()
        let store = try scratch.open()
        defer { try? store.close() }
        let settings = try store.settings().reader
        #expect(settings["wal_autocheckpoint"] == "0")
        #expect(settings["readonly"] == "1")
    }

    @Test func `a second engine is refused within a second, and told who the first is`() throws {
        let scratch = try Scratch()
        let store = try SQLiteStore.open(in: scratch.path, socket: "/run/flow.sock", now: start)
        let clock = ContinuousClock()
        let began = clock.now
        let error = try refusal(scratch)
        #expect(clock.now - began < .seconds(1))
        #expect(error.code == .owned)
        #expect(error.message.contains("pid \(getpid())"))
        #expect(error.message.contains("/run/flow.sock"))
        #expect(error.message.contains("\(start)"))
        try store.close()
        try scratch.open().close()
    }

    @Test func `files that are not Flow's are refused and left alone`() throws {
        let contents: [Data] = [
            Data(), Data("hello".utf8), Data(repeating: 0, count: 4096), Data("SQLite format 3\0 but no more".utf8),
        ]
        for content in contents {
            let scratch = try Scratch()
            try content.write(to: URL(fileURLWithPath: scratch.database))
            let error = try refusal(scratch)
            #expect(error.code == .database)
            #expect(error.message.contains(scratch.database))
        }
    }

    @Test func `a database of another program is refused`() throws {
        let scratch = try Scratch()
        let other = try DatabaseQueue(path: scratch.database)
        try other.write { try $0.execute(sql: "CREATE TABLE moz_places (id); PRAGMA application_id = 7") }
        try other.close()
        let error = try refusal(scratch)
        #expect(error.code == .database)
        #expect(error.message.contains("another program"))
    }

    @Test func `a newer database is refused, an older one upgraded with a copy kept`() throws {
        let scratch = try Scratch()
        try scratch.open().close()
        let next = Migration(version: newest + 1, name: "next", sql: "CREATE TABLE next (id INTEGER PRIMARY KEY)")
        let upgraded = try SQLiteStore.open(in: scratch.path, socket: nil, now: start, migrations: Migration.all + [next])
        try upgraded.close()
        let error = try refusal(scratch)
        #expect(error.code == .database)
        #expect(error.message.contains("schema \(newest + 1)") && error.message.contains("up to \(newest)"))
        let copy = try DatabaseQueue(path: scratch.database + ".schema\(newest)")
        #expect(try copy.read { try Int.fetchOne($0, sql: "PRAGMA user_version") } == newest)
    }

    @Test func `a migration that fails leaves the database as it was`() throws {
        let scratch = try Scratch()
        let store = try scratch.open()
        _ = try store.beginEpoch()
        try store.close()
        let broken = Migration(version: newest + 1, name: "broken", sql: "CREATE TABLE half (id); INSERT INTO nowhere VALUES (1)")
        #expect(throws: FlowError.self) {
            _ = try SQLiteStore.open(in: scratch.path, socket: nil, now: start, migrations: Migration.all + [broken])
        }
        let again = try scratch.open()
        defer { try? again.close() }
        #expect(try again.beginEpoch() == 2)
        #expect(try again.settings().writer["user_version"] == "\(newest)")
        let file = try DatabaseQueue(path: scratch.database)
        #expect(try file.read { try $0.tableExists("half") } == false)
        try file.close()
    }

    @Test func `migrations count up from one and keep their content`() {
        #expect(Migration.all.map(\.version) == Array(1...Migration.all.count))
        // Released migrations never change: a new one is a new file, and a new line here.
        let digests = Migration.all.map { Digest(of: Array($0.sql.utf8)).short }
        #expect(
            digests == [
                "fe59376390f0", "9d925f840663", "301583a4b137", "45fdf7a51d30", "339737bade74", "a8dc0bad7f10", "ed4607c77418", "b304da825ab5",
                "a889c9daa9b1", "9bdc9b20ec09", "f5ba2e6e63c8", "7b5e1eaea6cf",
            ])
    }

    @Test func `a log that was lost after a crash is noticed`() throws {
        let scratch = try Scratch()
        let other = try Scratch()
        let store = try scratch.open()
        var chain = Chain(epoch: try store.beginEpoch())
        try store.commit(chain.batch([runID(1)]))
        // What a killed engine leaves, without its log.
        for name in ["journal.db", "owner.lock"] {
            try FileManager.default.copyItem(atPath: "\(scratch.path)/\(name)", toPath: "\(other.path)/\(name)")
        }
        try store.close()
        let error = try refusal(other)
        #expect(error.code == .database)
        #expect(error.message.contains("journal.db-wal is missing"))
    }

    @Test func `a log without its database is refused`() throws {
        let scratch = try Scratch()
        try Data("left over".utf8).write(to: URL(fileURLWithPath: scratch.database + "-wal"))
        #expect(try refusal(scratch).code == .database)
        #expect(!FileManager.default.fileExists(atPath: scratch.database))
    }

    @Test func `a database that is deleted while it is open takes no more commits`() throws {
        let scratch = try Scratch()
        let store = try scratch.open()
        var chain = Chain(epoch: try store.beginEpoch())
        try store.commit(chain.batch([runID(1)]))
        try FileManager.default.removeItem(atPath: scratch.database)
        do throws(StoreError) {
            try store.commit(chain.batch([runID(1)]))
            Issue.record("the commit went to a file that nobody will find")
        } catch {
            guard case .fatal(let reason) = error else { throw error }
            #expect(reason.contains("journal.db"))
        }
    }

    @Test func `a directory that everyone may write to, or that is a file, is refused`() throws {
        let scratch = try Scratch()
        try FileManager.default.setAttributes([.posixPermissions: 0o777], ofItemAtPath: scratch.path)
        #expect(try refusal(scratch).message.contains("everyone"))
        let file = try Scratch()
        try Data().write(to: URL(fileURLWithPath: file.path + "/file"))
        let error = #expect(throws: FlowError.self) { _ = try SQLiteStore.open(in: file.path + "/file", now: start) }
        #expect(error?.code == .storage)
    }
}
