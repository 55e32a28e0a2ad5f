import CFlowShims
import FlowAPI
import FlowEngine
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
    private let confinement: LaunchConfinement
    private let logger: Logger

    init(
        home: Home, configuration: ServerConfiguration, store: SQLiteStore, vault: Vault, relay: ReportRelay, logger: Logger
    ) throws {
        let blobs = BlobStore(store)
        let ssh = try SSHPool()
        let local = LocalTransport()
        let store = OutputStore(folder: home.outputs)
        confinement = try Hands.confinement(home, configuration)
        dispatcher = WorkerPool(
            places: configuration.workers?.concurrency ?? WorkerLimits.places, home: home.path,
            // The record of local attempts is the home's own: two homes on one machine know nothing of each other.
            spool: getenv("FLOW_SPOOL") == nil ? home.path + "/spool" : nil,
            transports: { host in if let host { ssh.transport(to: host) } else { local } }, outputs: store,
            blobs: { digest in
                guard let bytes = try await blobs.read(digest) else {
                    throw FlowError(.notFound, subject: digest.hex, "Blob \(digest) is not stored.", hint: "flowctl doctor")
                }
                return bytes
            }, open: { try vault.open($0) }, confinement: confinement, logger: logger, report: { relay.report($0) })
        outputs = StoredOutputs(store: store)
        reach = HostReach(ssh: ssh)
        self.ssh = ssh
        self.logger = logger
    }

    /// What code of flows may not reach: everything of the home. As root it gets an account of its own where one is named.
    private static func confinement(_ home: Home, _ configuration: ServerConfiguration) throws -> LaunchConfinement {
        var confinement = LaunchConfinement(hidden: [home.path])
        guard let name = configuration.workers?.localUser else { return confinement }
        var user: UInt32 = 0
        var group: UInt32 = 0
        guard geteuid() == 0, flow_user_ids(name, &user, &group) != 0, user != 0 else {
            throw FlowError(
                .usage, subject: "workers.localUser",
                "The server did not start: '\(name)' is not an account that steps can run as. It takes an existing account other than "
                    + "root, and a server that runs as root.")
        }
        confinement.account = .init(user: user, group: group)
        return confinement
    }

    /// Why flows' own code is not kept from the engine's files here; nil when it is.
    func confinementFault() async -> String? { await dispatcher.confinementFault() }

    var service: some Service { HandsService(pool: dispatcher, ssh: ssh, logger: logger) }

    func removeOutputs(unknownTo store: SQLiteStore) async throws {
        for run in try await outputs.store.runs() where try await store.run(run) == nil { try await outputs.store.remove(run) }
    }
}

/// Runs the workers. At the end they let go: what runs, runs on.
private struct HandsService: Service {
    let pool: WorkerPool
    let ssh: SSHPool
    let logger: Logger

    func run() async throws {
        if let fault = await pool.confinementFault() {
            logger.warning("code of flows can reach the engine's files on this machine", metadata: ["reason": "\(fault)"])
        }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await pool.run() }
            group.addTask {
                do {
                    try await gracefulShutdown()
                } catch {
                    // Cancelled: ended in a hurry. Letting go is the same.
                }
                await pool.drain()
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
