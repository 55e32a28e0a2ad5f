import FlowModel
import Foundation
import Glibc
import Logging
import Synchronization
import Testing
import Workers

/// The engine's side of the host record, before a host that says what the test wants.
@Suite("Host record client", .timeLimit(.minutes(1)))
struct HostRecordClientTests {
    private static let hello = "\nflow-runner 1 boot spool session\n"
    private static let place = Place(bootID: "boot", spoolID: "spool")
    private static let id = AttemptID(run: PoolUnderTest.run, step: StepPath("ask"), generation: 1, number: 1)
    private static let fence = Fence(epoch: 1, attempt: 1)
    private static let job = HostJob(
        interpreter: "/bin/sh", prelude: [], script: [], data: [UInt8](repeating: 1, count: 200_000), environment: [:])

    private func client(_ host: ScriptedHost, _ logger: Logger = Logger(label: "quiet") { _ in SwiftLogNoOpLogHandler() }) -> HostRecordClient {
        HostRecordClient(transport: host, spool: nil, silenceSeconds: 0.3, logger: logger)
    }

    @Test func `a host that falls silent is asked again on a new connection`() async throws {
        let host = ScriptedHost([
            .says(Self.hello + "started session\n"), .says(Self.hello + "started session\ntick\nO 0 2\nhi" + "ended 0 - 2 0 0 0 0\n"),
        ])
        let sink = CollectingSink()
        let events = Mutex<[AttemptReport.Event]>([])
        let outcome = await client(host).start(
            Self.id, fence: Self.fence, target: "web-1", job: Self.job, sink: sink, placed: { _ in true },
            report: { event in events.withLock { $0.append(event) } })
        guard case .ended(let end) = outcome else { throw CancellationError() }
        #expect(end.exitStatus == 0)
        #expect(sink.text == "hi")
        let told = events.withLock { $0 }
        #expect(told.contains { if case .unreachable(let why) = $0 { why.contains("the host said nothing for 0.3 s") } else { false } })
        #expect(told.contains(.reachable))
        #expect(host.connections == 2)
    }

    /// Where the account can start nothing more, or its login files have closed standard input, the runner says hello and ends.
    @Test func `a host that says hello and nothing more stays unreachable until it says something`() async throws {
        let host = ScriptedHost([
            .says(Self.hello), .says(Self.hello), .says(Self.hello), .says(Self.hello + "started session\n" + "ended 0 - 0 0 0 0 0\n"),
        ])
        let events = Mutex<[AttemptReport.Event]>([])
        let outcome = await client(host).attach(
            Self.id, fence: Self.fence, target: "web-1", place: Self.place, sink: CollectingSink(),
            report: { event in events.withLock { $0.append(event) } })
        guard case .ended = outcome else { throw CancellationError() }
        let told = events.withLock { $0 }
        #expect(told.count == 3, "\(told)")
        #expect(told.first.map { if case .unreachable = $0 { true } else { false } } == true && told.dropFirst().first == .reachable)
        #expect(host.connections == 4)
    }

    @Test func `a host that takes nothing of what it is sent is given up, and asked`() async throws {
        let host = ScriptedHost([.takesNothing(Self.hello), .says(Self.hello + "absent\n")])
        let why = Mutex<String?>(nil)
        let outcome = await client(host).start(
            Self.id, fence: Self.fence, target: "web-1", job: Self.job, sink: CollectingSink(), placed: { _ in true },
            report: { event in if case .unreachable(let reason) = event { why.withLock { $0 = reason } } })
        guard case .neverStarted = outcome else { throw CancellationError() }
        #expect(why.withLock { $0 }?.contains("the host took nothing of what it was sent") == true)
    }

    @Test func `a host that ends before it took everything says why, and it is that which counts`() async throws {
        let host = ScriptedHost([.breaksOff(Self.hello + "error storage no room in /var/lib/flow/spool\n"), .says(Self.hello + "absent\n")])
        let outcome = await client(host).start(
            Self.id, fence: Self.fence, target: "web-1", job: Self.job, sink: CollectingSink(), placed: { _ in true }, report: { _ in })
        guard case .refused(let failure) = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(failure.message.contains("no room in /var/lib/flow/spool") && host.connections == 1)
    }

    @Test func `a host that breaks off and says nothing is asked`() async throws {
        let host = ScriptedHost([.breaksOff(Self.hello), .says(Self.hello + "absent\n")])
        let outcome = await client(host).start(
            Self.id, fence: Self.fence, target: "web-1", job: Self.job, sink: CollectingSink(), placed: { _ in true }, report: { _ in })
        guard case .neverStarted = outcome else { throw CancellationError() }
        #expect(host.connections == 2)
    }

    @Test(.enabled(if: Machine.isRoot, "mounting a small disk needs root"))
    func `a file that is larger than the room in the spool is refused, and sent once`() async throws {
        let folder = try TestFolder()
        let spool = folder.file("spool")
        try FileManager.default.createDirectory(atPath: spool, withIntermediateDirectories: true)
        try #require(mount("none", spool, "tmpfs", 0, "size=1m,mode=700") == 0)
        defer { umount2(spool, CInt(MNT_DETACH)) }
        let client = HostRecordClient(transport: LocalTransport(), spool: spool, logger: Logger(label: "quiet") { _ in SwiftLogNoOpLogHandler() })
        let job = HostJob(
            interpreter: "/bin/sh", prelude: [], script: [], data: [UInt8](repeating: 1, count: 32 << 20), environment: [:])
        let outcome = await client.start(
            Self.id, fence: Self.fence, target: nil, job: job, sink: CollectingSink(), placed: { _ in true }, report: { _ in })
        guard case .refused(let failure) = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(failure.message.contains("no room in \(spool)"))
    }

    /// Neither refused nor never started: what is left of it may still do something.
    @Test func `an attempt that cannot be ended is asked about until it is over`() async throws {
        let alive = "error alive processes that take no KILL: 4711\n"
        let host = ScriptedHost([
            .says(Self.hello + alive), .says(Self.hello + "started session\n" + alive), .says(Self.hello + "died died\n"),
        ])
        let why = Mutex<String?>(nil)
        let outcome = await client(host).start(
            Self.id, fence: Self.fence, target: "web-1", job: Self.job, sink: CollectingSink(), placed: { _ in true },
            report: { event in if case .unreachable(let reason) = event { why.withLock { $0 = reason } } })
        guard case .lost = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(host.connections == 3)
        #expect(why.withLock { $0 } == "what is left of it on the host cannot be ended: processes that take no KILL: 4711")
    }

    @Test func `a kill names what cannot be ended, and asks again`() async throws {
        let host = ScriptedHost([.says(Self.hello + "error alive processes that take no KILL: 4711\n"), .says(Self.hello + "empty\n")])
        let log = LogLines()
        await client(host, log.logger).kill(Self.id, fence: Self.fence, target: "web-1", grace: 0)
        #expect(host.connections == 2)
        #expect(log.lines.first?.contains("take no KILL: 4711") == true)
    }

    /// Where the outcome came too late for the journal, say.
    @Test func `a connection that waits for the word to forget is closed, and the word then goes on a new one`() async throws {
        let host = ScriptedHost([.says(Self.hello + "started session\nended 0 - 0 0 0 0 0\n"), .says(Self.hello + "forgotten\n")])
        let client = client(host)
        let outcome = await client.attach(
            Self.id, fence: Self.fence, target: nil, place: Self.place, sink: CollectingSink(), report: { _ in })
        guard case .ended = outcome else { throw CancellationError() }
        client.closeFarewells(olderThan: 3_600)
        #expect(host.open == 1, "it is young")
        client.closeFarewells(olderThan: 0)
        #expect(host.open == 0)
        await client.forget(Self.id, target: nil)
        #expect(host.connections == 2 && host.open == 0)
    }

    @Test func `a kill whose host falls silent asks until the host says empty`() async throws {
        let host = ScriptedHost([.says(Self.hello), .refuses, .says(Self.hello + "empty\n")])
        let log = LogLines()
        await client(host, log.logger).kill(Self.id, fence: Self.fence, target: "web-1", grace: 0)
        #expect(host.connections == 3)
        #expect(log.lines.count == 2)
    }

    @Test func `what a host has run and the journal does not know of is lost, never failed`() async throws {
        let host = ScriptedHost([.says(Self.hello + "error known 3\n")])
        let outcome = await client(host).start(
            Self.id, fence: Self.fence, target: "web-1", job: Self.job, sink: CollectingSink(), placed: { _ in true }, report: { _ in })
        guard case .lost(let reason) = outcome else { throw CancellationError() }
        #expect(reason.contains("attempt 3") && reason.contains("backup"))
    }

    @Test(arguments: ["absent": false, "ended 0 - 0 0 0 0 250": true])
    func `another place is asked too: an end is taken, and that it knows nothing proves nothing`(_ answer: String, _ isEnd: Bool) async throws {
        let host = ScriptedHost([.says(Self.hello + answer + "\n")])
        let outcome = await client(host).attach(
            Self.id, fence: Self.fence, target: "web-1", place: Place(bootID: "other", spoolID: "spool"), sink: CollectingSink(), report: { _ in })
        switch outcome {
        case .ended(let end): #expect(isEnd && end.secondsAgo == 2.5)
        case .lost(let reason): #expect(!isEnd && reason.contains("rebooted"))
        default: Issue.record("\(outcome)")
        }
    }

    @Test(arguments: ["256", "9223372036854775807", "-1"])
    func `a status that no shell has is no end, and the host is asked again`(_ status: String) async throws {
        let host = ScriptedHost([.says(Self.hello + "ended \(status) - 0 0 0 0 -\n"), .says(Self.hello + "ended 7 - 0 0 0 0 -\n")])
        let outcome = await client(host).attach(
            Self.id, fence: Self.fence, target: "web-1", place: Self.place, sink: CollectingSink(), report: { _ in })
        guard case .ended(let end) = outcome else { throw CancellationError() }
        #expect(end.exitStatus == 7 && host.connections == 2)
    }

    @Test(arguments: ["absent", "gone"])
    func `a record that vanishes after the start is lost, never one that never started`(_ answer: String) async throws {
        let host = ScriptedHost([.says(Self.hello + "started session\n"), .says(Self.hello + answer + "\n")])
        let outcome = await client(host).start(
            Self.id, fence: Self.fence, target: "web-1", job: Self.job, sink: CollectingSink(), placed: { _ in true }, report: { _ in })
        guard case .lost(let reason) = outcome else { throw CancellationError() }
        #expect(reason.contains("its record is gone"))
    }

    @Test func `what was compared is said: the boot id, the spool id, or a backup`() async throws {
        func lost(_ place: Place) async throws -> String {
            let host = ScriptedHost([.says(Self.hello + "absent\n")])
            let outcome = await client(host).attach(
                Self.id, fence: Self.fence, target: "web-1", place: place, sink: CollectingSink(), report: { _ in })
            guard case .lost(let reason) = outcome else { throw CancellationError() }
            return reason
        }
        #expect(try await lost(Place(bootID: "earlier", spoolID: "spool")).contains("rebooted"))
        let spool = try await lost(Place(bootID: "boot", spoolID: "earlier"))
        #expect(spool.contains("spool") && !spool.contains("rebooted"))
        let restored = try await lost(.beforeRestore)
        #expect(restored.contains("backup") && !restored.contains("rebooted"))
    }

    @Test func `a record that could not be removed is noted, never an error`() async throws {
        let host = ScriptedHost([.refuses])
        let log = LogLines()
        await client(host, log.logger).forget(Self.id, target: "web-1")
        #expect(log.lines.contains { $0.contains("host record stays") && $0.contains("nobody is there") })
    }

    @Test func `an attempt whose asking is cancelled is let go of at once`() async throws {
        let host = ScriptedHost([.says(Self.hello + "started session\n")])
        let asking = client(host)
        let outcome = await withTaskGroup(of: HostOutcome.self) { group in
            group.addTask {
                await asking.attach(Self.id, fence: Self.fence, target: nil, place: Self.place, sink: CollectingSink(), report: { _ in })
            }
            group.cancelAll()
            return await group.next()
        }
        guard case .lost = outcome else { throw CancellationError() }
        #expect(host.open == 0, "its connection is closed")
    }
}

/// Answers each connection with the next thing of a list; the last one again and again.
private final class ScriptedHost: Transport {
    enum Behaviour: Sendable {
        /// Says this and then nothing.
        case says(String)
        /// Says this, and has ended before it took what it is sent.
        case breaksOff(String)
        /// Says this, and reads nothing.
        case takesNothing(String)
        case refuses
    }

    private let behaviours: [Behaviour]
    private let state = Mutex((connections: 0, open: 0))

    init(_ behaviours: [Behaviour]) { self.behaviours = behaviours }

    var connections: Int { state.withLock { $0.connections } }
    var open: Int { state.withLock { $0.open } }

    func open(_ command: String) async throws -> any TransportChannel {
        let number = state.withLock { state in
            state.connections += 1
            return min(state.connections, behaviours.count) - 1
        }
        switch behaviours[number] {
        case .refuses: throw TransportError(.connect, "nobody is there")
        case .says(let text): return channel(text)
        case .breaksOff(let text): return channel(text, breaksOff: true)
        case .takesNothing(let text): return channel(text, reads: false)
        }
    }

    private func channel(_ text: String, reads: Bool = true, breaksOff: Bool = false) -> ScriptedChannel {
        state.withLock { $0.open += 1 }
        return ScriptedChannel(text, reads: reads, breaksOff: breaksOff) { [weak self] in self?.state.withLock { $0.open -= 1 } }
    }
}

private final class ScriptedChannel: TransportChannel {
    private let text: Mutex<String?>
    private let reads: Bool
    private let breaksOff: Bool
    private let closed: AsyncStream<Void>
    private let feed: AsyncStream<Void>.Continuation
    private let isOpen = Mutex(true)
    private let onClose: @Sendable () -> Void

    init(_ text: String, reads: Bool, breaksOff: Bool, onClose: @escaping @Sendable () -> Void) {
        self.text = Mutex(text)
        (self.reads, self.breaksOff, self.onClose) = (reads, breaksOff, onClose)
        (closed, feed) = AsyncStream.makeStream()
    }

    func write(_ bytes: [UInt8]) async throws {
        if breaksOff { throw TransportError(.stream, "broken pipe", mayHaveRun: true) }
        guard !reads else { return }
        for await _ in closed {}
        throw TransportError(.stream, "closed", mayHaveRun: true)
    }

    func finishInput() async throws {}

    func next() async throws -> TransportEvent? {
        if let said = text.withLock({ text in
            defer { text = nil }
            return text
        }) {
            return .stdout(Array(said.utf8))
        }
        if breaksOff { return .exited(status: 1, signal: nil) }
        for await _ in closed {}
        try Task.checkCancellation()
        return nil
    }

    func close() {
        let wasOpen = isOpen.withLock { isOpen in
            defer { isOpen = false }
            return isOpen
        }
        guard wasOpen else { return }
        feed.finish()
        onClose()
    }
}

/// What was logged.
private final class LogLines: Sendable {
    private let kept = Mutex<[String]>([])

    var lines: [String] { kept.withLock { $0 } }
    var logger: Logger {
        var logger = Logger(label: "test") { _ in Handler(kept: self) }
        logger.logLevel = .info
        return logger
    }

    private struct Handler: LogHandler {
        let kept: LogLines
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.info

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) { kept.kept.withLock { $0.append("\(event.message) \(event.metadata ?? [:])") } }
    }
}
