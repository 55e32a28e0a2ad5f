package import FlowEngine
package import FlowModel

/// A store round another one, which does what that does but for what it implements itself.
package protocol WrappingStore: JournalStore {
    associatedtype Wrapped: JournalStore
    var store: Wrapped { get }
}

extension WrappingStore {
    package func beginEpoch() throws(StoreError) -> Int { try store.beginEpoch() }
    package func lastSequence() throws(StoreError) -> Int { try store.lastSequence() }
    package func journalPage(of run: RunID, after sequence: Int, limit: Int) throws(StoreError) -> [JournalRecord]? {
        try store.journalPage(of: run, after: sequence, limit: limit)
    }
    package func run(_ id: RunID) throws(StoreError) -> RunRow? { try store.run(id) }
    package func run(key: String) throws(StoreError) -> (id: RunID, fingerprint: Digest)? { try store.run(key: key) }
    package func liveRuns() throws(StoreError) -> [RunID] { try store.liveRuns() }
    package func timers() throws(StoreError) -> [TimerRow] { try store.timers() }
    package func outbox(after id: Int, limit: Int) throws(StoreError) -> [OutboxRow] { try store.outbox(after: id, limit: limit) }
    package func occurrence(_ key: OccurrenceRow.Key) throws(StoreError) -> OccurrenceRow? { try store.occurrence(key) }
    package func openRuns(ofSchedule name: String) throws(StoreError) -> [RunID] { try store.openRuns(ofSchedule: name) }
    package func claims() throws(StoreError) -> [ClaimRow] { try store.claims() }
    package func rates() throws(StoreError) -> [RateRow] { try store.rates() }
    package func blob(_ digest: Digest) throws(StoreError) -> [UInt8]? { try store.blob(digest) }
    package func breadcrumb() throws(StoreError) -> Breadcrumb? { try store.breadcrumb() }
    package func setBreadcrumb(_ breadcrumb: Breadcrumb?) throws(StoreError) { try store.setBreadcrumb(breadcrumb) }
}
