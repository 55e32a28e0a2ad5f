/// What a schedule does and when, as somebody writes it. Exactly one of `cron`, `at` and `alarm` is given.
package struct ScheduleSpec: Hashable, Sendable, Codable {
    /// What becomes of times that passed while nothing could start them.
    package enum CatchUp: String, Hashable, Sendable, Codable, CaseIterable { case none, last, all }
    /// What becomes of a time that comes while a run of the schedule goes on.
    package enum Overlap: String, Hashable, Sendable, Codable, CaseIterable { case allow, queue, skip, replace }

    /// A time in which nothing starts: from–until once, or `minutes` from each time of `cron` on, in the schedule's zone.
    package struct Blackout: Hashable, Sendable, Codable {
        package var from: Instant?
        package var until: Instant?
        package var cron: String?
        package var minutes: Int?

        package init(from: Instant? = nil, until: Instant? = nil, cron: String? = nil, minutes: Int? = nil) {
            self.from = from
            self.until = until
            self.cron = cron
            self.minutes = minutes
        }
    }

    /// The registered flow to start.
    package var flow: String
    package var inputs: [String: JSON]?
    package var labels: [String: String]?
    /// Only hosts of this selector take part.
    package var limit: String?
    /// Five fields, or `@daily` and its kind.
    package var cron: String?
    /// One local time: `2026-03-29 14:30`.
    package var at: String?
    /// Times and weekdays: `07:30 Mon-Fri`.
    package var alarm: String?
    /// A zone of the IANA database; UTC unless given.
    package var timeZone: String?
    /// For times that the clock jumps over: shift unless given; skip for what is due in every hour.
    package var gap: ClockChange.Gap?
    /// For times that the clock shows twice: first unless given; both for what is due in every hour.
    package var fold: ClockChange.Fold?
    /// Files of dates under `calendars/` in the engine's home, without `.txt`.
    package var calendars: [String]?
    package var blackouts: [Blackout]?
    /// Spreads the start over this many seconds, the same for each nominal time; 0 unless given.
    package var jitterSeconds: Int?
    /// `last` unless given.
    package var catchUp: CatchUp?
    /// What is older than this is not caught up; a day unless given.
    package var maxAgeSeconds: Int?
    /// `skip` unless given.
    package var overlap: Overlap?

    /// Set on those that a flow's file makes: they come and go with it.
    package var isTrigger: Bool?

    package init(flow: String) { self.flow = flow }

    package static let maxAgeUnlessGiven = 86_400
}
