package import FlowModel

extension Wire {
    /// `POST /v1/runs` and `POST /v1/plans`. Exactly one of `flow`, `plan`, `planDigest`, `exec` says what to run.
    package struct Start: Codable, Equatable, Sendable {
        /// A registered flow. Operators may start these and nothing else.
        package var flow: String?
        /// A plan as it is.
        package var plan: Plan?
        /// A plan that was stored with `PUT /v1/blobs/{sha256}` as JSON.
        package var planDigest: Digest?
        /// The flow binary, if the plan has Swift steps; stored as a blob.
        package var binary: Digest?
        /// A command on hosts, as a run of one step.
        package var exec: Exec?
        package var inputs: [String: JSON]?
        /// A selector: only hosts that it names too take part.
        package var limit: String?
        package var labels: [String: String]?
        /// Steps, by path or id, before which the run stops until they are released.
        package var holdBefore: [String]?
        /// 0 to 9; what the flow says unless given.
        package var priority: Int?

        package init(
            flow: String? = nil, plan: Plan? = nil, planDigest: Digest? = nil, binary: Digest? = nil, exec: Exec? = nil,
            inputs: [String: JSON]? = nil, limit: String? = nil, labels: [String: String]? = nil, holdBefore: [String]? = nil,
            priority: Int? = nil
        ) {
            self.priority = priority
            self.holdBefore = holdBefore
            self.flow = flow
            self.plan = plan
            self.planDigest = planDigest
            self.binary = binary
            self.exec = exec
            self.inputs = inputs
            self.limit = limit
            self.labels = labels
        }
    }

    /// A command for `/bin/sh` on every host of a selector.
    package struct Exec: Codable, Equatable, Sendable {
        package var selector: String
        package var command: String
        /// Hosts at a time; 16 unless given.
        package var width: Int?
        /// The account to run as, through `sudo -n`.
        package var account: String?
        package var timeoutSeconds: Double?

        package init(
            selector: String, command: String, width: Int? = nil, account: String? = nil, timeoutSeconds: Double? = nil
        ) {
            self.selector = selector
            self.command = command
            self.width = width
            self.account = account
            self.timeoutSeconds = timeoutSeconds
        }
    }

    /// `POST /v1/runs/{id}/pause`, `resume`, `cancel`, `kill`, and `…/steps/{path}/skip`.
    package struct Message: Codable, Equatable, Sendable {
        package var message: String?

        package init(message: String? = nil) { self.message = message }
    }

    /// `POST /v1/runs/{id}/retry`. Without `from` and `targets`: all that failed, timed out, is unknown, held or cancelled.
    package struct Retry: Codable, Equatable, Sendable {
        /// This step and everything that needs it; with `targets` the name of a step in the body of the rollout.
        package var from: StepPath?
        /// Of a rollout: outcomes (`failed,notStarted`) or names of hosts.
        package var targets: [String]?
        /// The rollout that `targets` are of; not needed where there is one only.
        package var rollout: StepPath?
        /// Inputs that are set to other values first.
        package var inputs: [String: JSON]?
        package var message: String?

        package init(
            from: StepPath? = nil, targets: [String]? = nil, rollout: StepPath? = nil, inputs: [String: JSON]? = nil, message: String? = nil
        ) {
            self.inputs = inputs
            self.from = from
            self.targets = targets
            self.rollout = rollout
            self.message = message
        }
    }

    /// `POST /v1/runs/{id}/inputs`.
    package struct Inputs: Codable, Equatable, Sendable {
        /// Those that change.
        package var inputs: [String: JSON]
        package var message: String?

        package init(inputs: [String: JSON], message: String? = nil) {
            self.inputs = inputs
            self.message = message
        }
    }

    /// `POST /v1/runs/{id}/signals/{name}`.
    package struct Signal: Codable, Equatable, Sendable {
        /// What comes with it; null unless given.
        package var value: JSON?
        package var message: String?

        package init(value: JSON? = nil, message: String? = nil) {
            self.value = value
            self.message = message
        }
    }

    /// `POST /v1/runs/{id}/breakpoints`.
    package struct Breakpoint: Codable, Equatable, Sendable {
        /// A step's path, or its id in the plan, which is all of its elements.
        package var step: String
        /// False: the run does not stop there any more; true unless given.
        package var isSet: Bool?
        package var message: String?

        package init(step: String, isSet: Bool? = nil, message: String? = nil) {
            self.step = step
            self.isSet = isSet
            self.message = message
        }
    }

    /// `POST /v1/runs/{id}/steps/{path}/rollout`: what is left out stays as it is.
    package struct Adjust: Codable, Equatable, Sendable {
        /// `3` or `5%`.
        package var maxFailures: String?
        /// `10` or `20%`.
        package var concurrency: String?
        /// `30/min`, `5/10s`, `600/h`: how many targets may begin in any such stretch of time.
        package var startRate: String?
        /// The sizes of the batches that have not begun: `10% *2`.
        package var batches: String?
        /// Holds the rollout when this batch, from 1, is over.
        package var pauseAfterBatch: Int?
        package var message: String?

        package init(
            maxFailures: String? = nil, concurrency: String? = nil, startRate: String? = nil, batches: String? = nil,
            pauseAfterBatch: Int? = nil, message: String? = nil
        ) {
            self.maxFailures = maxFailures
            self.concurrency = concurrency
            self.startRate = startRate
            self.batches = batches
            self.pauseAfterBatch = pauseAfterBatch
            self.message = message
        }
    }

    /// `POST /v1/runs/{id}/steps/{path}/resolve`.
    package struct Resolve: Codable, Equatable, Sendable {
        package enum Answer: String, Codable, CaseIterable, Sendable { case succeeded, failed, retry }
        package var `as`: Answer
        /// With `succeeded` only, where the step declares an output.
        package var output: JSON?
        package var message: String?

        package init(as answer: Answer, output: JSON? = nil, message: String? = nil) {
            self.as = answer
            self.output = output
            self.message = message
        }
    }

    /// `POST /v1/approvals/{id}/decisions`.
    package struct Decision: Codable, Equatable, Sendable {
        package var decision: ApprovalRow.Vote.Decision
        package var comment: String?
        /// The digest that the voter saw; a vote for anything else is refused.
        package var digest: Digest
        /// Answers to the gate's fields.
        package var fields: [String: JSON]?
        /// The user by whose delegation it is given; else by one's own right, or by any delegation that is good for it.
        package var onBehalfOf: String?

        package init(
            decision: ApprovalRow.Vote.Decision, comment: String? = nil, digest: Digest, fields: [String: JSON]? = nil,
            onBehalfOf: String? = nil
        ) {
            self.decision = decision
            self.comment = comment
            self.digest = digest
            self.fields = fields
            self.onBehalfOf = onBehalfOf
        }
    }

    /// `PUT /v1/flows/{name}`. Exactly one of `plan` and `planDigest`.
    package struct Register: Codable, Equatable, Sendable {
        package var plan: Plan?
        package var planDigest: Digest?
        package var binary: Digest?
        /// Where it came from, for people: a file name.
        package var source: String?

        package init(plan: Plan? = nil, planDigest: Digest? = nil, binary: Digest? = nil, source: String? = nil) {
            self.plan = plan
            self.planDigest = planDigest
            self.binary = binary
            self.source = source
        }
    }
}
