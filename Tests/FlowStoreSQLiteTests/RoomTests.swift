import FlowEngine
import FlowModel
import FlowStoreSQLite
import Foundation
import GRDB
import Testing

@Suite("Room", .timeLimit(.minutes(10)))
struct RoomTests {
    private let later = start + 2 * StoreLimits.blobGraceSeconds

    private func sweep(_ store: SQLiteStore, at now: Instant) async throws -> Int {
        let cutoff = now + -StoreLimits.blobGraceSeconds
        return try store.removeBlobs(try await store.unusedBlobs(storedBefore: cutoff), storedBefore: cutoff)
    }

    private func large(_ byte: UInt8) -> [UInt8] { [UInt8](repeating: byte, count: 100_000) }

    @Test func `a blob goes when no flow, run, schedule or plan of theirs names it, and not before its grace is over`() async throws {
        let scratch = try Scratch()
        let store = try scratch.open()
        let blobs = BlobStore(store, now: { start })
        var chain = Chain(epoch: try store.beginEpoch())
        let (unused, small) = (try await blobs.store(large(1)), try await blobs.store([1, 2, 3]))
        let (ofRun, ofSchedule, script) = (try await blobs.store(large(2)), try await blobs.store(large(3)), try await blobs.store(large(4)))
        let plan = try await blobs.store(Array(#"{"assets":[{"digest":"\#(script.hex)"}],"flow":"x"}"#.utf8))
        let (flowPlan, flowBinary) = (try await blobs.store(Array(#"{"flow":"y"}"#.utf8)), try await blobs.store(large(5)))
        try store.commit(chain.batch([runID(1)], bytes: Array(#"@{"binary":"\#(ofRun.hex)","plan":"\#(plan.hex)"}"#.utf8)))
        try await Registry(store).register(
            RegisteredFlow(name: "y", revision: flowPlan, plan: flowPlan, binary: flowBinary, source: "", user: "os:a", at: start))
        try store.change("INSERT INTO schedule_revision VALUES ('s', 1, '{\"input\":\"\(ofSchedule.hex)\"}', 'u', 'p', 1)", scratch)
        #expect(try await sweep(store, at: start + 10) == 0)
        #expect(try await sweep(store, at: later) == 100_003)
        for digest in [unused, small] { #expect(try await blobs.read(digest) == nil) }
        for digest in [ofRun, ofSchedule, script, plan, flowPlan, flowBinary] { #expect(try await blobs.read(digest) != nil) }
        #expect(try await store.unnamedBlobFiles() == 0)
        #expect(try await store.verify() == [])
        try store.close()
    }

    @Test(arguments: [true, false])
    func `what a plan names that was stored anew stays after a restart, with a run of the plan or in the plan's own grace`(
        hasRun: Bool
    ) async throws {
        let scratch = try Scratch()
        let before = try scratch.open()
        let (early, now) = (BlobStore(before, now: { start }), BlobStore(before, now: { [later] in later }))
        var chain = Chain(epoch: try before.beginEpoch())
        let (script, binary) = (try await early.store(large(4)), try await early.store(large(5)))
        let called = #"{"flow":"y"}"#
        let plan = Array(#"{"assets":[{"digest":"\#(script.hex)"}],"calls":[{"binary":"\#(binary.hex)","plan":\#(called)}],"flow":"x"}"#.utf8)
        try await early.store(plan)
        // A start stores the plan anew; what it names has been there for long.
        let digest = try await now.store(plan)
        if hasRun { try before.commit(chain.batch([runID(1)], bytes: Array(#"@{"plan":"\#(digest.hex)"}"#.utf8))) }
        try before.close()
        // Nobody remembers what was asked for.
        let store = try scratch.open()
        #expect(try await sweep(store, at: later) == 0)
        for digest in [script, binary, digest] { #expect(try await store.blob(digest) != nil) }
        let days = later + 3 * StoreLimits.blobGraceSeconds
        #expect(try await sweep(store, at: days) == (hasRun ? 0 : 200_000 + plan.count))
        try store.close()
    }

    @Test func `what is asked for, or named while it is looked for, stays`() async throws {
        let scratch = try Scratch()
        let store = try scratch.open()
        let (early, now) = (BlobStore(store, now: { start }), BlobStore(store, now: { [later] in later }))
        var chain = Chain(epoch: try store.beginEpoch())
        let (wanted, named, again, gone) = (
            try await early.store(large(1)), try await early.store(large(2)), try await early.store(large(3)), try await early.store(large(4))
        )
        let cutoff = later + -StoreLimits.blobGraceSeconds
        let unused = try await store.unusedBlobs(storedBefore: cutoff)
        #expect(unused.digests == [wanted, named, again, gone])
        // Between the look and the removal: somebody is about to start with it, has started with it, has uploaded it once more.
        #expect(try await now.contains(wanted))
        try store.commit(chain.batch([runID(1)], bytes: Array(named.hex.utf8)))
        try await now.store(large(3))
        #expect(try store.removeBlobs(unused, storedBefore: cutoff) == 100_000)
        for digest in [wanted, named, again] { #expect(try await early.read(digest) != nil) }
        #expect(try await early.read(gone) == nil)
        try store.close()
    }

    @Test func `blobs are looked through once a day, however often an engine starts, and whatever the clock said once`() throws {
        let scratch = try Scratch()
        let store = try scratch.open()
        #expect(try store.isBlobSweepDue(now: later))
        #expect(try !store.isBlobSweepDue(now: later + 60))
        #expect(try store.isBlobSweepDue(now: start), "that was a time to come: the clock was wrong")
        #expect(try store.isBlobSweepDue(now: start + StoreLimits.blobGraceSeconds))
        try store.close()
    }

    @Test func `pages of deleted rows go back to the disk, a few at a time`() throws {
        let scratch = try Scratch()
        let store = try scratch.open()
        var chain = Chain(epoch: try store.beginEpoch())
        for number in 0..<60 { try store.commit(chain.batch([runID(number)], state: .succeeded, bytes: [UInt8](repeating: 1, count: 200_000))) }
        try store.close()
        let before = try #require(Files.size(scratch.database))
        let again = try scratch.open()
        while try again.deleteRuns(endedBefore: start + 1, limit: 10).hasMore {}
        var turns = 1
        while try again.giveBackPages() { turns += 1 }
        #expect(turns > 3)
        try again.close()
        let after = try #require(Files.size(scratch.database))
        #expect(before > 12_000_000 && after < 2_500_000, "\(before) -> \(after)")
    }

    @Test func `an older database learns to shrink when it is upgraded, and the copy from before is a backup of its owner's alone`() throws {
        let scratch = try Scratch()
        let old = Migration.all.dropLast()
        let first = try DatabaseQueue(path: scratch.database)
        try first.writeWithoutTransaction { database in
            try database.execute(sql: "PRAGMA application_id = 1179406167")
            for migration in old { try database.execute(sql: migration.sql) }
            try database.execute(sql: "PRAGMA user_version = \(old.count)")
        }
        try first.close()
        let mask = umask(0)
        defer { umask(mask) }
        try scratch.open().close()
        let copy = scratch.database + ".schema\(old.count)"
        #expect(try FileManager.default.attributesOfItem(atPath: copy)[.posixPermissions] as? Int == 0o600)
        let vacuum = try DatabaseQueue(path: scratch.database)
        #expect(try vacuum.read { try Int.fetchOne($0, sql: "PRAGMA auto_vacuum") } == 2)
        try vacuum.close()
        let other = try Scratch()
        try FileManager.default.moveItem(atPath: copy, toPath: other.database)
        let restored = try SQLiteStore.open(in: other.path, socket: nil, now: start, migrations: Array(old))
        #expect(restored.isRestored)
        try restored.close()
    }

    @Test func `room is kept for a start on a full disk`() throws {
        let scratch = try Scratch()
        let store = try scratch.open()
        store.keepReserve()
        #expect(Files.size(scratch.path + "/reserve") == StoreLimits.reserveBytes)
        #expect(SQLiteStore.releaseReserve(in: scratch.path) && !SQLiteStore.releaseReserve(in: scratch.path))
        try store.close()
    }
}

private enum Files {
    static func size(_ path: String) -> Int? { try? FileManager.default.attributesOfItem(atPath: path)[.size] as? Int }
}

extension SQLiteStore {
    /// A row that no command makes here.
    fileprivate func change(_ sql: String, _ scratch: Scratch) throws {
        let queue = try DatabaseQueue(path: scratch.database)
        try queue.write { try $0.execute(sql: sql) }
        try queue.close()
    }
}
