import FlowModel
import FlowWire

/// Freezes and windows, for people.
enum ChangeRuleText {
    static func path(_ kind: ChangeRuleKind, _ name: String? = nil) -> String {
        "/v1/\(kind.rawValue)s" + (name.map { "/\(percentEncoded($0))" } ?? "")
    }

    static func holds(_ spec: ChangeRuleSpec) -> String {
        var parts: [String] = []
        if let flows = spec.flows { parts.append("flows \(flows.joined(separator: ", "))") }
        if let labels = spec.labels { parts.append(labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: " ")) }
        if let hosts = spec.hosts { parts.append("hosts \(hosts)") }
        return parts.isEmpty ? "everything" : parts.joined(separator: "; ")
    }

    static func times(_ spec: ChangeRuleSpec) -> String {
        if let cron = spec.cron { return "\(cron) for \(spec.minutes ?? 0) min, \(spec.timeZone ?? "UTC")" }
        let from = spec.from.map { "from \(momentText($0))" }
        let until = spec.until.map { "until \(momentText($0))" }
        return [from, until].compactMap { $0 }.joined(separator: " ")
    }

    static func state(_ rule: Wire.ChangeRule) -> String {
        if rule.fault != nil { return "holds all" }
        let (on, off) = rule.kind == .freeze ? ("lasts", "over") : ("open", "closed")
        if rule.isOn { return on + (rule.untilAt.map { " until \(momentText($0))" } ?? "") }
        guard let next = rule.nextAt else { return off }
        return (rule.kind == .freeze ? "" : "closed; ") + "next \(momentText(next))"
    }

    static func showOne(_ json: JSON, _ show: ShowOptions, _ session: Session) async throws {
        let terminal = Surroundings.here.terminal
        if show.isJSON { return try await terminal.show(exact: json.pretty) }
        let rule = try session.client.decode(Wire.ChangeRule.self, json)
        let style = terminal.style
        var lines = [
            "\(style.paint(rule.name, .bold))  \(rule.kind.rawValue), revision \(rule.revision), changed \(momentText(rule.changedAt)) by \(rule.changedBy)",
            "holds   \(holds(rule.spec))", "when    \(times(rule.spec))", "state   \(state(rule))", "reason  \(rule.spec.reason)",
        ]
        if let fault = rule.fault { lines.append("fault   \(fault)") }
        try await terminal.show(lines.map { $0.neutralised(keeping: ["\u{1B}"]) })
        for warning in rule.warnings ?? [] { try await terminal.say("Warning: --flow '\(warning.subject)': \(warning.message)".neutralised()) }
    }
}
