package import FlowModel

/// A timing in a zone: the sequence of its nominal times.
///
///     let nightly = Recurrence(.cron(try CronExpression("30 2 * * *")), in: berlin)
///     nightly.occurrences(after: .init(after: now), limit: 5)
package struct Recurrence: Hashable, Sendable {
    private static let horizonSeconds = ScheduleLimits.horizonYears * 366 * 86_400

    package let timing: Timing
    package let zone: Zone
    package let clockChange: ClockChange
    private let minutesOfDay: [Int]

    /// - Parameter clockChange: the usual one for the timing, unless given.
    package init(_ timing: Timing, in zone: Zone, clockChange: ClockChange? = nil) {
        self.timing = timing
        self.zone = zone
        self.clockChange = clockChange ?? .usual(for: timing)
        minutesOfDay = timing.minutesOfDay
    }

    /// The occurrences behind `position` in their order, `limit` at most and none later than `end`.
    ///
    /// Goes through the stretches between changes of the zone's offset: within one, wall and world run alike, so that every day can be
    /// searched by its date alone; what each change took or gave is looked at where the stretch begins.
    package func occurrences(after position: Occurrence.Position, until end: Instant? = nil, limit: Int) -> [Occurrence] {
        let from = Int(position.at.milliseconds).floorDivided(by: 1_000)
        let last = end.map { Int($0.milliseconds).floorDivided(by: 1_000) } ?? Zone.everLater
        let horizon = min(last, from + Recurrence.horizonSeconds)
        var search = Search(position: position, limit: limit)
        var span = zone.span(at: from)
        while !search.isFull, span.start <= horizon {
            // What a change took is due within the minute behind it. One of long ago, such as the Big Bang in some zone files, is none that counts.
            if span.start >= from - 60 { passGap(before: span, &search) }
            passSpan(span, from: from, horizon: horizon, &search)
            guard span.end < Zone.everLater else { break }
            span = zone.span(at: span.end)
        }
        // A gap's end may be due beyond the end while the gap begins before it.
        if let end { return search.found.filter { $0.at <= end } }
        return search.found
    }

    private struct Search {
        let position: Occurrence.Position
        let limit: Int
        var found: [Occurrence] = []
        var isFull: Bool { found.count >= limit }

        mutating func take(_ occurrence: Occurrence) {
            if !isFull, occurrence.position > position { found.append(occurrence) }
        }
    }

    /// The minutes that the change at the start of `span` jumped over.
    private func passGap(before span: Zone.Span, _ search: inout Search) {
        let before = zone.span(at: span.start - 1).offset
        let first = (span.start + before).ceilDivided(by: 60)
        let end = (span.start + span.offset).ceilDivided(by: 60)
        let due = Instant(milliseconds: Int64(end * 60 - span.offset) * 1_000)
        guard first < end, due >= search.position.at else { return }
        forEachWall(from: first, to: end) { wall in
            // Another change may have given back what this one took.
            if zone.readings(of: wall).isEmpty {
                search.take(occurrence(wall, before, at: due, skipped: clockChange.gap == .skip ? .gap : nil))
            }
            return !search.isFull
        }
    }

    private func passSpan(_ span: Zone.Span, from: Int, horizon: Int, _ search: inout Search) {
        let first = (max(span.start, from) + span.offset).ceilDivided(by: 60)
        let end = (min(span.end, horizon + 1) + span.offset).ceilDivided(by: 60)
        forEachWall(from: first, to: end) { wall in
            let seconds = wall.minutes * 60 - span.offset
            if counts(wall, shownAt: seconds, in: span) {
                search.take(occurrence(wall, span.offset, at: Instant(milliseconds: Int64(seconds) * 1_000), skipped: nil))
            }
            return !search.isFull
        }
    }

    /// Whether this showing of the minute is one that the schedule takes.
    private func counts(_ wall: WallTime, shownAt seconds: Int, in span: Zone.Span) -> Bool {
        let isNearChange = seconds - span.start < Zone.reachSeconds || span.end - seconds <= Zone.reachSeconds
        guard isNearChange, clockChange.fold != .both else { return true }
        let readings = zone.readings(of: wall)
        return (clockChange.fold == .first ? readings.first : readings.last)?.seconds == seconds
    }

    private func occurrence(_ wall: WallTime, _ offset: Int, at: Instant, skipped: SkipReason?) -> Occurrence {
        Occurrence(wall: wall, offset: offset, zone: zone.name, at: at, skipped: skipped)
    }

    /// Visits the minutes of the timing from `first` to before `end`, until `visit` says no.
    private func forEachWall(from first: Int, to end: Int, _ visit: (WallTime) -> Bool) {
        var day = first.floorDivided(by: WallTime.minutesADay)
        let lastDay = end.ceilDivided(by: WallTime.minutesADay)
        while let found = timing.nextDay(onOrAfter: day, before: lastDay) {
            for minute in minutesOfDay {
                let wall = WallTime(day: found, minuteOfDay: minute)
                guard wall.minutes < end else { return }
                if wall.minutes >= first, !visit(wall) { return }
            }
            day = found + 1
        }
    }
}
