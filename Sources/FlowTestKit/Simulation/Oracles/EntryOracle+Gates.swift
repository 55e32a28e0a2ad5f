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
        if choice == .approved, !spec.selfApproval, let words = shaped(by: actor.user, actor.person, step) { return "\(words) approved" }
        return right(of: vote, step, actor, ballot, spec, approval, spent) ?? answers(vote, ballot, spec, approval)
    }

    /// By one's own right, or by that of somebody who lent it, has not used it, and may use it.
    private func right(
        of vote: ApprovalRow.Vote, _ step: Int, _ actor: Actor, _ ballot: Ballot, _ spec: ApprovalSpec, _ approval: Approval, _ spent: [String?]
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
        if vote.decision == .approved, !spec.selfApproval, let words = shaped(by: lent.from, lent.person, step) {
            return "the right of \(words) was used"
        }
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
        return approval.deadline.map(context.hasFired) == true && approval.level == spec.escalations.count && spec.onDeadline == answer
    }

    func approvalClosed(_ step: Int, _ state: ApprovalRow.State) -> String? {
        guard let approval = run.steps[step].approval, approval.state == .open else { return "a gate closes twice" }
        switch state {
        case .approved:
            if let fault = run.steps[step].approval?.votes.indices.lazy.compactMap({ self.lostCause($0, step) }).first {
                if !hasLapsed(step, .approve) { return "a gate opens with a vote that does not count: \(fault)" }
            }
            return isMet(step) || hasLapsed(step, .approve) ? nil : "a gate opened before its rules were met"
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
            if approval.deadline.map(context.hasFired) != true { return "a gate escalates before its deadline" }
            let expected = spec.escalations[level - 1].deadlineSeconds.map { now + $0 }
            return deadline == expected ? nil : "an escalation has another deadline than its flow says"
        case .reminder(let at, let isSent):
            guard let seconds = spec.remindSeconds else { return "a gate reminds that was not to" }
            if isSent, approval.remindAt.map(context.hasFired) != true { return "a gate reminds too early" }
            if !isSent, approval.remindAt != nil || approval.reminders > 0 { return "reminders begin twice" }
            let isLast = isSent && approval.reminders + 1 >= Limits.reminders
            return at == (isLast ? nil : now + seconds) ? nil : "the next reminder is at another time than its flow says"
        case .voided(_, _, let digest):
            switch event {
            case .voidVotes(run.steps[step].path, _), .command(.edit, _, _): break
            case .command(.adjust(let rollout, _), _, _) where run.enclosing(step).contains(rollout): break
            case .command(.adjust(let rollout, _), _, _) where run.positions[rollout].map { run.cameAfter($0, step) } ?? false: break
            default:
                // Something that it asks about is done again.
                if earlier.contains(where: { if case .reopened = $0 { true } else { false } }) { break }
                let isLost = approval.votes.indices.contains { approval.votes[$0].seal != nil && lostCause($0, step) != nil }
                guard isLost else { return "votes are void and nothing has changed" }
            }
            let isKnown = digest == approval.digest || approval.superseded.contains { $0.digest == digest }
            return isKnown ? "what is asked anew has a digest from before" : nil
        case .voteLost(let number, _):
            guard approval.votes.indices.contains(number), approval.votes[number].voided == nil else { return "a vote is lost that did not count" }
            return lostCause(number, step) == nil ? "a vote is lost and its giver could still give it" : nil
        }
    }

    // MARK: - People

    /// Who says what a step gave, says so.
    func given(_ step: Int, _ giver: Shaper) -> String? {
        let isGiven = isSkipped(step) || isResolved(step) { $0 != .retry }
        if case .adjust(run.steps[step].path, _)? = command { return actor.map { $0.user == giver.user } == true ? nil : "another adjusted it" }
        guard let actor, isGiven else { return "nobody said what a step gave" }
        return giver.user == actor.user && giver.person == actor.person ? nil : "another said what a step gave"
    }

    private func areOne(_ one: String, _ other: String) -> Bool {
        one == other || context.people?.areOne(one, other, inRunBegun: run.created.shapedSince ?? run.createdAt) == true
    }

    /// Who of those that shaped the gate's question that is; nil when it is none. Of values that people gave those that are read at once.
    func shaped(by user: String, _ person: String, _ gate: Int) -> String? {
        if person == run.created.person || areOne(user, run.created.user) { return "the requester" }
        if run.editors.contains(where: { $0.person == person || areOne(user, $0.user) }) { return "who edited the inputs" }
        let readers = run.plan.nodes.filter { $0.id == run.nodeOf(gate).id || $0.needs.contains(run.nodeOf(gate).id) }
        let givers = run.steps.filter { step in
            guard !step.givers.isEmpty else { return false }
            let id = run.plan.nodes[step.node].id
            return readers.contains { reader in
                var reads = false
                for part in reader.expressions { part.forEach { if case .output(id, _) = $0 { reads = true } } }
                return reads
            }
        }
        return givers.flatMap(\.givers).contains { $0.person == person || areOne(user, $0.user) } ? "who gave a value that is used" : nil
    }

    /// Why a vote that stands does not count, as people are now.
    func lostCause(_ number: Int, _ step: Int) -> String? {
        guard let people = context.people, case .approval(let spec) = run.nodeOf(step).kind, let approval = run.steps[step].approval,
            approval.votes[number].voided == nil
        else { return nil }
        let vote = approval.votes[number]
        guard let giver = people.standing(of: vote.user) else { return "its giver was removed" }
        let hands = [(vote.user, giver.person)] + (vote.delegation.map { [($0.from, $0.person)] } ?? [])
        for (user, _) in hands {
            let isShaper = ([run.created.user] + run.editors.map(\.user) + run.shapers(of: step).map(\.user)).contains { areOne($0, user) }
            if vote.decision == .approved, !spec.selfApproval, isShaper { return "its giver shaped what is asked" }
            let before = approval.votes[..<number].filter { $0.voided == nil }.flatMap { [$0.user] + ($0.delegation.map { [$0.from] } ?? []) }
            if before.contains(where: { areOne($0, user) }) { return "its giver voted before" }
        }
        if let lent = vote.delegation {
            guard let loan = people.loan(lent.id), loan.taker == giver.person, min(lent.until, loan.delegation.until) > now else {
                return "the right is not lent any more"
            }
            return nil
        }
        let rules = spec.rulesInForce(approval).flatMap(\.parts) + (vote.decision == .rejected ? spec.veto?.parts ?? [] : [])
        let lost = rules.contains { $0.isFor(vote.names, vote.roles) && !$0.isFor(giver.names, giver.roles) }
        return lost ? "its giver has lost what it was given by" : nil
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
