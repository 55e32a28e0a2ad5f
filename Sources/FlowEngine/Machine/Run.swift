package import FlowModel

/// A run in memory: the fold of its journal entries (`apply`), nothing else.
///
/// The machine reads it and never writes it except through `apply`, so that folding the journal again gives the same value.
package struct Run: Sendable {
    package let id: RunID
    package let index: PlanIndex
    /// How it began; its inputs as they are now.
    package internal(set) var created: Created
    package let createdAt: Instant

    package internal(set) var state = RunState.queued
    package internal(set) var reason: String?
    /// Since when it is paused; nil while it is not.
    package internal(set) var pausedAt: Instant?
    package internal(set) var cancellation: Cancellation?
    /// Who asked last to stop it, since it was last taken up.
    package internal(set) var stoppedBy: Entry.Command?
    /// How the flow proper ended, once `finally` may run.
    package internal(set) var bodyOutcome: RunState?
    package internal(set) var startedAt: Instant?
    package internal(set) var endedAt: Instant?
    package internal(set) var steps: [Step] = []
    package internal(set) var scopes: [Scope] = []
    package internal(set) var positions: [StepPath: Int] = [:]
    package internal(set) var counts = StepCounts()
    /// Steps whose attempt is out with a worker.
    package internal(set) var live = 0
    /// Those of them whose host cannot be asked.
    package internal(set) var unreachable = 0
    /// Steps that wait for something, in order. Follows from the steps.
    package internal(set) var waitingSteps = OrderedNumbers()

    /// Steps that wait for a run that they called.
    package internal(set) var calls = 0

    /// The gate before the first step, while a freeze or window closes it.
    package internal(set) var gate: ClosedGate?
    /// How the rollouts that have begun stand, by step.
    package internal(set) var rollouts: [Int: Rollout] = [:]

    /// The undo of the run, or of a part of it, that is in progress.
    package internal(set) var undo: RunUndo?
    /// The steps that were undone, or begun to be.
    package internal(set) var stepUndos: [Int: StepUndo] = [:]
    /// What the last undo was to take back and did not, in stages.
    package internal(set) var leftToUndo: [[UndoEntry.Item]] = []

    /// Steps, by path or id, before which it stops.
    package internal(set) var breakpoints: Set<String>
    /// Messages that no step has taken yet, oldest first, by signal.
    package internal(set) var signals: [String: [JSON]] = [:]
    /// Keys under which messages were sent, with the digest of what.
    package internal(set) var signalKeys: [String: Digest] = [:]
    /// Who sent each of them.
    package internal(set) var senders: [String: [Shaper]] = [:]
    /// Who has edited its inputs.
    package internal(set) var editors: [Shaper] = []
    /// Every secret that it was ever given, sealed. Follows from its inputs, before and after their edits.
    private(set) var secrets: Set<String>
    /// Its inputs before each edit, oldest first.
    package internal(set) var formerInputs: [[String: JSON]] = []
    /// How often they had been edited when a step was last begun; nothing: never.
    package internal(set) var editions: [Int: Int] = [:]
    /// Somebody retried it after it had ended.
    package internal(set) var wasTakenUp = false
    /// What steps did in a generation that is over, and that stands: see `PastSuccess`.
    package internal(set) var pasts: [Int: PastSuccess] = [:]
    /// Hosts that a rollout has found, whose batches ask what freezes them: nothing else has asked for them.
    package internal(set) var unaskedHosts: Set<String> = []

    /// What steps, elements and the run itself have or wait to have for themselves.
    package internal(set) var claims: [StepPath: Claim] = [:]
    package internal(set) var priority: Int
    /// Further attempts that its steps have had, since an operator last opened a new generation.
    package internal(set) var retries = 0

    /// Who gave the command that the entries after it carry out. Not part of the fold's value.
    var commander: Entry.Command?
    /// Its inputs changed since the shell last wrote its row. Not part of the fold's value.
    var hasEditedInputs = false
    /// Targets of rollouts that changed since the shell last wrote their rows. Not part of the fold's value.
    var dirtyTargets: [(step: Int, element: Int)] = []
    /// Steps that changed since the shell last wrote their rows. Not part of the fold's value.
    var dirty: [Int] = []
    /// Claims that changed since then.
    var dirtyClaims: [StepPath] = []
    /// Attempts that ceased to be their step's newest since then.
    var retiredAttempts: [(path: StepPath, attempt: AttemptRow)] = []

    package enum Cancellation: Int, Sendable { case cancel, kill }

    package var plan: Plan { index.plan }
    package var isPaused: Bool { pausedAt != nil }
    /// Whether it is undone, or targets of a rollout are.
    package var isUndoing: Bool { undo != nil || rollouts.values.contains { $0.undoQueue != nil } }

    init(id: RunID, index: PlanIndex, created: Created, at: Instant) {
        self.id = id
        self.index = index
        self.created = created
        breakpoints = created.holdBefore
        priority = created.priority ?? Priority.usual
        createdAt = at
        secrets = []
        secrets = sealed(in: created.inputs)
    }

    /// The secrets among these inputs: no others hold any.
    func sealed(in inputs: [String: JSON]) -> Set<String> {
        plan.parameters.reduce(into: []) { found, parameter in
            guard parameter.isSecret, let value = inputs[parameter.name] else { return }
            found.formUnion(SealedText.sealed(in: value))
        }
    }

    mutating func keepSecrets(of inputs: [String: JSON]) { secrets.formUnion(sealed(in: inputs)) }
}

/// How a run began: the content of its first entry.
package struct Created: Hashable, Sendable {
    package var flow: String
    package var revision: Digest
    /// Digest of the plan's stored JSON.
    package var plan: Digest
    package var binary: Digest?
    package var inputs: [String: JSON]
    package var targets: [String: [Host]]
    package var labels: [String: String]
    package var key: String?
    package var user: String
    package var person: String
    /// Steps, by path or id, before which the run is to stop.
    package var holdBefore: Set<String>
    /// The step of another run that called it.
    package var parent: CallID?
    /// That step, the one that called its run, and so on: what is held around them is held for this run, too.
    package var callers: [ClaimRow.ID]
    /// nil: the usual one.
    package var priority: Int?
    /// The hosts that it is kept to, with all that it calls.
    package var limit: HostLimit?
    /// Who shaped it before it began, beside that user.
    package var shapers: [Shaper]
    /// Whether plan and program are those that were registered under the flow's name; nil: nobody looked.
    package var isRegistered: Bool?
    /// It was called to undo something or by a `finally`: no freeze or window keeps it waiting.
    package var isUngated: Bool?
    /// When the run began that called it, the one that called that, and so on; nil for one that nobody called.
    package var shapedSince: Instant?

    package init(
        flow: String, revision: Digest, plan: Digest, binary: Digest?, inputs: [String: JSON], targets: [String: [Host]],
        labels: [String: String], key: String?, user: String, person: String, holdBefore: Set<String> = [], parent: CallID? = nil,
        callers: [ClaimRow.ID] = [], priority: Int? = nil, limit: HostLimit? = nil, shapers: [Shaper] = [], isRegistered: Bool? = nil,
        isUngated: Bool? = nil, shapedSince: Instant? = nil
    ) {
        self.isUngated = isUngated
        self.shapedSince = shapedSince
        self.shapers = shapers
        self.isRegistered = isRegistered
        self.limit = limit
        self.parent = parent
        self.callers = callers
        self.priority = priority
        self.holdBefore = holdBefore
        self.flow = flow
        self.revision = revision
        self.plan = plan
        self.binary = binary
        self.inputs = inputs
        self.targets = targets
        self.labels = labels
        self.key = key
        self.user = user
        self.person = person
    }
}

extension Created {
    /// Inputs that were edited, hosts that were found.
    mutating func take(_ entry: Entry) {
        switch entry {
        case .inputsEdited(let edit):
            inputs.merge(edit.inputs) { $1 }
            targets.merge(edit.targets) { $1 }
        case .hostsFound(_, let selector, let hosts): targets[selector] = hosts
        default: break
        }
    }
}

/// A step in a run: one for each node outside maps, one for each node and element inside.
package struct Step: Hashable, Sendable {
    package let node: Int
    package let scope: Int
    package let path: StepPath
    package internal(set) var state = StepState.pending
    package internal(set) var generation = 1
    /// Needs that do not let it start yet.
    package internal(set) var blockers: Int
    package internal(set) var value: JSON?
    package internal(set) var changed: Bool?
    package internal(set) var reason: String?
    package internal(set) var waiting: Waiting?
    /// When the machine wants a `timer` event for it.
    package internal(set) var due: Instant?
    /// All that such an event is wanted for; `due` is the first of them.
    package var dues: Set<Instant> {
        guard let due else { return [] }
        guard state == .waiting, let approval, approval.state == .open else { return [due] }
        return Set([due, approval.deadline, approval.remindAt].compactMap { $0 })
    }
    package internal(set) var startedAt: Instant?
    package internal(set) var endedAt: Instant?
    package internal(set) var attempt: Attempt?
    /// The number of the newest attempt that has ended and of which its host may know; 0 for none.
    package internal(set) var lastSent = 0
    /// Attempts of this generation that count against the retry policy.
    package internal(set) var spent = 0
    /// Somebody let it pass its breakpoint, in this generation.
    package internal(set) var isReleased = false
    package internal(set) var approval: Approval?
    package internal(set) var elements: Elements?
    /// The run of another flow that it waits for, or waited for.
    package internal(set) var child: RunID?
    /// Who said what it gave, or that it gives nothing, in this generation.
    package internal(set) var givers: [Shaper] = []
    /// The selector whose hosts it waits for.
    package internal(set) var sought: String?
}

/// The newest attempt of a step.
package struct Attempt: Hashable, Sendable {
    package internal(set) var row: AttemptRow
    package internal(set) var fence: Fence
    /// nil until the worker said where it will run: until then nothing has been sent.
    package internal(set) var place: Place?
    package internal(set) var placedAt: Instant?
    package internal(set) var isStopping = false
    /// It asks whether the attempt before took effect.
    package internal(set) var isProbe = false
    /// Why it failed, if it did.
    package internal(set) var cause: AttemptResult.Failure.Cause?
    package internal(set) var lastLine: String?
}

/// A gate in a run.
package struct Approval: Hashable, Sendable {
    package internal(set) var prompt: String
    package internal(set) var digest: Digest
    package internal(set) var since: Instant
    package internal(set) var deadline: Instant?
    package internal(set) var votes: [ApprovalRow.Vote] = []
    package internal(set) var state = ApprovalRow.State.open
    /// How often it was escalated.
    package internal(set) var level = 0
    package internal(set) var remindAt: Instant?
    /// How often they were told again.
    package internal(set) var reminders = 0
    /// The answers to its fields, set by the first who approved.
    package internal(set) var answers: [String: JSON]?
    /// Digests that votes cannot name any more, and how many there were.
    package internal(set) var superseded: [ApprovalRow.Superseded] = []
    package internal(set) var changes = 0
}

/// The elements of a map in a run.
package struct Elements: Hashable, Sendable {
    package internal(set) var keys: [String]
    package internal(set) var values: [JSON]
    /// The scope of each element, once it was opened.
    package internal(set) var scopes: [Int?]
    /// Elements to open, in order; the next one is last.
    package internal(set) var queue: [Int]
    /// Elements in progress.
    package internal(set) var open: [Int] = []
    /// Elements that ended with a failure, since they were last queued.
    package internal(set) var failed = 0
    /// The time between two rounds is over.
    package internal(set) var hasRested = false
    /// The scopes of elements that are none any more, by key: what was done there stands until it is undone.
    package internal(set) var former: [String: Int] = [:]
    /// Those of them that come back when the map is next opened are what they were.
    package internal(set) var takesUpFormer = false
}

/// A scope in a run: the flow, its `finally`, one element of a map or rollout, or what stands after a batch of a rollout.
package struct Scope: Hashable, Sendable {
    package let plan: Int
    /// The step around it: a map or rollout, or what it undoes; and which part of that it is.
    package let map: Int?
    package let part: Node.Part
    /// The number of the element; of the batch, between batches.
    package internal(set) var element: Int
    /// It has its turn. The scopes of the flow and its `finally` always have.
    package internal(set) var isOpen = true
    /// Index of its first step.
    package let base: Int
    package internal(set) var unsettled: Int
    /// Steps that are neither pending nor settled.
    package internal(set) var active = 0
    /// A step failed and stops the scope.
    package internal(set) var hasFailed = false
}

/// How many steps are in each state.
package struct StepCounts: Hashable, Sendable {
    private var counts = [Int](repeating: 0, count: StepState.allCases.count)

    package init() {}

    package subscript(state: StepState) -> Int {
        get { counts[StepCounts.position(of: state)] }
        set { counts[StepCounts.position(of: state)] = newValue }
    }

    package var byState: [StepState: Int] {
        var result: [StepState: Int] = [:]
        for state in StepState.allCases where self[state] > 0 { result[state] = self[state] }
        return result
    }

    private static func position(of state: StepState) -> Int {
        switch state {
        case .pending: 0
        case .ready: 1
        case .running: 2
        case .waiting: 3
        case .backingOff: 4
        case .held: 5
        case .succeeded: 6
        case .failed: 7
        case .skipped: 8
        case .cancelled: 9
        case .unknown: 10
        }
    }
}

extension Run: Equatable {
    /// Equal folds: everything but what the shell has yet to write.
    package static func == (one: Run, other: Run) -> Bool {
        one.id == other.id && one.created == other.created && one.createdAt == other.createdAt && one.state == other.state
            && one.reason == other.reason && one.pausedAt == other.pausedAt && one.cancellation == other.cancellation
            && one.stoppedBy == other.stoppedBy && one.bodyOutcome == other.bodyOutcome && one.startedAt == other.startedAt
            && one.endedAt == other.endedAt
            && one.steps == other.steps && one.scopes == other.scopes && one.counts == other.counts
            && one.rollouts == other.rollouts && one.breakpoints == other.breakpoints && one.signals == other.signals
            && one.signalKeys == other.signalKeys && one.gate == other.gate
            && one.senders == other.senders && one.editors == other.editors
            && one.formerInputs == other.formerInputs && one.editions == other.editions && one.pasts == other.pasts
            && one.unaskedHosts == other.unaskedHosts && one.wasTakenUp == other.wasTakenUp
            && one.undo == other.undo && one.stepUndos == other.stepUndos && one.leftToUndo == other.leftToUndo
            && one.claims == other.claims && one.priority == other.priority && one.retries == other.retries
    }
}
