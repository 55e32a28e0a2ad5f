import FlowModel
internal import Glibc

/// The writer loop: takes what has arrived, runs the machine, commits everything in one transaction, then answers and acts.
///
/// Everything in here belongs to one thread. *Decide → commit → act*: nothing leaves before the commit that decided it, and a
/// commit that fails leaves nothing behind, since the runs it touched are folded again from the journal.
final class Writer {
    let store: any JournalStore
    private let dispatcher: any AttemptDispatcher
    let environment: EngineEnvironment
    private let inbox: Inbox
    private let feed: ChangeFeed
    private let epoch: Int

    private var loader: RunLoader
    private let projection: Projection
    var cache: [RunID: LoadedRun] = [:]
    private var timers = TimerQueue()
    var leases: LeaseTable
    private var sequence: Int
    /// Plan digest by revision, so that a known plan is not encoded again for every run.
    private var planDigests: [Digest: Digest] = [:]
    /// Reports and looks that could not be committed, to be decided again.
    private var deferred: [Inbox.Item] = []
    /// A run could not be read in this turn, which may be otherwise in the next.
    private var wasUnread = false
    var transaction: Transaction
    private var chances: Chances
    /// A run that ends the engine even when it is only read: nothing touches it any more.
    private var setAside: RunID?
    private let standstills: Standstills
    private var refusals = Refusals()
    /// Who wants to know the outbox, or who has which lock, once what arrived before is committed.
    private var outboxReplies: [([OutboxRow]) -> Void] = []
    private var leaseReplies: [(LeaseTable) -> Void] = []

    /// Parked runs that stay in memory for what comes next.
    static let parkedKept = 1_000
    /// Seconds until the store is tried again after it refused a commit.
    static let retrySeconds = 1.0
    private static let idleSeconds = 60.0

    init(
        store: any JournalStore, dispatcher: any AttemptDispatcher, environment: EngineEnvironment, inbox: Inbox,
        feed: ChangeFeed, standstills: Standstills
    ) throws(StoreError) {
        self.store = store
        self.dispatcher = dispatcher
        self.environment = environment
        self.inbox = inbox
        self.feed = feed
        self.standstills = standstills
        epoch = try store.beginEpoch()
        sequence = try store.lastSequence()
        loader = RunLoader(store: store, hash: environment.hash)
        projection = Projection(hash: environment.hash)
        transaction = Transaction(epoch: epoch, now: environment.now())
        chances = Chances(random: environment.random(2))
        leases = LeaseTable(rows: try store.claims(), rates: try store.rates(), now: environment.now())
        for timer in try store.timers() { timers.insert(timer) }
        deferred = try quarantine() + store.liveRuns().map { .look($0) }
    }

    /// What to do first about the run that the process before this one ended with: the second time it is paused, before anything
    /// else of it is decided; if that did not help, it is left alone.
    private func quarantine() throws(StoreError) -> [Inbox.Item] {
        guard let run = environment.trapped else { return [] }
        let before = try store.breadcrumb()
        let crashes = (before?.run == run ? before?.crashes ?? 0 : 0) + 1
        try store.setBreadcrumb(Breadcrumb(run: run, crashes: crashes))
        environment.log(.error, "the engine ended by a trap with run \(run) in hand (\(crashes) times)")
        if crashes > Limits.crashesUntilQuarantine {
            setAside = run
            standstills.note(run, "the engine ended \(crashes) times with it in hand")
        }
        return crashes == Limits.crashesUntilQuarantine ? [.quarantine(run)] : []
    }

    // MARK: - The loop

    func run() {
        while true {
            let wait = secondsUntilNext()
            guard let items = inbox.take(limit: Limits.commitBatch, waitingAtMost: wait) else { break }
            let late = deferred.prefix(Limits.commitBatch)
            deferred.removeFirst(late.count)
            wasUnread = false
            transaction = Transaction(epoch: epoch, now: environment.now())
            for item in late { take(item) }
            for item in items { take(item) }
            takeTimers()
            takeWhatFollows()
            environment.breadcrumb(nil)
            commit()
            answerOutbox()
            for reply in leaseReplies { reply(leases) }
            leaseReplies.removeAll()
        }
    }

    /// After the commit: what was acknowledged before must not be in the answer, or it would be delivered again.
    private func answerOutbox() {
        guard !outboxReplies.isEmpty else { return }
        var rows: [OutboxRow] = []
        do throws(StoreError) {
            rows = try store.outbox()
        } catch {
            environment.log(.error, "the outbox was not read: \(FlowError.storage(error, subject: "journal").message)")
        }
        for reply in outboxReplies { reply(rows) }
        outboxReplies.removeAll()
    }

    private func secondsUntilNext() -> Double {
        if wasUnread { return Writer.retrySeconds }
        if transaction.wasRefused { return Writer.retrySeconds }
        if !deferred.isEmpty { return 0 }
        let now = environment.now()
        guard let next = [timers.next, leases.nextMoment(at: now)].compactMap({ $0 }).min() else { return Writer.idleSeconds }
        return min(max(next.seconds(since: now), 0), Writer.idleSeconds)
    }

    private func take(_ item: Inbox.Item) {
        switch item {
        case .start(let request, let actor, let reply): start(request, by: actor, reply)
        case .command(let command, let id, let actor, let message, let reply):
            perform(.command(command, by: actor, message: message), on: id, reply)
        case .occurrences(let requests, let positions, let reply): record(requests, positions, reply)
        case .report(let report):
            guard touch(report.id.run, else: item) else { return }
            transaction.repeatable.append(item)
            decide(.report(report), on: report.id.run)
        case .look(let id):
            guard touch(id, else: item) else { return }
            transaction.repeatable.append(item)
        case .gates(let id):
            guard touch(id, else: item) else { return }
            transaction.repeatable.append(item)
            decide(.gates, on: id)
        case .quarantine(let id):
            transaction.repeatable.append(item)
            quarantine(id)
        case .outbox(let reply): outboxReplies.append(reply)
        case .leases(let reply): leaseReplies.append(reply)
        case .acknowledge(let id):
            transaction.repeatable.append(item)
            transaction.batch.removeOutbox.append(id)
        case .call(let id, let request, let actor):
            guard touch(id.run, else: item) else { return }
            transaction.repeatable.append(item)
            begin(id, request, by: actor)
        case .refuseCall(let id, let reason):
            guard touch(id.run, else: item) else { return }
            transaction.repeatable.append(item)
            decide(.callRefused(id, reason), on: id.run)
        case .consequence(let consequence):
            transaction.repeatable.append(item)
            take(consequence)
        case .exclusively(let work):
            takeWhatFollows()
            commit()
            work(store)
        }
    }

    /// Pauses the run without taking over its attempts first: that may be what ended the engine.
    private func quarantine(_ id: RunID) {
        do throws(StoreError) {
            guard cache[id] == nil, let loaded = try loader.load(id), !loaded.run.state.isTerminal else { return }
            cache[id] = loaded
            decide(.quarantine("the engine ended \(Limits.crashesUntilQuarantine) times with this run in hand"), on: id)
        } catch {
            standstills.note(id, error)
            environment.log(.error, "run \(id) is set aside: \(error)")
        }
    }

    private func takeTimers() {
        var taken = 0
        var unread: [TimerRow] = []
        while taken < Limits.commitBatch, let timer = timers.popDue(at: transaction.now) {
            taken += 1
            guard touch(timer.id.run, else: .look(timer.id.run)) else {
                unread.append(timer)
                continue
            }
            transaction.poppedTimers.append(timer)
            decide(.timer(timer.id.step), on: timer.id.run)
        }
        if wasUnread { for timer in unread { timers.insert(timer) } }
    }

    // MARK: - Deciding

    private func context() -> RunMachine.Context {
        let (now, closure) = (transaction.now, environment.closure)
        return RunMachine.Context(
            now: now, epoch: epoch, chance: chances.next(), worker: environment.worker, isRestored: environment.isRestored,
            closure: { closure($0, now) }, hash: environment.hash)
    }

    private func start(_ request: StartRequest, by actor: Actor, _ reply: @escaping (Result<StartReceipt, FlowError>) -> Void) {
        do {
            if let receipt = try existing(request) { return transaction.startReplies.append((receipt, reply)) }
            let id = try begin(request, by: actor)
            transaction.startReplies.append((StartReceipt(run: id, isNew: true), reply))
        } catch let error as FlowError {
            reply(.failure(error))
        } catch {
            reply(.failure(FlowError.storage(error, subject: request.plan.flow)))
        }
    }

    func begin(_ request: StartRequest, by actor: Actor, calledBy parent: CallID? = nil) throws -> RunID {
        let now = transaction.now
        let id = RunID(at: now, random: environment.random(10))
        let (planDigest, index) = try plan(of: request)
        let created = Created(
            flow: request.plan.flow, revision: request.revision, plan: planDigest, binary: request.binary,
            inputs: request.inputs, targets: request.targets, labels: request.labels, key: request.key,
            user: actor.user, person: actor.person, holdBefore: request.holdBefore, parent: parent, callers: callers(parent),
            priority: parent.flatMap { cache[$0.run]?.run.priority } ?? request.priority ?? request.plan.control?.priority,
            limit: request.limit)
        try meetOverlap(of: request.plan, by: actor)
        guard var run = Run(id: id, first: .created(created), at: now, index: index) else {
            throw FlowError(.internal, subject: id.text, "Nothing was started: the run's first entry is not its creation.")
        }
        environment.breadcrumb(id)
        let decision = try RunMachine.decide(.begin, on: &run, in: context())
        cache[id] = LoadedRun(new: run)
        transaction.batch.fingerprints[id] = request.fingerprint
        if let key = request.key { transaction.keys[key] = (id, request.fingerprint) }
        transaction.add(decision, to: id, before: [.created(created)])
        note(decision, of: run)
        noteClaims(of: id)
        return id
    }

    /// The run that an earlier request with the same key started.
    private func existing(_ request: StartRequest) throws -> StartReceipt? {
        guard let key = request.key else { return nil }
        guard let (id, fingerprint) = try transaction.keys[key] ?? store.run(key: key) else { return nil }
        guard fingerprint == request.fingerprint else {
            throw FlowError(
                .keyReused, subject: key,
                "No run was started: key '\(key)' belongs to run \(id), which was asked for with other content.",
                hint: "flowctl show \(id)")
        }
        return StartReceipt(run: id, isNew: false)
    }

    private func plan(of request: StartRequest) throws -> (Digest, PlanIndex) {
        if let digest = planDigests[request.revision], let index = loader.plans[digest] { return (digest, index) }
        let bytes = try JSON(encoding: request.plan).canonicalBytes
        let digest = environment.hash(bytes)
        let index = PlanIndex(request.plan)
        loader.keep(index, as: digest)
        if planDigests.count >= RunLoader.plansKept { planDigests.removeAll() }
        planDigests[request.revision] = digest
        transaction.batch.blobs.append((digest, bytes))
        transaction.newPlans.append(request.revision)
        return (digest, index)
    }

    private func perform(
        _ event: RunMachine.Event, on id: RunID, _ reply: @escaping (Result<RunRow, FlowError>) -> Void
    ) {
        do throws(FlowError) {
            guard try touchOrThrow(id) else {
                throw FlowError(.notFound, subject: id.text, "There is no run \(id).", hint: "flowctl list")
            }
            try decideOrThrow(event, on: id)
            transaction.runReplies.append((id, reply))
        } catch {
            reply(.failure(error))
        }
    }

    /// Decides an event that nobody waits for.
    func decide(_ event: RunMachine.Event, on id: RunID) {
        guard touch(id) else { return }
        do throws(FlowError) {
            try decideOrThrow(event, on: id)
        } catch {
            environment.log(.error, "run \(id): \(error)")
        }
    }

    private func decideOrThrow(_ event: RunMachine.Event, on id: RunID) throws(FlowError) {
        environment.breadcrumb(id)
        guard var loaded = cache.removeValue(forKey: id) else { return }
        do {
            defer { cache[id] = loaded }
            let decision = try RunMachine.decide(event, on: &loaded.run, in: context())
            transaction.add(decision, to: id)
            note(decision, of: loaded.run)
        }
        if !loaded.run.dirtyClaims.isEmpty { noteClaims(of: id) }
    }

    /// Decides what another run asks for; that the run has come further meanwhile is nobody's fault.
    func decideIfAccepted(_ event: RunMachine.Event, on id: RunID) {
        do throws(FlowError) {
            try decideOrThrow(event, on: id)
        } catch {
            if error.code != .conflict { environment.log(.error, "run \(id): \(error)") }
        }
    }

    /// What the decisions of this turn mean for other runs: consequences of calls, and turns at locks. One may lead to the other.
    private func takeWhatFollows() {
        repeat {
            takeConsequences()
            grantClaims()
        } while !transaction.consequences.isEmpty
    }

    /// Brings the run into memory, and takes over what an older epoch handed out. False when there is no such run, or it cannot
    /// be read (which is logged).
    func touch(_ id: RunID) -> Bool {
        do throws(FlowError) {
            return try touchOrThrow(id)
        } catch {
            environment.log(.error, "run \(id) is set aside: \(error)")
            return false
        }
    }

    /// The same for what nobody would send again: it is taken again later when the store refused to read the run.
    private func touch(_ id: RunID, else item: Inbox.Item) -> Bool {
        touch(id) { deferred.append(item) }
    }

    /// The same for what a decision of this transaction means, which is forgotten with it when the commit is refused.
    func touch(_ id: RunID, orLater consequence: Consequence) -> Bool {
        touch(id) { transaction.later.append(consequence) }
    }

    private func touch(_ id: RunID, ifUnread: () -> Void) -> Bool {
        let before = wasUnread
        wasUnread = false
        defer { wasUnread = wasUnread || before }
        if touch(id) { return true }
        if wasUnread { ifUnread() }
        return false
    }

    /// The same for what cannot be decided without the run: the store's refusal to read it is everybody's.
    func touchOrRefuse(_ id: RunID) throws(StoreError) -> Bool {
        let before = wasUnread
        wasUnread = false
        defer { wasUnread = wasUnread || before }
        let isThere = touch(id)
        if wasUnread { throw .refused("run \(id) could not be read") }
        return isThere
    }

    private func touchOrThrow(_ id: RunID) throws(FlowError) -> Bool {
        if cache[id] != nil { return true }
        if id == setAside {
            throw FlowError(
                .internal, subject: id.text,
                "Run \(id) was not touched: the engine ended \(Limits.crashesUntilQuarantine + 1) times with it in hand. This is a bug of Flow.",
                hint: "flowctl doctor")
        }
        environment.breadcrumb(id)
        do throws(StoreError) {
            guard let loaded = try loader.load(id) else { return false }
            cache[id] = loaded
            dropOrphans(of: loaded.run)
        } catch {
            standstills.note(id, error)
            if case .refused = error { wasUnread = true }
            throw FlowError.storage(error, subject: id.text)
        }
        try decideOrThrow(.recover, on: id)
        return true
    }

    // MARK: - Committing

    private func commit() {
        var batch = transaction.batch
        for id in transaction.order { record(id, in: &batch) }
        batch.removeClaims += transaction.orphans
        batch.rates = leases.changedRates
        guard !batch.isEmpty else { return publish(batch) }
        do throws(StoreError) {
            try store.commit(batch)
            if let message = refusals.ended(at: transaction.now) { environment.log(.info, message) }
            publish(batch)
        } catch {
            rollBack(error)
        }
    }

    /// Adds the journal record and the rows of one run to the batch.
    private func record(_ id: RunID, in batch: inout CommitBatch) {
        guard var loaded = cache.removeValue(forKey: id), let change = transaction.changes[id] else { return }
        defer { cache[id] = loaded }
        guard !change.entries.isEmpty else { return }
        sequence += 1
        let at = transaction.now
        let bytes = Entry.encode(change.entries) { bytes in
            let digest = environment.hash(bytes)
            batch.blobs.append((digest, bytes))
            return digest
        }
        let input = JournalRecord.chainInput(
            previous: loaded.head.hash, run: id, sequence: sequence, at: at, bytes: bytes)
        let hash = environment.hash(input)
        batch.records.append(JournalRecord(sequence: sequence, run: id, at: at, hash: hash, bytes: bytes))
        loaded.head = JournalHead(sequence: sequence, hash: hash)
        for (number, notice) in change.notices.enumerated() {
            let id = OutboxRow.id(record: sequence, notice: number)
            batch.addOutbox.append(OutboxRow(id: id, run: loaded.run.id, kind: notice["kind"]?.text ?? "", body: notice))
        }
        projection.write(&loaded, to: &batch)
    }

    private func publish(_ batch: CommitBatch) {
        leases.commit()
        for timer in batch.setTimers { timers.insert(timer) }
        for (receipt, reply) in transaction.startReplies {
            var receipt = receipt
            if receipt.isNew { receipt.row = cache[receipt.run].map(projection.runRow) }
            reply(.success(receipt))
        }
        for (rows, reply) in transaction.occurrenceReplies { reply(.success(rows)) }
        for (id, reply) in transaction.runReplies {
            guard let loaded = cache[id] else { continue }
            reply(.success(projection.runRow(of: loaded)))
        }
        for row in batch.runs {
            let hasMessages = transaction.changes[row.id]?.notices.isEmpty == false
            feed.send(RunChange(run: row.id, sequence: row.head.sequence, state: row.state, hasMessages: hasMessages))
        }
        for id in transaction.order {
            for action in transaction.changes[id]?.actions ?? [] { carryOut(action) }
        }
        for id in transaction.order { evictIfDone(id) }
        deferred += transaction.later.map { .consequence($0) }
        transaction = Transaction(epoch: epoch, now: environment.now())
    }

    private func carryOut(_ action: RunMachine.Action) {
        switch action {
        case .dispatch(let order): dispatcher.dispatch(order)
        case .proceed(let id): dispatcher.proceed(id)
        case .stop(let id, let force): dispatcher.stop(id, force: force)
        case .forget(let id, let target): dispatcher.forget(id, target: target)
        case .call(let order): environment.call(order)
        // Those that are about other runs were taken before the commit.
        case .child, .lookAtChild: break
        }
    }

    private func evictIfDone(_ id: RunID) {
        guard let loaded = cache[id] else { return }
        if loaded.run.state.isTerminal || loaded.isParked && cache.count > Writer.parkedKept { cache[id] = nil }
    }

    /// Nothing was kept: forget what was decided, tell those who wait, and decide the rest again later.
    private func rollBack(_ error: StoreError) {
        for id in transaction.order { cache[id] = nil }
        leases.rollBack()
        for revision in transaction.newPlans { planDigests[revision] = nil }
        for timer in transaction.poppedTimers { timers.insert(timer) }
        let refusal = FlowError.storage(error, subject: "journal")
        for (_, reply) in transaction.startReplies { reply(.failure(refusal)) }
        for (_, reply) in transaction.runReplies { reply(.failure(refusal)) }
        for (_, reply) in transaction.occurrenceReplies { reply(.failure(refusal)) }
        let again = transaction.repeatable
        transaction = Transaction(epoch: epoch, now: environment.now())
        if case .fatal(let message) = error {
            environment.log(.error, "the journal is lost to this process: \(message)")
            environment.fatal(message)
            return
        }
        if let message = refusals.note(refusal.message, at: transaction.now) { environment.log(.error, message) }
        transaction.wasRefused = true
        deferred = again + deferred
    }
}

/// Numbers in 0..<1 for the jitter of delays: far apart from each other, which is all that jitter needs, and without a system call for
/// each decision. Multiples of the golden ratio from a first one by chance.
private struct Chances {
    private static let step = 0.618_033_988_749_894_9
    private var value: Double

    init(random: [UInt8]) { value = random.reduce(0.0) { ($0 + Double($1)) / 256 } }

    mutating func next() -> Double {
        value += Chances.step
        if value >= 1 { value -= 1 }
        return value
    }
}
