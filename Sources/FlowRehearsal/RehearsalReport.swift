import FlowEngine
package import FlowModel

/// What a rehearsal came to.
package struct RehearsalReport: Sendable {
    /// A line of the timeline.
    package struct Row: Hashable, Sendable {
        package enum Tone: Hashable, Sendable { case plain, good, bad, waits, heading }

        /// Since the start.
        package var seconds: Double
        /// The path of a step; of one in a called run behind the step that called it: `provision > create`. Empty: the run itself.
        package var place: String
        package var text: String
        package var tone: Tone
    }

    /// An entry of a journal, as the event stream of the API shows it.
    package struct Event: Hashable, Sendable {
        package var at: Instant
        /// The steps that called its run; empty for the run itself.
        package var calledBy: String
        package var json: JSON
    }

    /// A record of a journal: what it says is read when somebody asks for it.
    struct Record: Sendable {
        var record: JournalRecord
        /// The steps that called its run; empty for the run itself.
        var calledBy: String

        /// That it can be read was seen when it was told.
        var events: [Event] { ((try? record.events()) ?? []).map { Event(at: record.at, calledBy: calledBy, json: $0) } }
    }

    package struct Attempt: Hashable, Sendable {
        /// As in a row.
        package var place: String
        /// nil: this machine.
        package var host: String?
        package var number: Int
        package var startedAt: Instant
        package var endedAt: Instant?
        package var state: AttemptState
    }

    /// A target of a rollout, or a host that a map goes through.
    package struct Target: Hashable, Sendable {
        package var place: String
        package var host: String
        /// The word for it: one of a rollout's outcomes; of a map `succeeded`, `failed` or `notStarted`.
        package var outcome: String
        package var reason: String?
        package var undo: UndoState?
        /// From 1; nil in a map.
        package var batch: Int?
    }

    package struct Wait: Hashable, Sendable {
        package var place: String
        package var kind: WaitKind?
        package var state: StepState
        package var reason: String?
        package var subject: String?
        /// What would let it go on: an option of the rehearsal, or what the flow might say; empty: nothing that is known.
        package var advice: String
    }

    package let flow: String
    package let revision: Digest
    package let start: Instant
    package let end: Instant
    package let state: RunState
    /// The run succeeded; where it was to be undone: all that it did is taken back.
    package var hasSucceeded: Bool { state == (isUndone ? .cancelled : .succeeded) }
    private let isUndone: Bool
    package let reason: String?
    /// How many steps of the run itself are in each state.
    package let counts: [StepState: Int]
    /// What a run that has not ended waits for.
    package let waits: [Wait]
    /// Why the rehearsal was stopped before the run's end; nil: it was not.
    package let stopped: String?
    package let rows: [Row]
    private let records: [Record]
    package var events: [Event] { records.flatMap(\.events) }
    package let attempts: [Attempt]
    package let targets: [Target]
    /// Outputs that were made up and that other steps read.
    package let invented: [(step: String, output: JSON)]
    /// What the script says and was of no use.
    package let unused: [String]

    init(
        order: RehearsalOrder, run: RunRow, waits: [Wait], stopped: String?, timeline: Timeline, invented: [(step: String, output: JSON)],
        unused: [String]
    ) {
        (flow, revision, start) = (order.plan.flow, order.revision, order.script.start)
        end = run.endedAt ?? timeline.end
        isUndone = order.script.isUndone
        (state, reason, counts) = (run.state, run.reason.map(Timeline.shown), run.counts)
        (self.waits, self.stopped, self.invented, self.unused) = (waits, stopped, invented, unused)
        (rows, records, attempts, targets) = (timeline.rows, timeline.records, timeline.attempts, timeline.targets)
    }
}
