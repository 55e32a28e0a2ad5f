import FlowModel
import FlowWire

/// Schedules and their times, for people.
enum ScheduleText {
    static func path(_ name: String, _ part: String? = nil) -> String {
        "/v1/schedules/\(percentEncoded(name))" + (part.map { "/\($0)" } ?? "")
    }

    static func timing(_ spec: ScheduleSpec) -> String { spec.cron ?? spec.at.map { "at \($0)" } ?? spec.alarm ?? "" }

    static func state(_ schedule: Wire.Schedule) -> String {
        if schedule.fault != nil { return "stands still" }
        guard let pause = schedule.pause else { return "" }
        return "paused" + (pause.untilAt.map { " until \(momentText($0))" } ?? "")
    }

    /// When something runs next; where nothing does, as long as what lasts.
    static func next(_ schedule: Wire.Schedule) -> String {
        if let next = schedule.nextAt { return momentText(next) }
        if schedule.fault != nil { return "not as it is" }
        return schedule.pause == nil ? "never" : "not while paused"
    }

    static func lines(_ schedule: Wire.Schedule, style: Style) -> [String] {
        let spec = schedule.spec
        var lines = [
            "\(style.paint(schedule.name, .bold))  revision \(schedule.revision), changed \(momentText(schedule.changedAt)) by \(schedule.changedBy)",
            "runs      \(spec.flow)", "when      \(timing(spec)), \(spec.timeZone ?? "UTC")",
            "next      \(next(schedule))",
            "overlap   \((spec.overlap ?? .skip).rawValue)", "catch-up  \((spec.catchUp ?? .last).rawValue)",
        ]
        lines += bounds(spec)
        if let inputs = spec.inputs { lines.append("inputs    \(JSON.object(inputs).canonical)") }
        if let pause = schedule.pause {
            let until = pause.untilAt.map { " until \(momentText($0))" } ?? ""
            lines.append("paused    since \(momentText(pause.sinceAt))\(until) by \(pause.by): \(pause.reason)")
        }
        if let fault = schedule.fault { lines.append("fault     \(fault)") }
        return lines.map { $0.neutralised(keeping: ["\u{1B}"]) }
    }

    /// What it is bound to beside its times, each only where it is given.
    private static func bounds(_ spec: ScheduleSpec) -> [String] {
        var lines: [String] = []
        if let age = spec.maxAgeSeconds { lines.append("max-age   \(durationText(Double(age)))") }
        if let calendars = spec.calendars { lines.append("calendar  \(calendars.joined(separator: ", "))") }
        for blackout in spec.blackouts ?? [] { lines.append("blackout  \(words(blackout))") }
        if let gap = spec.gap { lines.append("gap       \(gap.rawValue)") }
        if let fold = spec.fold { lines.append("fold      \(fold.rawValue)") }
        if let seconds = spec.jitterSeconds, seconds > 0 { lines.append("jitter    up to \(durationText(Double(seconds)))") }
        if let limit = spec.limit { lines.append("limit     \(limit)") }
        if let labels = spec.labels, !labels.isEmpty {
            lines.append("labels    " + labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: ", "))
        }
        return lines
    }

    private static func words(_ blackout: ScheduleSpec.Blackout) -> String {
        if let cron = blackout.cron { return "\(blackout.minutes ?? 0) min from \(cron) on" }
        return [blackout.from.map { "from \(momentText($0))" }, blackout.until.map { "until \(momentText($0))" }].compactMap { $0 }.joined(
            separator: " ")
    }

    static func instant(_ text: String, _ option: String) throws(FlowError) -> Instant {
        guard let instant = Instant(text) else {
            throw FlowError(.usage, subject: option, "\(option) is '\(text)', it must be a time in UTC such as 2026-03-01T08:00:00Z.")
        }
        return instant
    }

    // MARK: - Showing

    static func change(
        _ method: String, _ path: String, _ body: JSON?, _ show: ShowOptions, _ connection: ConnectionOptions
    ) async throws {
        try await Session.with(connection) { session in
            try await showOne(try await session.client.request(method, path, body: body), show, session)
        }
    }

    static func showOne(_ json: JSON, _ show: ShowOptions, _ session: Session) async throws {
        let terminal = Surroundings.here.terminal
        if show.isJSON { return try await terminal.show(exact: json.pretty) }
        try await terminal.show(lines(try session.client.decode(Wire.Schedule.self, json), style: terminal.style))
    }

    static func list(_ path: String, _ query: [(String, String?)], _ options: ShowOptions, _ connection: ConnectionOptions) async throws {
        try await Session.with(connection, need: .look) { session in
            try await show(try await session.client.request("GET", path, query: query), options, session)
        }
    }

    static func show(_ json: JSON, _ options: ShowOptions, _ session: Session) async throws {
        let terminal = Surroundings.here.terminal
        if options.isJSON { return try await terminal.show(exact: json.pretty) }
        let times = try session.client.decode(Wire.Page<Wire.Occurrence>.self, json).items
        if times.isEmpty { return try await terminal.say("None.") }
        try await show(times, terminal)
    }

    static func show(_ times: [Wire.Occurrence], _ terminal: Terminal) async throws {
        var table = Table("time", "due", "state", "reason", "run")
        for time in times {
            let reason = [time.reason?.rawValue, time.detail].compactMap { $0 }.joined(separator: ": ")
            table.add(
                .init(time.nominal), .init(momentText(time.at)), .init(time.state?.rawValue ?? ""), .init(reason),
                .init(time.run?.text ?? ""))
        }
        try await terminal.show(table.lines(style: terminal.style, width: terminal.tableWidth))
    }
}
