package import FlowModel

extension Wire {
    /// A gate that people open.
    package struct Approval: Codable, Equatable, Sendable {
        /// `RUN:STEP:GENERATION`; one percent-encoded segment of a URL.
        package var id: String
        package var run: RunID
        package var flow: String
        package var step: StepPath
        package var generation: Int
        package var state: ApprovalRow.State
        package var prompt: String
        package var rules: [Rule]
        /// What a vote must name: it stands for the revision, inputs, targets, step and prompt.
        package var digest: Digest
        /// The user who started the run and may not decide, unless the flow says so.
        package var requester: String
        package var since: Instant
        package var deadlineAt: Instant?
        package var votes: [Vote]

        package init(
            id: String, run: RunID, flow: String, step: StepPath, generation: Int, state: ApprovalRow.State, prompt: String,
            rules: [Rule], digest: Digest, requester: String, since: Instant, deadlineAt: Instant? = nil, votes: [Vote]
        ) {
            self.id = id
            self.run = run
            self.flow = flow
            self.step = step
            self.generation = generation
            self.state = state
            self.prompt = prompt
            self.rules = rules
            self.digest = digest
            self.requester = requester
            self.since = since
            self.deadlineAt = deadlineAt
            self.votes = votes
        }
    }

    /// Who may open a gate, and how many of them it takes: with `role`, people of that role; with `user`, that one; else anyone.
    package struct Rule: Codable, Equatable, Sendable {
        package var role: String?
        package var user: String?
        package var count: Int

        package init(role: String? = nil, user: String? = nil, count: Int) {
            self.role = role
            self.user = user
            self.count = count
        }
    }

    package struct Vote: Codable, Equatable, Sendable {
        package var user: String
        package var decision: ApprovalRow.Vote.Decision
        package var comment: String?
        package var at: Instant

        package init(user: String, decision: ApprovalRow.Vote.Decision, comment: String? = nil, at: Instant) {
            self.user = user
            self.decision = decision
            self.comment = comment
            self.at = at
        }
    }
}
