package import FlowModel

/// A moment on both clocks: the one on the wall, which people and time servers set, and one that only goes on.
package struct Moment: Sendable {
    package var wall: Instant
    /// Milliseconds.
    package var elapsed: Int64

    package init(wall: Instant, elapsed: Int64) {
        self.wall = wall
        self.elapsed = elapsed
    }
}

/// The timers of all runs.
///
/// A stretch of time (a sleep, a back-off, a deadline) ends when so much time has passed since it was set, also when somebody sets the clock
/// meanwhile; a time of the day comes when the clock on the wall shows it. A timer from before a restart has only that clock.
struct Timers {
    private var stretches = TimerQueue()
    private var timesOfDay = TimerQueue()
    /// Those that are to fire.
    private var set: Set<TimerRow> = []

    /// One that is set already keeps its moment, whatever the clock on the wall shows by now.
    mutating func insert(_ timer: TimerRow, at now: Moment) {
        guard set.insert(timer).inserted else { return }
        if timer.isOfDay {
            timesOfDay.insert(timer, at: timer.due.milliseconds)
        } else {
            stretches.insert(timer, at: now.elapsed.addingClamped(timer.due.milliseconds.subtractingClamped(now.wall.milliseconds)))
        }
    }

    /// The soonest timer, if its time has come.
    mutating func popDue(at now: Moment) -> TimerRow? {
        let timer = stretches.popDue(at: now.elapsed) ?? timesOfDay.popDue(at: now.wall.milliseconds)
        if let timer { set.remove(timer) }
        return timer
    }

    /// Puts back one that had come.
    mutating func putBack(_ timer: TimerRow, at now: Moment) {
        if set.insert(timer).inserted { stretches.insert(timer, at: now.elapsed) }
    }

    /// Until the next one, as the clocks go on; nil when there is none.
    func secondsUntilNext(at now: Moment) -> Double? {
        let waits = [
            stretches.next?.subtractingClamped(now.elapsed), timesOfDay.next?.subtractingClamped(now.wall.milliseconds),
        ]
        return waits.compactMap { $0 }.min().map { Double($0) / 1_000 }
    }
}

extension Int64 {
    /// Times from outside can be as far away as there are numbers.
    func addingClamped(_ other: Int64) -> Int64 {
        let (sum, isTooMuch) = addingReportingOverflow(other)
        return isTooMuch ? (other < 0 ? .min : .max) : sum
    }

    func subtractingClamped(_ other: Int64) -> Int64 {
        let (difference, isTooMuch) = subtractingReportingOverflow(other)
        return isTooMuch ? (other < 0 ? .max : .min) : difference
    }
}
