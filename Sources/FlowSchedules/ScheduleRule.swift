package import FlowModel

/// Everything that decides when a schedule is due: its recurrence, the dates and hours that are closed, and its jitter.
package struct ScheduleRule: Hashable, Sendable {
    /// The schedule's identity, for its jitter.
    package var id: String
    package var recurrence: Recurrence
    package var calendars: [DateCalendar]
    package var blackouts: [Blackout]
    package var jitterSeconds: Int

    package init(
        id: String, recurrence: Recurrence, calendars: [DateCalendar] = [], blackouts: [Blackout] = [], jitterSeconds: Int = 0
    ) {
        self.id = id
        self.recurrence = recurrence
        self.calendars = calendars
        self.blackouts = blackouts
        self.jitterSeconds = jitterSeconds
    }

    /// The next nominal times, those that are skipped among them with their reason.
    package func nextOccurrences(after position: Occurrence.Position, until end: Instant? = nil, limit: Int) -> [Occurrence] {
        recurrence.occurrences(after: position, until: end, limit: limit).map { found in
            var occurrence = found
            occurrence.skipped = found.skipped ?? closure(of: found)
            return occurrence
        }
    }

    /// When the occurrence is started: its time and its share of the jitter, which is the same every time it is asked for.
    ///
    /// Before the next time, however large the jitter is: times are decided in their order, and one that was due before the one ahead of it
    /// would wait for that and be called late.
    package func due(_ occurrence: Occurrence) -> Instant {
        let most = roomForJitter(occurrence)
        guard most > 0 else { return occurrence.at }
        return occurrence.at + Double(stableHash("\(id) \(occurrence.nominal)") % UInt64(most))
    }

    private func roomForJitter(_ occurrence: Occurrence) -> Int {
        guard jitterSeconds > 0 else { return 0 }
        let end = occurrence.at + Double(jitterSeconds)
        guard let next = recurrence.occurrences(after: occurrence.position, until: end, limit: 1).first else { return jitterSeconds }
        return min(jitterSeconds, Int(next.at.seconds(since: occurrence.at)))
    }

    private func closure(of occurrence: Occurrence) -> SkipReason? {
        let day = occurrence.wall.day
        if calendars.contains(where: { $0.isOut(day: day) }), !calendars.contains(where: { $0.isIn(day: day) }) { return .holiday }
        return blackouts.contains { $0.covers(occurrence.at) } ? .blackout : nil
    }
}

/// FNV-1a, then the finaliser of SplitMix64 for its weak low bits. Swift's own hash differs from process to process.
private func stableHash(_ text: String) -> UInt64 {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    hash = (hash ^ hash >> 30) &* 0xBF58_476D_1CE4_E5B9
    hash = (hash ^ hash >> 27) &* 0x94D0_49BB_1331_11EB
    return hash ^ hash >> 31
}
