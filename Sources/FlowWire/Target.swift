package import FlowModel

extension Wire {
    /// A target of a rollout.
    package struct Target: Codable, Equatable, Sendable {
        package var name: String
        /// From 1.
        package var batch: Int
        package var outcome: TargetOutcome
        /// Its steps run now.
        package var running: Bool
        package var undo: UndoState?
        package var reason: String?
        package var startedAt: Instant?
        package var endedAt: Instant?

        package init(_ row: TargetRow) {
            name = row.name
            batch = row.batch
            outcome = row.outcome
            running = row.isRunning
            undo = row.undo
            reason = row.reason
            startedAt = row.startedAt
            endedAt = row.endedAt
        }
    }
}
