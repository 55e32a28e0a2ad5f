import FlowModel

/// What was shaped by somebody is approved by somebody else, and a vote counts while its giver can give it. Both are asked of people as they
/// are now: links, roles and users change while a gate is open, and what was written down of them then does not decide.
extension RunMachine {
    // MARK: - Who is one person

    func areOne(_ one: String, _ other: String) -> Bool {
        one == other || context.people?.areOne(one, other, inRunBegun: run.shapedSince) ?? false
    }

    /// Whether the user is the person who did that, or is linked with them, or was.
    func isOne(_ shaper: Shaper, user: String, person: String) -> Bool { shaper.person == person || areOne(shaper.user, user) }

    /// `os:bob is one person with alice, who did`.
    func words(for user: String, as shaper: Shaper) -> String {
        user == shaper.user ? "\(user) did" : "\(user) is one person with \(shaper.user), who did"
    }

    // MARK: - Votes that were given

    /// Looks at the votes of every open gate again.
    mutating func reviewVotes() {
        for number in run.steps.indices where run.steps[number].approval?.state == .open {
            if let reason = reviewVotes(of: number) { tell("approval.waiting", number, ["changed": .string(reason)]) }
        }
    }

    /// Votes whose givers cannot give them any more do not count, and the gate says so. Were its fields answered by one of those, it is asked
    /// anew, since the votes after it confirm those answers. Gives what people have yet to be told.
    mutating func reviewVotes(of number: Int) -> String? {
        guard let people = context.people, case .approval(let spec) = node(number).kind, let approval = run.steps[number].approval,
            approval.state == .open, run.steps[number].state == .waiting
        else { return nil }
        let check = VoteCheck(
            people: people, begun: run.shapedSince, shapers: spec.selfApproval ? [] : run.shapers(of: number), spec: spec, level: approval.level,
            context.now)
        let lost = check.lost(in: approval.votes)
        guard let first = lost.first else { return nil }
        let reason = "a vote does not count any more: \(first.reason)"
        if lost.contains(where: { approval.votes[$0.vote].seal != nil }) {
            voidVotes(of: number, reason: reason)
            return nil
        }
        for (vote, reason) in lost { emit(.gate(ref(number), .voteLost(vote, reason: reason))) }
        return reason
    }
}

/// Whether votes still count, as people are now.
private struct VoteCheck {
    let people: People
    /// When the run began: links that were taken back since count.
    let begun: Instant
    let shapers: [Shaper]
    let spec: ApprovalSpec
    let leaves: [ApprovalRule]
    let now: Instant

    init(people: People, begun: Instant, shapers: [Shaper], spec: ApprovalSpec, level: Int, _ now: Instant) {
        self.people = people
        self.begun = begun
        self.shapers = shapers
        self.spec = spec
        self.now = now
        leaves = spec.rules(at: level).flatMap(\.leaves)
    }

    /// Those that do not, by place, with why. Of two by one person the earlier one counts.
    func lost(in votes: [ApprovalRow.Vote]) -> [(vote: Int, reason: String)] {
        var lost: [(Int, String)] = []
        var counted: [String] = []
        for (number, vote) in votes.enumerated() where vote.voided == nil {
            let givers = [vote.user] + (vote.delegation.map { [$0.from] } ?? [])
            if let reason = fault(of: vote) ?? givers.lazy.compactMap({ twice($0, counted) }).first {
                lost.append((number, reason))
            } else {
                counted += givers
            }
        }
        return lost
    }

    private func twice(_ user: String, _ counted: [String]) -> String? {
        people.kin(of: user, among: counted, inRunBegun: begun).first.map { "\(user) and \($0) are one person, who counts once" }
    }

    private func fault(of vote: ApprovalRow.Vote) -> String? {
        guard let standing = people.standing(of: vote.user) else { return "\(vote.user) was removed" }
        if vote.decision == .approved { if let reason = barred(vote) { return reason } }
        if let lent = vote.delegation { return fault(of: lent, with: standing) }
        let rules = leaves + (vote.decision == .rejected ? spec.veto?.leaves ?? [] : [])
        let gone = rules.first {
            $0.admits(names: vote.names, roles: vote.roles) && !$0.admits(names: standing.names, roles: standing.roles)
        }
        return gone.map { "\(vote.user) \($0.lossWords)" }
    }

    private func barred(_ vote: ApprovalRow.Vote) -> String? {
        for user in [vote.user] + (vote.delegation.map { [$0.from] } ?? []) {
            guard let shaper = shapers.first(where: { people.areOne($0.user, user, inRunBegun: begun) }) else { continue }
            return user == shaper.user ? "\(user) \(shaper.words)" : "\(user) is one person with \(shaper.user), who \(shaper.words)"
        }
        return nil
    }

    private func fault(of lent: Delegation, with taker: People.Standing) -> String? {
        guard let loan = people.loan(lent.id), loan.taker == taker.person else {
            return "what \(lent.from) lent was revoked, or \(lent.from) has it no more"
        }
        return loan.delegation.until > now ? nil : "what \(lent.from) lent ended at \(loan.delegation.until)"
    }
}

extension ApprovalRule {
    /// What somebody has lost whom it admitted.
    fileprivate var lossWords: String {
        switch self {
        case .role(let role, _): "has not the role \(role) any more"
        case .user(let name): "is not user \(name) any more"
        case .anyone, .all, .any: "may not vote any more"
        }
    }
}
