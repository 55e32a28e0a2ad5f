import FlowHTTP
import FlowModel
import Foundation
import Glibc
import Synchronization
import Testing
import Workers

/// A directory for one test.
final class TestFolder: Sendable {
    let path: String

    init() throws {
        path = "/tmp/flow-workers-\(UInt64.random(in: 0 ... .max))"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func file(_ name: String) -> String { "\(path)/\(name)" }

    func write(_ name: String, _ text: String) throws -> String {
        try text.write(toFile: file(name), atomically: true, encoding: .utf8)
        return file(name)
    }

    /// What the records of Swift steps of one kind hold.
    func records(of kind: String) throws -> [String] {
        let folder = file("home/steps")
        return try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasSuffix("." + kind) }.map {
            String(decoding: try #require(FileManager.default.contents(atPath: "\(folder)/\($0)")), as: UTF8.self)
        }
    }

    /// The flow hosts themselves, below their keepers.
    func hosts() throws -> [pid_t] {
        try pids().flatMap { keeper in
            let text = try String(contentsOfFile: "/proc/\(keeper)/task/\(keeper)/children", encoding: .utf8)
            return text.split(separator: " ").compactMap { pid_t($0) }
        }
    }

    /// The processes that Swift steps were given to: keepers.
    func pids() throws -> Set<pid_t> {
        Set(try records(of: "started").compactMap { try JSON.parse(Array($0.utf8))["pid"]?.intValue }.map { pid_t($0) })
    }

    func read(_ name: String) -> String? { FileManager.default.contents(atPath: file(name)).map { String(decoding: $0, as: UTF8.self) } }
}

/// Waits for a fact, at most `seconds`. False when it did not come about.
func comesTrue(within seconds: Double = 20, _ isSo: () throws -> Bool) async throws -> Bool {
    let deadline = ContinuousClock.now + .seconds(seconds)
    var pause = Duration.milliseconds(5)
    while try !isSo() {
        guard ContinuousClock.now < deadline else { return false }
        try await Task.sleep(for: pause)
        // What is looked at may be all of /proc: many tests that look all the time would keep the machine busy by themselves.
        pause = min(pause * 2, .milliseconds(80))
    }
    return true
}

/// Runs a command here to its end. Not by Foundation's `Process`: its waiting blocks a thread of the few that tasks have, and its pipes
/// stay open in every program that is started meanwhile.
func runHere(_ command: String, environment: [String: String] = [:]) async throws -> Finished {
    let channel = try await LocalTransport(environment: environment).open(command)
    defer { channel.close() }
    try await channel.finishInput()
    return try await channel.collect()
}

/// Whether a process runs. One that only waits for its exit to be taken does not.
func isRunning(_ pid: Int32) -> Bool {
    guard let stat = FileManager.default.contents(atPath: "/proc/\(pid)/stat") else { return false }
    return !String(decoding: stat, as: UTF8.self).contains(") Z ")
}

/// Runs `body` while this process has another soft limit.
func withSoftLimit<Value>(_ resource: __rlimit_resource, _ value: UInt64, _ body: () async throws -> Value) async throws -> Value {
    let resource = __rlimit_resource_t(resource.rawValue)
    var before = rlimit()
    try #require(getrlimit(resource, &before) == 0)
    var other = rlimit(rlim_cur: rlim_t(value), rlim_max: before.rlim_max)
    try #require(setrlimit(resource, &other) == 0)
    defer { setrlimit(resource, &before) }
    return try await body()
}

/// Keeps the output of an attempt in memory.
final class CollectingSink: OutputSink {
    private let bytes = Mutex<[HostStream: [UInt8]]>([:])

    var stdout: [UInt8] { bytes.withLock { $0[.stdout] ?? [] } }
    var text: String { String(decoding: stdout, as: UTF8.self) }
    func taken(_ stream: HostStream) async -> Int { bytes.withLock { $0[stream]?.count ?? 0 } }
    func take(_ more: [UInt8], of stream: HostStream, at offset: Int) async throws {
        bytes.withLock { $0[stream, default: []] += more }
    }
}

/// A pool with an engine that says `proceed` to every place, and what it was told.
final class PoolUnderTest: Sendable {
    struct Told: Sendable {
        var reports: [AttemptReport] = []
        func events(of id: AttemptID) -> [AttemptReport.Event] { reports.filter { $0.id == id }.map(\.event) }
        func result(of id: AttemptID) -> AttemptResult? {
            for case .ended(let result) in events(of: id) { return result }
            return nil
        }
    }

    let folder: TestFolder
    let outputs: OutputStore
    let artifacts: FolderArtifacts
    private let told = Mutex(Told())
    /// Weak, because the pool reports to this.
    private struct Held { weak var pool: WorkerPool? }
    private let held = Mutex(Held())
    private let proceeds: Bool
    private let transports: @Sendable (FlowModel.Host?) -> any Transport
    private let confinement: LaunchConfinement?
    private let open: SecretOpener
    private let forgets = Mutex(true)
    /// Test servers are on loopback.
    private let egress: EgressRules

    var reports: Told { told.withLock { $0 } }
    var home: String { folder.file("home") }
    static let run = RunID(at: Instant(milliseconds: 0), random: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10])

    convenience init(
        folder: TestFolder, proceeds: Bool = true, transport: any Transport = LocalTransport(),
        open: @escaping SecretOpener = { String($0.reversed()) }
    ) throws {
        try self.init(folder: folder, proceeds: proceeds, open: open, transports: { _ in transport })
    }

    init(
        folder: TestFolder, proceeds: Bool = true, confinement: LaunchConfinement? = nil,
        egress: EgressRules = EgressRules(isLoopbackAllowed: true), open: @escaping SecretOpener = { String($0.reversed()) },
        transports: @escaping @Sendable (FlowModel.Host?) -> any Transport
    ) throws {
        self.folder = folder
        self.confinement = confinement
        self.open = open
        self.transports = transports
        self.proceeds = proceeds
        self.egress = egress
        outputs = OutputStore(folder: folder.file("output"))
        artifacts = FolderArtifacts(folder: folder.file("artifacts"))
        try FileManager.default.createDirectory(atPath: folder.file("home"), withIntermediateDirectories: true)
    }

    /// Runs `body` while the pool runs, then drains it.
    func with(
        places: WorkerPool.Places = .init(), blobs: @escaping BlobSource = { _ in try StepBinary.bytes() },
        _ body: (WorkerPool) async throws -> Void
    ) async throws {
        let pool = makePool(places: places, blobs: blobs)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await pool.run() }
            let outcome: Result<Void, any Error>
            do { outcome = .success(try await body(pool)) } catch { outcome = .failure(error) }
            pool.drain()
            try await group.waitForAll()
            try outcome.get()
        }
    }

    /// Runs `body` while the pool runs, then cancels it, as the end of its process would; records are kept.
    func crash(_ body: @Sendable (WorkerPool) async throws -> Void) async throws {
        let pool = makePool(places: .init(), blobs: { _ in try StepBinary.bytes() })
        forgets.withLock { $0 = false }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await pool.run() }
            defer { group.cancelAll() }
            try await body(pool)
        }
    }

    private func makePool(places: WorkerPool.Places, blobs: @escaping BlobSource) -> WorkerPool {
        let pool = WorkerPool(
            places: places, home: home, spool: folder.file("spool"), transports: transports, outputs: outputs, blobs: blobs,
            artifacts: artifacts, open: open, confinement: confinement, http: HTTPAccess(egress: egress),
            executors: [ShellExecutor.self, CopyExecutor.self, SwiftStepExecutor.self, WatchExecutor.self, HTTPExecutor.self, FetchExecutor.self],
            report: { [weak self] in self?.take($0) })
        held.withLock { $0.pool = pool }
        return pool
    }

    private func take(_ report: AttemptReport) {
        told.withLock { $0.reports.append(report) }
        let pool = held.withLock { $0.pool }
        switch report.event {
        case .placed where proceeds: pool?.proceed(report.id)
        case .ended where forgets.withLock({ $0 }): pool?.forget(report.id, target: nil)
        default: break
        }
    }

    /// Carries it out to its end.
    func carryOut(_ order: AttemptOrder, on pool: WorkerPool, within seconds: Double = 30) async throws -> AttemptResult {
        pool.dispatch(order)
        return try await result(of: order.id, within: seconds)
    }

    func result(of id: AttemptID, within seconds: Double = 30) async throws -> AttemptResult {
        _ = try await comesTrue(within: seconds) { reports.result(of: id) != nil }
        return try #require(reports.result(of: id), "no end of \(id): \(reports.events(of: id))")
    }

    func output(_ id: AttemptID, _ stream: HostStream = .stdout) async throws -> String {
        let bytes = try await outputs.read(id.run, id.step, attempt: id.number, stream: stream, offset: 0, limit: 1 << 20)
        return String(decoding: bytes, as: UTF8.self)
    }
}

extension AttemptOrder {
    /// As the engine after it hands it out: it asks for the attempt at that place.
    func attached(at place: Place) -> AttemptOrder {
        var again = self
        again.mode = .attach(place)
        again.fence = Fence(epoch: 2, attempt: 1)
        return again
    }

    static func of(
        _ work: any WorkOrder, step: String, number: Int = 1, epoch: Int = 1, mode: Mode = .start, timeout: Double? = nil
    ) -> AttemptOrder {
        let id = AttemptID(run: PoolUnderTest.run, step: StepPath(step), generation: 1, number: number)
        return AttemptOrder(
            id: id, fence: Fence(epoch: epoch, attempt: number), idempotencyKey: "\(id.run)/\(step)//1", flow: "step-fixture", target: nil,
            timeoutSeconds: timeout, mode: mode, work: work)
    }

    /// For a host of this name.
    func on(_ host: FlowModel.Host) -> AttemptOrder {
        var order = self
        order.target = host
        return order
    }

    static func shell(_ text: String, step: String, _ change: (inout ShellWork) -> Void = { _ in }) -> AttemptOrder {
        var work = ShellWork(interpreter: .sh, source: .text(text))
        change(&work)
        return of(work, step: step)
    }
}

extension AttemptResult {
    var output: JSON? { if case .succeeded(let output, _) = outcome { output } else { nil } }
    var failure: Failure? { if case .failed(let failure) = outcome { failure } else { nil } }
}
