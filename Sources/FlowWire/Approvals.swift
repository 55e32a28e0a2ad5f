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
        /// All of them must be met.
        package var rules: [Rule]
        /// What a vote must name: it stands for the revision, the programs, inputs, targets, commands, step and prompt.
        package var digest: Digest
        /// The user who started the run and may not decide, unless the flow says so.
        package var requester: String
        package var since: Instant
        package var deadlineAt: Instant?
        /// What the deadline leads to: `reject`, `approve` or `escalate`; absent without one.
        package var onDeadline: String?
        /// The rules that then apply, and for how long.
        package var escalatesTo: [Rule]?
        package var escalatesForSeconds: Double?
        /// How often it was escalated, if it was.
        package var level: Int?
        /// Whose rejection ends it, if not everybody's who may vote.
        package var veto: Rule?
        /// False where one person may fill a place of each rule.
        package var distinct: Bool?
        package var fields: [Parameter]?
        /// What the first who approved answered.
        package var answers: [String: JSON]?
        package var votes: [Vote]
        /// While it is open: what is missing, one list for each way to open it, the nearest first.
        package var missing: [[Missing]]?
        package var remindAt: Instant?
        /// True in lists for one that is larger than lists show: its question is cut and `answers` are left out; the approval itself has them.
        package var isCut: Bool?
        /// Who shaped what is asked, and may not approve it; absent where the flow lets them.
        package var barred: [Barred]?
        /// The run's revision, and the digest of the program of its Swift steps.
        package var revision: Digest?
        package var binary: Digest?
        /// Whether both are those that were registered under the flow's name when the run started; absent where nobody looked.
        package var registered: Bool?

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

    /// Who may open a gate, and how many of them it takes: with `role`, people of that role; with `user`, that one; with `all`, every one
    /// of these rules; with `any`, so many of these; else anyone.
    package struct Rule: Codable, Equatable, Sendable {
        package var role: String?
        package var user: String?
        package var all: [Rule]?
        package var any: [Rule]?
        package var count: Int

        package init(role: String? = nil, user: String? = nil, all: [Rule]? = nil, any: [Rule]? = nil, count: Int) {
            self.role = role
            self.user = user
            self.all = all
            self.any = any
            self.count = count
        }
    }

    /// Somebody who may not approve, with all users that are or were linked with theirs.
    package struct Barred: Codable, Equatable, Sendable {
        package var user: String
        /// `started the run`.
        package var why: String

        package init(user: String, why: String) {
            self.user = user
            self.why = why
        }
    }

    /// People of a rule without parts who are missing, and who could be among them.
    package struct Missing: Codable, Equatable, Sendable {
        package var rule: Rule
        package var count: Int
        /// Users, at most `Missing.shown`; they have not voted, and are not the requester. Absent where it is everybody.
        package var candidates: [String]?

        package static let shown = 20

        package init(rule: Rule, count: Int, candidates: [String]? = nil) {
            self.rule = rule
            self.count = count
            self.candidates = candidates
        }
    }

    package struct Vote: Codable, Equatable, Sendable {
        package var user: String
        package var decision: ApprovalRow.Vote.Decision
        package var comment: String?
        package var at: Instant
        /// Whose right it was given by, if not the voter's own; in which role, lent until when.
        package var onBehalfOf: String?
        package var role: String?
        package var lentUntil: Instant?
        /// What it answered the fields with.
        package var fields: [String: JSON]?
        /// Why it does not count any more.
        package var voided: String?

        package init(user: String, decision: ApprovalRow.Vote.Decision, comment: String? = nil, at: Instant) {
            self.user = user
            self.decision = decision
            self.comment = comment
            self.at = at
        }
    }
}
