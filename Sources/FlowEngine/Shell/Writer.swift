import FlowModel

/// The writer loop: takes what has arrived, runs the machine, commits everything in one transaction, then answers and acts.
///
/// Everything in here belongs to one thread. *Decide → commit → act*: nothing leaves before the commit that decided it, and a
/// commit that fails leaves nothing behind, since the runs it touched are folded again from the journal.
final class Writer {
    let store: any JournalStore
    let dispatcher: any AttemptDispatcher
    let environment: EngineEnvironment
    private let inbox: Inbox
    let feed: ChangeFeed
    let epoch: Int

    var loader: RunLoader
    let projection: Projection
    var cache: [RunID: LoadedRun] = [:]
    var timers = Timers()
    var wallHistory: WallHistory
    var leases: LeaseTable
    var sequence: Int
    /// Plan digest by revision, so that a known plan is not encoded again for every run.
    var planDigests: [Digest: Digest] = [:]
    /// Runs that are being folded, and which of them could not be in this turn.
    var folds: [RunFold] = []
    var foldFault: (run: RunID, error: StoreError)?
    /// Reports and looks that could not be committed, to be decided again, and what waits for a run that is being folded.
    var deferred: [Inbox.Item] = []
    /// A run could not be read in this turn, which may be otherwise in the next.
    var wasUnread = false
    var transaction: Transaction
    var chances: Chances
    /// A run that ends the engine even when it is only read: nothing touches it any more.
    var setAside: RunID?
    let standstills: Standstills
    let commitRefusals: CommitRefusals
    var refusals = Refusals()
    /// Who wants to know the outbox, or who has which lock, once what arrived before is committed.
    private var outboxReplies: [(after: Int, limit: Int, reply: ([OutboxRow]) -> Void)] = []
    private var leaseReplies: [(LeaseTable) -> Void] = []

    /// Parked runs that stay in memory for what comes next.
    static let parkedKept = 1_000
    /// Long ones among them that stay when there are more.
    static let longKept = 16
    /// Seconds until the store is tried again after it refused a commit.
    static let retrySeconds = 1.0
    private static let idleSeconds = 60.0

    init(
        store: any JournalStore, dispatcher: any AttemptDispatcher, environment: EngineEnvironment, inbox: Inbox,
        feed: ChangeFeed, standstills: Standstills, commitRefusals: CommitRefusals
    ) throws(StoreError) {
        self.store = store
        self.dispatcher = dispatcher
        self.environment = environment
        self.inbox = inbox
        self.feed = feed
        self.standstills = standstills
        self.commitRefusals = commitRefusals
        epoch = try store.beginEpoch()
        sequence = try store.lastSequence()
        loader = RunLoader(store: store, hash: environment.hash)
        projection = Projection(hash: environment.hash)
        transaction = Transaction(epoch: epoch, at: environment.moment)
        wallHistory = WallHistory(transaction.moment)
        chances = Chances(random: environment.random(2))
        leases = LeaseTable(rows: try store.claims(), rates: try store.rates(), now: environment.now())
        for timer in try store.timers() { timers.insert(timer, at: transaction.moment) }
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
            guard let items = inbox.take(limit: environment.itemsAtOnce, waitingAtMost: wait) else { break }
            let late = deferred.prefix(Limits.commitBatch)
            deferred.removeFirst(late.count)
            wasUnread = false
            begin(at: environment.moment)
            continueFold()
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
        answerDeferred()
    }

    private func begin(at moment: Moment) {
        transaction = Transaction(epoch: epoch, at: moment)
        let jump = wallHistory.note(moment)
        if jump != 0 { leases.clockWasSet(by: jump) }
    }

    /// After the commit: what was acknowledged before must not be in the answer, or it would be delivered again.
    private func answerOutbox() {
        for (id, limit, reply) in outboxReplies {
            var rows: [OutboxRow] = []
            do throws(StoreError) {
                rows = try store.outbox(after: id, limit: limit)
            } catch {
                environment.log(.error, "the outbox was not read: \(FlowError.storage(error, subject: "journal").message)")
            }
            reply(rows)
        }
        outboxReplies.removeAll()
    }

    private func secondsUntilNext() -> Double {
        if transaction.wasRefused { return Writer.retrySeconds }
        if !folds.isEmpty { return 0 }
        if wasUnread { return Writer.retrySeconds }
        if !deferred.isEmpty { return 0 }
        let now = environment.moment
        let rates = leases.nextMoment(at: now.wall)?.seconds(since: now.wall)
        guard let next = [timers.secondsUntilNext(at: now), rates].compactMap({ $0 }).min() else { return Writer.idleSeconds }
        return min(max(next, 0), Writer.idleSeconds)
    }

    private func take(_ item: Inbox.Item) {
        if waits(item) { return }
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
        case .people(let id):
            guard touch(id, else: item) else { return }
            transaction.repeatable.append(item)
            decide(.people, on: id)
        case .quarantine(let id):
            transaction.repeatable.append(item)
            quarantine(id)
        case .outbox(let id, let limit, let reply): outboxReplies.append((id, limit, reply))
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
        case .hosts(let id, let selector, let result):
            guard touch(id.run, else: item) else { return }
            transaction.repeatable.append(item)
            switch result {
            case .success(let hosts): decide(.hostsFound(id, selector: selector, hosts), on: id.run)
            case .failure(let error): decide(.hostsRefused(id, selector: selector, error.message), on: id.run)
            }
        case .consequence(let consequence):
            transaction.repeatable.append(item)
            take(consequence)
        case .exclusively(let work):
            takeTimers()
            takeWhatFollows()
            commit()
            work(store)
            // It may have removed plans that nothing named any more: the next run of one stores it again.
            planDigests.removeAll()
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
        while taken < Limits.commitBatch, let timer = timers.popDue(at: transaction.moment) {
            taken += 1
            guard touch(timer.id.run, ifUnread: { if !isFolding(timer.id.run) { deferred.append(.look(timer.id.run)) } }) else {
                unread.append(timer)
                continue
            }
            transaction.poppedTimers.append(timer)
            decide(.timer(timer.id.step), on: timer.id.run, fired: timer.due)
        }
        if wasUnread { for timer in unread { timers.putBack(timer, at: transaction.moment) } }
    }
}
