package import FlowModel

/// The world as a command sees it. The executable makes a real one, a test a scripted one.
package struct Surroundings: Sendable {
    package var environment: [String: String]
    /// The absolute path of the directory that the command was given in.
    package var directory: String
    package var version: String
    package var terminal: Terminal
    package var transport: any HTTPTransport
    package var files: any FileAccess
    package var loader: any FlowFileLoader
    package var engines: any EngineStarter
    package var rehearser: any FlowRehearser
    package var now: @Sendable () -> Instant
    /// Waits for so many seconds; ends early when the task is cancelled.
    package var pause: @Sendable (Double) async throws -> Void
    /// Gives a value each time that somebody asks the command to end (Ctrl-C, SIGTERM, a closed terminal).
    package var interrupts: @Sendable () -> AsyncStream<Void>

    package init(
        environment: [String: String], directory: String, version: String, terminal: Terminal,
        transport: any HTTPTransport, files: any FileAccess, loader: any FlowFileLoader, engines: any EngineStarter,
        rehearser: any FlowRehearser,
        now: @escaping @Sendable () -> Instant, pause: @escaping @Sendable (Double) async throws -> Void,
        interrupts: @escaping @Sendable () -> AsyncStream<Void>
    ) {
        self.environment = environment
        self.directory = directory
        self.version = version
        self.terminal = terminal
        self.transport = transport
        self.files = files
        self.loader = loader
        self.engines = engines
        self.rehearser = rehearser
        self.now = now
        self.pause = pause
        self.interrupts = interrupts
    }

    /// The parser makes commands itself, so what they need reaches them with the task.
    @TaskLocal static var bound: Surroundings?

    static var here: Surroundings {
        guard let bound else { preconditionFailure("a command ran outside runFlowctl(_:in:)") }
        return bound
    }

    /// Loads a flow file, and says what had to be mended for that.
    func load(_ path: String) async throws(FlowError) -> LoadedFile {
        let loaded = try await loader.load(path)
        for notice in loaded.notices {
            do { try await terminal.say("Note: \(notice).") } catch {
                throw FlowError(.storage, subject: "stderr", "Standard error cannot be written: \(error).")
            }
        }
        return loaded
    }

    /// `path` as seen from the directory of the command.
    func absolute(_ path: String) -> String { path.hasPrefix("/") ? path : "\(directory)/\(path)" }
}

/// Files of the machine that the command runs on. Nothing here blocks the caller's thread.
package protocol FileAccess: Sendable {
    /// The whole file; `-` is standard input. Throws when it is missing, unreadable or larger than `limit`.
    func read(_ path: String, limit: Int) async throws(FlowError) -> [UInt8]
    /// Makes a file that is not there yet, with the folders it needs.
    func create(_ path: String, contents: [UInt8]) async throws(FlowError)
    /// Makes a file that is not there yet of what `produce` writes; nothing is left of it when that throws.
    func receive(
        _ path: String, from produce: (_ write: ([UInt8]) async throws -> Void) async throws -> Void
    ) async throws
    /// Makes a file of what `produce` writes, with the folders it needs, if that has this digest. False: it was there already. Nothing is written
    /// over, and nothing is left of it when this throws.
    func download(
        _ path: String, as digest: Digest, from produce: (_ write: ([UInt8]) async throws -> Void) async throws -> Void
    ) async throws -> Bool
    func exists(_ path: String) -> Bool
    func sha256(_ bytes: [UInt8]) -> Digest
}

/// Turns a flow file into a plan.
package protocol FlowFileLoader: Sendable {
    /// Compiles, evaluates and validates the file, named as it was typed; all diagnostics at once.
    func load(_ path: String) async throws(FlowError) -> LoadedFile
    /// What is given, with the values that `-p name=text` stand for, typed by kind of parameter. Everything is checked against the
    /// parameters here already, and all faults are thrown at once: what is not acceptable opens no engine.
    func inputs(
        _ texts: [(name: String, text: String)], and given: [String: JSON], for parameters: [Parameter]
    ) throws(FlowError) -> [String: JSON]
    /// The files that a new flow starts with.
    func template(name: String) throws(FlowError) -> [(path: String, contents: String)]
    /// What this machine's compiler and confinement look like.
    func findings() async -> [Finding]
}

/// A flow file as the loader gives it.
package struct LoadedFile: Sendable {
    package var plan: Plan
    package var revision: Digest
    /// The compiled flow, when the plan has Swift steps.
    package var binary: (path: String, digest: Digest)?
    /// Embedded files.
    package var assets: [Digest: [UInt8]]
    /// What was met on the way and mended, for people.
    package var notices: [String]

    package init(
        plan: Plan, revision: Digest, binary: (path: String, digest: Digest)? = nil, assets: [Digest: [UInt8]] = [:], notices: [String] = []
    ) {
        self.plan = plan
        self.revision = revision
        self.binary = binary
        self.assets = assets
        self.notices = notices
    }
}

/// One line of `doctor`.
package struct Finding: Hashable, Sendable {
    package enum Level: String, Sendable { case ok, warn, fail }
    package var name: String
    package var level: Level
    package var message: String
    package var hint: String?

    package init(_ name: String, _ level: Level, _ message: String, hint: String? = nil) {
        self.name = name
        self.level = level
        self.message = message
        self.hint = hint
    }
}

/// Starts engines for a home that has none.
package protocol EngineStarter: Sendable {
    /// Opens the home in this process and serves its socket. Throws `.owned` when another engine has it.
    /// - Parameters:
    ///   - inventory: the file of hosts, instead of the home's own.
    ///   - forWork: whether it takes up the home's runs; one that does not only answers.
    func open(home: String, inventory: String?, forWork: Bool) async throws(FlowError) -> any OpenEngine
    /// Starts an engine that outlives this process and ends when it has nothing to do. It may not answer yet on return.
    func detach(home: String, inventory: String?) async throws(FlowError)
    /// Mends the database of a home that no engine has open. Throws `.owned` when one has, `.database` when nothing can be kept.
    /// - Parameter forgettingSecrets: gives up what a lost key has sealed, and makes a new key.
    func repair(home: String, forgettingSecrets: Bool) async throws(FlowError) -> RepairReport
    /// Serves in the foreground until it is told to stop.
    func serve(_ options: ServeOptions) async throws(FlowError)
}

/// What a repair came to, in sentences.
package struct RepairReport: Hashable, Sendable {
    package var kept: [String]
    /// Empty when nothing was lost.
    package var lost: [String]
    /// Where everything is as it was; nil when nothing had to be done.
    package var copy: String?

    package init(kept: [String], lost: [String] = [], copy: String? = nil) {
        self.kept = kept
        self.lost = lost
        self.copy = copy
    }
}

/// An engine inside this process.
package protocol OpenEngine: Sendable {
    /// Ends it; scripts that run go on and are taken up again by the next engine of the home.
    func close() async throws(FlowError)
}

/// What `flowctl server` was asked for.
package struct ServeOptions: Hashable, Sendable {
    package var home: String
    package var inventory: String?
    /// Ends after so many seconds without work and clients.
    package var idleSeconds: Double?

    package init(home: String, inventory: String? = nil, idleSeconds: Double? = nil) {
        self.home = home
        self.inventory = inventory
        self.idleSeconds = idleSeconds
    }
}

/// The bounds of this room.
package enum CommandLimits {
    /// Seconds for one request and its answer.
    static let requestSeconds = 60.0
    /// Seconds for an upload of a blob, and for a backup.
    static let transferSeconds = 1_800.0
    /// Hosts that `inventory import` sends in one request.
    static let hostsAtOnce = 1_000
    /// Seconds that a stream may stay silent: servers send a comment every 15.
    static let silenceSeconds = 60.0
    /// Seconds that an engine has to answer after it was started.
    static let startSeconds = 20.0
    /// Seconds of failing to reconnect after which following a run is given up.
    static let reconnectSeconds = 120.0
    /// Bytes of one answer that is read into memory, and of one message of an event stream.
    static let answerBytes = 64 << 20
    static let messageBytes = 8 << 20
    /// A plan beyond these is sent as a blob: bodies are limited to 1 MiB and 64 levels.
    static let inlinePlanBytes = 512 << 10
    static let inlinePlanDepth = 40
    /// Items asked for with one page.
    static let page = 200
    /// Steps whose output is followed at once.
    static let followedOutputs = 32
    /// Redraws a second.
    static let redrawsPerSecond = 10.0
    /// Bytes of `--inputs` and of a `known_hosts` file.
    static let inputFileBytes = 1 << 20
    /// Bytes of a command in a crontab: cron reads no more of a line, and runs what it has read.
    package static let cronCommandBytes = 998
}
