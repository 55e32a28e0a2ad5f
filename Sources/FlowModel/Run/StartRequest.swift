/// A run to start. Everything in it is resolved and validated: the plan, the inputs, the hosts.
package struct StartRequest: Hashable, Sendable {
    package var plan: Plan
    package var revision: Digest
    /// Digest of the flow binary; nil when the plan has no Swift steps.
    package var binary: Digest?
    /// Every parameter with its value; secrets sealed (`SealedText`).
    package var inputs: [String: JSON]
    /// The hosts of each selector that the plan or the inputs name, frozen in order.
    package var targets: [String: [Host]]
    package var labels: [String: String]
    /// The same key with the same content gives the same run. Requests bring keys in ASCII; the engine's own are made by `ownKey`.
    package var key: String?
    /// Digest of what the requester sent, to tell a repetition from a different request with the same key.
    package var fingerprint: Digest
    /// Steps, by path or id, before which the run is to stop.
    package var holdBefore: Set<String>
    /// As the flow has it when nil.
    package var priority: Int?
    /// The hosts that it is kept to, with all that it calls; nil: all.
    package var limit: HostLimit?
    /// Who shaped it, beside whoever starts it.
    package var shapers: [Shaper]
    /// It undoes something or tidies up for the run that calls it: no freeze or window keeps it waiting.
    package var isUngated: Bool?
    /// Whether plan and program are those that are registered under the flow's name; nil: nobody looked.
    package var isRegistered: Bool?

    package init(
        plan: Plan, revision: Digest, binary: Digest?, inputs: [String: JSON], targets: [String: [Host]],
        labels: [String: String] = [:], key: String? = nil, fingerprint: Digest, holdBefore: Set<String> = [], priority: Int? = nil,
        limit: HostLimit? = nil, shapers: [Shaper] = [], isRegistered: Bool? = nil, isUngated: Bool? = nil
    ) {
        self.isUngated = isUngated
        self.shapers = shapers
        self.isRegistered = isRegistered
        self.priority = priority
        self.limit = limit
        self.holdBefore = holdBefore
        self.plan = plan
        self.revision = revision
        self.binary = binary
        self.inputs = inputs
        self.targets = targets
        self.labels = labels
        self.key = key
        self.fingerprint = fingerprint
    }

    /// A key of the engine's own, such as `schedule·nightly·2026-03-01T03:00+01:00`: no request can bring one, since `·` is not ASCII.
    package static func ownKey(_ parts: String...) -> String { parts.joined(separator: "·") }
}

/// What an operator or approver asks of a run.
package enum RunCommand: Hashable, Sendable {
    case pause
    case resume
    /// Stop: TERM, grace, KILL; `finally` runs.
    case cancel
    /// Stop hard: KILL at once; `finally` does not run.
    case kill
    /// Opens a new generation of failed, timed out, unknown, held and cancelled steps (`from` nil), or of `from` and all that
    /// needs it.
    case retry(from: StepPath?)
    /// Takes targets of a rollout up again, from a step of its body on (nil: the first that has not succeeded). `rollout` nil: the run's only one.
    case redo(rollout: StepPath?, RedoTargets, from: String?)
    /// Sets inputs to other values. With `isRetry` a new generation begins as `retry` has it.
    case edit(InputEdit, isRetry: Bool, from: StepPath?)
    /// Stops the run before a step, by path or id, or does not any more.
    case hold(before: String, isSet: Bool)
    /// A message for a step that waits for it now or will. Under a key that the run knows it is the one that it had.
    case signal(String, JSON, key: String? = nil)
    /// Undoes what the run, which has ended, did; of a step only that and what came after it. Of a rollout whose run goes on the targets on
    /// which something was done, last ones first.
    case undo(StepPath?)
    /// Ends a wait: a held rollout goes on with the next targets, a step stopped before goes ahead, a sleep or back-off is over.
    case release(StepPath)
    /// Lets what waits at the gate of a freeze or window go on: a rollout with its next batch, the run (nil), or the only gate that is closed.
    case breakGlass(StepPath?)
    /// Changes how a rollout goes on.
    case adjust(StepPath, RolloutAdjustment)
    case skip(StepPath)
    /// Gives the run another priority, 0…9.
    case reprioritise(Int)
    case resolve(StepPath, Resolution)
    case vote(StepPath, ApprovalRow.Vote.Decision, digest: Digest?, ballot: Ballot = Ballot())

    package enum Resolution: Hashable, Sendable {
        case succeeded(output: JSON?)
        case failed
        case retry
    }

    /// The word for it in journal, audit and messages.
    package var verb: String {
        switch self {
        case .pause: "pause"
        case .resume: "resume"
        case .cancel: "cancel"
        case .kill: "kill"
        case .retry, .redo, .edit(_, isRetry: true, _): "retry"
        case .edit: "edit"
        case .hold: "hold"
        case .signal: "signal"
        case .undo: "undo"
        case .release: "release"
        case .breakGlass: "break-glass"
        case .adjust: "rollout"
        case .skip: "skip"
        case .reprioritise: "reprioritise"
        case .resolve: "resolve"
        case .vote(_, .approved, _, _): "approve"
        case .vote(_, .rejected, _, _): "reject"
        }
    }
}

/// Which targets of a rollout are taken up again.
package enum RedoTargets: Hashable, Sendable {
    /// Those with one of these outcomes.
    case outcomes([TargetOutcome])
    /// Those with these names.
    case named([String])
}

/// What an operator sets on a rollout instead of what its plan says; nil leaves it.
package struct RolloutAdjustment: Hashable, Sendable, Codable {
    package var maxFailures: Amount?
    package var concurrency: Amount?
    /// How many targets may begin in any stretch of time. It counts what has begun as far back as the rate before it did.
    package var startRate: StartRate?
    /// The sizes of the batches that have not begun.
    package var batches: BatchSizes?
    /// Holds the rollout when this batch, from 1, is over.
    package var pauseAfterBatch: Int?

    package init(
        maxFailures: Amount? = nil, concurrency: Amount? = nil, startRate: StartRate? = nil, batches: BatchSizes? = nil,
        pauseAfterBatch: Int? = nil
    ) {
        self.maxFailures = maxFailures
        self.concurrency = concurrency
        self.startRate = startRate
        self.batches = batches
        self.pauseAfterBatch = pauseAfterBatch
    }

    /// What the two say together; `later` decides.
    package func changed(by later: RolloutAdjustment) -> RolloutAdjustment {
        RolloutAdjustment(
            maxFailures: later.maxFailures ?? maxFailures, concurrency: later.concurrency ?? concurrency,
            startRate: later.startRate ?? startRate, batches: later.batches ?? batches, pauseAfterBatch: later.pauseAfterBatch ?? pauseAfterBatch)
    }
}
