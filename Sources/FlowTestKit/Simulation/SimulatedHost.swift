import FlowModel

/// The host record of one step and target, as the runner keeps it: the twin of `runner.sh`.
///
/// It outlives the engine, and the journal that was taken back to an earlier copy. A start that comes late meets the fence that an asker
/// raised, one of an engine that has forgotten what ran meets its record: both do nothing.
struct SimulatedHost {
    enum Record: Equatable {
        case running(until: Int)
        case ended(AttemptResult)
        case rebooted
    }

    enum Answer: Equatable {
        case started, refused
        /// It has run this attempt, which the asker does not know of.
        case known(Int)
    }

    /// An execution, but for those that only asked.
    struct Execution {
        var attempt: Int
        var generation: Int
        var start: Int
        var end: Int?
        /// How often the journal had been taken back to an earlier copy.
        var past: Int
    }

    private(set) var fence = Fence(epoch: 0, attempt: 0)
    /// By the fence with which each was started: numbers are given again after a restore.
    private(set) var records: [Fence: Record] = [:]
    private(set) var ledger: [Execution] = []
    /// Where each stands in the ledger.
    private var places: [Fence: Int] = [:]
    /// What was started, also where its record is lost.
    private(set) var started: Set<Fence> = []
    /// Attempts that still ran when a newer one was started.
    private(set) var emptied: Set<Fence> = []

    mutating func start(_ order: AttemptOrder, now: Int, until: Int, past: Int) -> Answer {
        guard order.fence > fence else { return .refused }
        fence = order.fence
        if let lastSent = order.lastSent, let later = records.keys.map(\.attempt).filter({ $0 > lastSent }).max() { return .known(later) }
        for (attempt, record) in records {
            guard case .running = record else { continue }
            emptied.insert(attempt)
            end(attempt, .ended(.init(outcome: .cancelled)), now: now)
        }
        records[order.fence] = .running(until: until)
        started.insert(order.fence)
        guard !order.isProbe else { return .started }
        places[order.fence] = ledger.count
        ledger.append(Execution(attempt: order.id.number, generation: order.id.generation, start: now, end: nil, past: past))
        return .started
    }

    mutating func ask(_ number: Int, fence: Fence) -> Record? {
        self.fence = max(self.fence, fence)
        return find(number).flatMap { records[$0] }
    }

    /// The newest attempt with this number.
    func find(_ number: Int) -> Fence? { records.keys.filter { $0.attempt == number }.max() }

    func isRunning(_ number: Int) -> Bool { find(number).map(isRunning) ?? false }
    func isRunning(_ attempt: Fence) -> Bool { if case .running = records[attempt] { true } else { false } }

    mutating func end(_ attempt: Fence, _ record: Record, now: Int) {
        records[attempt] = record
        if let place = places[attempt], ledger[place].end == nil { ledger[place].end = now }
    }

    /// All that it knew of attempts is gone, and what ran has ended. It remembers the newest fence.
    mutating func loseRecords(now: Int) {
        for attempt in records.keys where isRunning(attempt) { end(attempt, .rebooted, now: now) }
        records = [:]
    }

    /// The machine went down: what ran is gone, and nobody knows how far it came.
    mutating func reboot(now: Int) {
        for (attempt, record) in records { if case .running = record { end(attempt, .rebooted, now: now) } }
    }
}

extension AttemptOrder {
    /// It asks whether another attempt took effect.
    var isProbe: Bool {
        guard let work = work as? ShellWork else { return false }
        return work.source == .text("asked")
    }
}
