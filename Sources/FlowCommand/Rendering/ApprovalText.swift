import FlowModel
import FlowWire

/// What a vote is about, for the voter: everything that the digest stands for.
enum ApprovalText {
    static func lines(_ approval: Wire.Approval, _ preview: Wire.Preview, _ decision: ApprovalRow.Vote.Decision) -> [String] {
        var lines = [
            "\(decision == .approved ? "Approving" : "Rejecting"): \(approval.prompt)",
            "flow      \(approval.flow), revision \(preview.revision)\(standing(approval))",
            "run       \(approval.run), asked for by \(approval.requester)",
        ]
        if let binary = approval.binary { lines.append("program   \(binary)") }
        lines += RunTables.inputs(preview.inputs)
        for (selector, hosts) in preview.targets.sorted(by: { $0.key < $1.key }) {
            lines.append("hosts     \(selector) → \(hosts.count): \(hosts.joined(separator: ", "))")
        }
        lines.append("step      \(approval.step), generation \(approval.generation)")
        lines += answers(approval)
        lines.append("digest    \(approval.digest)")
        return lines.map { $0.neutralised() }
    }

    private static func standing(_ approval: Wire.Approval) -> String {
        approval.registered == false ? ", \(RunTables.notRegistered(approval.flow))" : ""
    }

    private static func answers(_ approval: Wire.Approval) -> [String] {
        guard let fields = approval.fields else { return [] }
        guard let answers = approval.answers else { return fields.map { "asks for  \(GateText.field($0))" } }
        return fields.map { "answer    \($0.name) = \(answers[$0.name]?.canonical ?? "")" }
    }

    /// A gate as it stands: who decides, what is missing, what was voted.
    static func details(_ approval: Wire.Approval, now: Instant) -> [String] {
        var lines = ["\(approval.flow) \(approval.run) '\(approval.step)': \(approval.prompt)"]
        lines.append("  \(approval.state.rawValue), asked for by \(approval.requester) at \(momentText(approval.since))")
        lines.append("  rules     \(approval.rulesText)" + (approval.level.map { " (escalated \($0 == 1 ? "once" : "\($0) times"))" } ?? ""))
        if let veto = approval.veto { lines.append("  veto      \(veto.text)") }
        if approval.registered == false { lines.append("  code      \(RunTables.notRegistered(approval.flow))") }
        for barred in approval.barred ?? [] { lines.append("  barred    \(barred.user), who \(barred.why)") }
        if let missing = approval.missingText { lines.append("  \(missing)") }
        if let deadline = approval.deadlineAt, let then = approval.deadlineText {
            lines.append("  until     \(momentText(deadline)) (\(durationText(deadline.seconds(since: now))) left), then \(then)")
        }
        lines += answers(approval).map { "  \($0)" }
        for vote in approval.votes {
            let lent = vote.lentUntil.map { ", lent until \(momentText($0))" } ?? ""
            let behalf = vote.onBehalfOf.map { " for \($0), role \(vote.role ?? "")\(lent)" }
            lines.append(
                "  vote      \(vote.user)\(behalf ?? ""): \(vote.decision.rawValue) at \(momentText(vote.at))"
                    + (vote.comment.map { ": \($0)" } ?? "") + (vote.voided.map { " — void: \($0)" } ?? ""))
        }
        lines.append("  digest    \(approval.digest)")
        return lines.map { $0.neutralised() }
    }
}
