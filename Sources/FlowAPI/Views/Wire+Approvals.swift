package import FlowModel
package import FlowWire

extension Wire.Approval {
    init(_ row: ApprovalRow, _ people: Approvers) {
        self.init(
            id: row.id, run: row.run, flow: row.flow, step: row.step, generation: row.generation, state: row.state,
            prompt: redacted(row.prompt), rules: row.rules.map(Wire.Rule.init), digest: row.digest, requester: row.requester,
            since: row.since, deadlineAt: row.deadline, votes: row.votes.map(Wire.Vote.init))
        if row.deadline != nil { takeOutlook(row.terms.outlook) }
        level = row.terms.level > 0 ? row.terms.level : nil
        veto = row.terms.veto.map(Wire.Rule.init)
        distinct = row.terms.isDistinct ? nil : false
        fields = row.terms.fields.isEmpty ? nil : row.terms.fields
        answers = row.terms.answers
        revision = row.terms.revision
        binary = row.terms.binary
        registered = row.terms.isRegistered
        if !row.terms.selfApproval { barred = row.terms.shapers?.map { Wire.Barred(user: $0.user, why: $0.words) } }
        guard row.state == .open else { return }
        missing = people.missing(in: row)
        remindAt = row.terms.remindAt
    }

    /// As lists show it: without what would make them large.
    func listed() throws -> Wire.Approval {
        guard try Answer.encode(self).count > APILimits.listedApprovalBytes else { return self }
        var cut = self
        cut.isCut = true
        cut.prompt = prompt.cut(toBytes: APILimits.eventValueBytes)
        cut.answers = nil
        for index in cut.votes.indices { cut.votes[index].fields = nil }
        return cut
    }

    private mutating func takeOutlook(_ outlook: ApprovalRow.Outlook) {
        switch outlook {
        case .reject: onDeadline = "reject"
        case .approve: onDeadline = "approve"
        case .escalate(let next):
            onDeadline = "escalate"
            escalatesTo = next.rules.map(Wire.Rule.init)
            escalatesForSeconds = next.deadlineSeconds
        }
    }
}

extension Wire.Vote {
    fileprivate init(_ vote: ApprovalRow.Vote) {
        self.init(user: vote.user, decision: vote.decision, comment: vote.comment, at: vote.at)
        onBehalfOf = vote.delegation?.from
        role = vote.delegation?.role
        lentUntil = vote.delegation?.until
        fields = vote.fields
        voided = vote.voided
    }
}

extension Wire.Rule {
    package init(_ rule: ApprovalRule) {
        switch rule {
        case .role(let role, let count): self.init(role: role, count: count)
        case .user(let user): self.init(user: user, count: 1)
        case .anyone(let count): self.init(count: count)
        case .all(let rules): self.init(all: rules.map(Wire.Rule.init), count: rules.count)
        case .any(let rules, let count): self.init(any: rules.map(Wire.Rule.init), count: count)
        }
    }
}
