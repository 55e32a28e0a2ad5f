package import FlowModel

/// Where the journal and its projections are kept: what the engine's writer needs of a store.
///
/// All calls block and come from one thread, the writer's. `FlowTestKit.StoreConformance` says in tests what every store must do.
package protocol JournalStore: AnyObject, Sendable {
    /// Takes the database into a new epoch, greater than every earlier one, durably.
    func beginEpoch() throws(StoreError) -> Int

    /// Writes all of `batch` or nothing. When it returns, the batch has survived a power cut.
    func commit(_ batch: CommitBatch) throws(StoreError)

    /// The highest journal sequence number; 0 for an empty journal.
    func lastSequence() throws(StoreError) -> Int

    /// The run's records after `sequence`, in order, at most `limit`; nil when there is no such run. Fewer than `limit` are the last ones: that the
    /// journal ends where the run's row says is checked then, or `corrupt` thrown.
    func journalPage(of run: RunID, after sequence: Int, limit: Int) throws(StoreError) -> [JournalRecord]?
    /// The run's row; nil when there is none.
    func run(_ id: RunID) throws(StoreError) -> RunRow?
    /// The run that was started with this key, and the fingerprint of that request.
    func run(key: String) throws(StoreError) -> (id: RunID, fingerprint: Digest)?
    /// Runs with a live attempt or a step that can start, oldest first.
    func liveRuns() throws(StoreError) -> [RunID]
    /// All timers, in order of their time.
    func timers() throws(StoreError) -> [TimerRow]
    /// Outbox rows that were not taken and have higher ids than `id`, in order of id, at most `limit`.
    func outbox(after id: Int, limit: Int) throws(StoreError) -> [OutboxRow]

    /// The record of a nominal time; nil when it has none.
    func occurrence(_ key: OccurrenceRow.Key) throws(StoreError) -> OccurrenceRow?
    /// The runs of the schedule's records that have not ended, however long ago their times were.
    func openRuns(ofSchedule name: String) throws(StoreError) -> [RunID]

    /// What is claimed in all runs that have not ended, in order of run and path, and what the rates remember.
    func claims() throws(StoreError) -> [ClaimRow]
    func rates() throws(StoreError) -> [RateRow]

    /// Stored plans, binaries, scripts and large values, by digest.
    func blob(_ digest: Digest) throws(StoreError) -> [UInt8]?

    /// The run that was last in hand when the engine ended by a trap, and how often that happened with it.
    func breadcrumb() throws(StoreError) -> Breadcrumb?
    /// Durable enough to survive the process, not a power cut. nil removes it.
    func setBreadcrumb(_ breadcrumb: Breadcrumb?) throws(StoreError)
}

extension JournalStore {
    /// The journal of a run in order; nil when there is no such run.
    package func journal(of run: RunID) throws(StoreError) -> [JournalRecord]? { try journalPage(of: run, after: 0, limit: .max) }
}

/// Why the store did not do what was asked.
package enum StoreError: Error, Hashable, Sendable {
    /// No room, or read-only, or too large, or against what is there already: nothing was written; the same call may succeed later.
    case refused(String)
    /// A row does not say what was written (hash chain, decoding): names the row.
    case corrupt(String)
    /// The database is lost to this process: fsync failed, another epoch, I/O error. The process must end.
    case fatal(String)
}

/// One journal record: the entries that one event led to, in one run.
package struct JournalRecord: Hashable, Sendable {
    /// Global, ascending, from 1; also the id of the run's event on the wire.
    package var sequence: Int
    package var run: RunID
    package var at: Instant
    /// SHA-256 over `chainInput`: the previous record's hash of this run, the run's id, sequence number, time and `bytes`.
    package var hash: Digest
    /// `Entry.encode` of its entries.
    package var bytes: [UInt8]

    package init(sequence: Int, run: RunID, at: Instant, hash: Digest, bytes: [UInt8]) {
        self.sequence = sequence
        self.run = run
        self.at = at
        self.hash = hash
        self.bytes = bytes
    }

    /// What comes before a run's first record.
    package static let chainStart = Digest(bytes: [UInt8](repeating: 0, count: 32))

    /// The bytes that a record's hash is taken over: `previous` in hex, the run's id, the sequence number and the time in
    /// milliseconds as 8 bytes each, most significant first, then the record's bytes.
    package static func chainInput(
        previous: Digest, run: RunID, sequence: Int, at: Instant, bytes: [UInt8]
    ) -> [UInt8] {
        var input: [UInt8] = []
        input.reserveCapacity(116 + bytes.count)
        previous.appendHex(to: &input)
        run.append(to: &input)
        for value in [Int64(sequence), at.milliseconds] { withUnsafeBytes(of: value.bigEndian) { input.append(contentsOf: $0) } }
        input += bytes
        return input
    }
}

/// Everything that one transaction writes.
package struct CommitBatch: Sendable {
    /// Checked in the same transaction against the database's epoch: an older one is `fatal`.
    package var epoch: Int
    package var records: [JournalRecord] = []
    /// Inserted or replaced, by id. At most one for each run. Flow, revision, labels, actor, person, key and `createdAt`
    /// of a run never change, inputs only by `editedInputs`: of one that is not new, a store may keep those it has.
    package var runs: [RunRow] = []
    /// The inputs of runs that got other ones.
    package var editedInputs: [RunID: JSON] = [:]
    /// Request fingerprints of new runs, by run; present for exactly the new ones.
    package var fingerprints: [RunID: Digest] = [:]
    /// Inserted or replaced, by run and index. At most one for each step.
    package var steps: [StepRow] = []
    /// Inserted or replaced, by run, step and position. At most one for each target.
    package var targets: [TargetRow] = []
    /// Attempts that are no longer the newest of their step; inserted or replaced by run, path and number.
    package var attempts: [(run: RunID, step: StepPath, attempt: AttemptRow)] = []
    /// Inserted or replaced, by run, step and generation.
    package var approvals: [ApprovalRow] = []
    /// Inserted or replaced, after `removeTimers`.
    package var setTimers: [TimerRow] = []
    /// Inserted or replaced, after `removeClaims`.
    package var setClaims: [ClaimRow] = []
    package var removeClaims: [ClaimRow.ID] = []
    /// Inserted or replaced, by name; removed when they have no starts.
    package var rates: [RateRow] = []
    package var removeTimers: [TimerRow.ID] = []
    package var addOutbox: [OutboxRow] = []
    /// The rows with these ids, those of this batch included.
    package var removeOutbox: [Int] = []
    /// Inserted or replaced, by schedule and nominal time.
    package var occurrences: [OccurrenceRow] = []
    /// Set where the schedule still exists.
    package var schedulePositions: [SchedulePosition] = []
    /// Added to the audit trail.
    package var audit: [AuditEntry] = []
    /// Stored unless they are there already.
    package var blobs: [(digest: Digest, bytes: [UInt8])] = []

    package init(epoch: Int) { self.epoch = epoch }
    package var isEmpty: Bool {
        records.isEmpty && runs.isEmpty && steps.isEmpty && targets.isEmpty && attempts.isEmpty && approvals.isEmpty && setTimers.isEmpty
            && removeTimers.isEmpty && addOutbox.isEmpty && removeOutbox.isEmpty && blobs.isEmpty
            && occurrences.isEmpty && schedulePositions.isEmpty && setClaims.isEmpty && removeClaims.isEmpty && rates.isEmpty && audit.isEmpty
    }
}

/// A moment at which a run wants to be looked at. One for each step at most.
package struct TimerRow: Hashable, Sendable {
    package struct ID: Hashable, Sendable {
        package var run: RunID
        package var step: StepPath

        package init(run: RunID, step: StepPath) {
            self.run = run
            self.step = step
        }
    }

    package var id: ID
    package var due: Instant
    /// It is a time of the day, which the clock on the wall decides; else the end of a stretch of time, whatever somebody sets that clock to.
    package var isOfDay: Bool

    package init(id: ID, due: Instant, isOfDay: Bool = false) {
        self.id = id
        self.due = due
        self.isOfDay = isOfDay
    }
}

/// A message to the outside that is decided and not yet delivered (notification hooks).
package struct OutboxRow: Hashable, Sendable {
    /// Its own, for ever: what it is acknowledged by, and what a receiver tells a repetition by.
    package var id: Int
    package var run: RunID
    package var kind: String
    package var body: JSON

    package init(id: Int, run: RunID, kind: String, body: JSON) {
        self.id = id
        self.run = run
        self.kind = kind
        self.body = body
    }

    /// More messages than one record can decide.
    private static let perRecord = 1 << 20

    /// The id of a message: made of the record that decided it and its place among that record's, so that it is never given twice,
    /// also after a restart with an empty outbox.
    package static func id(record: Int, notice: Int) -> Int { record * perRecord + notice }
}

/// A run that the engine ended with in hand: the suspect.
package struct Breadcrumb: Hashable, Sendable {
    package var run: RunID
    package var crashes: Int

    package init(run: RunID, crashes: Int) {
        self.run = run
        self.crashes = crashes
    }
}
