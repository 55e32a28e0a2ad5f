/// Why a nominal time did not lead to a run.
package enum SkipReason: String, Hashable, Sendable, Codable, CaseIterable {
    /// The clock jumped over it, and the schedule says to skip such times.
    case gap
    case holiday
    case blackout
    case paused
    /// A run of the schedule had not ended; the record names it.
    case overlap
    /// The engine was down then, and the schedule does not catch up.
    case missed
    /// It was missed and is older than the schedule catches up.
    case tooOld
    /// The flow could not be started; the record says why.
    case refused
    /// Who wrote the schedule was removed, or may not start runs any more.
    case owner
}

/// The record of one nominal time of a schedule. There is exactly one for each, whatever became of it.
package struct OccurrenceRow: Hashable, Sendable {
    package enum State: String, Hashable, Sendable, Codable, CaseIterable {
        /// It led to a run, whose acceptance was committed together with this record.
        case run
        case skipped
        /// Waits for the end of the schedule's run before it.
        case queued
    }

    package var schedule: String
    /// The name of the time: `2026-10-25T02:30+02:00[Europe/Berlin]`.
    package var nominal: String
    /// When it was due, without jitter.
    package var at: Instant
    /// The minute on the wall, counted from 1970.
    package var wall: Int
    /// The schedule's revision that named it.
    package var revision: Int
    package var state: State
    package var reason: SkipReason?
    package var detail: String?
    package var run: RunID?
    package var recordedAt: Instant
    /// The user who backfills it, for one that waits; nil for the schedule itself.
    package var askedBy: String?

    package init(
        schedule: String, nominal: String, at: Instant, wall: Int, revision: Int, state: State, reason: SkipReason? = nil,
        detail: String? = nil, run: RunID? = nil, recordedAt: Instant, askedBy: String? = nil
    ) {
        self.askedBy = askedBy
        self.schedule = schedule
        self.nominal = nominal
        self.at = at
        self.wall = wall
        self.revision = revision
        self.state = state
        self.reason = reason
        self.detail = detail
        self.run = run
        self.recordedAt = recordedAt
    }

    package var key: Key { Key(schedule: schedule, nominal: nominal) }

    package struct Key: Hashable, Sendable {
        package var schedule: String
        package var nominal: String

        package init(schedule: String, nominal: String) {
            self.schedule = schedule
            self.nominal = nominal
        }
    }
}
