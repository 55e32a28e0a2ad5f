package import FlowModel

extension Wire {
    /// A run. `steps` and `next` come with a single run, not in lists: the first 200 steps, and where the next page begins.
    package struct Run: Codable, Equatable, Sendable {
        package var id: RunID
        package var flow: String
        package var revision: Digest
        package var state: RunState
        package var reason: String?
        package var waitingFor: [Waiting]?
        package var outcome: String?
        /// Secrets read `<redacted>`.
        package var inputs: JSON
        /// In lists: how many bytes of inputs were left out because they are many; `inputs` is empty then, and the run itself has them.
        package var inputBytes: Int?
        package var labels: [String: String]
        /// The user who asked for it.
        package var actor: String
        package var key: String?
        package var createdAt: Instant
        package var startedAt: Instant?
        package var endedAt: Instant?
        /// How many steps are in each state; states without steps are absent.
        package var counts: [String: Int]
        /// The sequence number of its last journal record: events after it are news.
        package var sequence: Int
        package var steps: [Step]?
        package var next: String?
        /// 0 to 9; absent when it is the usual one, 5.
        package var priority: Int?
        /// Whether plan and program are those that were registered under the flow's name when it started; absent where nobody looked.
        package var registered: Bool?

        package init(
            id: RunID, flow: String, revision: Digest, state: RunState, reason: String? = nil, waitingFor: [Waiting]? = nil,
            outcome: String? = nil, inputs: JSON, labels: [String: String], actor: String, key: String? = nil,
            createdAt: Instant, startedAt: Instant? = nil, endedAt: Instant? = nil, counts: [String: Int], sequence: Int,
            steps: [Step]? = nil, next: String? = nil, priority: Int? = nil, registered: Bool? = nil
        ) {
            self.registered = registered
            self.priority = priority
            self.id = id
            self.flow = flow
            self.revision = revision
            self.state = state
            self.reason = reason
            self.waitingFor = waitingFor
            self.outcome = outcome
            self.inputs = inputs
            self.labels = labels
            self.actor = actor
            self.key = key
            self.createdAt = createdAt
            self.startedAt = startedAt
            self.endedAt = endedAt
            self.counts = counts
            self.sequence = sequence
            self.steps = steps
            self.next = next
        }
    }

    /// A step of a run, with its newest attempts (five at most, newest first).
    package struct Step: Codable, Equatable, Sendable {
        package var path: StepPath
        package var name: String
        package var kind: String
        package var state: StepState
        package var reason: String?
        package var generation: Int
        /// Its output, secrets redacted; absent when it has none or when it is too large to show here (then `outputDigest`).
        package var output: JSON?
        /// The blob that holds an output of more than 64 KiB.
        package var outputDigest: Digest?
        package var changed: Bool?
        package var waitingFor: Waiting?
        package var startedAt: Instant?
        package var endedAt: Instant?
        package var attempts: [Attempt]

        package init(
            path: StepPath, name: String, kind: String, state: StepState, reason: String? = nil, generation: Int,
            output: JSON? = nil, outputDigest: Digest? = nil, changed: Bool? = nil, waitingFor: Waiting? = nil,
            startedAt: Instant? = nil, endedAt: Instant? = nil, attempts: [Attempt] = []
        ) {
            self.path = path
            self.name = name
            self.kind = kind
            self.state = state
            self.reason = reason
            self.generation = generation
            self.output = output
            self.outputDigest = outputDigest
            self.changed = changed
            self.waitingFor = waitingFor
            self.startedAt = startedAt
            self.endedAt = endedAt
            self.attempts = attempts
        }
    }

    /// One try of a step.
    package struct Attempt: Codable, Equatable, Sendable {
        package var number: Int
        package var generation: Int
        package var state: AttemptState
        /// The host's name; absent means the engine's own machine.
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
            number: Int, generation: Int, state: AttemptState, target: String? = nil, worker: String, exitStatus: Int? = nil,
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

    /// One message of a run's event stream: a journal record as people may see it. `sequence` is the message's id;
    /// `Last-Event-ID` with it resumes behind it. Each event has `kind` and, where it is about one, `step`.
    package struct Record: Codable, Equatable, Sendable {
        package var sequence: Int
        package var at: Instant
        package var events: [JSON]

        package init(sequence: Int, at: Instant, events: [JSON]) {
            self.sequence = sequence
            self.at = at
            self.events = events
        }

        /// The type of the messages that hold a record.
        package static let eventName = "record"
        /// The type of the last message of a stream whose run has ended; its data is a `StreamEnd`.
        package static let endName = "end"
    }

    /// Says that a run has ended and that nothing more will come, unless an operator retries it.
    package struct StreamEnd: Codable, Equatable, Sendable {
        package var state: RunState

        package init(state: RunState) { self.state = state }
    }
}
