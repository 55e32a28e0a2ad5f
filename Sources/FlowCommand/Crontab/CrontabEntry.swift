import FlowModel
import FlowWire

/// A schedule as lines of a crontab: a line that starts the same runs, or comments that say what of it no line can.
struct CrontabEntry {
    /// What a crontab cannot say of it; the line is a comment then. Empty when it says everything.
    let reasons: [String]
    let zone: String
    let lines: [String]

    init(_ schedule: Wire.Schedule) {
        let spec = schedule.spec
        let exported = ExportedSchedule(schedule.name, spec)
        let command = exported.command
        zone = spec.timeZone ?? "UTC"
        reasons = CrontabEntry.state(schedule) + CrontabEntry.rules(spec) + CrontabEntry.values(exported, spec, command)
        let line = "\(CrontabEntry.fields(spec)) \(command)"
        // A comment is for people: what breaks a line is made visible there, or its rest would be a line of its own.
        lines =
            reasons.isEmpty
            ? [exported.mark.line, line]
            : ["# \(schedule.name), in \(zone), is not in this crontab: \(reasons.joined(separator: "; "))", "#   \(line)"]
                .map { $0.neutralised() }
    }

    private static func fields(_ spec: ScheduleSpec) -> String {
        spec.cron.map(PlainCron.fields) ?? ScheduleText.timing(spec)
    }

    private static func state(_ schedule: Wire.Schedule) -> [String] {
        var reasons: [String] = []
        if let pause = schedule.pause {
            reasons.append("it is paused\(pause.untilAt.map { " until \(momentText($0))" } ?? "") (\(pause.reason))")
        }
        if let fault = schedule.fault { reasons.append("it stands still: \(fault)") }
        return reasons
    }

    /// What cron has no word for.
    private static func rules(_ spec: ScheduleSpec) -> [String] {
        var reasons: [String] = []
        if let cron = spec.cron {
            // The names of months and days have an L, too.
            let fields = cron.uppercased().replacing("JUL", with: "")
            if fields.contains(where: { "L#?".contains($0) }), !fields.hasPrefix("@") { reasons.append("L, # and ? in '\(cron)'") }
        } else {
            reasons.append("it comes \(ScheduleText.timing(spec))")
        }
        if let calendars = spec.calendars, !calendars.isEmpty { reasons.append("calendar \(calendars.joined(separator: ", "))") }
        if let blackouts = spec.blackouts, !blackouts.isEmpty { reasons.append("\(blackouts.count) blackouts") }
        if let jitter = spec.jitterSeconds, jitter != 0 { reasons.append("jitter of \(jitter) s") }
        if let gap = spec.gap { reasons.append("gap \(gap.rawValue)") }
        if let fold = spec.fold { reasons.append("fold \(fold.rawValue)") }
        // Those that are usual are left to cron, and stand in the comment.
        if let overlap = spec.overlap, overlap == .queue || overlap == .replace { reasons.append("overlap \(overlap.rawValue)") }
        if spec.catchUp == .all { reasons.append("catch-up all") }
        if let age = spec.maxAgeSeconds { reasons.append("max-age of \(age) s") }
        return reasons
    }

    /// What a line of text cannot hold.
    private static func values(_ exported: ExportedSchedule, _ spec: ScheduleSpec, _ command: String) -> [String] {
        var reasons: [String] = []
        func look(_ what: String, _ text: String) {
            if text.unicodeScalars.contains(where: { $0 == "\n" || $0 == "\r" || $0 == "\0" }) { reasons.append("a line end or NUL in \(what)") }
        }
        for (name, value) in (spec.inputs ?? [:]).sorted(by: { $0.key < $1.key }) {
            look("input \(name)", value.stringValue ?? value.canonical)
            // As answers show what is sealed.
            if (value.stringValue ?? value.canonical).contains(SealedText.shown) { reasons.append("input \(name), which is secret") }
            if value == .null { reasons.append("input \(name), which is null") }
        }
        for (name, value) in (spec.labels ?? [:]).sorted(by: { $0.key < $1.key }) {
            look("label \(name)", name + value)
            if name.isEmpty || name.utf8.contains(UInt8(ascii: "=")) { reasons.append("the label's name '\(name)'") }
        }
        look("the limit", exported.limit ?? "")
        if command.utf8.count > CommandLimits.cronCommandBytes {
            reasons.append("its command of \(command.utf8.count) bytes, of which cron reads \(CommandLimits.cronCommandBytes)")
        }
        return reasons
    }
}
