/// The bounds of schedules. Every one is in `docs/reference/limits.md`.
package enum ScheduleLimits {
    /// What comes later than this many years after the start of a search is never found.
    package static let horizonYears = 50
    /// Seconds over which starts may be spread.
    package static let jitterSeconds = 86_400
    /// Minutes of one recurring blackout; a longer one would be a pause.
    package static let blackoutMinutes = 44_640
    /// Blackouts, and calendars, of one schedule.
    package static let closures = 100
    /// Freezes and windows that follow one another without a gap, as far as the end of a wait is worked out.
    package static let closureChain = 1_000
    /// Lines of a calendar file.
    package static let calendarLines = 10_000
    /// Transitions of a zone file.
    package static let zoneTransitions = 10_000
}
