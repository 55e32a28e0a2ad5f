/// What a list or page shows of a run: the projection of its journal, of constant size.
package struct RunRow: Hashable, Sendable {
    package var id: RunID
    package var flow: String
    package var revision: Digest
    package var state: RunState
    /// Why it is in that state, when there is something to say.
    package var reason: String?
    /// The waits of its steps, at most `RunRow.waitingShown`, earliest end first.
    package var waitingFor: [Waiting]
    package var inputs: JSON
    /// How many bytes the inputs have that a view has left out; `inputs` is empty then.
    package var inputBytes: Int?
    package var labels: [String: String]
    /// The user who asked for it, as shown.
    package var actor: String
    /// The person behind that user: rules about people count persons.
    package var person: String
    package var key: String?
    package var createdAt: Instant
    package var startedAt: Instant?
    package var endedAt: Instant?
    /// How many steps are in each state.
    package var counts: [StepState: Int]
    /// Whether an attempt is out, or a step can start: what recovery looks for.
    package var isLive: Bool
    /// The sequence number and hash of its last journal record.
    package var head: JournalHead
    package var priority: Int
    /// Whether plan and program are those that were registered under the flow's name when it started; nil for runs of versions that did
    /// not look.
    package var isRegistered: Bool?

    package static let waitingShown = 20

    package init(
        id: RunID, flow: String, revision: Digest, state: RunState, reason: String? = nil, waitingFor: [Waiting] = [],
        inputs: JSON, labels: [String: String] = [:], actor: String, person: String, key: String? = nil,
        createdAt: Instant, startedAt: Instant? = nil, endedAt: Instant? = nil, counts: [StepState: Int] = [:],
        isLive: Bool, head: JournalHead, priority: Int = Priority.usual, isRegistered: Bool? = nil
    ) {
        self.isRegistered = isRegistered
        self.priority = priority
        self.id = id
        self.flow = flow
        self.revision = revision
        self.state = state
        self.reason = reason
        self.waitingFor = waitingFor
        self.inputs = inputs
        self.labels = labels
        self.actor = actor
        self.person = person
        self.key = key
        self.createdAt = createdAt
        self.startedAt = startedAt
        self.endedAt = endedAt
        self.counts = counts
        self.isLive = isLive
        self.head = head
    }

    /// The row without inputs of more than so many bytes in canonical form; nil leaves all.
    package func cut(inputsUpTo limit: Int?) -> RunRow {
        guard let limit else { return self }
        let bytes = inputs.canonicalBytes.count
        guard bytes > limit else { return self }
        var row = self
        row.inputs = .object([:])
        row.inputBytes = bytes
        return row
    }

    /// `succeeded`, `failed` or `cancelled` once it is terminal.
    package var outcome: String? { state.isTerminal ? state.rawValue : nil }
}

/// The end of a run's hash chain.
package struct JournalHead: Hashable, Sendable {
    /// The sequence number of the last record; 0 before the first.
    package var sequence: Int
    package var hash: Digest

    package init(sequence: Int, hash: Digest) {
        self.sequence = sequence
        self.hash = hash
    }
}

/// What is shown of a step, with its current attempt.
package struct StepRow: Hashable, Sendable {
    package var run: RunID
    /// Its number in the run, in order of appearance, from 0: constant, and the order of pages.
    package var index: Int
    package var path: StepPath
    package var name: String
    package var kind: String
    package var state: StepState
    package var reason: String?
    package var generation: Int
    /// nil until it has one; beyond `Limits.inlineValueBytes` the digest of a blob.
    package var output: StoredValue?
    package var changed: Bool?
    package var waiting: Waiting?
    package var startedAt: Instant?
    package var endedAt: Instant?
    /// The newest attempt; older ones are `AttemptRow`s of their own.
    package var attempt: AttemptRow?

    package init(
        run: RunID, index: Int, path: StepPath, name: String, kind: String, state: StepState, reason: String? = nil,
        generation: Int = 1, output: StoredValue? = nil, changed: Bool? = nil, waiting: Waiting? = nil,
        startedAt: Instant? = nil, endedAt: Instant? = nil, attempt: AttemptRow? = nil
    ) {
        self.run = run
        self.index = index
        self.path = path
        self.name = name
        self.kind = kind
        self.state = state
        self.reason = reason
        self.generation = generation
        self.output = output
        self.changed = changed
        self.waiting = waiting
        self.startedAt = startedAt
        self.endedAt = endedAt
        self.attempt = attempt
    }
}

/// A value as the journal keeps it.
package enum StoredValue: Hashable, Sendable {
    case inline(JSON)
    case blob(Digest, bytes: Int)
}

/// What is shown of an attempt.
package struct AttemptRow: Hashable, Sendable {
    /// Counted through all generations of the step, from 1.
    package var number: Int
    package var generation: Int
    package var state: AttemptState
    /// The name of the target; nil means here.
    package var target: String?
    package var worker: String
    package var exitStatus: Int?
    package var signal: Int?
    package var startedAt: Instant
    package var endedAt: Instant?
    package var message: String?
    package var containment: Containment?
    package var outputBytes: Int
    package var truncated: Bool

    package init(
        number: Int, generation: Int, state: AttemptState, target: String?, worker: String, exitStatus: Int? = nil,
        signal: Int? = nil, startedAt: Instant, endedAt: Instant? = nil, message: String? = nil,
        containment: Containment? = nil, outputBytes: Int = 0, truncated: Bool = false
    ) {
        self.number = number
        self.generation = generation
        self.state = state
        self.target = target
        self.worker = worker
        self.exitStatus = exitStatus
        self.signal = signal
        self.startedAt = startedAt
        self.endedAt = endedAt
        self.message = message
        self.containment = containment
        self.outputBytes = outputBytes
        self.truncated = truncated
    }
}
