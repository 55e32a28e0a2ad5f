import FlowEngine
import FlowModel
import FlowStoreSQLite
import Foundation
import Synchronization

/// The real store, which notes when its last commit was done.
final class StampedStore: JournalStore {
    private let store: SQLiteStore
    private let committed = Mutex(0.0)

    init(_ store: SQLiteStore) { self.store = store }

    /// By the monotonic clock, in seconds.
    var committedAt: Double { committed.withLock { $0 } }

    func commit(_ batch: CommitBatch) throws(StoreError) {
        try store.commit(batch)
        committed.withLock { $0 = clockSeconds(CLOCK_MONOTONIC) }
    }

    func beginEpoch() throws(StoreError) -> Int { try store.beginEpoch() }
    func lastSequence() throws(StoreError) -> Int { try store.lastSequence() }
    func journal(of run: RunID) throws(StoreError) -> [JournalRecord]? { try store.journal(of: run) }
    func run(_ id: RunID) throws(StoreError) -> RunRow? { try store.run(id) }
    func run(key: String) throws(StoreError) -> (id: RunID, fingerprint: Digest)? { try store.run(key: key) }
    func liveRuns() throws(StoreError) -> [RunID] { try store.liveRuns() }
    func timers() throws(StoreError) -> [TimerRow] { try store.timers() }
    func outbox() throws(StoreError) -> [OutboxRow] { try store.outbox() }
    func occurrence(_ key: OccurrenceRow.Key) throws(StoreError) -> OccurrenceRow? { try store.occurrence(key) }
    func openRuns(ofSchedule name: String) throws(StoreError) -> [RunID] { try store.openRuns(ofSchedule: name) }
    func claims() throws(StoreError) -> [ClaimRow] { try store.claims() }
    func rates() throws(StoreError) -> [RateRow] { try store.rates() }
    func blob(_ digest: Digest) throws(StoreError) -> [UInt8]? { try store.blob(digest) }
    func breadcrumb() throws(StoreError) -> Breadcrumb? { try store.breadcrumb() }
    func setBreadcrumb(_ breadcrumb: Breadcrumb?) throws(StoreError) { try store.setBreadcrumb(breadcrumb) }
}
