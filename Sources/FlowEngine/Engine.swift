package import FlowModel
internal import Glibc
internal import Synchronization

/// The engine of one database: starts runs, takes commands and reports, and keeps everything moving.
///
/// ```swift
/// let engine = try Engine(store: store, dispatcher: workers, environment: environment)
/// let receipt = try await engine.start(request, by: actor)   // durable when it returns
/// await engine.shutdown()
/// ```
/// Every method that returns a result returns it after the commit. All of them may be called from anywhere.
package final class Engine: Sendable {
    private let inbox = Inbox()
    private let feed = ChangeFeed()
    let standstills = Standstills()
    let commitRefusals = CommitRefusals()
    private let hash: @Sendable ([UInt8]) -> Digest
    private let finished = Mutex<(isOver: Bool, waiting: [CheckedContinuation<Void, Never>])>((false, []))

    /// Takes the database into a new epoch, and takes over the runs that are open in it.
    package init(
        store: any JournalStore, dispatcher: any AttemptDispatcher, environment: EngineEnvironment
    ) throws(FlowError) {
        hash = environment.hash
        do throws(StoreError) {
            let writer = try Writer(
                store: store, dispatcher: dispatcher, environment: environment, inbox: inbox, feed: feed,
                standstills: standstills, commitRefusals: commitRefusals)
            startThread(of: writer)
        } catch {
            throw FlowError.storage(error, subject: "journal")
        }
    }

    private func startThread(of writer: sending Writer) {
        // The writer is made here and belongs to its thread from now on.
        nonisolated(unsafe) let writer = writer
        onThreadOfItsOwn { [self] in
            writer.run()
            feed.close()
            let waiting = finished.withLock { finished in
                finished.isOver = true
                defer { finished.waiting = [] }
                return finished.waiting
            }
            for continuation in waiting { continuation.resume() }
        }
    }

    // MARK: - Commands

    /// Starts a run. The same key with the same content gives the run that it gave before.
    package func start(_ request: StartRequest, by actor: Actor) async throws(FlowError) -> StartReceipt {
        try await reply { .start(request, actor, $0) }
    }

    /// Does what an operator or approver asks, or refuses it and changes nothing. Returns the run as it then is.
    package func perform(
        _ command: RunCommand, on run: RunID, by actor: Actor, message: String? = nil
    ) async throws(FlowError) -> RunRow {
        try await reply { .command(command, run, actor, message, $0) }
    }

    /// Records nominal times, and starts the runs that belong to them, in one transaction with how far their schedules are recorded.
    ///
    /// Gives the records as they are: one that was there before stays as it was, and nothing is started for it a second time.
    package func record(
        _ occurrences: [OccurrenceRequest], positions: [SchedulePosition] = []
    ) async throws(FlowError) -> [OccurrenceRow] {
        try await reply { .occurrences(occurrences, positions, $0) }
    }

    /// Freezes or windows have changed: lets what waits at a gate in these runs look again.
    package func lookAtGates(of runs: [RunID]) {
        for run in runs { _ = inbox.put(.gates(run)) }
    }

    /// Users, links, roles or lent rights have changed: the open gates of these runs look at their votes again.
    package func reviewVotes(of runs: [RunID]) {
        for run in runs { _ = inbox.put(.people(run)) }
    }

    /// Returns when everything that was decided before is committed.
    package func settle() async throws {
        try await exclusively { _ in }
    }

    /// Takes what a worker says. Never refused: there are at most as many reports as attempts.
    package func report(_ report: AttemptReport) {
        _ = inbox.put(.report(report))
    }

    /// The run that a step asked for, ready to begin. Nothing happens when the step does not wait for it any more.
    package func call(_ id: CallID, _ request: StartRequest, by actor: Actor) {
        _ = inbox.put(.call(id, request, actor))
    }

    /// The run that a step asked for cannot begin.
    package func refuse(_ id: CallID, because reason: String) {
        _ = inbox.put(.refuseCall(id, reason))
    }

    /// The hosts of a selector that a step has made, or why there are none: the error's message is for people. Nothing happens when nobody waits
    /// for them any more.
    package func answer(_ search: HostSearch, _ result: Result<[Host], FlowError>) {
        _ = inbox.put(.hosts(search.id, selector: search.selector, result))
    }

    private func reply<Value: Sendable>(
        _ item: @escaping (@escaping @Sendable (Result<Value, FlowError>) -> Void) -> Inbox.Item
    ) async throws(FlowError) -> Value {
        let result: Result<Value, FlowError> = await withCheckedContinuation { continuation in
            if !inbox.put(item({ continuation.resume(returning: $0) })) {
                continuation.resume(returning: .failure(Engine.overloaded))
            }
        }
        return try result.get()
    }

    private static let overloaded = FlowError(
        .overloaded, subject: "engine",
        "Nothing was changed: \(Limits.inbox) commands wait already, or the engine is shutting down. Try again in a second.")

    // MARK: - Around

    /// A wake-up for every new journal record, from now on.
    package func changes() -> AsyncStream<RunChange> { feed.subscribe() }

    /// Messages that wait for delivery, those behind `id`, oldest first.
    package func outbox(after id: Int = 0, limit: Int = Limits.messagePage) async -> [OutboxRow] {
        await withCheckedContinuation { continuation in
            let item = Inbox.Item.outbox(after: id, limit: limit) { continuation.resume(returning: $0) }
            if !inbox.put(item) { continuation.resume(returning: []) }
        }
    }

    /// What `read` finds of who has and who waits for which lock, limit or rate. Called on the writer's thread: must be quick. nil when the
    /// engine has ended.
    package func leases<Value: Sendable>(_ read: @escaping @Sendable (LeaseTable) -> Value) async -> Value? {
        await withCheckedContinuation { continuation in
            if !inbox.put(.leases { continuation.resume(returning: read($0)) }) { continuation.resume(returning: nil) }
        }
    }

    /// The engine's digest of a value in canonical form.
    package func digest(of value: JSON) -> Digest { hash(value.canonicalBytes) }

    /// A message was delivered and is not needed any more.
    package func acknowledge(outbox id: Int) {
        _ = inbox.put(.acknowledge(outbox: id))
    }

    /// Does work on the store between two commits, on the writer's thread: retention, backup. Must not take long.
    package func exclusively<Value: Sendable>(
        _ work: @escaping @Sendable (any JournalStore) throws -> Value
    ) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            let taken = inbox.put(.exclusively { store in continuation.resume(with: Result { try work(store) }) })
            if !taken { continuation.resume(throwing: Engine.overloaded) }
        }
    }

    /// Folds runs from what `reader` reads, away from the writer.
    package func folds(from reader: any JournalReader) -> RunReader { RunReader(reader, hash: hash) }

    /// Takes nothing more, commits what has arrived, and returns when the writer has ended. Scripts that run go on.
    package func shutdown() async {
        inbox.close()
        await withCheckedContinuation { continuation in
            let isOver = finished.withLock { finished in
                if !finished.isOver { finished.waiting.append(continuation) }
                return finished.isOver
            }
            if isOver { continuation.resume() }
        }
    }
}

/// What a start was answered with, after its commit.
package struct StartReceipt: Hashable, Sendable {
    package var run: RunID
    /// False when an earlier request with the same key had started it.
    package var isNew: Bool
    /// A new run as the commit left it. An older one is found where it is kept.
    package var row: RunRow?
}

/// Starts a thread of its own: for work that blocks.
private func onThreadOfItsOwn(_ body: @escaping @Sendable () -> Void) {
    final class Box: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
    pthread_attr_setstacksize(&attributes, 8 << 20)
    var thread = pthread_t()
    let box = Unmanaged.passRetained(Box(body))
    let status = pthread_create(
        &thread, &attributes,
        { pointer in
            guard let pointer else { return nil }
            Unmanaged<Box>.fromOpaque(pointer).takeRetainedValue().body()
            return nil
        }, box.toOpaque())
    pthread_attr_destroy(&attributes)
    precondition(status == 0, "no thread for the writer: error \(status)")
}
