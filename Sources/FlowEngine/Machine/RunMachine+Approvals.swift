package import FlowModel

extension RunMachine {
    mutating func openApproval(_ number: Int, _ approval: ApprovalSpec) throws(EvaluationError) {
        let prompt = SealedText.redacted(try approval.prompt.evaluate(in: scope(of: number))).text
        let deadline = approval.deadlineSeconds.map { context.now + $0 }
        let digest = bindingDigest(number, prompt: prompt)
        emit(.approvalOpened(ref(number), prompt: prompt, digest: digest, deadline: deadline))
        var notice: [String: JSON] = [
            "kind": "approval.waiting", "run": .string(run.id.text), "flow": .string(run.created.flow),
            "step": .string(run.steps[number].path.text), "prompt": .string(prompt), "digest": .string(digest.hex),
            "requester": .string(run.created.user), "since": .string(context.now.description),
        ]
        if let deadline { notice["deadlineAt"] = .string(deadline.description) }
        decision.notices.append(.object(notice))
    }

    /// What a vote is bound to: revision, inputs, resolved targets, the step and its generation, and what was asked.
    private func bindingDigest(_ number: Int, prompt: String) -> Digest {
        let step = run.steps[number]
        let targets = run.created.targets.mapValues { hosts in
            JSON.array(hosts.map { .string("\($0.name) \($0.address):\($0.port)") })
        }
        let content: JSON = [
            "revision": .string(run.created.revision.hex), "inputs": .object(run.created.inputs), "targets": .object(targets),
            "run": .string(run.id.text), "step": .string(step.path.text), "generation": .int(step.generation),
            "prompt": .string(prompt),
        ]
        return context.hash(content.canonicalBytes)
    }

    mutating func expireApproval(_ number: Int) {
        emit(.approvalClosed(ref(number), .expired))
        fail(number, "rejected: nobody decided before the deadline")
    }

    /// Counts a vote. Refused: another digest, the requester, a second vote of one person, a gate that is closed.
    mutating func vote(
        _ path: StepPath, _ choice: ApprovalRow.Vote.Decision, digest: Digest?, by actor: Actor, message: String?
    ) throws(FlowError) {
        let number = try position(path)
        guard case .approval(let spec) = node(number).kind else {
            throw FlowError(
                .conflict, subject: path.text, "Step '\(path)' is not an approval, it is a \(node(number).kindName).")
        }
        guard let approval = run.steps[number].approval, approval.state == .open, run.steps[number].state == .waiting else {
            throw FlowError(.conflict, subject: path.text, "The vote was not counted: \(closedReason(number)).")
        }
        try check(actor, for: choice, spec: spec, approval: approval, path: path)
        guard digest == approval.digest else {
            throw FlowError(
                .conflict, subject: path.text,
                "The vote was not counted: it names \(digest.map { "digest \($0.short)" } ?? "no digest"), "
                    + "what waits for approval has digest \(approval.digest.hex).",
                hint: "flowctl approvals")
        }
        record(.vote(path, choice, digest: digest), by: actor, message: message)
        let vote = ApprovalRow.Vote(
            user: actor.user, person: actor.person, names: actor.names, roles: actor.roles, decision: choice, comment: message,
            at: context.now)
        emit(.voted(ref(number), vote))
        close(number, spec)
    }

    private func check(
        _ actor: Actor, for choice: ApprovalRow.Vote.Decision, spec: ApprovalSpec, approval: Approval, path: StepPath
    ) throws(FlowError) {
        if !spec.selfApproval, actor.person == run.created.person, choice == .approved {
            throw FlowError(
                .forbidden, subject: path.text,
                "The vote of \(actor.user) was not counted: who started the run cannot approve it.",
                hint: "somebody else: flowctl approve \(run.id) '\(path)'")
        }
        if let earlier = approval.votes.first(where: { $0.person == actor.person }) {
            throw FlowError(
                .conflict, subject: path.text,
                "The vote of \(actor.user) was not counted: \(earlier.user) voted '\(earlier.decision.rawValue)' "
                    + "at \(earlier.at), and one person counts once.")
        }
        guard spec.rules.contains(where: { $0.admits(names: actor.names, roles: actor.roles) }) else {
            let allowed = spec.rules.map(\.text).joined(separator: ", ")
            throw FlowError(
                .forbidden, subject: path.text,
                "The vote of \(actor.user) was not counted: none of the rules admits them. Rules: \(allowed).")
        }
    }

    private mutating func close(_ number: Int, _ spec: ApprovalSpec) {
        guard let votes = run.steps[number].approval?.votes, let last = votes.last else { return }
        let comment = last.comment.map { ": \($0)" } ?? ""
        if last.decision == .rejected {
            emit(.approvalClosed(ref(number), .rejected))
            return fail(number, "rejected by \(last.user)\(comment)")
        }
        guard spec.rules.areMet(by: votes) else { return }
        var output: [String: JSON] = ["decision": "approved", "by": .array(votes.map { .string($0.user) })]
        if let comment = last.comment { output["comment"] = .string(comment) }
        settle(number, .succeeded, value: .object(output))
    }

    private func closedReason(_ number: Int) -> String {
        let step = run.steps[number]
        guard let approval = step.approval, approval.state != .open else {
            return "step '\(step.path)' is \(step.state.rawValue), it does not wait for approval"
        }
        let voters = approval.votes.map { "\($0.user) (\($0.decision.rawValue), \($0.at))" }.joined(separator: ", ")
        return "it is \(approval.state.rawValue) already" + (voters.isEmpty ? "" : ", decided by \(voters)")
    }
}

extension ApprovalRule {
    /// For people: `2 of role release-manager`.
    package var text: String {
        switch self {
        case .role(let role, let count): "\(count) of role \(role)"
        case .user(let name): "user \(name)"
        case .anyone(let count): "\(count) of anyone"
        }
    }
}

extension [ApprovalRule] {
    /// Whether distinct voters can be given to the rules so that each has as many as it takes: a bipartite matching by
    /// augmenting paths (voters on one side, the places of the rules on the other).
    package func areMet(by votes: [ApprovalRow.Vote]) -> Bool {
        let places = flatMap { Array(repeating: $0, count: $0.count) }
        var holder = [Int?](repeating: nil, count: places.count)
        for voter in votes.indices where votes[voter].decision == .approved {
            var seen = Set<Int>()
            _ = Self.seat(voter, votes, places, &holder, &seen)
        }
        return holder.allSatisfy { $0 != nil }
    }

    private static func seat(
        _ voter: Int, _ votes: [ApprovalRow.Vote], _ places: [ApprovalRule], _ holder: inout [Int?], _ seen: inout Set<Int>
    ) -> Bool {
        for place in places.indices where places[place].admits(names: votes[voter].names, roles: votes[voter].roles) {
            guard seen.insert(place).inserted else { continue }
            let isFree = holder[place].map { seat($0, votes, places, &holder, &seen) } ?? true
            if isFree {
                holder[place] = voter
                return true
            }
        }
        return false
    }
}
