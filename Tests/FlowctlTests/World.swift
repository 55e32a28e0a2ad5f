import FlowCommand
import FlowModel
import FlowWire
import Synchronization

/// A world for commands: a server, files, engines and a terminal that do what the test says and remember what was asked.
final class World: Sendable {
    enum Reply: Sendable {
        case json(JSON, status: Int = 200)
        case bytes([UInt8], status: Int = 200)
        /// Pieces, then the end of the answer, or a failure in the middle of it.
        case pieces([[UInt8]], then: TransportFailure? = nil)
        case failure(TransportFailure)
        /// Stays open until the task is cancelled.
        case open([[UInt8]])
    }

    struct State: Sendable {
        var calls: [HTTPCall] = []
        var out: [UInt8] = []
        var err: [UInt8] = []
        var opened = 0
        /// Of those, engines that take runs up.
        var openedForWork = 0
        var closed = 0
        var detached = 0
        var created: [String: [UInt8]] = [:]
        var answers: [String] = []
        var clock = Instant("2026-02-01T13:40:00.000Z")!
        var interrupts: [AsyncStream<Void>.Continuation] = []
        /// When those wake up who wait in a fair world, and how many have ever waited.
        var waiting: [Int: Instant] = [:]
        var waits = 0
        var rehearsed: [RehearsalRequest] = []
    }

    let state = Mutex(State())
    let serve: @Sendable (HTTPCall, World) -> Reply
    let environment: [String: String]
    let files: [String: String]
    let openError: FlowError?
    let plan: LoadedFile?
    let isInteractive: Bool
    let canAsk: Bool
    let hasInput: Bool
    /// Whether time passes only when everybody who could do something has done it: for tests of several that wait at once.
    let isFair: Bool

    init(
        environment: [String: String] = ["FLOW_SERVER": "http://flow.test"], files: [String: String] = [:],
        plan: LoadedFile? = nil,
        openError: FlowError? = nil, isInteractive: Bool = false, canAsk: Bool = false, hasInput: Bool = false, answers: [String] = [],
        isFair: Bool = false,
        serve: @escaping @Sendable (HTTPCall, World) -> Reply = { _, _ in .failure(TransportFailure(.nobody, "")) }
    ) {
        self.environment = environment
        self.files = files
        self.plan = plan
        self.openError = openError
        self.isInteractive = isInteractive
        self.canAsk = canAsk
        self.hasInput = hasInput
        self.isFair = isFair
        self.serve = serve
        state.withLock { $0.answers = answers }
    }

    func run(_ arguments: String...) async -> CommandExit { await runFlowctl(arguments, in: surroundings) }

    var out: String { state.withLock { String(decoding: $0.out, as: UTF8.self) } }
    var err: String { state.withLock { String(decoding: $0.err, as: UTF8.self) } }
    var known: State { state.withLock { $0 } }
    var calls: [HTTPCall] { known.calls }
    /// `GET /v1/runs` …
    var requests: [String] { calls.map { "\($0.method) \($0.path)" } }
    func interrupt() { state.withLock { $0.interrupts }.forEach { $0.yield() } }

    /// Until nothing has happened for a while and this is who is to wake up first.
    private func wait(_ seconds: Double) async throws {
        let (id, end) = state.withLock { state in
            state.waits += 1
            state.waiting[state.waits] = state.clock + seconds
            return (state.waits, state.clock + seconds)
        }
        defer { _ = state.withLock { $0.waiting.removeValue(forKey: id) } }
        var (seen, quiet) = (0, 0)
        while quiet < 10 {
            try await Task.sleep(for: .milliseconds(1))
            let (now, isFirst) = state.withLock { state in
                let isFirst = state.waiting.allSatisfy { $0.value > end || $0.value == end && $0.key >= id }
                return (state.calls.count + state.waits, isFirst)
            }
            quiet = now == seen && isFirst ? quiet + 1 : 0
            seen = now
        }
        state.withLock { $0.clock = max($0.clock, end) }
    }

    var surroundings: Surroundings {
        Surroundings(
            environment: environment, directory: "/work", version: "1.2.3",
            terminal: Terminal(
                writeOut: { bytes in self.state.withLock { $0.out += bytes } },
                writeError: { bytes in self.state.withLock { $0.err += bytes } }, isInteractive: isInteractive, canAsk: canAsk,
                style: Style(), size: { (100, 12) }, hasInput: { self.hasInput },
                readLine: { self.state.withLock { $0.answers.isEmpty ? nil : $0.answers.removeFirst() } }),
            transport: self, files: self, loader: self, engines: self, rehearser: self, now: { self.state.withLock { $0.clock } },
            pause: { seconds in
                try Task.checkCancellation()
                if self.isFair { return try await self.wait(seconds) }
                self.state.withLock { $0.clock = $0.clock + seconds }
                await Task.yield()
            },
            interrupts: { AsyncStream { continuation in self.state.withLock { $0.interrupts.append(continuation) } } })
    }
}

extension World: HTTPTransport {
    func send(_ call: HTTPCall, receive: (HTTPHead, [UInt8]) async throws -> Void) async throws -> HTTPHead {
        state.withLock { $0.calls.append(call) }
        let (pieces, status, failure): ([[UInt8]], Int, TransportFailure?)
        var staysOpen = false
        switch serve(call, self) {
        case .json(let json, let code): (pieces, status, failure) = ([json.canonicalBytes], code, nil)
        case .bytes(let bytes, let code): (pieces, status, failure) = ([bytes], code, nil)
        case .pieces(let all, let end): (pieces, status, failure) = (all, 200, end)
        case .failure(let end): (pieces, status, failure) = ([], 200, end)
        case .open(let all):
            (pieces, status, failure) = (all, 200, nil)
            staysOpen = true
        }
        if pieces.isEmpty, let failure { throw failure }
        let head = HTTPHead(status: status)
        for piece in pieces where !piece.isEmpty || call.deadlineSeconds == nil { try await receive(head, piece) }
        if staysOpen { try await Task.sleep(for: .seconds(3_600)) }
        if let failure { throw failure }
        return head
    }
}

extension World: FileAccess {
    func read(_ path: String, limit: Int) async throws(FlowError) -> [UInt8] {
        guard let text = files[path] else { throw FlowError(.notFound, subject: path, "\(path) cannot be read: No such file.") }
        return Array(text.utf8)
    }

    func create(_ path: String, contents: [UInt8]) async throws(FlowError) { state.withLock { $0.created[path] = contents } }

    func receive(
        _ path: String, from produce: (_ write: ([UInt8]) async throws -> Void) async throws -> Void
    ) async throws {
        try await produce { bytes in self.state.withLock { $0.created[path, default: []] += bytes } }
    }

    func download(
        _ path: String, as digest: Digest, from produce: (_ write: ([UInt8]) async throws -> Void) async throws -> Void
    ) async throws -> Bool {
        if exists(path) { return false }
        try await receive(path, from: produce)
        return true
    }

    func exists(_ path: String) -> Bool { files[path] != nil || state.withLock { $0.created[path] != nil } }

    func sha256(_ bytes: [UInt8]) -> Digest {
        Digest(bytes: [UInt8](repeating: UInt8(truncatingIfNeeded: bytes.count), count: 32))
    }
}

extension World: FlowFileLoader {
    func load(_ path: String) async throws(FlowError) -> LoadedFile {
        guard let plan else {
            throw FlowError(
                .load, subject: path, "\(path) was not loaded: it has a mistake", hint: "flowctl flow check \(path)",
                errors: [
                    .init(subject: "drian", message: "there is no such step. Did you mean 'drain'?", location: "\(path):31")
                ])
        }
        return plan
    }

    func inputs(
        _ texts: [(name: String, text: String)], and given: [String: JSON], for parameters: [Parameter]
    ) throws(FlowError) -> [String: JSON] {
        var values = given
        for (name, text) in texts {
            let kind = parameters.first { $0.name == name }?.kind
            values[name] = kind.flatMap { InputValidation.parse(text, as: $0) } ?? .string(text)
        }
        var faults = values.keys.filter { name in !parameters.contains { $0.name == name } }.sorted()
            .map { FlowError.Detail(subject: $0, message: "is not a parameter of the flow") }
        for parameter in parameters {
            guard let value = values[parameter.name] else { continue }
            faults += InputValidation.faults(of: value, for: parameter).map { FlowError.Detail(subject: parameter.name, message: $0) }
        }
        guard faults.isEmpty else {
            let count = faults.count == 1 ? "1 input is" : "\(faults.count) inputs are"
            throw FlowError(.inputs, subject: "inputs", "Nothing was started: \(count) not acceptable.", errors: faults)
        }
        return values
    }

    func template(name: String) throws(FlowError) -> [(path: String, contents: String)] {
        [("\(name).swift", "import FlowDSL\n")]
    }

    func findings() async -> [Finding] { [Finding("compiler", .warn, "there is no swiftc in PATH", hint: "install Swift")] }
}

extension World: EngineStarter {
    func open(home: String, inventory: String?, forWork: Bool) async throws(FlowError) -> any OpenEngine {
        if let openError { throw openError }
        state.withLock {
            $0.opened += 1
            $0.openedForWork += forWork ? 1 : 0
        }
        return self
    }

    func detach(home: String, inventory: String?) async throws(FlowError) { state.withLock { $0.detached += 1 } }
    func repair(home: String, forgettingSecrets: Bool) async throws(FlowError) -> RepairReport {
        if let openError { throw openError }
        guard forgettingSecrets else { return RepairReport(kept: ["journal.db and its log are whole"]) }
        return RepairReport(kept: ["secret.key is new"], lost: ["run 7"], copy: "\(home)/damaged-1")
    }
    func serve(_ options: ServeOptions) async throws(FlowError) { state.withLock { $0.opened += 1 } }
    var isOpen: Bool { state.withLock { $0.opened + $0.detached > $0.closed } }
}

extension World: FlowRehearser {
    func hosts(home: String, inventory: String?) async throws(FlowError) -> RehearsalHosts { RehearsalHosts(hosts: [], groups: [:]) }

    /// The real engine is asked in FlowRehearsalTests and FlowctlEndToEndTests.
    func rehearse(_ request: RehearsalRequest) async throws(FlowError) -> Rehearsed {
        state.withLock { $0.rehearsed.append(request) }
        return Rehearsed(
            start: Sample.at(0),
            rows: [
                .init(time: "+0:00:00", place: "deploy", text: "2 hosts in 2 batches: 1, 1", tone: .heading),
                .init(time: "+0:00:01", place: "deploy[web-1]/switch-to-the-new-release", text: "failed on web-1: exit status 1", tone: .bad),
                .init(time: "+0:00:01", place: "deploy", text: "begins no further host: \(String(repeating: "word ", count: 20))", tone: .bad),
                .init(time: "+0:00:01", place: "", text: "the run has failed", tone: .bad),
            ],
            summary: [
                ("The run failed after 0:00:01: step 'deploy' failed.", .bad), ("  web-1  failed", .bad),
                ("  build: {\"path\":\"/\(String(repeating: "long/", count: 40))\"}", .plain),
            ], json: { ["state": "failed"] }, hasSucceeded: false)
    }
}

extension World: OpenEngine {
    func close() async throws(FlowError) { state.withLock { $0.closed += 1 } }
}

// MARK: - Values

/// Wire values with what a test is about.
enum Sample {
    static let id = RunID("019a9c31-7d2e-7c4b-8f10-0123456789ab")!
    static let digest = Digest(bytes: [UInt8](repeating: 0xAB, count: 32))

    static func at(_ seconds: Double) -> Instant { Instant("2026-02-01T13:40:00.000Z")! + seconds }

    static func run(_ state: RunState, steps: [Wire.Step]? = [], waitingFor: [Waiting]? = nil) -> Wire.Run {
        Wire.Run(
            id: id, flow: "release-web", revision: digest, state: state, waitingFor: waitingFor, inputs: ["version": "1.4.2"],
            labels: ["ticket": "OPS-7"], actor: "os:alice", createdAt: at(-62), startedAt: at(-61.5),
            endedAt: state.isTerminal ? at(-1) : nil, counts: ["succeeded": 2, "running": 1], sequence: 9, steps: steps)
    }

    static func step(
        _ path: String, _ state: StepState, kind: String = "shell", reason: String? = nil, target: String? = nil,
        attempt: Int = 1,
        started: Double? = -10, ended: Double? = nil, changed: Bool? = nil, waitingFor: Waiting? = nil
    ) -> Wire.Step {
        let attempts =
            state == .pending || kind == "map" || kind == "approval"
            ? []
            : [
                Wire.Attempt(
                    number: attempt, generation: 1, state: .running, target: target, worker: "here",
                    startedAt: at(started ?? 0), outputBytes: 2_048)
            ]
        return Wire.Step(
            path: StepPath(path), name: path, kind: kind, state: state, reason: reason, generation: 1, changed: changed,
            waitingFor: waitingFor, startedAt: state == .pending ? nil : started.map(at), endedAt: ended.map(at),
            attempts: attempts)
    }

    static func json(_ value: some Encodable) -> JSON { try! JSON(encoding: value) }
    static func page(_ items: [JSON], next: String? = nil) -> JSON {
        var page: [String: JSON] = ["items": .array(items)]
        if let next { page["next"] = .string(next) }
        return .object(page)
    }

    /// One message of an event stream.
    static func record(_ sequence: Int, _ events: JSON...) -> [UInt8] {
        let record = Wire.Record(sequence: sequence, at: at(Double(sequence)), events: events)
        return Array("id: \(sequence)\nevent: record\ndata: \(json(record).canonical)\n\n".utf8)
    }

    static func end(_ state: RunState) -> [UInt8] {
        Array("event: end\ndata: \(json(Wire.StreamEnd(state: state)).canonical)\n\n".utf8)
    }
}
