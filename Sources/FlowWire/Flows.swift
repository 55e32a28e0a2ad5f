package import FlowModel

extension Wire {
    /// A registered flow. `plan` comes with a single flow, not in lists.
    package struct Flow: Codable, Equatable, Sendable {
        package var name: String
        package var revision: Digest
        package var summary: String?
        package var parameters: [Parameter]
        /// How many steps the plan has.
        package var steps: Int
        package var binary: Digest?
        package var source: String?
        package var addedAt: Instant
        package var addedBy: String
        package var plan: Plan?
        /// In the answer to a registration: schedules and hooks that cannot start this revision as they are.
        package var warnings: [FlowError.Detail]?

        package init(
            name: String, revision: Digest, summary: String? = nil, parameters: [Parameter], steps: Int, binary: Digest? = nil,
            source: String? = nil, addedAt: Instant, addedBy: String, plan: Plan? = nil
        ) {
            self.name = name
            self.revision = revision
            self.summary = summary
            self.parameters = parameters
            self.steps = steps
            self.binary = binary
            self.source = source
            self.addedAt = addedAt
            self.addedBy = addedBy
            self.plan = plan
        }
    }

    /// What a run would do: the answer of `POST /v1/plans`, and of `GET /v1/runs/{id}/plan` for a run that was started.
    package struct Preview: Codable, Equatable, Sendable {
        package var flow: String
        package var revision: Digest
        package var plan: Plan
        /// Every parameter with its value, secrets redacted.
        package var inputs: JSON
        /// The names of the hosts of each selector, in order.
        package var targets: [String: [String]]
        /// Who could give what the gates ask for, by rule without parts as people write it; without who asks.
        package var approvers: [String: [String]]?
        /// What each rollout would do, those of called flows too where their inputs are known before the run.
        package var rollouts: [PlannedRollout]?
        /// Steps whose hosts a step before them chooses: they are looked up when the step begins. One of a called flow is
        /// named `STEP of flow FLOW`.
        package var lateHosts: [String]?
        /// What would be kept waiting now by freezes and windows.
        package var closed: [PlannedClosure]?
        /// What it would have to wait for that others have.
        package var locks: [PlannedLock]?
        /// Why it could not get to its end as things are.
        package var problems: [FlowError.Detail]?
        /// Of a run: the digest of the program of its Swift steps, and whether plan and program were those registered under the flow's name.
        package var binary: Digest?
        package var registered: Bool?

        package init(flow: String, revision: Digest, plan: Plan, inputs: JSON, targets: [String: [String]]) {
            self.flow = flow
            self.revision = revision
            self.plan = plan
            self.inputs = inputs
            self.targets = targets
        }
    }
}
