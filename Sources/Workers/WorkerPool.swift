package import FlowModel
import Glibc
package import Logging
import Synchronization

/// The hands: carries out attempts, here and on hosts, a bounded number at once.
///
/// Attempts on hosts, those here, and those of before a restart have places of their own each: none keeps the others waiting. One whose
/// host does not answer at once lends its place out until it does. One of before a restart has its place while it is asked about, not while
/// it is followed: nothing of it is started here.
///
///     let pool = WorkerPool(places: .init(), home: home.path, transports: …, outputs: …, blobs: …, open: …) { engine.report($0) }
///     // as a service: await pool.run()
///     // at shutdown:  pool.drain()
///
/// Orders may come before `run` is called; they wait. Reports come from many tasks.
package final class WorkerPool: AttemptDispatcher {
    private enum Job: Sendable {
        case carryOut(LiveAttempt)
        /// Removes the records that wait for it, one after the other.
        case forget
        case run(@Sendable () async -> Void)
    }

    /// How many attempts are carried out at once.
    package struct Places: Sendable {
        /// On hosts.
        package var hosts: Int
        /// On this machine: more than it has cores for would only slow each other down.
        package var here: Int

        package init(hosts: Int = WorkerLimits.places, here: Int? = nil) {
            self.hosts = max(1, hosts)
            let cores = max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))
            self.here = max(1, here ?? min(self.hosts, max(WorkerLimits.placesHere, cores * WorkerLimits.placesHerePerCore)))
        }
    }

    /// A line in front of a number of places.
    fileprivate struct Line {
        let places: Int
        /// May pass `places` for a while: an attempt whose host comes back takes its place again.
        var taken = 0
        var waiting = FairLine<LiveAttempt>()
        /// Had their turn, lent their place out while they connected, and want the next one.
        var back: [(attempt: LiveAttempt, isIn: CheckedContinuation<Void, Never>)] = []

        mutating func add(_ attempt: LiveAttempt) {
            let order = attempt.order
            waiting.add(attempt, flow: order.flow, labels: order.labels, priority: order.priority, now: WorkerPool.seconds)
        }

        mutating func next() -> LiveAttempt? {
            guard taken < places, back.isEmpty, let attempt = waiting.next(now: WorkerPool.seconds) else { return nil }
            taken += 1
            return attempt
        }

        mutating func nextBack() -> (attempt: LiveAttempt, isIn: CheckedContinuation<Void, Never>)? {
            guard taken < places, !back.isEmpty else { return nil }
            taken += 1
            return back.removeFirst()
        }

        mutating func withdraw(_ attempt: LiveAttempt) -> Bool {
            let order = attempt.order
            return waiting.withdraw(attempt, flow: order.flow, labels: order.labels, priority: order.priority)
        }
    }

    /// A clock that does not go back.
    fileprivate static var seconds: Double {
        let (seconds, attoseconds) = (ContinuousClock.now - start).components
        return Double(seconds) + Double(attoseconds) / 1e18
    }
    private static let start = ContinuousClock.now

    fileprivate struct State {
        var live: [AttemptID: LiveAttempt] = [:]
        var starts: Line
        var here: Line
        var attaches: Line
        /// Attempts with a place whose host has not answered yet.
        var connecting: Set<AttemptID> = []
        /// Attempts without a place while their host has not answered yet, or cannot be asked.
        var slow: Set<AttemptID> = []
        var unreachable: Set<AttemptID> = []
        /// Attempts of before a restart, and such that only wait, that gave their place back: they are followed, and nothing of them is started here.
        var followed: Set<AttemptID> = []
        var forgets: [(AttemptID, Host?)] = []
        var forgetting = 0
        var isDraining = false
    }

    private let executors: Executors
    private let confinement: LaunchConfinement
    private let hosts: @Sendable (Host?) -> any HostRecording
    private let closeFarewells: @Sendable () -> Void
    private let logger: Logger
    private let report: @Sendable (AttemptReport) -> Void
    private let jobs: AsyncStream<Job>
    private let feed: AsyncStream<Job>.Continuation
    /// Told when no record is being removed any more.
    private let forgotten = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    private let state: Mutex<State>

    init(
        places: Places, home: String, hosts: @escaping @Sendable (Host?) -> any HostRecording, closeFarewells: @escaping @Sendable () -> Void,
        transports: @escaping @Sendable (Host?) -> any Transport, outputs: OutputStore, blobs: @escaping BlobSource,
        open: @escaping SecretOpener, confinement: LaunchConfinement, files: SourceFiles, http: HTTPAccess,
        executors: [any Executor.Type], logger: Logger, report: @escaping @Sendable (AttemptReport) -> Void
    ) {
        let (jobs, feed) = AsyncStream.makeStream(of: Job.self)
        (self.jobs, self.feed, self.report, self.hosts, self.logger) = (jobs, feed, report, hosts, logger)
        self.closeFarewells = closeFarewells
        self.confinement = confinement
        let parts = ExecutorParts(
            home: home, hosts: hosts, transports: transports, outputs: outputs, blobs: blobs, open: open, confinement: confinement,
            files: files, http: http, logger: logger, keep: { body in if case .enqueued = feed.yield(.run(body)) { true } else { false } })
        self.executors = Executors(all: executors.map { $0.init(parts) })
        state = Mutex(
            State(starts: Line(places: places.hosts), here: Line(places: places.here), attaches: Line(places: WorkerLimits.attaches)))
    }

    // MARK: - The engine's side

    package func dispatch(_ order: AttemptOrder) {
        let attempt = LiveAttempt(
            order, tell: { [weak self] attempt, event in self?.pass(event, of: attempt) },
            answered: { [weak self] attempt in await self?.takePlaceBack(attempt) },
            log: { [weak self] attempt, message in
                self?.logger.warning("a step waits", metadata: ["run": "\(attempt.id.run)", "step": "\(attempt.id.step)", "reason": "\(message)"])
            })
        state.withLock { state in
            // What is not taken stays with the journal: the next engine hands it out.
            guard !state.isDraining, state.live[order.id] == nil else { return }
            state.live[order.id] = attempt
            state[keyPath: State.line(of: attempt)].add(attempt)
        }
        startNext()
    }

    package func proceed(_ id: AttemptID) { state.withLock { $0.live[id] }?.proceed() }

    package func stop(_ id: AttemptID, force: Bool) {
        let (attempt, isWaiting) = state.withLock { state -> (LiveAttempt?, Bool) in
            guard let attempt = state.live[id] else { return (nil, false) }
            return (attempt, attempt.order.mode == .start && state[keyPath: State.line(of: attempt)].withdraw(attempt))
        }
        // One that ended meanwhile has reported how.
        guard let attempt else { return }
        attempt.stop(force: force)
        if isWaiting { finish(attempt, .cancelled, hadPlace: false) }
    }

    package func forget(_ id: AttemptID, target: Host?) {
        state.withLock { state in
            guard !state.isDraining, state.forgets.count < WorkerLimits.waitingForgets else { return }
            state.forgets.append((id, target))
            guard state.forgetting < WorkerLimits.forgets else { return }
            state.forgetting += 1
            feed.yield(.forget)
        }
    }

    // MARK: - Life

    /// Carries out what comes until `drain`, or until its task is cancelled; then everything is detached.
    package func run() async {
        await withTaskCancellationHandler {
            await withDiscardingTaskGroup { forgets in
                forgets.addTask { await self.watchFarewells() }
                await withDiscardingTaskGroup { work in
                    for await job in jobs {
                        if case .forget = job {
                            forgets.addTask { await self.perform(job) }
                        } else {
                            work.addTask { await self.perform(job) }
                        }
                    }
                    detachAll()
                    work.cancelAll()
                }
                await untilForgotten()
                forgets.cancelAll()
            }
        } onCancel: {
            feed.finish()
        }
    }

    /// A connection that waits for the word to forget does not wait for ever: an outcome that comes too late for the journal is not always followed
    /// by one.
    private func watchFarewells() async {
        while !Task.isCancelled {
            do {
                try await Task.sleep(for: .seconds(HostRecordLimits.farewellSeconds / 4))
                closeFarewells()
            } catch {
                // The workers end, and with them all connections.
            }
        }
    }

    /// Records hold output as it was written, secrets too: those of ended attempts are not left behind if that can be had soon.
    private func untilForgotten() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                // Cut short by whichever is over first.
                try? await Task.sleep(for: .seconds(WorkerLimits.forgetSeconds))
            }
            group.addTask { [self] in
                var news = forgotten.stream.makeAsyncIterator()
                while state.withLock({ $0.forgetting > 0 }), await news.next() != nil {}
            }
            await group.next()
            group.cancelAll()
        }
    }

    /// Ends `run`, once the records of ended attempts are removed, or after `WorkerLimits.forgetSeconds`. What runs on hosts and here, Swift steps
    /// too, runs on and is found again by the next engine; nothing is killed, and no report comes any more. Call it once, beside or after `run`.
    package func drain() {
        state.withLock { state in
            state.isDraining = true
            for attempt in state.starts.waiting.removeAll() + state.here.waiting.removeAll() { state.live[attempt.id] = nil }
        }
        feed.finish()
    }

    /// Why Swift steps are not kept from the engine's files on this machine; nil when they are.
    package func confinementFault() async -> String? { await confinement.fault() }

    /// Attempts whose output waits for room on this machine, and why, in order.
    package var roomFaults: [(id: AttemptID, reason: String)] {
        let live = state.withLock { Array($0.live.values) }
        return live.compactMap { attempt in attempt.roomFault.map { (attempt.id, $0) } }.sorted { ($0.0.run, $0.0.step) < ($1.0.run, $1.0.step) }
    }

    /// Attempts that are carried out, and those that wait for a place.
    package var load: (running: Int, waiting: Int) {
        state.withLock { state in
            let waiting = state.starts.waiting.count + state.here.waiting.count + state.attaches.waiting.count
            return (state.live.count - waiting, waiting)
        }
    }

    private func detachAll() {
        state.withLock { state in
            state.isDraining = true
            for attempt in state.live.values { attempt.detach() }
        }
    }

    // MARK: - Work

    private func perform(_ job: Job) async {
        switch job {
        case .run(let body): await body()
        case .carryOut(let attempt):
            let end = await carryOut(attempt)
            // Cancelled means that the workers end, not the attempt: what it came to because of that is nobody's outcome.
            if Task.isCancelled { attempt.detach() }
            finish(attempt, end, hadPlace: true)
        case .forget: await forgetAll()
        }
    }

    private func forgetAll() async {
        while let (id, target) = nextToForget() { await remove(id, target) }
    }

    private func nextToForget() -> (AttemptID, Host?)? {
        state.withLock { state in
            if !Task.isCancelled, let next = state.forgets.popLast() { return next }
            state.forgetting -= 1
            if state.forgetting == 0 { forgotten.continuation.yield() }
            return nil
        }
    }

    private func carryOut(_ attempt: LiveAttempt) async -> AttemptReport.Event {
        let isStart = attempt.order.mode == .start
        guard !isStart || state.withLock({ $0.connecting.contains(attempt.id) }) else { return await executors.carryOut(attempt) }
        return await withTaskGroup(of: AttemptReport.Event?.self) { group in
            group.addTask { [self] in
                do {
                    try await Task.sleep(for: .milliseconds(WorkerLimits.connectMilliseconds))
                    if isStart { lendPlaceOut(attempt) } else { onlyFollow(attempt) }
                } catch {
                    // It is over.
                }
                return nil
            }
            defer { group.cancelAll() }
            return await executors.carryOut(attempt)
        }
    }

    private func remove(_ id: AttemptID, _ target: Host?) async {
        if target == nil {
            do {
                for executor in executors.all where try await executor.forget(id) { return }
            } catch {
                // It stays: nobody asks about an attempt whose outcome is journaled.
                return logger.info("a record stays", metadata: ["run": "\(id.run)", "step": "\(id.step)", "reason": "\(error)"])
            }
        }
        await hosts(target).forget(id, target: target?.name)
    }

    private func startNext() {
        let back = state.withLock { state in
            var back: [CheckedContinuation<Void, Never>] = []
            while let (attempt, isIn) = state.starts.nextBack() {
                state.slow.remove(attempt.id)
                back.append(isIn)
            }
            while let attempt = state.starts.next() {
                state.connecting.insert(attempt.id)
                feed.yield(.carryOut(attempt))
            }
            while let attempt = state.here.next() { feed.yield(.carryOut(attempt)) }
            while let attempt = state.attaches.next() { feed.yield(.carryOut(attempt)) }
            return back
        }
        for isIn in back { isIn.resume() }
    }

    // MARK: - Places of those that connect

    /// It was asked about, or only waits: whether its host is silent or says how it goes on, the next one has its place.
    private func onlyFollow(_ attempt: LiveAttempt) {
        state.withLock { state in
            guard state.live[attempt.id] === attempt, state.followed.insert(attempt.id).inserted else { return }
            state.give(1, to: attempt)
        }
        startNext()
    }

    /// A host that does not answer must not keep others from starting.
    private func lendPlaceOut(_ attempt: LiveAttempt) {
        let isLent = state.withLock { state in
            guard state.connecting.contains(attempt.id), state.slow.count < WorkerLimits.slowConnects else { return false }
            state.connecting.remove(attempt.id)
            state.slow.insert(attempt.id)
            state.give(1, to: attempt)
            return true
        }
        if isLent { startNext() }
    }

    /// The host has answered: what had lent its place out waits for the next, before all that have not had their turn. Returns early when the
    /// task is cancelled.
    private func takePlaceBack(_ attempt: LiveAttempt) async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { isIn in
                let hasPlace = state.withLock { state in
                    state.connecting.remove(attempt.id)
                    guard state.slow.contains(attempt.id), !Task.isCancelled else { return true }
                    state.starts.back.append((attempt, isIn))
                    return false
                }
                if hasPlace { isIn.resume() } else { startNext() }
            }
        } onCancel: {
            let waiting = state.withLock { state in
                state.starts.back.firstIndex { $0.attempt === attempt }.map { state.starts.back.remove(at: $0).isIn }
            }
            waiting?.resume()
        }
    }

    /// The last report. The attempt is gone from here before the engine hears of it.
    private func finish(_ attempt: LiveAttempt, _ event: AttemptReport.Event, hadPlace: Bool) {
        state.withLock { state in
            state.live[attempt.id] = nil
            state.connecting.remove(attempt.id)
            let isLent = [
                state.unreachable.remove(attempt.id), state.slow.remove(attempt.id), state.followed.remove(attempt.id),
            ].contains { $0 != nil }
            if hadPlace, !isLent { state.give(1, to: attempt) }
        }
        startNext()
        attempt.report(event)
    }

    /// A host that cannot be asked must not keep others from starting: its attempt lends its place out meanwhile. What waits here waits for
    /// this machine, as others would.
    private func pass(_ event: AttemptReport.Event, of attempt: LiveAttempt) {
        switch event {
        case .started where attempt.order.work.onlyWaits && state.withLock({ $0.followed.count < WorkerLimits.waits }): onlyFollow(attempt)
        case .unreachable where attempt.order.target != nil && attempt.order.mode != .start: onlyFollow(attempt)
        case .unreachable where attempt.order.target != nil:
            state.withLock { state in
                guard !state.slow.contains(attempt.id), !state.followed.contains(attempt.id), state.unreachable.insert(attempt.id).inserted else {
                    return
                }
                state.give(1, to: attempt)
            }
            startNext()
        case .unreachable(let reason):
            logger.notice("a local step waits", metadata: ["run": "\(attempt.id.run)", "step": "\(attempt.id.step)", "reason": "\(reason)"])
        case .reachable: state.withLock { if $0.unreachable.remove(attempt.id) != nil { $0.give(-1, to: attempt) } }
        default: break
        }
        report(AttemptReport(id: attempt.id, fence: attempt.order.fence, event: event))
    }
}

extension WorkerPool.State {
    fileprivate static func line(of attempt: LiveAttempt) -> WritableKeyPath<WorkerPool.State, WorkerPool.Line> {
        guard attempt.order.mode == .start else { return \.attaches }
        return attempt.order.target == nil ? \.here : \.starts
    }

    /// Gives places back to the line of the attempt; takes them when negative.
    fileprivate mutating func give(_ count: Int, to attempt: LiveAttempt) {
        self[keyPath: WorkerPool.State.line(of: attempt)].taken -= count
    }
}

extension WorkerPool {
    /// - Parameters:
    ///   - places: attempts carried out at once, on hosts and here.
    ///   - home: `$FLOW_HOME`: records of Swift steps are kept there, and the processes of Swift steps see it empty.
    ///   - spool: where host records of this machine are; nil as `$FLOW_SPOOL` and the account say.
    ///   - transports: how to reach a host; nil is this machine. Asked once for each host.
    ///   - artifacts: where files of hosts are kept with their runs.
    ///   - confinement: what Swift steps may not reach; nil hides `home`. Files that are copied from here may not lie there either,
    ///     except in `spool`.
    ///   - http: how requests of flows get out, and where to they may.
    ///   - executors: one for each kind of work that a plan may name.
    ///   - logger: for what is nobody's outcome, such as a record that could not be removed.
    package convenience init(
        places: Places = Places(), home: String, spool: String? = nil,
        transports: @escaping @Sendable (Host?) -> any Transport, outputs: OutputStore, blobs: @escaping BlobSource,
        artifacts: any ArtifactStore, open: @escaping SecretOpener, confinement: LaunchConfinement? = nil, http: HTTPAccess = HTTPAccess(),
        executors: [any Executor.Type],
        logger: Logger = Logger(label: "flow.workers") { _ in SwiftLogNoOpLogHandler() },
        report: @escaping @Sendable (AttemptReport) -> Void
    ) {
        let records = HostRecords(spool: spool, logger: logger, transports: transports)
        let confinement = confinement ?? LaunchConfinement(hidden: [home])
        var sources = confinement
        sources.kept = spool
        self.init(
            places: places, home: home, hosts: { records.client(for: $0) }, closeFarewells: { records.closeFarewells() },
            transports: transports, outputs: outputs, blobs: blobs, open: open, confinement: confinement,
            files: SourceFiles(reach: sources, artifacts: artifacts),
            http: http, executors: executors, logger: logger, report: report)
    }
}

/// One client for each host: it keeps the connection of an ended attempt until the word to forget comes.
private final class HostRecords: Sendable {
    /// Hosts that changed in the inventory leave clients behind; nothing is lost when all are made anew.
    private static let limit = 16_384

    private let spool: String?
    private let logger: Logger
    private let transports: @Sendable (Host?) -> any Transport
    private let clients = Mutex<[Host?: HostRecordClient]>([:])

    init(spool: String?, logger: Logger, transports: @escaping @Sendable (Host?) -> any Transport) {
        self.spool = spool
        self.logger = logger
        self.transports = transports
    }

    func client(for host: Host?) -> HostRecordClient {
        clients.withLock { clients in
            if let client = clients[host] { return client }
            if clients.count >= HostRecords.limit { clients.removeAll() }
            let client = HostRecordClient(transport: transports(host), spool: host == nil ? spool : nil, logger: logger)
            clients[host] = client
            return client
        }
    }

    func closeFarewells() {
        for client in clients.withLock({ Array($0.values) }) { client.closeFarewells(olderThan: HostRecordLimits.farewellSeconds) }
    }
}
