import CFlowShims
import FlowAPI
import FlowEngine
import FlowHTTP
import FlowModel
import FlowStoreSQLite
import Glibc
import Logging
import ServiceLifecycle
import Workers

/// The hands of one home: workers, the connections to hosts, and what attempts wrote.
struct Hands: Sendable {
    let dispatcher: WorkerPool
    let reach: HostReach
    let outputs: StoredOutputs
    private let ssh: SSHPool
    /// One for each kind of work that a plan may name.
    private static let executors: [any Executor.Type] = [
        ShellExecutor.self, CopyExecutor.self, SwiftStepExecutor.self, WatchExecutor.self, HTTPExecutor.self, FetchExecutor.self,
    ]
    /// Whom local steps run as, where that is not the engine's own account.
    let localAccount: UInt32?
    private let commands: LaunchConfinement
    private let logger: Logger

    init(
        home: Home, configuration: ServerConfiguration, store: SQLiteStore, vault: Vault, relay: ReportRelay, logger: Logger
    ) throws {
        let blobs = BlobStore(store, now: Wall.now)
        let ssh = try SSHPool()
        let store = OutputStore(folder: home.outputs)
        let confinement = try Hands.confinement(home, configuration)
        let localSpool = try Hands.spool(home, confinement)
        let spool = localSpool?.path
        localAccount = confinement.account?.user
        commands = Hands.forCommands(confinement, spool)
        let start = ConfinedStart(commands) { reason in
            logger.warning("local commands can reach the engine's files on this machine", metadata: ["reason": "\(reason)"])
        }
        let local = LocalTransport(start: start, spool: localSpool)
        dispatcher = WorkerPool(
            places: .init(
                hosts: configuration.workers?.concurrency ?? WorkerLimits.places, here: configuration.workers?.localConcurrency),
            home: home.path,
            spool: spool,
            transports: { host in if let host { ssh.transport(to: host) } else { local } }, outputs: store,
            blobs: { digest in
                guard let bytes = try await blobs.read(digest) else {
                    throw FlowError(.notFound, subject: digest.hex, "Blob \(digest) is not stored.", hint: "flowctl doctor")
                }
                return bytes
            }, artifacts: StoredArtifacts(blobs: blobs), open: { try vault.open($0) }, confinement: confinement,
            http: HTTPAccess(egress: configuration.egress?.rules ?? EgressRules()), executors: Hands.executors, logger: logger,
            report: { relay.report($0) })
        outputs = StoredOutputs(store: store)
        reach = HostReach(ssh: ssh, logger: logger)
        self.ssh = ssh
        self.logger = logger
    }

    /// What code of flows may not reach: everything of the home. As root it gets an account of its own where one is named.
    private static func confinement(_ home: Home, _ configuration: ServerConfiguration) throws -> LaunchConfinement {
        var confinement = LaunchConfinement(hidden: [try realPath(home.path)])
        guard let name = configuration.workers?.localUser else { return confinement }
        var user: UInt32 = 0
        var group: UInt32 = 0
        guard geteuid() == 0, flow_user_ids(name, &user, &group) != 0, user != 0 else {
            throw FlowError(
                .usage, subject: "workers.localUser",
                "The server did not start: '\(name)' is not an account that steps can run as. It takes an existing account other than "
                    + "root, and a server that runs as root.")
        }
        confinement.account = .init(user: user, group: group, name: name, home: Hands.home(of: user))
        return confinement
    }

    private static func home(of user: UInt32) -> String {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(PATH_MAX)) { buffer in
            guard let start = buffer.baseAddress, flow_user_home(user, start, buffer.count) != 0 else { return "/" }
            return String(cString: start)
        }
    }

    /// The records of local attempts, the home's own: two homes on one machine know nothing of each other. Made here, since who works in
    /// it may not enter the home; nil: `$FLOW_SPOOL` says.
    private static func spool(_ home: Home, _ confinement: LaunchConfinement) throws -> LocalSpool? {
        guard getenv("FLOW_SPOOL") == nil else { return nil }
        let path = try realPath(home.path) + (confinement.account.map { "/spool-\($0.user)" } ?? "/spool")
        let spool = LocalSpool(path: path, owner: confinement.account)
        let code = spool.make()
        guard code == 0 else { throw Hands.spoolFault(path, code) }
        return spool
    }

    private static func realPath(_ path: String) throws -> String {
        guard let real = realpath(path, nil) else { throw spoolFault(path, errno) }
        defer { free(real) }
        return String(cString: real)
    }

    private static func spoolFault(_ path: String, _ code: Int32) -> FlowError {
        FlowError(
            .storage, subject: path, "The server did not start: \(path) could not be made: \(String(cString: strerror(code))).",
            hint: "flowctl doctor")
    }

    /// Commands get what Swift steps get, with the directory that they work in. Without root hiding takes a user namespace, in which
    /// `sudo` does not work: there commands keep the reach of their account, and `doctor` says so.
    private static func forCommands(_ confinement: LaunchConfinement, _ spool: String?) -> LaunchConfinement {
        guard geteuid() == 0 else { return .none }
        var confinement = confinement
        confinement.kept = spool
        return confinement
    }

    /// Why code of flows is not kept from the engine's files here; nil when it is.
    func confinementFault() async -> String? {
        if let fault = await dispatcher.confinementFault() { return fault }
        if let fault = await commands.fault() { return fault }
        return geteuid() == 0 ? nil : "commands run here as the engine's own account"
    }

    /// Whether code of flows does not start here without its confinement.
    var refusesWithout: Bool { commands.isRequired }

    var service: some Service {
        HandsService(pool: dispatcher, ssh: ssh, logger: logger, refusesWithout: refusesWithout, confinementFault: confinementFault)
    }

    /// How many runs have output and are gone.
    func outputs(unknownTo store: SQLiteStore) async throws -> Int {
        var count = 0
        for run in try await outputs.store.runs() where try await store.run(run) == nil { count += 1 }
        return count
    }

    func removeOutputs(unknownTo store: SQLiteStore) async throws {
        for run in try await outputs.store.runs() where try await store.run(run) == nil { try await outputs.store.remove(run) }
    }
}

/// Runs the workers. At the end they let go: what runs, runs on.
private struct HandsService: Service {
    let pool: WorkerPool
    let ssh: SSHPool
    let logger: Logger
    let refusesWithout: Bool
    let confinementFault: @Sendable () async -> String?

    func run() async throws {
        if let fault = await confinementFault() {
            if refusesWithout {
                logger.error("local steps do not start unless they can be confined", metadata: ["reason": "\(fault)"])
            } else {
                logger.notice("code of flows can reach the engine's files on this machine", metadata: ["reason": "\(fault)"])
            }
        }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await pool.run() }
            group.addTask {
                do {
                    try await gracefulShutdown()
                } catch {
                    // Cancelled: ended in a hurry. Letting go is the same.
                }
                pool.drain()
            }
        }
        await ssh.shutDown()
    }
}

/// Outputs of the API, in the files of the workers.
struct StoredOutputs: OutputReader {
    let store: OutputStore

    func output(
        of run: RunID, step: StepPath, attempt: Int, stream: OutputStream, offset: Int, limit: Int
    ) async throws -> [UInt8] {
        let stream: HostStream = stream == .stdout ? .stdout : .stderr
        return try await store.read(run, step, attempt: attempt, stream: stream, offset: offset, limit: limit)
    }

    func lastLine(of run: RunID, step: StepPath, attempt: Int) async throws -> String? {
        try await store.lastLine(run, step, attempt: attempt)
    }
}
