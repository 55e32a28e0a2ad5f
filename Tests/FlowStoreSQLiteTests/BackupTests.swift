import FlowEngine
import FlowModel
import FlowStoreSQLite
import Foundation
import Testing

@Suite("Backup", .timeLimit(.minutes(10)))
struct BackupTests {
    private func restore(_ backup: String, in scratch: Scratch, now: Instant) throws -> SQLiteStore {
        try FileManager.default.copyItem(atPath: backup, toPath: scratch.database)
        return try SQLiteStore.open(in: scratch.path, now: now)
    }

    @Test func `backups taken during writes are whole, and each run in them is sound`() async throws {
        let (scratch, other) = (try Scratch(), try Scratch())
        let store = try scratch.open()
        let epoch = try store.beginEpoch()
        let blob = try await BlobStore(store, now: { start }).store([UInt8](repeating: 9, count: 3 << 20 + 7))
        let isDone = Flag()
        async let written = write(store, Chain(epoch: epoch), until: isDone)
        for number in 1...5 {
            let file = "\(other.path)/backup-\(number)"
            try await store.backup(to: file, now: start)
            let home = try Scratch()
            let restored = try restore(file, in: home, now: start)
            #expect(try await restored.verify() == [])
            #expect(try await BlobStore(restored, now: { start }).read(blob)?.count == 3 << 20 + 7)
            #expect(restored.isRestored)
            try restored.close()
        }
        isDone.raise()
        #expect(try await written > 0)
        #expect(try FileManager.default.contentsOfDirectory(atPath: other.path).sorted() == (1...5).map { "backup-\($0)" })
        try store.close()
    }

    private func write(_ store: SQLiteStore, _ chain: Chain, until isDone: Flag) async throws -> Int {
        var chain = chain
        var commits = 0
        while !isDone.isRaised {
            try store.commit(chain.batch((0..<20).map(runID)))
            commits += 1
            await Task.yield()
        }
        return commits
    }

    @Test func `a restored database starts in an epoch beyond all that came after the backup, until accepted`() async throws {
        let (scratch, home) = (try Scratch(), try Scratch())
        let store = try scratch.open()
        _ = try store.beginEpoch()
        try await store.backup(to: scratch.path + "/backup", now: start)
        for _ in 0..<50 { _ = try store.beginEpoch() }
        let later = try store.beginEpoch()
        try store.close()
        let restored = try restore(scratch.path + "/backup", in: home, now: start)
        #expect(try restored.beginEpoch() > later)
        #expect(restored.isRestored)
        try restored.close()
        let again = try home.open()
        #expect(again.isRestored)
        try again.acceptRestore(at: start)
        #expect(!again.isRestored)
        try again.close()
        let accepted = try home.open()
        #expect(!accepted.isRestored)
        try accepted.close()
    }

    @Test func `a backup never replaces a file, and one that fails leaves none`() async throws {
        let scratch = try Scratch()
        let store = try scratch.open()
        defer { try? store.close() }
        try Data("precious".utf8).write(to: URL(fileURLWithPath: scratch.path + "/file"))
        let error = await #expect(throws: FlowError.self) { try await store.backup(to: scratch.path + "/file", now: start) }
        #expect(error?.code == .conflict)
        #expect(try Data(contentsOf: URL(fileURLWithPath: scratch.path + "/file")) == Data("precious".utf8))
        await #expect(throws: FlowError.self) { try await store.backup(to: scratch.path + "/none/file", now: start) }
        let digest = try await BlobStore(store, now: { start }).store([UInt8](repeating: 1, count: 100_000))
        try FileManager.default.removeItem(atPath: "\(scratch.path)/blobs/\(digest.hex.prefix(2))/\(digest.hex.dropFirst(2))")
        await #expect(throws: FlowError.self) { try await store.backup(to: scratch.path + "/broken", now: start) }
        #expect(!FileManager.default.fileExists(atPath: scratch.path + "/broken"))
        #expect(!FileManager.default.fileExists(atPath: scratch.path + "/broken.incomplete"))
    }

    @Test func `a backup is restored over what a killed engine left, and a log of another database is refused with the way on`() async throws {
        let (scratch, home) = (try Scratch(), try Scratch())
        let store = try scratch.open()
        var chain = Chain(epoch: try store.beginEpoch())
        try store.commit(chain.batch([runID(1)]))
        try await store.backup(to: scratch.path + "/backup", now: start)
        try store.commit(chain.batch([runID(2)]))
        // As documented: everything of the database goes away, the rest stays as the killed engine left it.
        try FileManager.default.copyItem(atPath: scratch.path + "/owner.lock", toPath: home.path + "/owner.lock")
        let restored = try restore(scratch.path + "/backup", in: home, now: start)
        #expect(restored.isRestored)
        #expect(try await restored.runs(RunQuery(limit: 10)).map(\.id) == [runID(1)])
        try restored.close()

        let other = try Scratch()
        for name in ["owner.lock", "journal.db-wal", "journal.db-shm"] {
            try FileManager.default.copyItem(atPath: "\(scratch.path)/\(name)", toPath: "\(other.path)/\(name)")
        }
        let error = #expect(throws: FlowError.self) { _ = try restore(scratch.path + "/backup", in: other, now: start) }
        #expect(error?.message.contains("belongs to another database") == true)
        #expect(error?.hint == "mv \(other.database)-wal \(other.database)-wal.other")
        try FileManager.default.moveItem(atPath: other.database + "-wal", toPath: other.database + "-wal.other")
        let again = try other.open()
        #expect(again.isRestored)
        try again.close()
        try store.close()
    }
}
