import FlowModel
import Glibc
import Synchronization

/// A flow host: the long-lived process that runs the Swift steps of one flow binary, many at a time.
///
///     let process = try await FlowHostProcess.start(…)
///     // in a task of its own: await process.serve()
///     if let id = process.begin(request, record: file, tail, output: recorder) { answer = await process.answer(id) }
///
/// It outlives the engine: what runs in it goes on to its recorded end, and the next engine follows it as a `FormerHost`.
/// Steps share the process. One that ignores its cancellation can only be ended with it: then the process takes no further steps, and
/// is killed as soon as only such steps are left in it, or after `WorkerLimits.stubbornSeconds`; others that ran in it are lost.
/// What its steps started ends with it, unless it ends well, for want of work.
final class FlowHostProcess: Sendable {
    enum Answer: Hashable, Sendable {
        case ended(StepTail.End)
        /// The process ended first.
        case died(String)
        /// The engine goes away; the step goes on.
        case detached
    }

    private struct Exchange {
        var tail: StepTail
        var output: OutputRecorder
        var answer: Answer?
        var waiter: CheckedContinuation<Answer, Never>?
    }

    private struct Frame {
        var bytes: [UInt8]
        var record: OwnedDescriptor?
    }

    private struct State {
        var exchanges: [Int: Exchange] = [:]
        var next = 1
        /// The secrets that the process was ever given, in how many sets they came, and how long all of them are.
        var secrets: Set<String> = []
        var secretSets = 0
        var secretBytes = 0
        /// Exchanges that can only be ended with the process.
        var doomed: Set<Int> = []
        var isRetired = false
        var idleSince = ContinuousClock.now
        var reason: String?
    }

    let child: ChildProcess
    private let requests: PipeEnd
    private let news: PipeEnd
    private let printed: [PrintedStream]
    private let frames: AsyncStream<Frame>
    private let frameFeed: AsyncStream<Frame>.Continuation
    private let state = Mutex(State())

    private init(child: ChildProcess, requests: PipeEnd, news: PipeEnd, output: PipeEnd, errors: PipeEnd) {
        self.child = child
        self.requests = requests
        self.news = news
        printed = [PrintedStream(output), PrintedStream(errors)]
        (frames, frameFeed) = AsyncStream.makeStream()
    }

    /// Starts it. `program` is an open descriptor of the flow binary and stays the caller's.
    static func start(program: CInt, by start: ConfinedStart) async throws -> FlowHostProcess {
        var theirs: [CInt] = [-1]
        defer { for descriptor in theirs.dropFirst() { Glibc.close(descriptor) } }
        var wakeups: [Wakeup] = []
        func end(_ make: (Wakeup) throws -> (child: CInt, end: PipeEnd)) throws -> PipeEnd {
            let wakeup = Wakeup()
            let (child, end) = try make(wakeup)
            theirs.append(child)
            wakeups.append(wakeup)
            return end
        }
        func pipe() throws -> PipeEnd { try end { try PipeEnd.make(childReads: false, wakeup: $0) } }
        // Descriptors 1 to 4.
        let (output, errors) = (try pipe(), try pipe())
        let (requests, news) = (try end { try PipeEnd.makeConnection(wakeup: $0) }, try pipe())
        let child = try await start(
            Launch(
                program: .descriptor(program), arguments: ["flow-host", "serve", "3", "4"],
                environment: start.wanted.environment().merging(libraries) { _, own in own }, descriptors: theirs, extent: .whole))
        let everyone = wakeups
        child.whenEnded { _ in for wakeup in everyone { wakeup.signal() } }
        return FlowHostProcess(child: child, requests: requests, news: news, output: output, errors: errors)
    }

    /// Where there is no toolchain, a flow finds Swift's libraries where they were installed beside this program.
    ///
    /// Looked for when the workers begin: a program whose file an upgrade has replaced does not know any more where it was.
    static let libraries: [String: String] = {
        var environment: [String: String] = [:]
        if let program = realpath("/proc/self/exe", nil) {
            defer { free(program) }
            let folder = String(cString: program).split(separator: "/").dropLast(2).map { "/\($0)" }.joined()
            let runtime = folder + "/lib/flow/runtime"
            if access(runtime, F_OK) == 0 { environment["LD_LIBRARY_PATH"] = runtime }
        }
        return environment
    }()

    // MARK: - Steps

    /// Sends a request with its record, which `tail` reads, and gives its number; nil when the process takes no further steps.
    ///
    /// `secrets`: what of the request nobody may be shown. All that the process was ever given are masked in what it prints, so it is given no
    /// more than `WorkerLimits.hostSecretSets` and `hostSecretBytes` of them: then another process takes its place.
    func begin(
        _ request: [String: JSON], record: OwnedDescriptor, _ tail: StepTail, output: OutputRecorder, secrets: AttemptSecrets
    ) -> Int? {
        guard mask(secrets) else {
            retire()
            return nil
        }
        let id = state.withLock { state -> Int? in
            guard !state.isRetired else { return nil }
            defer { state.next += 1 }
            state.exchanges[state.next] = Exchange(tail: tail, output: output)
            return state.next
        }
        guard let id else { return nil }
        let bytes = HostFrames.frame(.object(request.merging(["id": .int(id)]) { _, id in id }))
        frameFeed.yield(Frame(bytes: bytes, record: record))
        return id
    }

    /// False when it was given as many as it may have.
    private func mask(_ secrets: AttemptSecrets) -> Bool {
        let (values, prepared) = (secrets.values, secrets.patterns)
        return state.withLock { state in
            let fresh = values.subtracting(state.secrets)
            guard !fresh.isEmpty else { return true }
            let bytes = state.secretBytes + fresh.reduce(0) { $0 + $1.utf8.count }
            // The first step of a process is taken in any case: there is none that would take it instead.
            guard
                state.secretSets == 0 || state.secretSets < WorkerLimits.hostSecretSets && bytes <= WorkerLimits.hostSecretBytes
            else { return false }
            state.secretSets += 1
            state.secretBytes = bytes
            state.secrets.formUnion(fresh)
            // What it has already is looked for already: only what is new costs memory again.
            let patterns = fresh == values ? prepared : SecretPatterns(fresh)
            // Under the lock: nobody is to take them for masked before they are.
            for stream in printed { stream.mask(patterns) }
            return true
        }
    }

    /// Waits for the answer. A task is cancelled only because the engine goes away; to end one step, cancel it.
    func answer(_ id: Int) async -> Answer {
        let answer = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let early = state.withLock { state -> Answer? in
                    if let answer = state.exchanges[id]?.answer { return answer }
                    state.exchanges[id]?.waiter = continuation
                    return nil
                }
                if let early { continuation.resume(returning: early) }
            }
        } onCancel: {
            settle(id, .detached)
        }
        let isOver = state.withLock { state in
            state.exchanges[id] = nil
            state.doomed.remove(id)
            state.idleSince = .now
            return state.isRetired && state.exchanges.isEmpty
        }
        endIfOnlyDoomed()
        if isOver { requests.close() }
        return answer
    }

    /// Asks a step to end.
    func cancel(_ id: Int) { frameFeed.yield(Frame(bytes: HostFrames.frame(["cancel": .int(id)]))) }

    /// The step ignored that: the process ends as soon as only such steps are left.
    func doom(_ id: Int) {
        state.withLock { state in
            guard state.exchanges[id] != nil else { return }
            state.doomed.insert(id)
            state.isRetired = true
        }
        endIfOnlyDoomed()
    }

    private func endIfOnlyDoomed() {
        let isTime = state.withLock { state in
            !state.doomed.isEmpty && state.exchanges.keys.allSatisfy { state.doomed.contains($0) }
        }
        if isTime { kill("a step in it ignored its cancellation") }
    }

    // MARK: - Life

    /// Takes no further steps, and ends when it has none.
    func retire() {
        let isIdle = state.withLock { state in
            state.isRetired = true
            return state.exchanges.isEmpty
        }
        if isIdle { requests.close() }
    }

    /// How long it has had no step; nil while it has one, or takes none any more.
    var idleTime: Duration? {
        state.withLock { $0.exchanges.isEmpty && !$0.isRetired ? ContinuousClock.now - $0.idleSince : nil }
    }

    /// Ends it now, with everything that its steps started. `reason` stands in the message of the steps that are lost; nil: the way it ended does.
    func kill(_ reason: String?) {
        state.withLock { state in
            state.isRetired = true
            state.reason = state.reason ?? reason
        }
        child.kill()
    }

    /// Looks after the process until it has ended. On cancellation it is left alone, and ends when its steps have.
    func serve() async {
        let ended = Wakeup()
        child.whenEnded { _ in ended.signal() }
        await withDiscardingTaskGroup { group in
            group.addTask { await self.writeFrames() }
            group.addTask { await self.endWhenIdle() }
            await withDiscardingTaskGroup { readers in
                readers.addTask { await self.readNews() }
                for stream in self.printed { readers.addTask { await self.readPrinted(stream) } }
            }
            do {
                while child.endIfKnown == nil { try await ended.wait() }
            } catch {
                // Cancelled: nobody waits for answers any more.
            }
            if let end = child.endIfKnown { finish(end) }
            group.cancelAll()
        }
        for pipe in [requests, news] { pipe.close() }
        for stream in printed { stream.close() }
    }

    private func finish(_ end: ChildProcess.End) {
        let waiting = state.withLock { state -> [(CheckedContinuation<Answer, Never>, Answer)] in
            state.isRetired = true
            let answer = Answer.died("the flow's process ended while the step ran: \(state.reason ?? end.description)")
            var waiting: [(CheckedContinuation<Answer, Never>, Answer)] = []
            for id in state.exchanges.keys where state.exchanges[id]?.answer == nil {
                state.exchanges[id]?.answer = answer
                if let waiter = state.exchanges[id]?.waiter { waiting.append((waiter, answer)) }
                state.exchanges[id]?.waiter = nil
            }
            return waiting
        }
        for (waiter, answer) in waiting { waiter.resume(returning: answer) }
    }

    private func writeFrames() async {
        for await frame in frames {
            do {
                try await requests.write(frame.bytes, sending: frame.record?.number)
            } catch is CancellationError {
                return
            } catch {
                // It reads no more: what it still has to say is read until it ends.
                return kill("it no longer reads requests (\(error))")
            }
        }
    }

    /// Reads the records whenever one has grown.
    private func readNews() async {
        do {
            while try await news.read(until: child) != nil { try await readRecords() }
            // What it wrote before it ended.
            try await readRecords()
            // One that is just ending closes them a moment before; to that one this does nothing.
            kill(nil)
        } catch is CancellationError {
            return
        } catch {
            kill("\(error)")
        }
    }

    private func readRecords() async throws {
        for (id, tail) in state.withLock({ $0.exchanges.filter { $0.value.answer == nil }.map { ($0.key, $0.value.tail) } }) {
            guard let end = try await Shortage.waited({ try await tail.read() }) else { continue }
            // What it printed before it said so is its own.
            for stream in printed { await stream.caughtUp() }
            settle(id, .ended(end))
        }
    }

    private func settle(_ id: Int, _ answer: Answer) {
        let waiter = state.withLock { state in
            guard state.exchanges[id]?.answer == nil else { return nil as CheckedContinuation<Answer, Never>? }
            state.exchanges[id]?.answer = answer
            defer { state.exchanges[id]?.waiter = nil }
            return state.exchanges[id]?.waiter
        }
        waiter?.resume(returning: answer)
    }

    /// What the process prints cannot be told apart by step: every step that runs gets it, as what went wrong beside its own lines.
    private func readPrinted(_ stream: PrintedStream) async {
        await stream.read(until: child) { bytes in
            for recorder in state.withLock({ $0.exchanges.values.map(\.output) }) { await recorder.append(bytes, to: .stderr) }
        }
    }

    private func endWhenIdle() async {
        let limit = Duration.seconds(WorkerLimits.hostIdleSeconds)
        while !Task.isCancelled {
            if let idle = idleTime, idle >= limit { retire() }
            // Woken by cancellation too, which ends the loop.
            try? await Task.sleep(for: limit / 4)
        }
    }
}
