package import FlowModel

/// Decides what becomes of times whose moment has come, also long ago.
package struct CatchUp: Sendable {
    /// Later than this a time counts as missed; until then it is merely late.
    package static let graceSeconds = 60.0
    private static let firstLookSeconds = 86_400.0

    let rule: ScheduleRule
    let mode: ScheduleSpec.CatchUp
    let maxAgeSeconds: Double
    let pause: ScheduleRow.Pause?
    /// Up to here nothing runs: the database came out of a backup, and what it does not know may have happened.
    let restoredAt: Instant?

    package init(rule: ScheduleRule, spec: ScheduleSpec, pause: ScheduleRow.Pause?, restoredAt: Instant? = nil) {
        self.rule = rule
        self.restoredAt = restoredAt
        mode = spec.catchUp ?? .last
        maxAgeSeconds = Double(spec.maxAgeSeconds ?? ScheduleSpec.maxAgeUnlessGiven)
        self.pause = pause
    }

    /// The times behind `position` that have come, with the reason of those that are not to run: at most `limit`, in order.
    ///
    /// - Parameter isClosing: takes those too whose jitter is not over, since nobody will ask about them again.
    package func decided(after position: Occurrence.Position, now: Instant, limit: Int, isClosing: Bool = false) -> [Occurrence] {
        let come = rule.nextOccurrences(after: position, until: now, limit: limit).prefix { isClosing || rule.due($0) <= now }
        guard let first = come.first else { return [] }
        let newest = mode == .last && isMissed(first, now) ? newestToRun(after: position, now) : nil
        return come.map { found in
            var occurrence = found
            occurrence.skipped = found.skipped ?? reason(found, now, newest)
            return occurrence
        }
    }

    private func isMissed(_ occurrence: Occurrence, _ now: Instant) -> Bool {
        now.seconds(since: rule.due(occurrence)) > CatchUp.graceSeconds
    }

    private func reason(_ occurrence: Occurrence, _ now: Instant, _ newest: Occurrence.Position?) -> SkipReason? {
        if pause?.covers(occurrence.at) == true { return .paused }
        if let restoredAt, occurrence.at <= restoredAt { return .missed }
        guard isMissed(occurrence, now) else { return nil }
        if mode == .none || mode == .last && occurrence.position != newest { return .missed }
        return now.seconds(since: occurrence.at) > maxAgeSeconds ? .tooOld : nil
    }

    /// The last time up to now that nothing but its age speaks against. Looks back in steps that grow, so that a schedule of every
    /// minute is not gone through from the start of a long downtime.
    private func newestToRun(after position: Occurrence.Position, _ now: Instant) -> Occurrence.Position? {
        var seconds = CatchUp.firstLookSeconds
        while true {
            let start = max(position, Occurrence.Position(after: now + -seconds))
            if let newest = newestToRun(behind: start, now) { return newest }
            guard start > position, seconds < Limits.waitSeconds else { return nil }
            seconds *= 4
        }
    }

    private func newestToRun(behind start: Occurrence.Position, _ now: Instant) -> Occurrence.Position? {
        var (position, newest) = (start, Occurrence.Position?.none)
        while true {
            let page = rule.nextOccurrences(after: position, until: now, limit: Limits.occurrenceBatch)
            let runs = page.last { $0.skipped == nil && rule.due($0) <= now && pause?.covers($0.at) != true }
            newest = runs?.position ?? newest
            guard page.count == Limits.occurrenceBatch, let last = page.last else { return newest }
            position = last.position
        }
    }
}
