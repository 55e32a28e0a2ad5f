package import FlowModel
package import FlowWire

/// The answer to "why", for people.
package struct WhyText {
    private let why: Wire.Why
    private let now: Instant
    private let style: Style

    package init(_ why: Wire.Why, now: Instant, style: Style) {
        self.why = why
        self.now = now
        self.style = style
    }

    package var lines: [String] {
        var lines = [why.summary.neutralised()]
        for wait in why.waitingFor {
            // What the run itself waits for stands behind it as the reason; its id would say nothing.
            let isOwn = wait.step == nil && wait.subject == why.run.text
            let subject = isOwn ? "" : " '\((wait.step?.text ?? wait.subject).neutralised())'"
            let until = wait.until.map { ", until \(momentText($0))" } ?? ""
            let since = "since \(momentText(wait.since)) (\(durationText(now.seconds(since: wait.since))))"
            lines.append("  waits for \(style.paint(wait.kind.rawValue, .yellow))\(subject) \(since)\(until)")
            if let reason = wait.reason { lines.append("      \(reason.neutralised())") }
            if let look = wait.look { lines.append("      it goes on by itself; whether it can: \(style.paint(look.neutralised(), .bold))") }
            let release = wait.look == nil ? "release it" : "if it never will"
            if let command = wait.release { lines.append("      \(release): \(style.paint(command.neutralised(), .bold))") }
        }
        for step in why.running {
            let place = step.target.map { " on \($0)" } ?? ""
            lines.append(
                "  \(style.paint("running", .cyan)) '\(step.step.text.neutralised())'\(place.neutralised()), attempt \(step.attempt), "
                    + "for \(durationText(now.seconds(since: step.since)))")
            if let line = step.lastLine { lines.append("      last line: \(line.neutralised())") }
        }
        return lines + failures
    }

    private var failures: [String] {
        guard let failed = why.failed else { return [] }
        var lines: [String] = []
        for step in failed {
            let place = (step.target.map { " on \($0)" } ?? "") + (step.attempt.map { ", attempt \($0)" } ?? "")
            let reason = step.reason.map { ": \($0)" } ?? ""
            lines.append("  \(style.paint(step.state.rawValue, .red)) '\(step.step.text.neutralised())'\((place + reason).neutralised())")
            if let line = step.lastLine { lines.append("      last line: \(line.neutralised())") }
            lines.append("      look at it: \(style.paint(step.look.neutralised(), .bold))")
        }
        let more = (why.failedCount ?? 0) - failed.count
        if more > 0 { lines.append("  and \(more) more: flowctl steps \(why.run) --state failed --state unknown") }
        return lines
    }
}
