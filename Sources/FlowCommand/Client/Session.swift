import FlowModel
import FlowWire
import Synchronization

/// A connection to an engine, whichever way there is: a URL, the socket of a home, or an engine opened in this process.
///
/// Always made by `Session.with`, which also ends what was opened.
final class Session: Sendable {
    /// How long the engine is needed.
    enum Need: Sendable {
        /// To answer questions: one opened here takes up nothing, and leaves nothing behind.
        case look
        /// For this command: one opened here ends with it, unless a run can go on; then another is left to go on with it.
        case command
        /// Beyond this command: a home without an engine gets one of its own.
        case beyond
    }

    private enum Place: Sendable {
        case url(String)
        case home(String)
    }

    let client: FlowClient
    /// Whether the engine runs in this process.
    var isEmbedded: Bool { engine.withLock { $0 != nil } }

    private let place: Place
    /// The inventory file that was named.
    private let inventory: String?
    private let homeTransport: HomeTransport?
    private let surroundings: Surroundings
    private let engine = Mutex<(any OpenEngine)?>(nil)
    /// Runs that could go on when an engine was opened only to look.
    private let lookedAt = Mutex<Set<RunID>?>(nil)
    private let outside = Mutex(Outside())

    /// What is known of an engine that this command did not open.
    private struct Outside {
        /// Whether it serves until it is told to stop: then it comes back, and the home is its.
        var isService = false
        /// How many follow a run now: they only wait for an engine.
        var followers = 0
        /// Whether it was said that it does not answer, since it did last.
        var isMissed = false
    }

    /// Runs `work` with a session and closes it, also when `work` throws.
    static func with<Value>(
        _ options: ConnectionOptions, need: Need = .command, _ work: (Session) async throws -> Value
    ) async throws -> Value {
        let session = try Session(options, Surroundings.here)
        try await session.connect(need)
        let value: Value
        do {
            value = try await work(session)
        } catch {
            do {
                try await session.close()
            } catch let other {
                try await session.surroundings.terminal.say(Messages.text(of: other))
            }
            throw error
        }
        try await session.close()
        return value
    }

    /// Runs `work` with the engine that answers now, or with the server that is named; nil when the home has none. Opens nothing.
    static func ifServed<Value>(_ options: ConnectionOptions, _ work: (Session) async throws -> Value) async throws -> Value? {
        let session = try Session(options, Surroundings.here)
        if case .home = session.place { guard await session.isServed() else { return nil } }
        return try await work(session)
    }

    /// The version that the server says it is; nil when there is none now. Starts nothing.
    static func versionOfServer(_ options: ConnectionOptions) async throws -> String? {
        let session = try Session(options, Surroundings.here)
        let (health, failure) = await session.health()
        if case .url = session.place, let failure { throw Messages.noAnswer(failure, from: session.client.address()) }
        return health?.version
    }

    private init(_ options: ConnectionOptions, _ surroundings: Surroundings) throws(FlowError) {
        self.surroundings = surroundings
        inventory = options.inventoryPath
        let environment = surroundings.environment
        if let server = options.server ?? (options.home == nil ? environment["FLOW_SERVER"]?.nonEmpty : nil) {
            guard options.home == nil else { throw Messages.serverAndHome }
            guard inventory == nil else { throw Messages.serverAndInventory }
            let url = try Session.checked(server)
            guard options.ca == nil || url.hasPrefix("https://") else { throw Messages.caWithoutTLS }
            place = .url(url)
            homeTransport = nil
            client = FlowClient(
                address: { .url(url) }, token: environment["FLOW_TOKEN"]?.nonEmpty, ca: options.caPath, transport: surroundings.transport)
        } else {
            guard options.ca == nil else { throw Messages.caWithoutTLS }
            let socket = "\(options.homePath)/flow.sock"
            let transport = HomeTransport(surroundings.transport)
            place = .home(options.homePath)
            homeTransport = transport
            client = FlowClient(address: { .socket(socket) }, token: nil, transport: transport)
        }
    }

    private static func checked(_ server: String) throws(FlowError) -> String {
        var url = server
        while url.hasSuffix("/") { url.removeLast() }
        guard url.hasPrefix("http://") || url.hasPrefix("https://"), !url.hasSuffix("//") else {
            throw Messages.notAURL(server)
        }
        return url
    }

    // MARK: - Opening

    private func connect(_ need: Need) async throws {
        guard case .home(let home) = place else { return }
        // Who has the socket of another home could keep it. That it says nothing here must not go unseen: the run would be somebody else's.
        if surroundings.environment["FLOW_TOKEN"]?.nonEmpty != nil { try await surroundings.terminal.say(Messages.tokenUnused(home)) }
        try await reach(home, need)
        try await checkInventory(home)
        if need == .look, isEmbedded {
            let open = Set(await runsThatCanGoOn().map(\.id))
            lookedAt.withLock { $0 = open }
        }
        homeTransport?.whenLost { [weak self] in
            guard let self, !self.isEmbedded else { return false }
            let outside = self.outside.withLock { $0 }
            // Who opened the home in its place would run with other hosts, in another account, and keep it from starting again.
            if outside.isService { return try await self.waitForService() }
            if outside.followers > 0 { return false }
            try await self.reach(home, need)
            return true
        }
    }

    /// Until the engine that was there is back; false when it stays away for `CommandLimits.reconnectSeconds`.
    private func waitForService() async throws -> Bool {
        var patience = Patience()
        while true {
            if await isServed() { return true }
            guard let pause = patience.pause(at: surroundings.now()) else { return false }
            if patience.tries == 2 { try await sayMissed() }
            try await surroundings.pause(pause)
        }
    }

    private func isServed() async -> Bool {
        let (answer, _) = await health()
        guard let answer, answer.serves else { return false }
        met(answer)
        return true
    }

    private func met(_ answer: Wire.Health) {
        outside.withLock { outside in
            outside.isService = answer.isService ?? false
            outside.isMissed = false
        }
    }

    /// A key for a request that starts something: with it, one whose answer was lost can be sent again.
    var freshKey: String? {
        homeTransport == nil ? nil : "flowctl-\(String(UInt64.random(in: 0 ... .max), radix: 36))\(String(UInt64.random(in: 0 ... .max), radix: 36))"
    }

    /// Makes sure that an engine serves the home's socket: the one that does, or one that is started here.
    ///
    /// Two commands that start at once both try; the one that comes second finds the home owned and connects to the first.
    private func reach(_ home: String, _ need: Need) async throws {
        let giveUp = surroundings.now() + CommandLimits.startSeconds
        var isStarted = false
        var owned: FlowError?
        while true {
            let (answer, failure) = await health()
            if let answer, answer.serves { return met(answer) }
            if let failure, failure.kind == .denied { throw Messages.socketDenied(home) }
            // One that is there and does not answer in time is busy: another one could not open the home.
            if answer == nil, !isStarted, failure?.kind != .timedOut {
                do throws(FlowError) {
                    try await start(home, need)
                    isStarted = true
                } catch {
                    // Somebody else is starting or ending there: look again, and give up with their name when it stays so.
                    guard error.code == .owned else { throw error }
                    owned = error
                }
            }
            if isEmbedded { return }
            guard surroundings.now() < giveUp else { throw owned ?? Messages.engineSilent(home) }
            try await surroundings.pause(0.05)
        }
    }

    private func start(_ home: String, _ need: Need) async throws(FlowError) {
        switch need {
        case .look, .command:
            let opened = try await surroundings.engines.open(home: home, inventory: inventory, forWork: need == .command)
            engine.withLock { $0 = opened }
        case .beyond: try await surroundings.engines.detach(home: home, inventory: inventory)
        }
    }

    /// An engine that was there before keeps the hosts that it was started with: to use others unasked would run on the wrong machines.
    private func checkInventory(_ home: String) async throws {
        guard let inventory, !isEmbedded else { return }
        let used = try await client.fetch(Wire.Inventory.self, "GET", "/v1/inventory", query: [("limit", "1")]).file
        guard used == inventory else { throw Messages.otherInventory(home, used: used, asked: inventory) }
    }

    private func health() async -> (Wire.Health?, TransportFailure?) {
        let call = client.call("GET", "/healthz", deadlineSeconds: 5)
        var body: [UInt8] = []
        do {
            _ = try await surroundings.transport.send(call) { _, bytes in body += bytes }
            return (try JSON.parse(body).read(as: Wire.Health.self), nil)
        } catch {
            return (nil, error as? TransportFailure ?? TransportFailure(.other, "\(error)"))
        }
    }

    /// Says what does not happen while no engine stays with the home: the one that answered ends with this command.
    func sayIfNobodyServes(_ consequence: String) async throws {
        guard case .home(let home) = place, isEmbedded else { return }
        try await surroundings.terminal.say(Messages.nobodyServes(consequence, home: home))
    }

    // MARK: - Following

    /// Runs `work`, which follows a run across lost connections: meanwhile this command waits for the engine that it did not open, and
    /// never becomes the home's engine in its place.
    func following<Value>(_ work: () async throws -> Value) async rethrows -> Value {
        outside.withLock { $0.followers += 1 }
        defer { outside.withLock { $0.followers -= 1 } }
        return try await work()
    }

    /// Something new came.
    func progressed() { outside.withLock { $0.isMissed = false } }

    /// Says that the engine does not answer and is waited for; once, until it answers again.
    func sayMissed() async throws {
        let (isNew, isService) = outside.withLock { outside in
            defer { outside.isMissed = true }
            return (!outside.isMissed, outside.isService)
        }
        guard isNew else { return }
        let text =
            switch place {
            case .url(let url): Messages.reconnecting(url)
            case .home(let home): isEmbedded || isService ? Messages.waitingForEngine(home) : Messages.waitingForAnyEngine(home)
            }
        try await surroundings.terminal.say(text)
    }

    /// What can be read in a home whose engine belonged to another command and has ended with it: the end of the run may have been
    /// the reason. Opened to look, for this question; nil when that cannot be, and always where the engine comes back.
    func lookAside<Value>(_ ask: (FlowClient) async throws -> Value) async throws -> Value? {
        guard case .home(let home) = place, !isEmbedded, !outside.withLock({ $0.isService }) else { return nil }
        guard let opened = try? await surroundings.engines.open(home: home, inventory: inventory, forWork: false) else { return nil }
        let before = Set(await runsThatCanGoOn().map(\.id))
        let value = try? await ask(client)
        let open = await runsThatCanGoOn().map(\.id)
        try await opened.close()
        // Another command came meanwhile and was answered: what it began is not left without an engine.
        if !before.isSuperset(of: open) { try await leaveEngine(home) }
        return value
    }

    // MARK: - Closing

    private func close() async throws {
        guard case .home(let home) = place, let opened = engine.withLock({ $0 }) else { return }
        let open = await runsThatCanGoOn()
        engine.withLock { $0 = nil }
        try await opened.close()
        guard !open.isEmpty else { return }
        // Who only looked leaves the runs as they were, unless another command came meanwhile and made them go on.
        if let before = lookedAt.withLock({ $0 }), before.isSuperset(of: open.map(\.id)) {
            return try await surroundings.terminal.say(Messages.nobodyWorks(open.count, home: home))
        }
        if try await leaveEngine(home) { try await surroundings.terminal.say(Messages.leftInBackground(open.count, home: home)) }
    }

    /// Leaves an engine that goes on with the home's runs. False when another command has opened the home in between: its engine goes on with
    /// them, and is left behind as this one would be.
    @discardableResult
    private func leaveEngine(_ home: String) async throws(FlowError) -> Bool {
        do throws(FlowError) {
            try await surroundings.engines.detach(home: home, inventory: inventory)
            return true
        } catch {
            guard error.code == .owned else { throw error }
            return false
        }
    }

    /// Runs that need an engine to go on by themselves: those that do something, and those that wait for a time.
    private func runsThatCanGoOn() async -> [Wire.Run] {
        let states: [RunState] = [.queued, .running, .waiting, .cancelling, .undoing]
        let query = [("state", states.map(\.rawValue).joined(separator: ",")), ("limit", "\(CommandLimits.page)")]
        // An engine that does not answer now is not asked to go on: it says so itself when it is opened again.
        let page = try? await client.fetch(Wire.Page<Wire.Run>.self, "GET", "/v1/runs", query: query)
        return (page?.items ?? []).filter { run in
            // Asked for by state, and shown as paused: one that the engine cannot touch.
            guard run.state == .waiting else { return run.state != .paused }
            return (run.waitingFor ?? []).contains { $0.kind == .timer || $0.kind == .unreachable }
        }
    }
}

extension String {
    var nonEmpty: String? { isEmpty ? nil : self }
}
