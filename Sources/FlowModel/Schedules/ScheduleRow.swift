/// A schedule as it is kept: its newest revision, and how far its times are recorded.
package struct ScheduleRow: Hashable, Sendable {
    package struct Pause: Hashable, Sendable, Codable {
        package var reason: String
        package var since: Instant
        package var until: Instant?
        package var user: String

        package init(reason: String, since: Instant, until: Instant? = nil, user: String) {
            self.reason = reason
            self.since = since
            self.until = until
            self.user = user
        }

        package func covers(_ instant: Instant) -> Bool { since <= instant && (until.map { instant < $0 } ?? true) }
    }

    package var name: String
    /// Counts from 1, also over removal.
    package var revision: Int
    package var spec: ScheduleSpec
    package var user: String
    package var person: String
    package var changedAt: Instant
    /// Every time up to this one has its record.
    package var at: Instant
    package var wall: Int
    package var pause: Pause?

    package init(
        name: String, revision: Int, spec: ScheduleSpec, user: String, person: String, changedAt: Instant, at: Instant, wall: Int,
        pause: Pause? = nil
    ) {
        self.name = name
        self.revision = revision
        self.spec = spec
        self.user = user
        self.person = person
        self.changedAt = changedAt
        self.at = at
        self.wall = wall
        self.pause = pause
    }
}

/// How far a schedule's times are recorded.
package struct SchedulePosition: Hashable, Sendable {
    package var schedule: String
    package var at: Instant
    package var wall: Int

    package init(schedule: String, at: Instant, wall: Int) {
        self.schedule = schedule
        self.at = at
        self.wall = wall
    }
}
