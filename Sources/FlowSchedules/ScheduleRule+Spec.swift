package import FlowModel

extension ScheduleRule {
    /// The rule that a spec describes; zones and calendars come from where the caller keeps them. Refuses the first fault found.
    package init(
        id: String, spec: ScheduleSpec, zone: (String) throws(FlowError) -> Zone, calendar: (String) throws(FlowError) -> DateCalendar
    ) throws(FlowError) {
        let zone = try zone(spec.timeZone ?? "UTC")
        let timing = try ScheduleRule.timing(of: spec, id)
        let usual = ClockChange.usual(for: timing)
        let change = ClockChange(gap: spec.gap ?? usual.gap, fold: spec.fold ?? usual.fold)
        let jitter = spec.jitterSeconds ?? 0
        guard (0...ScheduleLimits.jitterSeconds).contains(jitter) else {
            throw ScheduleRule.refusal(id, "its jitter is \(jitter) seconds; allowed are 0-\(ScheduleLimits.jitterSeconds)")
        }
        guard spec.maxAgeSeconds ?? 0 >= 0 else { throw ScheduleRule.refusal(id, "its maximum age is below 0") }
        let (names, closed) = (spec.calendars ?? [], spec.blackouts ?? [])
        guard names.count <= ScheduleLimits.closures, closed.count <= ScheduleLimits.closures else {
            throw ScheduleRule.refusal(id, "it has more than \(ScheduleLimits.closures) calendars or blackouts")
        }
        var calendars: [DateCalendar] = []
        for name in names { calendars.append(try calendar(name)) }
        var blackouts: [Blackout] = []
        for spec in closed { blackouts.append(try ScheduleRule.blackout(spec, in: zone, id)) }
        self.init(
            id: id, recurrence: Recurrence(timing, in: zone, clockChange: change), calendars: calendars, blackouts: blackouts,
            jitterSeconds: jitter)
    }

    private static func timing(of spec: ScheduleSpec, _ id: String) throws(FlowError) -> Timing {
        switch (spec.cron, spec.at, spec.alarm) {
        case (let text?, nil, nil): return .cron(try CronExpression(text))
        case (nil, let text?, nil): return .once(try OnceAt(text))
        case (nil, nil, let text?): return .alarm(try Alarm(text))
        default: throw refusal(id, "it takes exactly one of 'cron', 'at' and 'alarm'")
        }
    }

    private static func blackout(_ spec: ScheduleSpec.Blackout, in zone: Zone, _ id: String) throws(FlowError) -> Blackout {
        switch (spec.from, spec.until, spec.cron, spec.minutes) {
        case (let from?, let until?, nil, nil):
            guard from < until else { throw refusal(id, "a blackout ends at \(until), before it begins") }
            return .range(from: from, until: until)
        case (nil, nil, let cron?, let minutes?):
            guard (1...ScheduleLimits.blackoutMinutes).contains(minutes) else {
                throw refusal(id, "a blackout has \(minutes) minutes; allowed are 1-\(ScheduleLimits.blackoutMinutes)")
            }
            return .window(Recurrence(.cron(try CronExpression(cron)), in: zone), minutes: minutes)
        default:
            throw refusal(id, "a blackout takes either 'from' and 'until' or 'cron' and 'minutes'")
        }
    }

    private static func refusal(_ id: String, _ why: String) -> FlowError {
        FlowError(.usage, subject: id, "Schedule '\(id)' was not taken: \(why).")
    }
}
