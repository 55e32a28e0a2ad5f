import FlowModel
import FlowWire

/// What a vote is about, for the voter: everything that the digest stands for.
enum ApprovalText {
    static func lines(_ approval: Wire.Approval, _ preview: Wire.Preview, _ decision: ApprovalRow.Vote.Decision) -> [String] {
        var lines = [
            "\(decision == .approved ? "Approving" : "Rejecting"): \(approval.prompt)",
            "flow      \(approval.flow), revision \(preview.revision)",
            "run       \(approval.run), asked for by \(approval.requester)",
        ]
        lines += RunTables.inputs(preview.inputs)
        for (selector, hosts) in preview.targets.sorted(by: { $0.key < $1.key }) {
            lines.append("hosts     \(selector) → \(hosts.count): \(hosts.joined(separator: ", "))")
        }
        lines.append("step      \(approval.step), generation \(approval.generation)")
        lines.append("digest    \(approval.digest)")
        return lines.map { $0.neutralised() }
    }
}
