/// What a worker says about an attempt. The engine accepts one only with the attempt's current fence.
package struct AttemptReport: Hashable, Sendable {
    package var id: AttemptID
    package var fence: Fence
    package var event: Event

    package init(id: AttemptID, fence: Fence, event: Event) {
        self.id = id
        self.fence = fence
        self.event = event
    }

    package enum Event: Hashable, Sendable {
        /// The place is known and nothing has been sent. The engine journals it and answers `proceed`, or withdraws the order.
        case placed(Place)
        /// The host confirmed the start.
        case started(containment: Containment)
        /// The host cannot be asked for now; the worker goes on trying. The step shows `waiting: unreachable`.
        case unreachable(String)
        /// The host can be asked again.
        case reachable
        /// It is over. Sent last, once, after the output is on disk.
        case ended(AttemptResult)
        /// The host has no record of it and its ids are those of the place: it never ran. Another may take its turn.
        case neverStarted
    }
}

/// What keeps the processes of an attempt together, best first.
package enum Containment: String, Hashable, Sendable, Codable, CaseIterable {
    /// A cgroup of its own: nothing escapes.
    case cgroup
    /// A session and marks in the environment: a process that cleans its environment and leaves the session escapes.
    case session
    /// Runs inside a process of ours (Swift steps, copies).
    case process
}

/// How an attempt ended.
package struct AttemptResult: Hashable, Sendable {
    package enum Outcome: Hashable, Sendable {
        /// With the output for later steps, see `Node.Kind`.
        case succeeded(output: JSON, changed: Bool?)
        case failed(Failure)
        /// Its deadline was over; nothing is left of it.
        case timedOut
        /// Stopped by an operator; nothing is left of it that its containment can see.
        case cancelled
        /// Nobody knows whether it took effect.
        case lost(String)
    }

    /// Why an attempt failed.
    package struct Failure: Hashable, Sendable {
        package enum Cause: String, Hashable, Sendable, Codable, CaseIterable {
            /// The command's exit status was not 0.
            case exitStatus
            /// Ended by a signal.
            case signal
            /// A Swift step threw.
            case thrown
            /// `$FLOW_OUTPUT` is missing or mistyped: another attempt would not help.
            case output
            /// The host could not be reached or refused; nothing was started there.
            case unreachable
            /// The host's key is not the one in the inventory; nothing was sent.
            case hostKey
            /// Another system answered, and not as it was to: another attempt may help.
            case answer
            /// The same, and it would answer so again.
            case refused
            /// The inputs do not fit (NUL in a value, no such file): another attempt would not help.
            case input
            /// Something of Flow's or the machine's own failed: no memory, no descriptors.
            case infrastructure
        }

        package var cause: Cause
        package var message: String
        /// For how many seconds it asks not to be tried again.
        package var retryAfterSeconds: Double?

        package init(_ cause: Cause, _ message: String, retryAfterSeconds: Double? = nil) {
            self.cause = cause
            self.message = message
            self.retryAfterSeconds = retryAfterSeconds
        }

        package var isRetryable: Bool { cause != .output && cause != .input && cause != .hostKey && cause != .refused }
    }

    package var outcome: Outcome
    package var exitStatus: Int?
    package var signal: Int?
    /// Bytes that the attempt wrote to stdout and stderr, captured or not.
    package var outputBytes: Int
    /// Whether some of them were not kept.
    package var truncated: Bool
    /// The last line of output, at most 200 characters, without control characters.
    package var lastLine: String?
    /// For how long it was over when its host told of it, by the host's own clock; nil where that is not known.
    package var endedSecondsAgo: Double?

    package init(
        outcome: Outcome, exitStatus: Int? = nil, signal: Int? = nil, outputBytes: Int = 0, truncated: Bool = false,
        lastLine: String? = nil, endedSecondsAgo: Double? = nil
    ) {
        self.outcome = outcome
        self.exitStatus = exitStatus
        self.signal = signal
        self.outputBytes = outputBytes
        self.truncated = truncated
        self.lastLine = lastLine
        self.endedSecondsAgo = endedSecondsAgo
    }
}

/// What the engine tells the hands. Called after the commit that decided it; returns at once, never blocks, never throws.
package protocol AttemptDispatcher: Sendable {
    /// Takes the order. Each order leads to reports until `ended` or `neverStarted`.
    func dispatch(_ order: AttemptOrder)
    /// The place is journaled: send it.
    func proceed(_ id: AttemptID)
    /// End it: TERM, grace, KILL (`force`: KILL at once) until nothing is left; then report `ended(.cancelled)`, or how it ended
    /// if it was faster.
    func stop(_ id: AttemptID, force: Bool)
    /// The outcome is journaled: the host's record may go.
    func forget(_ id: AttemptID, target: Host?)
}
