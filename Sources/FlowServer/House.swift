import CFlowShims
import FlowAPI
import FlowCrypto
import FlowEngine
import FlowInventory
import FlowModel
import FlowStoreSQLite
import FoundationEssentials
import Glibc
import Logging
import ServiceLifecycle

/// Everything of one home, put together: the only place that knows every room.
///
/// The order matters. The home and its owner lock come first, so that nothing of another engine's is touched; the engine comes
/// after the hands, since it hands orders out as soon as it exists; the listeners come last, since what they accept must work.
struct House: Sendable {
    let home: Home
    let configuration: ServerConfiguration
    private let addresses: [ListenerService.Address]
    private let store: SQLiteStore
    private let engine: Engine
    private let hands: Hands
    private let scheduler: Scheduler
    private let caller: RunCaller
    private let finder: HostFinder
    private let hooks: HookBook
    private let changes: ChangeBook
    private let clock: ClockBook
    private let clocks: Clocks
    private let api: API
    private let activity = Activity()
    private let idleSeconds: Double?
    private let isForWork: Bool
    private let logger: Logger

    init(_ options: FlowServer.Options, logger: Logger) async throws {
        let home = try Home(opening: options.home)
        // A client that went away must not end the process.
        signal(SIGPIPE, SIG_IGN)
        let configuration = try ServerConfiguration.load(home.configuration)
        addresses = try House.addresses(home, configuration)
        let clocks = options.clocks
        let store = try await House.openStore(home)
        var opened: Engine?
        do {
            let vault = try await onThreadPool { try Vault(home: home.path, check: Vault.Check(store)) }
            let hosts = InventoryService.of(options, configuration, home)
            try await ServedInventory(home).admit(hosts, options, store: store, logger: logger)
            let relay = ReportRelay()
            let hands = try Hands(
                home: home, configuration: configuration, store: store, vault: vault, relay: relay, logger: logger)
            let gate = RestoreGate(
                behind: hands.dispatcher, isForWork: options.isForWork, isOpen: !store.isRestored, report: { relay.report($0) })
            let changeGate = ChangeGate()
            let clock = try await ClockBook(store: store, clocks: clocks, logger: logger)
            self.clock = clock
            changes = ChangeBook(
                store: store, zones: ZoneFiles(home: home.path), gate: changeGate,
                hosts: { try SelectorExpression($0).hosts(in: try await hosts.current()).map(\.name) }, now: clocks.wall, logger: logger)
            // Before the engine: it asks as soon as it exists.
            try await changes.refresh()
            let people = PeopleBook(store: store, now: clocks.wall)
            try await people.refresh()
            var environment = House.environment(home, store, logger)
            let (orders, callOrders) = AsyncStream.makeStream(of: CallOrder.self)
            environment.call = { callOrders.yield($0) }
            let (searches, hostSearches) = AsyncStream.makeStream(of: HostSearch.self)
            environment.findHosts = { hostSearches.yield($0) }
            environment.closure = { changeGate.closure(of: $0, at: $1) }
            environment.people = { people.people }
            environment.now = clocks.wall
            environment.elapsed = clocks.elapsed
            let engine = try Engine(store: store, dispatcher: gate, environment: environment)
            opened = engine
            try await changes.connect(engine)
            try await people.connect(engine)
            relay.connect(engine)
            let blobs = BlobStore(store, now: clocks.wall)
            let plans = PlanLibrary(blobs: blobs, cache: PlanCache(), check: PlanCheck.check)
            let flows = FlowLibrary(registry: Registry(store), plans: plans, now: clocks.wall)
            let preparer = RunPreparer(
                flows: flows, plans: plans, vault: vault, inputs: PlanCheck.inputs, inventory: hosts,
                closure: { changeGate.closure(of: $0, at: clocks.wall()) },
                leases: { demands in await engine.leases { table in demands.map(table.obstacles(to:)) } ?? [] })
            let inputs = StoredInputs(flows, vault)
            // Before the schedules are read: what is in memory is what is kept.
            try await inputs.sealAll(in: store, at: clocks.wall(), logger: logger)
            scheduler = Scheduler(
                store: store, engine: engine, preparation: preparer, inputs: inputs, home: home.path, now: clocks.wall,
                people: { people.people }, jump: { clock.jump(over: $0) }, logger: logger)
            try await scheduler.load(isRestored: store.isRestored)
            let owned = scheduler
            people.listen { await owned.ownersChanged($0) }
            await owned.ownersChanged(people.people)
            let hookBook = HookBook(
                store: store, engine: engine, plans: preparer, inputs: scheduler.inputs, now: clocks.wall, people: { people.people },
                logger: logger)
            hooks = hookBook
            let watch = StandstillWatch(
                scheduler: owned, hooks: hookBook, standstills: Standstills(store), now: clocks.wall, logger: logger)
            people.listen { await watch.look($0) }
            await owned.listen { await watch.look(people.people) }
            await watch.look(people.people)
            try await gate.pauseRestored(engine: engine, store: store, at: await scheduler.restoredAt ?? clocks.wall(), logger: logger)
            caller = RunCaller(engine: engine, preparer: preparer, orders: orders)
            finder = HostFinder(engine: engine, inventory: hosts, searches: searches)
            api = try await House.api(
                engine, store, preparer, scheduler, hookBook, changes, hosts, hands, home, people, clock, addresses, clocks, logger,
                isService: options.isService)
            self.engine = engine
            self.hands = hands
        } catch {
            // Nothing was served: let another engine have the home.
            await opened?.shutdown()
            try store.close()
            throw error
        }
        self.home = home
        self.configuration = configuration
        self.store = store
        self.logger = logger
        idleSeconds = options.idleSeconds
        isForWork = options.isForWork
        self.clocks = clocks
    }

    /// What is to be served; everything that can be wrong with it is found before the home is opened.
    private static func addresses(_ home: Home, _ configuration: ServerConfiguration) throws -> [ListenerService.Address] {
        if let kind = flow_kind_at(home.socket).map({ String(cString: $0) }), kind != "a socket" {
            throw FlowError(
                .storage, subject: home.socket, "The engine did not start: \(home.socket) is \(kind), and its socket belongs there.",
                hint: "mv \(home.socket) \(home.socket).other, then once more")
        }
        var addresses = [ListenerService.Address.socket(path: home.socket)]
        if let listen = configuration.listen {
            let address = try ListenAddress(listen)
            let certificate = try configuration.tls.map { try Certificate(home.file($0.certificate), key: home.file($0.key)) }
            addresses.append(
                .network(
                    address, certificate, HostRule(configuration, address), isBehindProxy: configuration.behindProxy == true))
        }
        return addresses
    }

    private static func openStore(_ home: Home) async throws -> SQLiteStore {
        try await onThreadPool { try SQLiteStore.open(in: home.path, socket: home.socket, now: Wall.now()) }
    }

    private static func environment(_ home: Home, _ store: SQLiteStore, _ logger: Logger) -> EngineEnvironment {
        let code = flow_trap_note_open(home.trapNote)
        if code != 0 { logger.warning("a run that crashes the engine cannot be told", metadata: ["error": "\(code)"]) }
        var id = [CChar](repeating: 0, count: 37)
        let trapped =
            flow_trap_note_take(&id) != 0 ? id.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } } : nil
        return EngineEnvironment(
            now: Wall.now, random: SystemRandom.bytes, hash: { Digest(of: $0) }, isRestored: store.isRestored,
            breadcrumb: { run in
                if let run { run.text.withCString { flow_trap_note_set($0) } } else { flow_trap_note_set(nil) }
            },
            trapped: trapped.flatMap { RunID($0) },
            fatal: { reason in
                logger.critical("the engine ends: the database is lost to it", metadata: ["reason": "\(reason)"])
                // At once: whatever this process still believes may be wrong. 74 is EX_IOERR.
                _exit(74)
            },
            log: { level, message in
                switch level {
                case .info: logger.info("\(message)")
                case .warning: logger.warning("\(message)")
                case .error: logger.error("\(message)")
                }
            })
    }

    private static func api(
        _ engine: Engine, _ store: SQLiteStore, _ preparer: RunPreparer, _ scheduler: Scheduler, _ hooks: HookBook, _ changes: ChangeBook,
        _ hosts: InventoryService, _ hands: Hands, _ home: Home, _ people: PeopleBook, _ clock: ClockBook,
        _ addresses: [ListenerService.Address], _ clocks: Clocks, _ logger: Logger, isService: Bool
    ) async throws -> API {
        let meters = Meters()
        ProcessGauges.add(to: meters)
        meters.reading("flow_commits_refused_total", "Commits that the journal refused, such as on a full disk.", isCounter: true) {
            Double(engine.refusedCommits)
        }
        let identities = IdentityService(accounts: Accounts(store), book: people, now: clocks.wall, logger: logger)
        try await identities.ensureAdmin(owner: home.owner)
        let schedules = ScheduleBook(scheduler: scheduler, plans: preparer)
        return API(
            engine: engine, reader: store, identities: identities, catalogue: preparer.flows, preparation: preparer,
            hosts: HostDirectoryService(inventoryService: hosts, reach: hands.reach, audit: Audit(store)),
            schedules: schedules, hooks: hooks,
            changeRules: changes, blobs: StoredBlobs(blobs: BlobStore(store, now: clocks.wall)),
            outputs: hands.outputs,
            caretaker: ServerCare(
                store: store, engine: engine, home: home, hands: hands, inputs: scheduler.inputs, now: clocks.wall,
                more: [
                    { House.certificate(addresses).map { [$0.finding(now: clocks.wall())] } ?? [] }, { clock.findings() },
                    { [await hosts.finding()] },
                    { try await StartFindings.all(schedules, hooks) },
                ]),
            hub: ChangeHub(meters: meters),
            meters: meters, now: clocks.wall, logger: logger, isService: isService)
    }

    /// Keeps some room for the next start, should the disk be full then.
    func keepReserve() async {
        do {
            try await onThreadPool { [store] in store.keepReserve() }
        } catch {
            logger.warning("no room was kept for a start on a full disk", metadata: ["error": "\(error)"])
        }
    }

    // MARK: - Services

    /// How many listeners there are.
    var listeners: Int { addresses.count }

    func reload() { ReloadService(certificate: certificate, logger: logger).reload() }

    private var certificate: Certificate? { House.certificate(addresses) }

    private static func certificate(_ addresses: [ListenerService.Address]) -> Certificate? {
        for case .network(_, let certificate?, _, _) in addresses { return certificate }
        return nil
    }

    /// In order of start; they end in the opposite order. In the foreground SIGHUP has the certificate read again.
    func services(isForeground: Bool, onReady: @escaping @Sendable (Int?) -> Void) -> [any Service] {
        var services: [any Service] = [EngineService(engine: engine, store: store, logger: logger), hands.service]
        if isForWork {
            services += [
                RetentionService(
                    engine: engine, store: store, policies: configuration.retentionPolicies,
                    sweepOutputs: { try await hands.removeOutputs(unknownTo: store) },
                    now: clocks.wall, doubt: { [clock] in clock.doubt }, logger: logger),
                ClockService(book: clock, wake: wakeByClock, logger: logger),
                NotificationService(engine: engine, notices: Standstills(store), hook: hook, logger: logger),
                ScheduleService(scheduler: scheduler, engine: engine), caller, finder,
            ]
        }
        services.append(RefusalService(hooks: hooks, logger: logger))
        services.append(ChangeRuleService(book: changes, logger: logger))
        if let idleSeconds {
            services.append(
                IdleService(
                    seconds: idleSeconds, activity: activity, hub: api.hub, reader: store, engine: engine, logger: logger))
        }
        if isForeground { services.append(ReloadService(certificate: certificate, logger: logger)) }
        for address in addresses {
            services.append(ListenerService(address: address, api: api, activity: activity, logger: logger) { onReady($0) })
        }
        services.append(ChangeService(engine: engine, hub: api.hub))
        return services
    }

    /// Somebody has set the clock: what goes by the time of the day looks again.
    private var wakeByClock: @Sendable () async throws -> Void {
        { [engine, scheduler, changes] in
            scheduler.bell.ring()
            try await changes.refresh()
            // The writer looks at its clocks in each turn.
            try await engine.settle()
        }
    }

    private var hook: any NotificationHook {
        guard let notify = configuration.notify else { return NoHook() }
        let seconds = notify.timeoutSeconds ?? 30
        if let command = notify.command { return CommandHook(command: command, timeoutSeconds: seconds) }
        if let url = notify.url { return HTTPHook(url: url, timeoutSeconds: seconds) }
        return NoHook()
    }
}
