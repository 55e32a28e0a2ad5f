internal import FlowEngine
internal import FlowModel

// Gates: who may vote, what their votes come to, and what time does.
extension EntryOracle {
    func approvalOpened(_ step: Int, _ deadline: Instant?) -> String? {
        guard case .approval(let spec) = run.nodeOf(step).kind else { return "it is no approval" }
        if deadline != spec.deadlineSeconds.map({ now + $0 }) { return "the deadline of a gate is another than its flow says" }
        return beginsOnItsBranch(step)
    }

    // MARK: - Votes

    func voted(_ step: Int, _ vote: ApprovalRow.Vote) -> String? {
        guard case .approval(let spec) = run.nodeOf(step).kind, let approval = run.steps[step].approval, approval.state == .open,
            run.steps[step].state == .waiting
        else { return "a vote on a gate that is not open" }
        guard case .vote(_, let choice, let digest, let ballot)? = command, let actor else { return "a vote that nobody gave" }
        if digest != approval.digest { return "a vote for another digest was counted" }
        if vote.person != actor.person || vote.decision != choice { return "another vote was counted than was given" }
        let spent = approval.votes.filter { $0.voided == nil }.flatMap { [$0.person, $0.delegation?.person] }
        if spent.contains(vote.person) { return "\(vote.person) voted twice" }
        if choice == .approved, vote.person == run.created.person, !spec.selfApproval { return "the requester approved" }
        return right(of: vote, actor, ballot, spec, approval, spent) ?? answers(vote, ballot, spec, approval)
    }

    /// By one's own right, or by that of somebody who lent it, has not used it, and may use it.
    private func right(
        of vote: ApprovalRow.Vote, _ actor: Actor, _ ballot: Ballot, _ spec: ApprovalSpec, _ approval: Approval, _ spent: [String?]
    ) -> String? {
        var admitting = spec.rulesInForce(approval).flatMap(\.parts)
        if vote.decision == .rejected, let veto = spec.veto { admitting += veto.parts }
        func admits(_ names: [String], _ roles: [String]) -> Bool { admitting.contains { $0.isFor(names, roles) } }
        guard let lent = vote.delegation else {
            if ballot.onBehalfOf != nil { return "a vote on behalf of another was counted as one's own" }
            if vote.names != actor.names || vote.roles != actor.roles { return "a vote with another's roles was counted" }
            return admits(actor.names, actor.roles) ? nil : "a vote of somebody whom no rule admits was counted"
        }
        if !actor.delegations.contains(lent) { return "a right was used that nobody lent" }
        if lent.until <= now { return "a delegation was used after its end" }
        if let other = ballot.onBehalfOf, other != lent.from, other != lent.person { return "another's right was used than was named" }
        if spent.contains(lent.person) { return "the right of \(lent.person) was used twice" }
        if vote.decision == .approved, lent.person == run.created.person, !spec.selfApproval { return "the requester's right was used to approve" }
        if vote.names != [] || vote.roles != [lent.role] { return "more than was lent was used" }
        return admits([], [lent.role]) ? nil : "a right was lent that no rule admits"
    }

    /// The first who approves answers, and nobody approves anything else.
    private func answers(_ vote: ApprovalRow.Vote, _ ballot: Ballot, _ spec: ApprovalSpec, _ approval: Approval) -> String? {
        let isFirst = vote.decision == .approved && !spec.fields.isEmpty && approval.answers == nil
        guard isFirst else {
            if vote.fields != nil || vote.seal != nil { return "a gate is answered twice" }
            guard vote.decision == .approved, let answers = approval.answers else { return nil }
            return ballot.fields.allSatisfy { answers[$0.key] == $0.value } ? nil : "a vote for other answers was counted"
        }
        let expected = Dictionary(spec.fields.map { ($0.name, ballot.fields[$0.name] ?? $0.fallback ?? .null) }, uniquingKeysWith: { $1 })
        if vote.fields != expected { return "other answers were noted than were given" }
        return vote.seal != nil && vote.seal != approval.digest ? nil : "the answers are not bound to a digest"
    }

    // MARK: - Decisions

    /// Whether the votes for a gate meet the rules that apply to it, by trying everything.
    func isMet(_ step: Int) -> Bool {
        guard case .approval(let spec) = run.nodeOf(step).kind, let approval = run.steps[step].approval else { return false }
        let votes = approval.votes.filter { $0.voided == nil && $0.decision == .approved }
        return GateOracle.opens(spec.rulesInForce(approval), votes, isDistinct: spec.isDistinct)
    }

    /// Whether somebody has rejected who can.
    func isVetoed(_ step: Int) -> Bool {
        guard case .approval(let spec) = run.nodeOf(step).kind, let approval = run.steps[step].approval else { return false }
        return approval.votes.contains { vote in
            guard vote.voided == nil, vote.decision == .rejected else { return false }
            return spec.veto.map { $0.parts.contains { $0.isFor(vote.names, vote.roles) } } ?? true
        }
    }

    /// Whether its last deadline is over, and means this.
    private func hasLapsed(_ step: Int, _ answer: ApprovalSpec.DeadlineAnswer) -> Bool {
        guard case .approval(let spec) = run.nodeOf(step).kind, let approval = run.steps[step].approval, case .timer = event else { return false }
        return approval.deadline.map { $0 <= now } == true && approval.level == spec.escalations.count && spec.onDeadline == answer
    }

    func approvalClosed(_ step: Int, _ state: ApprovalRow.State) -> String? {
        guard let approval = run.steps[step].approval, approval.state == .open else { return "a gate closes twice" }
        switch state {
        case .approved: return isMet(step) || hasLapsed(step, .approve) ? nil : "a gate opened before its rules were met"
        case .rejected: return isVetoed(step) ? nil : "a gate is rejected and nobody did that who can"
        case .expired: return hasLapsed(step, .reject) ? nil : "a gate expires before its deadline, or against what its flow says"
        case .cancelled: return nil
        case .open: return "a gate closes as open"
        }
    }

    /// What a gate gives to those that read it.
    func gateSucceeded(_ step: Int, _ end: Entry.Settlement) -> String? {
        let path = run.steps[step].path
        guard case .approval(let spec) = run.nodeOf(step).kind, let approval = run.steps[step].approval, approval.state == .approved else {
            return "'\(path)' succeeded without approval"
        }
        let isLapsed = !isMet(step)
        let voters = isLapsed ? [] : approval.votes.filter { $0.voided == nil && $0.decision == .approved }.map(\.user)
        if end.value?["by"] != .array(voters.map(JSON.string)) { return "'\(path)' was approved by others than it says" }
        let defaults = Dictionary(spec.fields.compactMap { field in field.fallback.map { (field.name, $0) } }, uniquingKeysWith: { $1 })
        let answers = spec.fields.isEmpty ? nil : approval.answers ?? defaults
        return end.value?["output"] == answers.map(JSON.object) ? nil : "'\(path)' gives other answers than were approved"
    }

    func mayFailGate(_ step: Int) -> Bool {
        let state = run.steps[step].approval?.state
        return state == .rejected || state == .expired
    }

    // MARK: - Time and changes

    func fault(of entry: GateEntry, _ step: Int) -> String? {
        guard case .approval(let spec) = run.nodeOf(step).kind, let approval = run.steps[step].approval, approval.state == .open,
            run.steps[step].state == .waiting
        else { return "it is no gate that is open" }
        switch entry {
        case .escalated(let level, let deadline):
            guard level == approval.level + 1, spec.escalations.indices.contains(level - 1) else { return "a gate escalates to nobody" }
            if approval.deadline.map({ $0 <= now }) != true { return "a gate escalates before its deadline" }
            let expected = spec.escalations[level - 1].deadlineSeconds.map { now + $0 }
            return deadline == expected ? nil : "an escalation has another deadline than its flow says"
        case .reminder(let at, let isSent):
            guard let seconds = spec.remindSeconds else { return "a gate reminds that was not to" }
            if isSent, approval.remindAt.map({ $0 <= now }) != true { return "a gate reminds too early" }
            if !isSent, approval.remindAt != nil || approval.reminders > 0 { return "reminders begin twice" }
            let isLast = isSent && approval.reminders + 1 >= Limits.reminders
            return at == (isLast ? nil : now + seconds) ? nil : "the next reminder is at another time than its flow says"
        case .voided(_, _, let digest):
            switch event {
            case .voidVotes(run.steps[step].path, _), .command(.edit, _, _): break
            default: return "votes are void and nothing has changed"
            }
            let isKnown = digest == approval.digest || approval.superseded.contains { $0.digest == digest }
            return isKnown ? "what is asked anew has a digest from before" : nil
        }
    }

    /// Nobody's approval comes to mean something else.
    func inputsEdited() -> String? {
        let granted = run.steps.first { $0.approval?.state == .approved }
        return granted.map { "what '\($0.path)' approved becomes something else" }
    }
}

extension ApprovalSpec {
    /// The rules after as many escalations as there were.
    func rulesInForce(_ approval: Approval) -> [ApprovalRule] {
        ([rules] + escalations.map(\.rules))[approval.level]
    }
}

extension ApprovalRule {
    /// The rules in it that people meet.
    fileprivate var parts: [ApprovalRule] {
        switch self {
        case .all(let rules), .any(let rules, _): rules.flatMap(\.parts)
        case .role, .user, .anyone: [self]
        }
    }

    /// Whether one with these names and roles meets it.
    fileprivate func isFor(_ names: [String], _ roles: [String]) -> Bool {
        switch self {
        case .anyone: true
        case .role(let role, _): roles.contains(role)
        case .user(let name): names.contains(name)
        case .all, .any: false
        }
    }
}
