/// A nominal time that has come: what to record, and the run that belongs to it.
package struct OccurrenceRequest: Sendable {
    package var row: OccurrenceRow
    /// For a time that is to run; nil for one that is only recorded.
    package var start: StartRequest?
    package var actor: Actor
    package var overlap: ScheduleSpec.Overlap
    /// Whether a record that says `skipped` may become a run: for backfills.
    package var takesSkipped: Bool
    /// Whether it must have the content that it had when it was recorded: a delivery is one message, a time of a schedule may mean another
    /// flow by now.
    package var isOneMessage: Bool

    package init(
        row: OccurrenceRow, start: StartRequest? = nil, actor: Actor, overlap: ScheduleSpec.Overlap = .allow, takesSkipped: Bool = false,
        isOneMessage: Bool = false
    ) {
        self.row = row
        self.start = start
        self.actor = actor
        self.overlap = overlap
        self.takesSkipped = takesSkipped
        self.isOneMessage = isOneMessage
    }
}
