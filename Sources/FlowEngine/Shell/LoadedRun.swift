import FlowModel

/// A run in the writer's memory, with what its rows need beside the fold.
struct LoadedRun {
    var run: Run
    var head: JournalHead
    /// The inputs as one value, made once.
    var inputs: JSON
    /// The timers that the store has, by step.
    var timers: [Int: Instant]
    /// The timer of the run's own gate that the store has.
    var gateTimer: Instant?

    /// A run that was just created: the store has nothing of it yet.
    init(new run: Run) {
        self.run = run
        head = JournalHead(sequence: 0, hash: JournalRecord.chainStart)
        inputs = .object(run.created.inputs)
        timers = [:]
    }

    /// A run as folded from the store.
    init(folded run: Run, head: JournalHead) {
        self.init(new: run)
        self.head = head
        gateTimer = run.gate?.closure.until
        for (number, step) in run.steps.enumerated() where step.due != nil { timers[number] = step.due }
    }

    /// Nothing is out with a worker: it can leave memory until something arrives for it.
    var isParked: Bool { run.live == 0 }
}

/// Folds runs from their journals, and checks every hash on the way.
struct RunLoader {
    let store: any JournalStore
    let hash: @Sendable ([UInt8]) -> Digest
    /// Plans by the digest of their JSON. Few: one for each revision in use.
    var plans: [Digest: PlanIndex] = [:]

    static let plansKept = 1_000

    init(store: any JournalStore, hash: @escaping @Sendable ([UInt8]) -> Digest) {
        self.store = store
        self.hash = hash
    }

    /// The run as its journal says; nil when there is none. Throws `corrupt` when a record or blob is not what was written.
    mutating func load(_ id: RunID) throws(StoreError) -> LoadedRun? {
        guard let records = try store.journal(of: id), !records.isEmpty else { return nil }
        var previous = JournalRecord.chainStart
        var run: Run?
        for record in records {
            let input = JournalRecord.chainInput(
                previous: previous, run: id, sequence: record.sequence, at: record.at, bytes: record.bytes)
            guard record.run == id, hash(input) == record.hash else {
                throw .corrupt("journal record \(record.sequence) of run \(id) is not what was written (hash chain)")
            }
            previous = record.hash
            let store = self.store
            for entry in try Entry.decode(record.bytes, fetch: { (digest) throws(StoreError) in try store.blob(digest) }) {
                if run == nil { run = try begin(id, entry, record) } else { run?.apply(entry, at: record.at) }
            }
        }
        guard var run, let last = records.last else { return nil }
        run.dirty.removeAll()
        run.dirtyTargets.removeAll()
        run.retiredAttempts.removeAll()
        run.dirtyClaims.removeAll()
        return LoadedRun(folded: run, head: JournalHead(sequence: last.sequence, hash: last.hash))
    }

    private mutating func begin(_ id: RunID, _ entry: Entry, _ record: JournalRecord) throws(StoreError) -> Run {
        guard case .created(let created) = entry else {
            throw .corrupt("the journal of run \(id) does not begin with its creation (record \(record.sequence))")
        }
        let index = try plan(created.plan)
        guard let run = Run(id: id, first: entry, at: record.at, index: index) else {
            throw .corrupt("the journal of run \(id) does not begin with its creation (record \(record.sequence))")
        }
        return run
    }

    mutating func plan(_ digest: Digest) throws(StoreError) -> PlanIndex {
        if let index = plans[digest] { return index }
        guard let bytes = try store.blob(digest) else { throw .corrupt("plan \(digest.short) is missing from the blob store") }
        guard hash(bytes) == digest else { throw .corrupt("plan \(digest.short) is not what was stored") }
        do {
            let index = PlanIndex(try JSON.parse(bytes, maxDepth: Limits.planDepth).decode(as: Plan.self))
            keep(index, as: digest)
            return index
        } catch {
            throw .corrupt("plan \(digest.short) cannot be read: \(error)")
        }
    }

    mutating func keep(_ index: PlanIndex, as digest: Digest) {
        if plans.count >= RunLoader.plansKept { plans.removeAll() }
        plans[digest] = index
    }
}
