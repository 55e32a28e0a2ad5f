/// What became of one target of a rollout.
package enum TargetOutcome: String, Hashable, Sendable, Codable, CaseIterable {
    case ok
    /// Its steps succeeded and at least one changed something.
    case changed
    /// Every step was skipped.
    case skipped
    case failed
    /// Its host could not be asked.
    case unreachable
    case timedOut
    case cancelled
    case notStarted
    /// Whether something happened is not known.
    case unknown

    /// The steps of the target were carried out to their end.
    package var isDone: Bool { self == .ok || self == .changed || self == .skipped }
}

/// The undoing of a target.
package enum UndoState: String, Hashable, Sendable, Codable, CaseIterable {
    case running, undone, failed, cancelled
}

/// A target of a rollout as it is stored and shown.
package struct TargetRow: Hashable, Sendable {
    package var run: RunID
    /// The index of the rollout's step.
    package var step: Int
    /// Its place in the order of the rollout, from 0.
    package var position: Int
    package var name: String
    /// From 1.
    package var batch: Int
    package var outcome: TargetOutcome
    /// Whether its steps run now.
    package var isRunning: Bool
    package var undo: UndoState?
    package var reason: String?
    package var startedAt: Instant?
    package var endedAt: Instant?

    package init(
        run: RunID, step: Int, position: Int, name: String, batch: Int, outcome: TargetOutcome, isRunning: Bool,
        undo: UndoState?, reason: String?, startedAt: Instant?, endedAt: Instant?
    ) {
        self.run = run
        self.step = step
        self.position = position
        self.name = name
        self.batch = batch
        self.outcome = outcome
        self.isRunning = isRunning
        self.undo = undo
        self.reason = reason
        self.startedAt = startedAt
        self.endedAt = endedAt
    }
}
