import FlowModel

/// A run in the writer's memory, with what its rows need beside the fold.
struct LoadedRun {
    var run: Run
    var head: JournalHead
    /// The inputs as one value, made once.
    var inputs: JSON
    /// The timers that the store has, by step: the first of what each waits for.
    var timers: [Int: Instant]
    /// All timers that what changed since the last commit wants.
    var newTimers: [TimerRow] = []
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

    /// Its journal takes long to be folded: some ten microseconds for each step.
    var isLong: Bool { run.steps.count >= LoadedRun.longSteps }
    private static let longSteps = 20_000
}

/// A run that is being folded from its journal, page by page.
struct RunFold {
    let id: RunID
    private(set) var run: Run?
    private(set) var head = JournalHead(sequence: 0, hash: JournalRecord.chainStart)
    private var index: PlanIndex?

    init(_ id: RunID) { self.id = id }

    /// The plan of the run whose first record comes next.
    mutating func begin(_ index: PlanIndex) { self.index = index }

    mutating func forgetChanges() { run?.forgetChanges() }

    /// What was folded, as it is in the store.
    var loaded: LoadedRun? {
        run.map { run in
            var run = run
            run.forgetChanges()
            return LoadedRun(folded: run, head: head)
        }
    }

    /// Takes the next record in, if its hash follows from the one before it.
    mutating func apply(
        _ record: JournalRecord, hash: ([UInt8]) -> Digest, fetch: (Digest) throws(StoreError) -> [UInt8]?
    ) throws(StoreError) {
        let input = JournalRecord.chainInput(previous: head.hash, run: id, sequence: record.sequence, at: record.at, bytes: record.bytes)
        guard record.run == id, hash(input) == record.hash else {
            throw .corrupt("journal record \(record.sequence) of run \(id) is not what was written (hash chain)")
        }
        head = JournalHead(sequence: record.sequence, hash: record.hash)
        for entry in try Entry.decode(record.bytes, fetch: fetch) {
            guard run == nil else {
                run?.apply(entry, at: record.at)
                continue
            }
            guard let index, let begun = Run(id: id, first: entry, at: record.at, index: index) else {
                throw .corrupt("the journal of run \(id) does not begin with its creation (record \(record.sequence))")
            }
            run = begun
        }
    }
}

extension Run {
    /// What was folded is in the store already.
    fileprivate mutating func forgetChanges() {
        dirty.removeAll()
        dirtyTargets.removeAll()
        retiredAttempts.removeAll()
        dirtyClaims.removeAll()
    }
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

    /// Records that are folded at once: some ten milliseconds.
    static let pageRecords = 2_000

    enum Progress {
        case going
        /// As its journal says; nil when there is none.
        case ended(LoadedRun?)
    }

    /// The run as its journal says; nil when there is none. Throws `corrupt` when a record or blob is not what was written.
    mutating func load(_ id: RunID) throws(StoreError) -> LoadedRun? {
        var fold = RunFold(id)
        while true {
            if case .ended(let loaded) = try advance(&fold) { return loaded }
        }
    }

    /// Folds the next page.
    mutating func advance(_ fold: inout RunFold) throws(StoreError) -> Progress {
        guard let records = try store.journalPage(of: fold.id, after: fold.head.sequence, limit: RunLoader.pageRecords) else {
            return .ended(nil)
        }
        for record in records { try apply(record, to: &fold) }
        fold.forgetChanges()
        guard records.count < RunLoader.pageRecords else { return .going }
        return .ended(fold.loaded)
    }

    private mutating func apply(_ record: JournalRecord, to fold: inout RunFold) throws(StoreError) {
        let store = self.store
        if fold.run == nil {
            let entries = try Entry.decode(record.bytes, fetch: { (digest) throws(StoreError) in try store.blob(digest) })
            if case .created(let created)? = entries.first { fold.begin(try plan(created.plan)) }
        }
        try fold.apply(record, hash: hash) { (digest) throws(StoreError) in try store.blob(digest) }
    }

    mutating func plan(_ digest: Digest) throws(StoreError) -> PlanIndex {
        if let index = plans[digest] { return index }
        let index = try RunLoader.index(digest, try store.blob(digest), hash: hash)
        keep(index, as: digest)
        return index
    }

    static func index(_ digest: Digest, _ bytes: [UInt8]?, hash: ([UInt8]) -> Digest) throws(StoreError) -> PlanIndex {
        guard let bytes else { throw .corrupt("plan \(digest.short) is missing from the blob store") }
        guard hash(bytes) == digest else { throw .corrupt("plan \(digest.short) is not what was stored") }
        do {
            return PlanIndex(try Plan(stored: try JSON.parse(bytes, maxDepth: Limits.planDepth)))
        } catch {
            throw .corrupt("plan \(digest.short) cannot be read: \(error)")
        }
    }

    mutating func keep(_ index: PlanIndex, as digest: Digest) {
        if plans.count >= RunLoader.plansKept { plans.removeAll() }
        plans[digest] = index
    }
}
