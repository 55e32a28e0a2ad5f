import FlowEngine
import FlowModel
import FlowStoreSQLite
import FlowTestKit
import Foundation
import Synchronization

/// The real store, which notes when its last commit was done.
final class StampedStore: WrappingStore {
    let store: SQLiteStore
    private let committed = Mutex(0.0)

    init(_ store: SQLiteStore) { self.store = store }

    /// By the monotonic clock, in seconds.
    var committedAt: Double { committed.withLock { $0 } }

    func commit(_ batch: CommitBatch) throws(StoreError) {
        try store.commit(batch)
        committed.withLock { $0 = clockSeconds(CLOCK_MONOTONIC) }
    }
}
