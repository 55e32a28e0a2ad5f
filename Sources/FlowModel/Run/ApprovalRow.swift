/// What is shown of an approval: one row for each generation of an approval step.
package struct ApprovalRow: Hashable, Sendable {
    package enum State: String, Hashable, Sendable, Codable, CaseIterable {
        case open, approved, rejected, expired, cancelled
    }

    package struct Vote: Hashable, Sendable, Codable {
        package enum Decision: String, Hashable, Sendable, Codable, CaseIterable { case approved, rejected }
        package var user: String
        package var person: String
        /// All user names of the person, and the roles that the person had, when voting; by delegation the role given, and no name.
        package var names: [String]
        package var roles: [String]
        package var decision: Decision
        package var comment: String?
        package var at: Instant
        /// By whose right, if not the voter's own.
        package var delegation: Delegation?
        /// What the gate's fields were answered with, by the first who approved.
        package var fields: [String: JSON]?
        /// What the votes after it must name: the digest that it named and the answers that it gave, together.
        package var seal: Digest?
        /// Why it does not count any more.
        package var voided: String?

        package init(
            user: String, person: String, names: [String], roles: [String], decision: Decision, comment: String?, at: Instant,
            delegation: Delegation? = nil, fields: [String: JSON]? = nil, seal: Digest? = nil, voided: String? = nil
        ) {
            self.user = user
            self.person = person
            self.names = names
            self.roles = roles
            self.decision = decision
            self.comment = comment
            self.at = at
            self.delegation = delegation
            self.fields = fields
            self.seal = seal
            self.voided = voided
        }
    }

    /// What the deadline leads to.
    package enum Outlook: Hashable, Sendable, Codable {
        case reject, approve
        case escalate(ApprovalSpec.Escalation)
    }

    /// A digest that votes cannot name any more.
    package struct Superseded: Hashable, Sendable, Codable {
        package var digest: Digest
        /// What changed.
        package var reason: String
        package var at: Instant

        package init(digest: Digest, reason: String, at: Instant) {
            self.digest = digest
            self.reason = reason
            self.at = at
        }
    }

    /// What else the gate says about who decides and how.
    package struct Terms: Hashable, Sendable, Codable {
        package var veto: ApprovalRule?
        package var isDistinct = true
        package var selfApproval = false
        package var fields: [Parameter] = []
        /// Set by the first who approved.
        package var answers: [String: JSON]?
        /// How often it was escalated.
        package var level = 0
        package var outlook = Outlook.reject
        package var remindAt: Instant?
        /// The person who started the run.
        package var requester: String?
        package var superseded: [Superseded] = []
        /// Who shaped what is asked, and does not vote for it unless `selfApproval` says so; nil in rows of versions that did not know.
        package var shapers: [Shaper]?
        /// The revision, and the digest of the program of its Swift steps.
        package var revision: Digest?
        package var binary: Digest?
        /// Whether plan and program are those that were registered under the flow's name when the run started.
        package var isRegistered: Bool?
        /// When the run began to be shaped: for it links count that were taken back later. nil in rows of versions that did not know.
        package var shapedSince: Instant?

        package init() {}
    }

    package var run: RunID
    package var flow: String
    package var step: StepPath
    package var generation: Int
    package var state: State
    package var prompt: String
    /// Those that apply now.
    package var rules: [ApprovalRule]
    /// What a vote must name: digest of revision, programs, inputs, resolved targets, rendered commands, step and prompt.
    package var digest: Digest
    package var requester: String
    package var since: Instant
    package var deadline: Instant?
    package var votes: [Vote]
    package var terms: Terms

    package init(
        run: RunID, flow: String, step: StepPath, generation: Int, state: State, prompt: String, rules: [ApprovalRule],
        digest: Digest, requester: String, since: Instant, deadline: Instant? = nil, votes: [Vote] = [], terms: Terms = Terms()
    ) {
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
        self.deadline = deadline
        self.votes = votes
        self.terms = terms
    }

    /// Its id on the wire: `RUN:STEP:GENERATION`.
    package var id: String { "\(run):\(step):\(generation)" }

    /// What its id on the wire is made of.
    package struct ID: Hashable, Sendable {
        package var run: RunID
        package var step: StepPath
        package var generation: Int

        /// nil for what is not of the form `RUN:STEP:GENERATION`. The path of a step may have colons.
        package init?(_ text: String) {
            guard let first = text.firstIndex(of: ":"), let last = text.lastIndex(of: ":"), first < last, let run = RunID(String(text[..<first])),
                let generation = Int(text[text.index(after: last)...]), String(generation) == text[text.index(after: last)...]
            else { return nil }
            (self.run, self.generation) = (run, generation)
            step = StepPath(String(text[text.index(after: first)..<last]))
        }
    }

    /// Its place in lists, which are in order of time.
    package struct Place: Hashable, Sendable, CustomStringConvertible {
        package var since: Instant
        package var run: RunID
        package var step: StepPath
        package var generation: Int

        /// nil unless it is what `description` of one says.
        package init?(_ text: String) {
            let parts = text.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3, let since = Int64(parts[0]), let run = RunID(String(parts[1])),
                let end = parts[2].lastIndex(of: ":"), let generation = Int(parts[2][parts[2].index(after: end)...])
            else { return nil }
            (self.since, self.run, self.generation) = (Instant(milliseconds: since), run, generation)
            step = StepPath(String(parts[2][..<end]))
        }

        fileprivate init(_ row: ApprovalRow) { (since, run, step, generation) = (row.since, row.run, row.step, row.generation) }

        package var description: String { "\(since.milliseconds):\(run):\(step):\(generation)" }
    }

    package var place: Place { Place(self) }

    /// What is missing until it opens.
    package var seating: Seating { Seating(rules, votes.filter { $0.decision == .approved && $0.voided == nil }, isDistinct: terms.isDistinct) }
}
