package import FlowModel

extension ClockChange {
    /// What serves a timing best when nobody chose: a time of the day comes once a day, whatever the clock does; what is due in every
    /// hour goes on at its pace through both changes. Vixie's cron tells the two apart in the same way.
    package static func usual(for timing: Timing) -> ClockChange {
        timing.isEveryHour ? ClockChange(gap: .skip, fold: .both) : ClockChange()
    }
}
