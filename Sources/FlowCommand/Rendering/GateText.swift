import FlowModel
import FlowWire

/// What a gate will ask, of whom, and what happens if nobody decides, for people.
enum GateText {
    /// In one line.
    static func summary(_ spec: ApprovalSpec, _ words: ExpressionText) -> String {
        var text = "\"\(words.text(spec.prompt))\" by \(rules(spec.rules))"
        var wait = spec.deadlineSeconds
        for escalation in spec.escalations {
            text += ", after \(wait.map(durationText) ?? "") by \(rules(escalation.rules))"
            wait = escalation.deadlineSeconds
        }
        if let wait { text += ", \(spec.onDeadline == .approve ? "approved" : "rejected") after \(durationText(wait))" }
        if spec.selfApproval { text += ", the requester too" }
        return text
    }

    /// What else there is, a line each.
    static func details(_ spec: ApprovalSpec, _ approvers: [String: [String]]?) -> [String] {
        var lines: [String] = []
        if let veto = spec.veto { lines.append("a rejection ends it if it is by \(veto.text)") }
        if !spec.isDistinct { lines.append("one person may count for several rules") }
        if let seconds = spec.remindSeconds { lines.append("asks again every \(durationText(seconds))") }
        for field in spec.fields { lines.append("asks for \(self.field(field))") }
        var seen: Set<String> = []
        for rule in (spec.rules + spec.escalations.flatMap(\.rules)).flatMap(\.leaves) where seen.insert(rule.who).inserted {
            guard let people = approvers?[rule.who] else { continue }
            lines.append("\(rule.who): \(people.isEmpty ? "nobody could now" : people.joined(separator: ", "))")
        }
        return lines
    }

    /// `minutes: a whole number, 5 unless given (how long)`.
    static func field(_ field: Parameter) -> String {
        let what = field.choices.isEmpty ? field.kind.words : "one of \(field.choices.map(\.text).joined(separator: ", "))"
        let fallback = field.fallback.map { ", \($0.text.isEmpty ? "empty" : $0.text) unless given" } ?? ""
        return "\(field.name): \(what)\(fallback)" + (field.help.isEmpty ? "" : " (\(field.help))")
    }

    private static func rules(_ rules: [ApprovalRule]) -> String {
        let parts = rules.map { rule in
            if case .any(_, 1) = rule, rules.count > 1 { return "(\(rule.text))" }
            return rule.text
        }
        return parts.joined(separator: " and ")
    }
}
