package import FlowEngine
package import FlowModel
internal import Glibc
internal import Synchronization

/// A store one call of which goes wrong.
package final class FaultyStore: JournalStore {
    package enum Fault: String, CaseIterable, Sendable {
        /// It throws and does nothing; the next call works again.
        case errorBefore
        /// It does it all, and throws: nobody can know. The store is lost to this process.
        case errorAfter
        /// It takes its time.
        case delay
        /// The connection is gone, from this call on.
        case disconnect
        /// Another program holds the database for this call and the next two of its kind.
        case busy
    }

    private struct State {
        var calls: Int
        var names: [String] = []
        var lost: String?
        /// How many more calls of which kind find the database held by another program.
        var busy: (name: String, left: Int)?
        var acknowledged: [JournalRecord] = []
    }

    package let store: any JournalStore
    private let fault: Fault?
    private let number: Int
    private let state: Mutex<State>

    /// - Parameters:
    ///   - number: the call that goes wrong, from 1.
    ///   - earlier: the store of the process before, whose calls count too.
    package init(_ store: any JournalStore, _ fault: Fault?, at number: Int, after earlier: FaultyStore? = nil) {
        self.store = store
        self.fault = fault
        self.number = number
        var state = State(calls: 0)
        if let earlier {
            state = earlier.state.withLock { $0 }
            state.lost = nil
        }
        self.state = Mutex(state)
    }

    /// The calls so far, by name.
    package var calls: [String] { state.withLock { $0.names } }
    /// Of all commits that returned.
    package var acknowledged: [JournalRecord] { state.withLock { $0.acknowledged } }

    private static let pause: UInt32 = 20_000

    private func call<Result>(_ name: String, _ body: () throws(StoreError) -> Result) throws(StoreError) -> Result {
        let (call, lost, isBusy) = state.withLock { state in
            state.calls += 1
            state.names.append(name)
            if fault == .busy, state.calls == number { state.busy = (name, 3) }
            guard let busy = state.busy, busy.name == name, busy.left > 0 else { return (state.calls, state.lost, false) }
            state.busy?.left -= 1
            return (state.calls, state.lost, true)
        }
        if let lost { throw .fatal(lost) }
        switch fault {
        case .errorBefore where call == number: throw .refused("injected: no room for call \(call), \(name)")
        case .busy where isBusy: throw .refused("injected: the database is locked in call \(call), \(name)")
        case .disconnect where call == number: throw lose("injected: the connection is gone in call \(call), \(name)")
        case .errorAfter where call == number:
            _ = try body()
            throw lose("injected: no answer to call \(call), \(name)")
        case .delay where call == number: usleep(FaultyStore.pause)
        default: break
        }
        return try body()
    }

    private func lose(_ reason: String) -> StoreError {
        state.withLock { $0.lost = reason }
        return .fatal(reason)
    }

    package func beginEpoch() throws(StoreError) -> Int {
        try call("beginEpoch") { () throws(StoreError) in try store.beginEpoch() }
    }
    package func commit(_ batch: CommitBatch) throws(StoreError) {
        try call("commit") { () throws(StoreError) in try store.commit(batch) }
        state.withLock { $0.acknowledged += batch.records }
    }
    package func lastSequence() throws(StoreError) -> Int {
        try call("lastSequence") { () throws(StoreError) in try store.lastSequence() }
    }
    package func journalPage(of run: RunID, after sequence: Int, limit: Int) throws(StoreError) -> [JournalRecord]? {
        try call("journal") { () throws(StoreError) in try store.journalPage(of: run, after: sequence, limit: limit) }
    }
    package func run(_ id: RunID) throws(StoreError) -> RunRow? {
        try call("run") { () throws(StoreError) in try store.run(id) }
    }
    package func run(key: String) throws(StoreError) -> (id: RunID, fingerprint: Digest)? {
        try call("runByKey") { () throws(StoreError) in try store.run(key: key) }
    }
    package func liveRuns() throws(StoreError) -> [RunID] {
        try call("liveRuns") { () throws(StoreError) in try store.liveRuns() }
    }
    package func timers() throws(StoreError) -> [TimerRow] {
        try call("timers") { () throws(StoreError) in try store.timers() }
    }
    package func outbox(after id: Int, limit: Int) throws(StoreError) -> [OutboxRow] {
        try call("outbox") { () throws(StoreError) in try store.outbox(after: id, limit: limit) }
    }
    package func blob(_ digest: Digest) throws(StoreError) -> [UInt8]? {
        try call("blob") { () throws(StoreError) in try store.blob(digest) }
    }
    package func claims() throws(StoreError) -> [ClaimRow] {
        try call("claims") { () throws(StoreError) in try store.claims() }
    }
    package func rates() throws(StoreError) -> [RateRow] {
        try call("rates") { () throws(StoreError) in try store.rates() }
    }
    package func occurrence(_ key: OccurrenceRow.Key) throws(StoreError) -> OccurrenceRow? {
        try call("occurrence") { () throws(StoreError) in try store.occurrence(key) }
    }
    package func openRuns(ofSchedule name: String) throws(StoreError) -> [RunID] {
        try call("openRuns") { () throws(StoreError) in try store.openRuns(ofSchedule: name) }
    }
    package func breadcrumb() throws(StoreError) -> Breadcrumb? {
        try call("breadcrumb") { () throws(StoreError) in try store.breadcrumb() }
    }
    package func setBreadcrumb(_ breadcrumb: Breadcrumb?) throws(StoreError) {
        try call("setBreadcrumb") { () throws(StoreError) in try store.setBreadcrumb(breadcrumb) }
    }
}
