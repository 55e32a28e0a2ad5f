import CFlowShims
import FlowAPI
import FlowEngine
package import FlowModel
import FlowStoreSQLite
package import Logging
import ServiceLifecycle
import Synchronization
import UnixSignals
import Workers

/// One engine on one home, with everything round it: what `flowd`, `flowctl server` and the embedded mode of `flowctl` run.
///
/// ```swift
/// try await FlowServer.serve(.init(home: "/var/lib/flow"))             // until SIGTERM
///
/// let server = try await FlowServer.open(.init(home: ".flow"))         // serving when this returns
/// try await server.close()
/// ```
/// Closing, a signal and `kill -9` have one thing in common: scripts that run go on, and the next engine of the home takes them
/// up again.
package final class FlowServer: Sendable {
    package struct Options: Sendable {
        package var home: String
        /// The inventory file, instead of the one that the configuration names.
        package var inventory: String?
        /// Ends after so many seconds in which no run needs the engine and no client asks; nil never does.
        package var idleSeconds: Double?
        /// Whether it works on the home's runs and schedules. One that does not answers, hands nothing out, and lets go of the home soon.
        package var isForWork: Bool
        /// Whether it serves until it is told to stop, for whoever asks: it says so to those that follow a run.
        package internal(set) var isService = false
        /// Nothing but warnings unless given: an engine inside a command is not to be heard.
        package var logger: Logger?
        /// Those of the machine, except in tests.
        package var clocks = Clocks.machine

        package init(
            home: String, inventory: String? = nil, idleSeconds: Double? = nil, isForWork: Bool = true, logger: Logger? = nil
        ) {
            self.isForWork = isForWork
            self.home = home
            self.inventory = inventory
            self.idleSeconds = idleSeconds
            self.logger = logger
        }
    }

    /// What the listeners have found out; shared with them.
    private final class Bound: Sendable {
        let port = Mutex<Int?>(nil)
    }

    /// Seconds that services have to end before they are cancelled.
    private static let shutdownSeconds = 20.0
    /// Seconds between two tries to start.
    private static let retrySeconds = 0.5

    /// The home's directory, absolute.
    package let home: String
    /// The socket that is served.
    package let socket: String
    /// The port of `listen`, when it is served; of use when the configuration asked for port 0.
    package var port: Int? { bound.port.withLock { $0 } }

    private let house: House
    private let group: ServiceGroup
    private let logger: Logger
    private let bound = Bound()
    private let running = Mutex<Task<Void, any Error>?>(nil)
    private let started: (stream: AsyncStream<Void>, continuation: AsyncStream<Void>.Continuation)

    private init(_ options: Options, signals: [UnixSignal]) async throws {
        let logger = options.logger ?? Logger(label: "flow") { _ in LineLogHandler(level: .warning, now: Wall.now) }
        // Before anything is opened: a shell's 1,024 are soon used up.
        if flow_raise_descriptor_limit(UInt64(WorkerLimits.reservedDescriptors)) == 0 {
            logger.warning("the limit of descriptors could not be told; it stays as it is")
        }
        let house = try await House(options, logger: logger)
        self.house = house
        self.logger = logger
        home = house.home.path
        socket = house.home.socket
        let started = AsyncStream.makeStream(of: Void.self)
        self.started = started
        let bound = bound
        group = ServiceGroup(
            configuration: FlowServer.configuration(
                house.services(isForeground: !signals.isEmpty) { port in
                    if let port { bound.port.withLock { $0 = port } }
                    started.continuation.yield()
                }, signals, logger))
    }

    private static func configuration(
        _ services: [any Service], _ signals: [UnixSignal], _ logger: Logger
    ) -> ServiceGroupConfiguration {
        // What ends by itself, such as the idle watch, ends all in good order.
        let all = services.map {
            ServiceGroupConfiguration.ServiceConfiguration(
                service: $0, successTerminationBehavior: .gracefullyShutdownGroup,
                failureTerminationBehavior: .gracefullyShutdownGroup)
        }
        var quiet = logger
        quiet.logLevel = max(logger.logLevel, .warning)
        var configuration = ServiceGroupConfiguration(services: all, gracefulShutdownSignals: signals, logger: quiet)
        configuration.maximumGracefulShutdownDuration = .seconds(shutdownSeconds)
        return configuration
    }

    // MARK: - In the foreground

    /// Serves until SIGTERM or SIGINT, or until idle.
    package static func serve(_ options: Options) async throws(FlowError) {
        var options = options
        options.isService = options.idleSeconds == nil
        let chosen = options
        try await FlowServer.told(options.home) {
            let server = try await startWhenPossible(chosen)
            await server.house.keepReserve()
            try await server.group.run()
        }
    }

    /// Has the certificate read again, as SIGHUP does in the foreground.
    package func reload() { house.reload() }

    /// On a full disk a service waits for room, however long that takes; nothing is served meanwhile, and a signal ends it as usual. One
    /// that was started for a command does not: that command says what is wrong.
    private static func startWhenPossible(_ options: Options) async throws -> FlowServer {
        var isSaid = false
        while true {
            do {
                return try await FlowServer(options, signals: [.sigterm, .sigint])
            } catch {
                let isForRoom = (error as? FlowError)?.code ?? .storage == .storage && Home.isFull(options.home)
                guard isForRoom, options.idleSeconds == nil else { throw error }
                // With the room that was kept for this it starts, answers, and waits as an engine that runs does.
                if SQLiteStore.releaseReserve(in: options.home) { continue }
                if !isSaid { options.logger?.warning("waiting to start", metadata: ["reason": "\((error as? FlowError)?.message ?? "\(error)")"]) }
                isSaid = true
            }
            try await Task.sleep(for: .seconds(retrySeconds))
        }
    }

    // MARK: - Inside another program

    /// Opens the home and serves its socket; both are so when this returns. Throws `owned` when another engine has it.
    package static func open(_ options: Options) async throws(FlowError) -> FlowServer {
        try await FlowServer.told(options.home) {
            let server = try await FlowServer(options, signals: [])
            try await server.start()
            return server
        }
    }

    /// Runs the services in a task that this server owns, and waits until every listener accepts connections.
    private func start() async throws {
        let group = group
        let signal = started.continuation
        let task = Task {
            // Whatever ends the services ends the wait for them too.
            defer { signal.finish() }
            try await group.run()
        }
        running.withLock { $0 = task }
        var missing = house.listeners
        for await _ in started.stream {
            missing -= 1
            if missing == 0 { return }
        }
        try await task.value
        throw FlowError(.internal, subject: home, "The engine ended before it served \(socket).")
    }

    /// Ends the engine: takes nothing more, commits what has arrived, closes the database. Idempotent.
    package func close() async throws(FlowError) {
        await group.triggerGracefulShutdown()
        try await wait()
    }

    /// Returns when the server has ended, by itself or by `close`.
    package func wait() async throws(FlowError) {
        guard let task = running.withLock({ $0 }) else { return }
        try await FlowServer.told(home) { try await task.value }
    }

    private static func told<Value>(_ home: String, _ work: () async throws -> Value) async throws(FlowError) -> Value {
        do {
            return try await work()
        } catch let error as FlowError {
            throw error
        } catch {
            throw FlowError(.storage, subject: home, "The engine on \(home) ended: \(error).", hint: "flowctl doctor")
        }
    }
}

extension FlowServer {
    /// A logger that writes lines to standard error, at the level that the home's configuration asks for.
    ///
    /// A configuration that does not load gives the default: the server will refuse it and say why.
    package static func standardLogger(home: String) -> Logger {
        let configured = (try? ServerConfiguration.load(home + "/flowd.yaml"))?.log?.level
        let level = configured.flatMap { Logger.Level(rawValue: $0.rawValue) } ?? .info
        return Logger(label: "flow") { _ in LineLogHandler(level: level, now: Wall.now) }
    }
}
