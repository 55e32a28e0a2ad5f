import FlowEngine
import FlowModel

/// One run in a world of faulty workers, hosts, operators and engine crashes, all from one seed, on a simulated clock.
///
/// The machine is the real one; around it everything is a function of the seed. After every event the journal is folded again
/// and must give the run that is in memory. Faults stop after a while; then the run must end, or wait for a named thing that a
/// person then decides.
package struct RunSimulation {
    /// What was wrong, with the seed that shows it again.
    package struct Violation: Error, CustomStringConvertible {
        package var seed: UInt64
        package var message: String
        package var description: String { "seed \(seed): \(message)" }
    }

    /// Faults, expanded from the seed.
    struct Options {
        var steps: Int
        var crashRate: Double
        var lossRate: Double
        var failureRate: Double
        var commandRate: Double
        /// Hosts that cannot be asked, for a while or for ever.
        var silenceRate: Double
        /// Reports that come twice, late, or from a worker of an engine that is gone; timers that fire too early.
        var echoRate: Double
        /// Seconds of every hundred in which a window is closed, for runs and batches with this host (nil: all).
        var closedSeconds: Int
        var closedHost: String?
        /// How often somebody freezes everything by hand, or lifts that.
        var freezeRate: Double
        /// How often the journal is copied, or taken back to its copy.
        var restoreRate: Double
        /// How often a host loses the record of what it has begun, while its spool stays. Never where the journal may lose it, too.
        var amnesiaRate: Double
        /// How often users, links, roles or lent rights change; nil: nobody keeps accounts.
        var peopleRate: Double?
        /// How often somebody sets the clock on the wall. Only where no engine ends: after that there is no other clock to go by.
        var jumpRate: Double
    }

    enum Occurrence {
        case place(AttemptOrder), arrive(AttemptOrder), resend(AttemptOrder), finish(AttemptOrder), answer(AttemptOrder), stop(AttemptOrder),
            reconnect(StepPath), search(HostSearch)
        case report(AttemptReport)
    }

    let seed: UInt64
    let options: Options
    /// A freeze without an end that somebody set, until somebody lifts it.
    var isFrozen = false
    var random: SeededRandom
    var people: SimulatedPeople?
    /// Of its own, so that a seed without people is what it was.
    var peopleRandom: SeededRandom
    var clock: SimulatedClock
    /// Seconds that have passed.
    var now = 0
    /// When faults stop.
    var healsAt = 600
    var epoch = 1
    var crashedAt = 0
    var run: Run
    var journal: [(entries: [Entry], at: Instant)] = []
    var hosts: [StepPath: SimulatedHost] = [:]
    /// Until when the host of a step cannot be asked.
    var silences: [StepPath: Int] = [:]
    var events: [(due: Int, order: Int, dies: Bool, occurrence: Occurrence)] = []
    private var scheduled = 0
    var waitingForGo: [AttemptID: AttemptOrder] = [:]
    var orders: [AttemptID: AttemptOrder] = [:]
    /// A copy of the journal to go back to; how often that was done, the epoch that began with it, and whether nobody has looked since.
    var backup: Backup?
    var past = 0
    /// Which generation each step had in each copy that the journal was taken back to.
    var copies: [[StepPath: Int]] = []
    var firstEpoch = 1
    var isRestored = false
    var isHeld = false
    /// Attempts that a worker was told to stop, that a person gave up, and that their host ended by its own clock.
    var stopped: Set<AttemptID> = []
    var givenUp: Set<AttemptID> = []
    var cutOff: [StepPath: Set<Fence>] = [:]
    /// What is in effect on the hosts; the generation of each step that somebody called done last.
    var effects = EffectLedger()
    var resolved: [StepPath: Int] = [:]
    var ledger = SimulationLedger()
    var rows: RunRows
    private var lives = 0

    /// How many events the simulation went through.
    package private(set) var eventCount = 0

    package init(seed: UInt64) {
        self.seed = seed
        random = SeededRandom(seed: seed)
        peopleRandom = SeededRandom(seed: ~seed)
        clock = SimulatedClock(seed: seed)
        var options = Options(
            steps: random.int(1...12), crashRate: random.pick([0, 0.02, 0.1]), lossRate: random.pick([0, 0.05, 0.3]),
            failureRate: random.pick([0, 0.1, 0.5]), commandRate: random.pick([0, 0.02, 0.1, 0.25]), silenceRate: random.pick([0, 0, 0.1, 0.4]),
            echoRate: random.pick([0, 0.1, 0.4]), closedSeconds: random.pick([0, 0, 30, 60]), closedHost: random.pick([nil, "h3", "h5", "h8"]),
            freezeRate: random.pick([0, 0, 0.05]), restoreRate: random.pick([0, 0, 0, 0.05]), amnesiaRate: random.pick([0, 0.05, 0.2]),
            peopleRate: peopleRandom.pick([nil, nil, nil, 0.05, 0.2]), jumpRate: 0)
        if options.crashRate == 0, options.restoreRate == 0, options.closedSeconds == 0 { options.jumpRate = clock.random.pick([0, 0.05, 0.2]) }
        self.options = options
        if options.peopleRate != nil { people = SimulatedPeople(using: &peopleRandom) }
        let plan = RandomPlan.make(using: random.split(), size: options.steps)
        let created = Created(
            flow: plan.flow, revision: Self.hash([7]), plan: Self.hash([8]), binary: nil, inputs: [:], targets: RandomPlan.targets, labels: [:],
            key: nil, user: "alice", person: "alice")
        let start = Instant(milliseconds: 0)
        guard let run = Run(id: Self.id, first: .created(created), at: start, index: PlanIndex(plan)) else {
            preconditionFailure("a run begins with its creation")
        }
        self.run = run
        rows = RunRows(run, hash: Self.hash)
        journal = [([.created(created)], start)]
    }

    /// Quick and good enough to tell contents apart: FNV-1a, four times over.
    static func hash(_ bytes: [UInt8]) -> Digest {
        var state: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in bytes { state = (state ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return Digest(bytes: (0..<32).map { UInt8(truncatingIfNeeded: state >> UInt64($0 % 8 * 8)) })
    }

    static let id = RunID(at: Instant(milliseconds: 0), random: [UInt8](repeating: 1, count: 10))

    // MARK: - The loop

    /// Lives of a run at most: operators take up again what has ended, or undo it.
    private static let mostLives = 4

    package mutating func simulate() throws(Violation) {
        isFrozen = options.freezeRate > 0 && random.chance(0.3)
        try decide(.begin)
        repeat {
            try live()
            try checkEnd()
            lives += 1
            healsAt = now + 300
            if lives < Self.mostLives, random.chance(0.5) { try comeBack() }
        } while !run.state.isTerminal
    }

    /// To the end of the run. Faults stop after a while; then it must get there, with help where it says what it waits for.
    private mutating func live() throws(Violation) {
        var helped = 0
        while !run.state.isTerminal {
            if now < healsAt { try disturb() }
            if run.state.isTerminal { break }
            if try !occur() {
                guard run.state != .running else { throw violation("it is running and nothing is under way: \(summary)") }
                helped += 1
                guard helped < 1_000 else { throw violation("it never ends: \(summary)") }
                try help()
            }
            guard eventCount < 20_000 else { throw violation("too many events: \(summary)") }
            guard now < healsAt + Self.longestSeconds else { throw violation("it takes too long after all is well: \(summary)") }
        }
    }

    /// Simulated seconds from the last fault to the end, at most.
    private static let longestSeconds = 50_000

    /// Lets the next thing happen; false when nothing is scheduled and no timer is set.
    private mutating func occur() throws(Violation) -> Bool {
        if let moment = gateMoment { return try passTime(to: moment) }
        let timer = clock.next
        let next = events.indices.min { (events[$0].due, events[$0].order) < (events[$1].due, events[$1].order) }
        let moment = [timer?.moment, next.map { events[$0].due }].compactMap { $0 }.min()
        if !clock.isRight, moment ?? .max > healsAt {
            now = max(now, healsAt)
            clock.jump(run, at: now, isRight: true)
            return true
        }
        if let timer, next.map({ timer.moment <= events[$0].due }) ?? true {
            now = max(now, timer.moment)
            let before = run.steps[timer.step]
            let crashes = epoch
            clock.remove(timer)
            try decide(.timer(before.path), fired: timer.due)
            if run.steps[timer.step] == before, crashes == epoch { throw violation("the timer of '\(before.path)' fires for ever") }
            return true
        }
        guard let next else { return false }
        let event = events.remove(at: next)
        now = max(now, event.due)
        try happen(event.occurrence)
        return true
    }

    /// When the run's own gate is looked at again, if nothing else comes before.
    private var gateMoment: Int? {
        guard let until = run.gate?.closure.until else { return nil }
        let moment = Int((until.milliseconds + 999) / 1000)
        let isNext = clock.next.map { $0.moment >= moment } ?? true && events.allSatisfy { $0.due >= moment }
        return isNext ? moment : nil
    }

    mutating func schedule(_ due: Int, _ occurrence: Occurrence, dies: Bool = true) {
        scheduled += 1
        events.append((due, scheduled, dies, occurrence))
    }

    // MARK: - Deciding

    /// False when it was refused.
    @discardableResult
    mutating func decide(_ event: RunMachine.Event, fired: Instant? = nil) throws(Violation) -> Bool {
        eventCount += 1
        let at = wall
        let (now, clock) = (now, clock)
        var context = RunMachine.Context(
            now: at, epoch: epoch, chance: Double(random.int(0...99)) / 100, isRestored: isRestored, closure: closures,
            people: people?.current, fired: fired, secondsSince: { clock.seconds(since: $0, at: now) }, hash: Self.hash)
        let before = run
        let decision: RunMachine.Decision
        do throws(FlowError) {
            decision = try RunMachine.decide(event, on: &run, in: context)
        } catch {
            guard run == before else { throw violation("a refused command changed the run: \(error)") }
            guard case .command = event else { throw violation("\(event) was refused: \(error)") }
            return false
        }
        journal.append((decision.entries, at))
        context.closure = closuresByDefinition
        let oracle = DecisionOracle(before: before, run: run, event: event, context: context, decision: decision)
        var next = ledger
        if let fault = oracle.fault() ?? next.fault(of: decision, event, before, run, at: at) {
            throw violation("\(fault), after \(event): \(summary)")
        }
        try checkBinding(event, decision, context)
        let isCut = now < healsAt && crashedAt < now && journal.count > 2 && random.chance(options.crashRate * 0.3)
        if isCut, random.chance(0.5) {
            // The engine ends before the commit.
            journal.removeLast()
            try crash()
            return true
        }
        ledger = next
        try checkUndone(decision)
        noteGivenUp(event, before)
        noteResolved(event)
        if run.state.isTerminal || decision.entries.contains(.paused(false)) { isHeld = false }
        rows.commit(&run)
        self.clock.set(run, at: now)
        // It ends after the commit, and before it has told anybody.
        if isCut {
            try crash()
            return true
        }
        for action in decision.actions { carryOut(action) }
        try check(after: event, before)
        return true
    }

    /// The engine dies; a new one folds the journal and takes over, or leaves alone what may have ended the one before. Hosts and what is on
    /// its way to them go on.
    mutating func crash() throws(Violation) {
        epoch += 1
        crashedAt = now
        waitingForGo = [:]
        events.removeAll { event in
            if case .report = event.occurrence, random.chance(options.echoRate) { return false }
            return event.dies
        }
        run = try refold()
        clock.restart(run, at: now)
        if random.chance(0.1), !run.state.isTerminal { try decide(.quarantine("it ended the engine")) } else { try decide(.recover) }
        // What was frozen or thawed meanwhile is looked at when the engine is there again.
        if !run.closedGates.isEmpty { try decide(.gates) }
        if people != nil { try decide(.people) }
        guard !run.isPaused else { return }
        let count = journal.count
        try decide(.recover)
        if journal.count == count + 1, journal.last?.entries.isEmpty == false { throw violation("it is taken over twice: \(summary)") }
    }

    /// Faults, once for each event.
    private mutating func disturb() throws(Violation) {
        // Once in a second at most: an engine that is killed before anything is answered does nothing else.
        if crashedAt < now, random.chance(options.crashRate) { try crash() }
        try disturbHosts()
        if random.chance(options.restoreRate) { try disturbJournal() }
        if random.chance(options.echoRate * 0.2) {
            try decide(.timer(random.pick(run.steps.map(\.path))), fired: options.jumpRate > 0 ? .earliest : nil)
        }
        // What is being stopped draws people.
        if random.chance(options.commandRate * (run.cancellation == nil ? 1 : 3)) { try command() }
        if random.chance(options.freezeRate) { try freeze(!isFrozen) }
        if let rate = options.peopleRate, peopleRandom.chance(rate) { try changePeople() }
        if options.jumpRate > 0, clock.random.chance(options.jumpRate) { clock.jump(run, at: now) }
    }
}
