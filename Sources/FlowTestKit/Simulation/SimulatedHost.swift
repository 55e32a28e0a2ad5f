import FlowModel

/// The host record of one step and target, as the runner keeps it: the twin of `runner.sh`.
///
/// It outlives the engine. A start that comes late meets the fence that an asker raised, and does nothing.
struct SimulatedHost {
    enum Record: Equatable {
        case running(until: Int)
        case ended(AttemptResult)
        case rebooted
    }

    private(set) var fence = Fence(epoch: 0, attempt: 0)
    private(set) var records: [Int: Record] = [:]
    /// Every execution but those that only asked: attempt, start and end.
    private(set) var ledger: [(attempt: Int, generation: Int, start: Int, end: Int?)] = []

    /// Attempts that still ran when a newer one was started.
    private(set) var emptied: Set<Int> = []

    /// Whether it started.
    mutating func start(_ id: AttemptID, fence: Fence, now: Int, until: Int, isProbe: Bool = false) -> Bool {
        guard fence > self.fence else { return false }
        self.fence = fence
        for (attempt, record) in records {
            guard case .running = record else { continue }
            emptied.insert(attempt)
            end(attempt, .ended(.init(outcome: .cancelled)), now: now)
        }
        records[id.number] = .running(until: until)
        if !isProbe { ledger.append((id.number, id.generation, now, nil)) }
        return true
    }

    mutating func ask(_ id: AttemptID, fence: Fence) -> Record? {
        self.fence = max(self.fence, fence)
        return records[id.number]
    }

    mutating func end(_ attempt: Int, _ record: Record, now: Int) {
        records[attempt] = record
        for index in ledger.indices where ledger[index].attempt == attempt && ledger[index].end == nil {
            ledger[index].end = now
        }
    }

    /// The machine went down: what ran is gone, and nobody knows how far it came.
    mutating func reboot(now: Int) {
        for (attempt, record) in records { if case .running = record { end(attempt, .rebooted, now: now) } }
    }
}
