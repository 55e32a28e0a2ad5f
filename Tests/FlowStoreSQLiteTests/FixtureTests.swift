import FlowEngine
import FlowModel
import FlowStoreSQLite
import FlowTestKit
import Foundation
import Testing

/// Journals that earlier versions wrote, kept for ever: `Tests/Fixtures/Journals/VERSION`, one folder a version.
@Suite("Journals of every version", .serialized, .timeLimit(.minutes(10)))
struct FixtureTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(path: "../Fixtures/Journals").standardized.path
    /// `make fixtures` gives the version to record.
    private static let recorded = ProcessInfo.processInfo.environment["FLOW_FIXTURES"]
    private static let versions = ((try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []).sorted()
    /// Bytes of one version's files.
    private static let size = 400 << 10

    @Test(.enabled(if: recorded != nil)) func `record this version's journal`() async throws {
        let version = try #require(Self.recorded)
        let scratch = try Scratch()
        let last = try await EveryTransition.play(on: try scratch.open()) { store in
            try (store as? SQLiteStore)?.close()
            return try scratch.open()
        }
        let store = try #require(last as? SQLiteStore)
        try await expectEveryTransition(in: store)
        try store.close()
        let folder = "\(Self.root)/\(version)"
        try? FileManager.default.removeItem(atPath: folder)
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        for name in ["journal.db", "blobs"] {
            try FileManager.default.copyItem(atPath: "\(scratch.path)/\(name)", toPath: "\(folder)/\(name)")
        }
        try FileManager.default.removeItem(atPath: folder + "/blobs/incoming")
        let files = try FileManager.default.subpathsOfDirectory(atPath: folder).compactMap {
            try FileManager.default.attributesOfItem(atPath: "\(folder)/\($0)")[.size] as? Int
        }
        #expect(files.reduce(0, +) <= Self.size)
        print("recorded \(folder), \(files.reduce(0, +)) bytes")
    }

    @Test(.disabled(if: recorded != nil), arguments: versions)
    func `a journal of an earlier version opens, holds, folds to the rows that were recorded with it, and goes on`(_ version: String) async throws {
        let scratch = try Scratch()
        for name in ["journal.db", "blobs"] {
            try FileManager.default.copyItem(atPath: "\(Self.root)/\(version)/\(name)", toPath: "\(scratch.path)/\(name)")
        }
        let store = try scratch.open()
        #expect(try await store.verify() == [])
        let rows = try await store.runs(RunQuery(limit: 1_000))
        #expect(rows.count >= 7)
        // Before an engine takes over: what was written then against what its journal means now.
        let driver = try EngineDriver(Unchanged(store), ManualWorld())
        for row in rows { try await driver.checkProjection(of: row.id, store) }
        await driver.engine.shutdown()
        let next = try EngineDriver(store, ManualWorld())
        try await next.finish(rows.map(\.id), by: EveryTransition.alice)
        await next.engine.shutdown()
        try store.close()
    }

    @Test func `there is a journal to hold this version against`() {
        #expect(!Self.versions.isEmpty)
    }
}

/// A store that is only read: an engine on it finds no run that it would have to take over.
private final class Unchanged: JournalStore {
    private let store: SQLiteStore

    init(_ store: SQLiteStore) { self.store = store }

    func beginEpoch() throws(StoreError) -> Int { 1 << 30 }
    func commit(_ batch: CommitBatch) throws(StoreError) { throw .refused("it is only read") }
    func lastSequence() throws(StoreError) -> Int { try store.lastSequence() }
    func journalPage(of run: RunID, after sequence: Int, limit: Int) throws(StoreError) -> [JournalRecord]? {
        try store.journalPage(of: run, after: sequence, limit: limit)
    }
    func run(_ id: RunID) throws(StoreError) -> RunRow? { try store.run(id) }
    func run(key: String) throws(StoreError) -> (id: RunID, fingerprint: Digest)? { try store.run(key: key) }
    func liveRuns() throws(StoreError) -> [RunID] { [] }
    func timers() throws(StoreError) -> [TimerRow] { [] }
    func outbox(after id: Int, limit: Int) throws(StoreError) -> [OutboxRow] { [] }
    func claims() throws(StoreError) -> [ClaimRow] { [] }
    func rates() throws(StoreError) -> [RateRow] { [] }
    func occurrence(_ key: OccurrenceRow.Key) throws(StoreError) -> OccurrenceRow? { try store.occurrence(key) }
    func openRuns(ofSchedule name: String) throws(StoreError) -> [RunID] { try store.openRuns(ofSchedule: name) }
    func blob(_ digest: Digest) throws(StoreError) -> [UInt8]? { try store.blob(digest) }
    func breadcrumb() throws(StoreError) -> Breadcrumb? { nil }
    func setBreadcrumb(_ breadcrumb: Breadcrumb?) throws(StoreError) {}
}
