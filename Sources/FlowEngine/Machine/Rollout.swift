package import FlowModel

/// How a rollout in a run stands. Its targets are the elements of its step.
package struct Rollout: Hashable, Sendable {
    /// Where each batch ends (exclusive) among the targets. Those behind the last end are left out: they have a turn only when somebody asks.
    package internal(set) var ends: [Int]
    /// The batch whose targets may be begun, from 0.
    package internal(set) var batch = 0
    /// Whether the soak after that batch is over.
    package internal(set) var isSoaked = false
    /// Why no further target is begun.
    package internal(set) var breach: String?
    package internal(set) var targets: [Target]
    /// How many targets came to each outcome: in the rollout, and in its current batch.
    package internal(set) var tally = OutcomeCounts()
    package internal(set) var batchTally = OutcomeCounts()
    /// Failures from before an operator took targets up again, and from before the batch was entered: no budget counts them twice.
    package internal(set) var forgiven = OutcomeCounts()
    package internal(set) var batchForgiven = OutcomeCounts()
    /// The scopes of what ran after a batch, by batch.
    package internal(set) var betweens: [Int: Int] = [:]
    /// The scopes of what undoes a target, by target.
    package internal(set) var undos: [Int: Int] = [:]
    /// Targets still to be undone, the next one last; nil while nothing is undone.
    package internal(set) var undoQueue: [Int]?
    package internal(set) var undoOpen: [Int] = []
    /// It failed by its own undo, on breach or while its run went on, and was not taken up since.
    package internal(set) var endedUndone = false
    /// The gate before the next batch, while a freeze or window closes it, and the batch that somebody let begin all the same.
    package internal(set) var gate: ClosedGate?
    package internal(set) var passedBatch: Int?
    /// What an operator has set instead of what the plan says.
    package internal(set) var adjustment = RolloutAdjustment()
    /// When targets were begun last, oldest first: as many as its start rate counts.
    package internal(set) var starts: [Instant] = []

    /// One of its hosts.
    package struct Target: Hashable, Sendable {
        package internal(set) var outcome = TargetOutcome.notStarted
        package internal(set) var isRunning = false
        package internal(set) var undo: UndoState?
        package internal(set) var reason: String?
        package internal(set) var startedAt: Instant?
        package internal(set) var endedAt: Instant?
    }

    /// - Parameter leftOut: why those behind the last batch have no turn.
    init(ends: [Int], leftOut: [String], at: Instant) {
        self.ends = ends
        targets = Array(repeating: Target(), count: ends.last ?? 0)
        for _ in targets { tally[.notStarted] += 1 }
        for reason in leftOut {
            targets.append(Target(outcome: .skipped, reason: reason, endedAt: at))
            tally[.skipped] += 1
        }
    }

    /// Why no further target may be begun; nil while the budget holds.
    func breachReason(_ spec: RolloutSpec) -> String? {
        let isBatch = spec.budget.scope == .batch
        let tally = isBatch ? batchTally : tally
        let total = isBatch ? targets(of: batch).count : count
        let maximum = adjustment.maxFailures ?? spec.budget.maxFailures
        let forgiven = isBatch ? batchForgiven : forgiven
        let failures = tally.failures(spec.budget.counting) - forgiven.failures(spec.budget.counting)
        guard failures > maximum.of(total) else { return nil }
        let whole = isBatch ? "batch \(batch + 1)" : "\(total) targets"
        return "\(failures) failed, more than the \(maximum) that are tolerated of \(whole)"
    }

    /// How many targets stand in batches: what shares are shares of.
    package var count: Int { ends.last ?? 0 }

    /// The batch that a target is in, from 0.
    package func batch(of target: Int) -> Int {
        var (low, high) = (0, ends.count - 1)
        while low < high {
            let middle = (low + high) / 2
            if target < ends[middle] { high = middle } else { low = middle + 1 }
        }
        return low
    }

    package func targets(of batch: Int) -> Range<Int> { ends.isEmpty ? 0..<0 : (batch == 0 ? 0 : ends[batch - 1])..<ends[batch] }

    mutating func set(_ outcome: TargetOutcome, of target: Int) {
        let old = targets[target].outcome
        tally[old] -= 1
        tally[outcome] += 1
        if batch(of: target) == batch {
            batchTally[old] -= 1
            batchTally[outcome] += 1
        }
        targets[target].outcome = outcome
    }

    mutating func enter(batch: Int) {
        self.batch = batch
        isSoaked = false
        gate = nil
        passedBatch = nil
        batchTally = OutcomeCounts()
        // Those that are left out count with the last one, should they have a turn.
        for target in targets(of: batch) { batchTally[targets[target].outcome] += 1 }
        if batch >= ends.count - 1 { for target in targets[count...] { batchTally[target.outcome] += 1 } }
        batchForgiven = batchTally
    }
}

/// How many targets came to each outcome.
package struct OutcomeCounts: Hashable, Sendable {
    private var counts = [Int](repeating: 0, count: TargetOutcome.allCases.count)

    package init() {}

    package subscript(outcome: TargetOutcome) -> Int {
        get { counts[OutcomeCounts.position(of: outcome)] }
        set { counts[OutcomeCounts.position(of: outcome)] = newValue }
    }

    /// How many of them a budget counts.
    package func failures(_ counting: FailureBudget.Counting) -> Int {
        TargetOutcome.allCases.reduce(0) { $0 + (counting.counts($1) ? self[$1] : 0) }
    }

    /// `{"ok":3,"failed":0,…}`: every outcome, 0 where nobody came to it, so that it can be counted with.
    package var value: JSON {
        .object(Dictionary(uniqueKeysWithValues: TargetOutcome.allCases.map { ($0.rawValue, .int(self[$0])) }))
    }

    /// In words: `3 ok, 1 failed`.
    package var words: String {
        TargetOutcome.allCases.filter { self[$0] > 0 }.map { "\(self[$0]) \($0.rawValue)" }.joined(separator: ", ")
    }

    private static func position(of outcome: TargetOutcome) -> Int {
        switch outcome {
        case .ok: 0
        case .changed: 1
        case .skipped: 2
        case .failed: 3
        case .unreachable: 4
        case .timedOut: 5
        case .cancelled: 6
        case .notStarted: 7
        case .unknown: 8
        }
    }
}
