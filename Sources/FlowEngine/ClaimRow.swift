package import FlowModel

/// Something that is claimed: by a step, an element or a run that has it, or stands in line for it. A projection of the run, like its steps:
/// there is no count beside it that could say otherwise.
package struct ClaimRow: Hashable, Sendable {
    package typealias ID = TimerRow.ID

    package var id: ID
    package var flow: String
    package var priority: Int
    package var demands: [Demand]
    package var since: Instant
    /// nil while it waits.
    package var grantedAt: Instant?
    /// The steps that called its run, nearest first.
    package var callers: [ID]

    package init(
        id: ID, flow: String, priority: Int, demands: [Demand], since: Instant, grantedAt: Instant? = nil, callers: [ID] = []
    ) {
        self.callers = callers
        self.id = id
        self.flow = flow
        self.priority = priority
        self.demands = demands
        self.since = since
        self.grantedAt = grantedAt
    }

    package var isGranted: Bool { grantedAt != nil }

    /// Whether what is claimed there is held around a step that called its run: what lies there is held for this one, too.
    package func wasCalled(within outer: ID) -> Bool {
        callers.contains { $0.run == outer.run && outer.step.encloses($0.step) }
    }
}

/// The newest starts of a rate: those that still count.
package struct RateRow: Hashable, Sendable {
    package var name: String
    /// How far back they count: the longest stretch that anybody has asked for.
    package var seconds: Double
    /// Oldest first.
    package var starts: [Instant]

    package init(name: String, seconds: Double, starts: [Instant]) {
        self.name = name
        self.seconds = seconds
        self.starts = starts
    }

    /// When one more may start, if so many may in any stretch of `seconds`; nil: at once.
    func moment(count: Int, seconds: Double, now: Instant) -> Instant? {
        // Those of a time to come were noted by a clock that has been set back since: nobody knows when they were.
        let starts = starts.filter { $0 <= now }
        guard count > 0, starts.count >= count else { return nil }
        let free = starts[starts.count - count] + seconds
        return free > now ? free : nil
    }

    mutating func add(_ start: Instant, seconds: Double) {
        self.seconds = max(self.seconds, seconds)
        starts.append(start)
        let cutoff = start + -self.seconds
        starts.removeAll { $0 <= cutoff }
        if starts.count > Limits.rateStarts { starts.removeFirst(starts.count - Limits.rateStarts) }
    }
}
