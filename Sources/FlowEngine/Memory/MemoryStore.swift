package import FlowModel
internal import Synchronization

/// A store in memory: every rule of `JournalStore`, nothing on disk, and failures to order.
///
///     let store = MemoryStore()
///     store.fail(commit: 3, .after(.fatal("fsync")))
///     …
///     let later = store.afterCrash()   // exactly what was committed
package final class MemoryStore: JournalStore {
    /// What a commit that was told to fail does.
    package enum Fault: Hashable, Sendable {
        /// Nothing is written.
        case before(StoreError)
        /// Everything is written, and nobody is told.
        case after(StoreError)
    }

    package struct Content: Sendable {
        var epoch = 0
        package fileprivate(set) var sequence = 0
        package fileprivate(set) var journal: [RunID: [JournalRecord]] = [:]
        package fileprivate(set) var runs: [RunID: RunRow] = [:]
        package fileprivate(set) var fingerprints: [RunID: Digest] = [:]
        package fileprivate(set) var steps: [RunID: [Int: StepRow]] = [:]
        var targets: [RunID: [[Int]: TargetRow]] = [:]
        var attempts: [TimerRow.ID: [Int: AttemptRow]] = [:]
        package fileprivate(set) var approvals: [String: ApprovalRow] = [:]
        var timers: [TimerRow.ID: TimerRow] = [:]
        var claims: [ClaimRow.ID: ClaimRow] = [:]
        var rates: [String: RateRow] = [:]
        var outbox: [OutboxRow] = []
        var occurrences: [OccurrenceRow.Key: OccurrenceRow] = [:]
        var audit: [AuditEntry] = []
        package fileprivate(set) var blobs: [Digest: [UInt8]] = [:]
        var breadcrumb: Breadcrumb?
        var commits = 0
    }

    private struct State {
        var content: Content
        var faults: [Int: Fault] = [:]
        /// After a fatal failure the store is lost to this process, as a real one is.
        var lost: String?
    }

    private let state: Mutex<State>

    package convenience init() { self.init(Content()) }

    package convenience init(epoch: Int) { self.init(Content(epoch: epoch)) }

    private init(_ content: Content) { state = Mutex(State(content: content)) }

    /// Makes the `number`-th commit from the start of the journal, counted from 1, fail.
    package func fail(commit number: Int, _ fault: Fault) { state.withLock { $0.faults[number] = fault } }

    /// Changes a bit of the run's last record, as a disk might.
    package func damage(_ run: RunID) {
        state.withLock { state in
            guard let last = state.content.journal[run]?.indices.last else { return }
            state.content.journal[run]?[last].bytes[0] ^= 1
        }
    }

    /// Commits so far, those that failed before they wrote included.
    package var commits: Int { state.withLock { $0.content.commits } }

    /// What a process finds that starts after this one was killed now. Faults that were ordered are forgotten.
    package func afterCrash() -> MemoryStore { MemoryStore(content) }

    package var content: Content { state.withLock { $0.content } }

    // MARK: - Writing

    package func beginEpoch() throws(StoreError) -> Int {
        try write { content throws(StoreError) in
            content.epoch += 1
            return content.epoch
        }
    }

    package func commit(_ batch: CommitBatch) throws(StoreError) {
        let fault = state.withLock { state in
            state.content.commits += 1
            return state.faults[state.content.commits]
        }
        if case .before(let error) = fault { throw fail(error) }
        try write { content throws(StoreError) in
            try content.check(batch)
            content.write(batch)
        }
        if case .after(let error) = fault { throw fail(error) }
    }

    private func write<Result>(_ body: (inout Content) throws(StoreError) -> Result) throws(StoreError) -> Result {
        let result = state.withLock { state -> Swift.Result<Result, StoreError> in
            if let lost = state.lost { return .failure(.fatal(lost)) }
            do throws(StoreError) { return .success(try body(&state.content)) } catch { return .failure(error) }
        }
        do throws(StoreError) { return try result.get() } catch { throw fail(error) }
    }

    private func fail(_ error: StoreError) -> StoreError {
        if case .fatal(let reason) = error { state.withLock { $0.lost = $0.lost ?? reason } }
        return error
    }

    // MARK: - Reading

    /// The number of the last record. Without a copy of all that is there, which a commit at the same time would make a real one.
    package var sequence: Int { state.withLock { $0.content.sequence } }

    package func lastSequence() throws(StoreError) -> Int { sequence }

    package func journalPage(of run: RunID, after sequence: Int, limit: Int) throws(StoreError) -> [JournalRecord]? {
        let content = content
        return content.runs[run].map { _ in Array((content.journal[run] ?? []).drop { $0.sequence <= sequence }.prefix(limit)) }
    }

    package func run(_ id: RunID) throws(StoreError) -> RunRow? { content.runs[id] }

    package func run(key: String) throws(StoreError) -> (id: RunID, fingerprint: Digest)? {
        let content = content
        guard let row = content.runs.values.first(where: { $0.key == key }), let print = content.fingerprints[row.id] else {
            return nil
        }
        return (row.id, print)
    }

    package func liveRuns() throws(StoreError) -> [RunID] {
        content.runs.values.filter(\.isLive).map(\.id).sorted()
    }

    package func timers() throws(StoreError) -> [TimerRow] {
        Array(content.timers.values)
            .sorted { ($0.due, $0.id.run, $0.id.step) < ($1.due, $1.id.run, $1.id.step) }
    }

    package func outbox(after id: Int, limit: Int) throws(StoreError) -> [OutboxRow] {
        Array(content.outbox.filter { $0.id > id }.prefix(limit))
    }

    package func claims() throws(StoreError) -> [ClaimRow] {
        let content = content
        let open = content.claims.values.filter { content.runs[$0.id.run]?.state.isTerminal != true }
        return open.sorted { ($0.id.run, $0.id.step) < ($1.id.run, $1.id.step) }
    }

    package func rates() throws(StoreError) -> [RateRow] { content.rates.values.sorted { $0.name < $1.name } }

    package func occurrence(_ key: OccurrenceRow.Key) throws(StoreError) -> OccurrenceRow? { content.occurrences[key] }

    package func openRuns(ofSchedule name: String) throws(StoreError) -> [RunID] {
        let content = content
        let runs = content.occurrences.values.filter { $0.schedule == name }.compactMap(\.run)
        return runs.filter { content.runs[$0]?.state.isTerminal == false }.sorted()
    }

    package func blob(_ digest: Digest) throws(StoreError) -> [UInt8]? { content.blobs[digest] }

    /// What was journaled after `sequence` in all runs, in order.
    package func records(after sequence: Int) -> [JournalRecord] {
        let new = content.journal.values.flatMap { $0.reversed().prefix { $0.sequence > sequence } }
        return new.sorted { $0.sequence < $1.sequence }
    }

    /// When the first timer is due; nil when there is none.
    package var nextDue: Instant? { content.timers.values.lazy.map(\.due).min() }

    package func breadcrumb() throws(StoreError) -> Breadcrumb? { content.breadcrumb }

    package func setBreadcrumb(_ breadcrumb: Breadcrumb?) throws(StoreError) {
        state.withLock { $0.content.breadcrumb = breadcrumb }
    }
}

extension MemoryStore.Content {
    /// Refuses what cannot be written. Looked at first, so that all of the batch is written or nothing, without a copy of all that is there.
    fileprivate func check(_ batch: CommitBatch) throws(StoreError) {
        guard batch.epoch == epoch else {
            throw .fatal("this engine's epoch \(batch.epoch) is over, the database is in epoch \(epoch)")
        }
        var keys: Set<String> = []
        for row in batch.runs { try check(row, batch.fingerprints[row.id], &keys) }
        try checkRecords(of: batch)
        let new = Set(batch.runs.map(\.id))
        func checkKnown(_ run: RunID) throws(StoreError) {
            guard runs[run] != nil || new.contains(run) else {
                throw .fatal("run \(run) was written to without ever having been created")
            }
        }
        for row in batch.records { try checkKnown(row.run) }
        for row in batch.steps { try checkKnown(row.run) }
        for row in batch.targets { try checkKnown(row.run) }
        for (run, _, _) in batch.attempts { try checkKnown(run) }
        for row in batch.approvals { try checkKnown(row.run) }
        for row in batch.setTimers { try checkKnown(row.id.run) }
        for row in batch.setClaims { try checkKnown(row.id.run) }
        for row in batch.addOutbox { try checkKnown(row.run) }
    }

    /// `keys`: those of the new runs before it in the batch.
    private func check(_ row: RunRow, _ fingerprint: Digest?, _ keys: inout Set<String>) throws(StoreError) {
        if fingerprint != nil {
            let isKeyTaken = row.key.map { key in !keys.insert(key).inserted || runs.values.contains { $0.key == key } } ?? false
            guard runs[row.id] == nil, !isKeyTaken else { throw .refused("run \(row.id) or its key exists already") }
        } else {
            guard runs[row.id] != nil else { throw .fatal("run \(row.id) was written to without ever having been created") }
        }
    }

    private func checkRecords(of batch: CommitBatch) throws(StoreError) {
        var numbers: Set<Int> = []
        for record in batch.records {
            // Looked for only where it can be: in a long journal that would take longer with every record.
            let isNew = record.sequence > sequence || !journal.values.contains { $0.contains { $0.sequence == record.sequence } }
            guard isNew, numbers.insert(record.sequence).inserted else { throw .fatal("journal record \(record.sequence) exists already") }
        }
    }

    fileprivate mutating func write(_ batch: CommitBatch) {
        for blob in batch.blobs { blobs[blob.digest] = blobs[blob.digest] ?? blob.bytes }
        for row in batch.runs {
            if let fingerprint = batch.fingerprints[row.id] { fingerprints[row.id] = fingerprint }
            runs[row.id] = row
        }
        for record in batch.records {
            journal[record.run, default: []].append(record)
            sequence = max(sequence, record.sequence)
        }
        for row in batch.steps { steps[row.run, default: [:]][row.index] = row }
        for row in batch.targets { targets[row.run, default: [:]][[row.step, row.position]] = row }
        for (run, step, attempt) in batch.attempts { attempts[TimerRow.ID(run: run, step: step), default: [:]][attempt.number] = attempt }
        for row in batch.approvals { approvals[row.id] = row }
        for id in batch.removeTimers { timers[id] = nil }
        for row in batch.setTimers { timers[row.id] = row }
        for id in batch.removeClaims { claims[id] = nil }
        for row in batch.setClaims { claims[row.id] = row }
        for row in batch.rates { rates[row.name] = row.starts.isEmpty ? nil : row }
        for row in batch.addOutbox {
            let place = outbox.last.map { $0.id < row.id } ?? true ? outbox.count : outbox.firstIndex { $0.id > row.id } ?? outbox.count
            outbox.insert(row, at: place)
        }
        if !batch.removeOutbox.isEmpty { outbox.removeAll { batch.removeOutbox.contains($0.id) } }
        for row in batch.occurrences { occurrences[row.key] = row }
        audit += batch.audit
    }
}
