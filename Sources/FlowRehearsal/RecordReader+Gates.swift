import FlowEngine
import FlowModel

// Approvals, messages, calls, locks.
extension RecordReader {
    func gateLine(for entry: Entry) -> Line? {
        func line(_ ref: Entry.StepRef, _ text: String, _ tone: RehearsalReport.Row.Tone = .waits) -> Line {
            Line(path: ref.path.text, text: text, tone: tone)
        }
        guard case .approval(let spec)? = entry.ref.flatMap({ run.node(at: $0.path) })?.kind else { return nil }
        func rules(_ level: Int) -> String { ApprovalRule.all(spec.rules(at: level)).text }
        switch entry {
        case .approvalOpened(let ref, let prompt, _, let deadline):
            return line(ref, "asks \(rules(0))\(within(deadline)): \(prompt)")
        case .voted(let ref, let vote):
            let isGood = vote.decision == .approved
            let answers = vote.fields.map { " with \(JSON.object($0).canonical)" } ?? ""
            return line(ref, "\(vote.decision.rawValue) by \(vote.user)\(answers)", isGood ? .good : .bad)
        case .approvalClosed(let ref, .approved):
            return rest.contains { if case .settled(ref, _) = $0 { true } else { false } } && !isVoted(ref)
                ? line(ref, "approved by its deadline", .good) : nil
        case .approvalClosed(let ref, .expired): return line(ref, "nobody has decided in time", .bad)
        case .gate(let ref, .escalated(let level, let deadline)):
            return line(ref, "escalates: asks \(rules(level))\(within(deadline))")
        case .gate(let ref, .reminder(_, isSent: true)): return line(ref, "reminds those who may vote")
        case .gate(let ref, .voided(let reason, _, _)): return line(ref, "its votes are void: \(reason)", .bad)
        default: return nil
        }
    }

    private func isVoted(_ ref: Entry.StepRef) -> Bool {
        entries.contains { if case .voted(ref, _) = $0 { true } else { false } }
    }

    func otherLine(for entry: Entry) -> Line? {
        func line(_ ref: Entry.StepRef, _ text: String, _ tone: RehearsalReport.Row.Tone = .plain) -> Line {
            Line(path: ref.path.text, text: text, tone: tone)
        }
        switch entry {
        case .awaiting(let ref, let signal, let until):
            return line(ref, "waits for signal '\(signal)'\(within(until))", .waits)
        case .signalTaken(let ref, let signal):
            let value = entries.compactMap { if case .signalled(signal, let value) = $0 { value } else { nil } }.last
            return line(ref, "takes signal '\(signal)'" + (value.map { $0 == .null ? "" : ": \($0.canonical)" } ?? ""), .good)
        case .called(let ref, _):
            guard case .call(let call)? = run.node(at: ref.path)?.kind else { return nil }
            return line(ref, "calls flow '\(call.flow)'", .heading)
        case .hostsFound(let ref, let selector, let hosts):
            let names = hosts.prefix(12).map(\.name).joined(separator: ", ")
            return line(ref, "selector '\(selector)' means \(names)\(hosts.count > 12 ? " and \(hosts.count - 12) more" : "")")
        case .claim(let claim):
            guard case .asked(let demands) = claim.change, !isGrantedAtOnce(claim) else { return nil }
            return Line(path: claim.path == Run.ownPath ? nil : claim.path.text, text: "waits in line for \(demands.words)", tone: .waits)
        default: return nil
        }
    }

    private func isGrantedAtOnce(_ claim: ClaimEntry) -> Bool {
        rest.contains { if case .claim(let other) = $0 { other.path == claim.path && other.change == .granted } else { false } }
    }
}

extension Entry {
    /// The step of an approval that it is about.
    fileprivate var ref: StepRef? {
        switch self {
        case .approvalOpened(let ref, _, _, _), .voted(let ref, _), .approvalClosed(let ref, _), .gate(let ref, _): ref
        default: nil
        }
    }
}
