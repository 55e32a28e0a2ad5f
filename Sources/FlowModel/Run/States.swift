/// The state of a run. On disk and on the wire; `docs/reference/states.md` draws the transitions.
package enum RunState: String, Hashable, Sendable, Codable, CaseIterable {
    /// Accepted, nothing has started.
    case queued
    /// At least one step can start or is running.
    case running
    /// Held by an operator or by quarantine: nothing new starts, what runs goes on.
    case paused
    /// Every open step waits for something named.
    case waiting
    /// Asked to stop; says so until no process is left.
    case cancelling
    /// Undoing what it did.
    case undoing
    case succeeded, failed, cancelled

    package var isTerminal: Bool { self == .succeeded || self == .failed || self == .cancelled }
}

/// The state of a step within one generation. Nothing leaves a terminal state but by a new generation.
package enum StepState: String, Hashable, Sendable, Codable, CaseIterable {
    /// What it needs has not settled.
    case pending
    /// Everything it needs has settled; it has not started because the run is paused or no place is free.
    case ready
    case running
    /// Waits for a person, a timer, or a host.
    case waiting
    /// Failed, and will be tried again.
    case backingOff
    /// Failed, and waits for an operator to retry, skip or resolve it.
    case held
    case succeeded, failed, skipped, cancelled
    /// Its attempt is lost and nobody knows whether it took effect; waits for a decision.
    case unknown

    /// Succeeded, failed, skipped or cancelled.
    package var isSettled: Bool { self == .succeeded || self == .failed || self == .skipped || self == .cancelled }
    /// An attempt is out with a worker.
    package var isLive: Bool { self == .running }
}

/// The state of an attempt.
package enum AttemptState: String, Hashable, Sendable, Codable, CaseIterable {
    /// Handed to a worker.
    case leased
    /// The host confirmed that it started.
    case running
    case succeeded, failed
    /// Ended by its deadline.
    case timedOut
    /// The outcome is not known. Never called failed.
    case lost
    case cancelled

    package var isTerminal: Bool { self != .leased && self != .running }
}

/// The published, closed list of what a run can wait for.
package enum WaitKind: String, Hashable, Sendable, Codable, CaseIterable {
    case timer, approval, signal, child, lock, rate, worker, window, freeze, soak, hold, unknown, unreachable, breakpoint
}

/// What a run or step waits for: the answer to "why".
package struct Waiting: Hashable, Sendable, Codable {
    package var kind: WaitKind
    /// The path of the step, or the thing that is waited for.
    package var subject: String
    package var since: Instant
    /// When the wait ends by itself.
    package var until: Instant?
    /// The command that would release it.
    package var release: String?
    /// What is behind it, when the kind does not say all.
    package var reason: String?

    package init(kind: WaitKind, subject: String, since: Instant, until: Instant? = nil, release: String? = nil, reason: String? = nil) {
        self.reason = reason
        self.kind = kind
        self.subject = subject
        self.since = since
        self.until = until
        self.release = release
    }
}
