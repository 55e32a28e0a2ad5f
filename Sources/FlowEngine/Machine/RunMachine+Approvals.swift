import FlowModel

// MARK: - Votes

extension RunMachine {
    /// Counts a vote. Refused: a gate that is closed, the requester, a second vote of one person, one whom no rule admits, another
    /// digest, answers that do not fit.
    mutating func vote(
        _ path: StepPath, _ choice: ApprovalRow.Vote.Decision, digest: Digest?, _ ballot: Ballot, by actor: Actor, message: String?
    ) throws(FlowError) {
        let number = try position(path)
        guard case .approval(let spec) = node(number).kind else {
            throw FlowError(
                .conflict, subject: path.text, "Step '\(path)' is not an approval, it is a \(node(number).kindName).")
        }
        guard let approval = run.steps[number].approval, approval.state == .open, run.steps[number].state == .waiting else {
            throw FlowError(.conflict, subject: path.text, "The vote was not counted: \(closedReason(number)).")
        }
        let bench = VoterCheck(machine: self, spec: spec, approval: approval, shapers: spec.selfApproval ? [] : run.shapers(of: number), path: path)
        let delegation = try bench.right(of: actor, to: choice, ballot)
        guard digest == approval.digest else { throw otherDigest(digest, approval, path) }
        var vote = ApprovalRow.Vote(
            user: actor.user, person: actor.person, names: delegation == nil ? actor.names : [],
            roles: delegation.map { [$0.role] } ?? actor.roles, decision: choice, comment: message, at: context.now, delegation: delegation)
        if choice == .approved { try answer(&vote, ballot.fields, spec, approval, path) }
        record(.vote(path, choice, digest: digest, ballot: ballot), by: actor, message: message)
        emit(.voted(ref(number), vote))
        decide(number, spec, with: vote)
    }

    /// The first who approves answers the fields; whoever follows has seen the answers, and can only confirm them.
    private func answer(
        _ vote: inout ApprovalRow.Vote, _ given: [String: JSON], _ spec: ApprovalSpec, _ approval: Approval, _ path: StepPath
    ) throws(FlowError) {
        guard let answers = approval.answers else {
            let answers = try InputValidation.answers(spec.fields, given: given, to: path.text)
            guard !spec.fields.isEmpty else { return }
            let sealed: JSON = ["digest": .string(approval.digest.hex), "answers": .object(answers)]
            vote.fields = answers
            vote.seal = context.hash(sealed.canonicalBytes)
            return
        }
        let own = try InputValidation.answers(spec.fields, given: answers.merging(given) { $1 }, to: path.text)
        if let other = spec.fields.first(where: { own[$0.name] != answers[$0.name] }) {
            let first = approval.standing.first { $0.fields != nil }
            throw FlowError(
                .conflict, subject: path.text,
                "The vote was not counted: it answers field '\(other.name)' with \(own[other.name]?.canonical ?? "nothing"), "
                    + "\(first?.user ?? "another") approved \(answers[other.name]?.canonical ?? "nothing").",
                hint: "reject it to have it asked anew: flowctl reject \(run.id) '\(path)' -m REASON")
        }
    }

    private func otherDigest(_ digest: Digest?, _ approval: Approval, _ path: StepPath) -> FlowError {
        let change = approval.superseded.last { $0.digest == digest }
        return FlowError(
            .conflict, subject: path.text,
            "The vote was not counted: it names \(digest.map { "digest \($0.short)" } ?? "no digest"), "
                + (change.map { "which was good until \($0.at): \($0.reason). Now " } ?? "")
                + "what waits for approval has digest \(approval.digest.hex).",
            hint: "flowctl approvals")
    }

    // MARK: - Decisions

    private mutating func decide(_ number: Int, _ spec: ApprovalSpec, with last: ApprovalRow.Vote) {
        guard last.decision == .rejected else { return grantIfMet(number, spec) }
        if let veto = spec.veto, !veto.admits(names: last.names, roles: last.roles) { return }
        emit(.approvalClosed(ref(number), .rejected))
        fail(number, "rejected by \(last.user)\(last.comment.map { ": \($0)" } ?? "")")
    }

    mutating func grantIfMet(_ number: Int, _ spec: ApprovalSpec) {
        let lost = reviewVotes(of: number)
        guard let approval = run.steps[number].approval else { return }
        let votes = approval.standing.filter { $0.decision == .approved }
        guard let last = votes.last, Seating(spec.rules(at: approval.level), votes, isDistinct: spec.isDistinct).isComplete else {
            if let lost { tell("approval.waiting", number, ["changed": .string(lost)]) }
            return
        }
        settle(number, .succeeded, value: output(by: votes.map(\.user), comment: last.comment, approval.answers))
    }

    func output(by users: [String], comment: String?, _ answers: [String: JSON]?) -> JSON {
        var output: [String: JSON] = ["decision": "approved", "by": .array(users.map(JSON.string))]
        if let comment { output["comment"] = .string(comment) }
        if let answers { output["output"] = .object(answers) }
        return .object(output)
    }

    private func closedReason(_ number: Int) -> String {
        let step = run.steps[number]
        guard let approval = step.approval, approval.state != .open else {
            return "step '\(step.path)' is \(step.state.rawValue), it does not wait for approval"
        }
        let voters = approval.standing.map { "\($0.user) (\($0.decision.rawValue), \($0.at))" }.joined(separator: ", ")
        let hasLapsed = approval.deadline.map { deadline in step.endedAt.map { $0 >= deadline } ?? false } ?? false
        let isLate = approval.state == .expired || approval.state == .approved && hasLapsed
        return "it is \(approval.state.rawValue) already"
            + (isLate ? ", by its deadline at \(approval.deadline?.description ?? "")" : "")
            + (voters.isEmpty ? "" : isLate ? "; voted had \(voters)" : ", decided by \(voters)")
    }
}

/// Who may vote on a gate as it is.
private struct VoterCheck {
    let machine: RunMachine
    let spec: ApprovalSpec
    let approval: Approval
    /// Who may not approve it; nobody where the flow says so.
    let shapers: [Shaper]
    let path: StepPath

    private var rules: ApprovalRule { .all(spec.rules(at: approval.level)) }

    /// By whose right the vote is given: nil for the actor's own.
    func right(of actor: Actor, to choice: ApprovalRow.Vote.Decision, _ ballot: Ballot) throws(FlowError) -> Delegation? {
        if choice == .approved, let shaper = shaper(actor.user, actor.person) {
            throw barred(actor, "who \(shaper.words) cannot approve it", user: actor.user, as: shaper)
        }
        if let earlier = vote(spending: actor.user, actor.person) { throw spent(actor, earlier) }
        if ballot.onBehalfOf == nil, admits(actor.names, actor.roles, choice) { return nil }
        let lent = actor.delegations.filter { ballot.onBehalfOf == nil || $0.from == ballot.onBehalfOf || $0.person == ballot.onBehalfOf }
        let good = lent.filter { $0.until > machine.context.now && admits([], [$0.role], choice) }
        guard let first = good.first else { throw notAdmitted(actor, ballot, lent) }
        let allowed = good.filter { choice == .rejected || shaper($0.from, $0.person) == nil }
        if allowed.isEmpty, let shaper = shaper(first.from, first.person) {
            throw barred(actor, "it would be by delegation of \(first.from), who \(shaper.words)", user: first.from, as: shaper)
        }
        guard let free = allowed.first(where: { vote(spending: $0.from, $0.person) == nil }) else {
            let lent = allowed.first ?? first
            guard let earlier = vote(spending: lent.from, lent.person) else { throw notAdmitted(actor, ballot, good) }
            throw spent(actor, earlier)
        }
        return free
    }

    private func admits(_ names: [String], _ roles: [String], _ choice: ApprovalRow.Vote.Decision) -> Bool {
        if rules.admits(names: names, roles: roles) { return true }
        return choice == .rejected && spec.veto?.admits(names: names, roles: roles) ?? false
    }

    /// What keeps the user from approving.
    private func shaper(_ user: String, _ person: String) -> Shaper? { shapers.first { machine.isOne($0, user: user, person: person) } }

    private func barred(_ actor: Actor, _ why: String, user: String, as shaper: Shaper) -> FlowError {
        let link = user == shaper.user ? "" : " (\(user) is one person with \(shaper.user))"
        return FlowError(
            .forbidden, subject: path.text, "The vote of \(actor.user) was not counted: \(why)\(link).",
            hint: "somebody else: flowctl approve \(machine.run.id) '\(path)'")
    }

    /// The vote that has used up the person's: their own, or one by their delegation.
    private func vote(spending user: String, _ person: String) -> ApprovalRow.Vote? {
        approval.standing.first { vote in
            if vote.person == person || vote.delegation?.person == person { return true }
            return machine.areOne(vote.user, user) || vote.delegation.map { machine.areOne($0.from, user) } ?? false
        }
    }

    private func spent(_ actor: Actor, _ earlier: ApprovalRow.Vote) -> FlowError {
        let whose = earlier.delegation.map { " for \($0.from)" } ?? ""
        return FlowError(
            .conflict, subject: path.text,
            "The vote of \(actor.user) was not counted: \(earlier.user) voted '\(earlier.decision.rawValue)'\(whose) at \(earlier.at), "
                + "and one person counts once.")
    }

    private func notAdmitted(_ actor: Actor, _ ballot: Ballot, _ lent: [Delegation]) -> FlowError {
        let now = machine.context.now
        let over = lent.first { $0.until <= now }.map { " The delegation of \($0.from) ended at \($0.until)." } ?? ""
        let behalf = ballot.onBehalfOf.map { " on behalf of \($0)" } ?? ""
        return FlowError(
            .forbidden, subject: path.text,
            "The vote of \(actor.user)\(behalf) was not counted: none of the rules admits them. Rules: \(rules.text).\(over)")
    }
}
