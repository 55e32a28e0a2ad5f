/// How a step meets trouble.
package struct Policy: Hashable, Sendable {
    package enum OnFailure: String, Hashable, Sendable, Codable, CaseIterable {
        /// Nothing new starts; the run fails.
        case stop
        /// Noted; what follows goes on.
        case ignore
        /// The step is held until an operator retries, skips or resolves it.
        case hold
    }

    /// nil: tried once, and at most once; a lost attempt is `unknown` and waits for a person.
    package var retry: Retry?
    /// Seconds that one attempt may take; the host enforces it.
    package var timeoutSeconds: Double?
    package var onFailure: OnFailure
    /// Asks whether a lost attempt took effect; nil: nobody but a person can say.
    package var probe: Probe?
    /// What it needs to itself while it runs; nil for nothing.
    package var claims: [ClaimSpec]?
    /// What each element of a map, and each target of a rollout, needs to itself from its first step to its last.
    package var elementClaims: [ClaimSpec]?

    package init(
        retry: Retry? = nil, timeoutSeconds: Double? = nil, onFailure: OnFailure = .stop, probe: Probe? = nil, claims: [ClaimSpec]? = nil,
        elementClaims: [ClaimSpec]? = nil
    ) {
        self.claims = claims
        self.elementClaims = elementClaims
        self.retry = retry
        self.timeoutSeconds = timeoutSeconds
        self.onFailure = onFailure
        self.probe = probe
    }
}

/// A command that says whether a lost attempt took effect: exit status 0 if it did, 1 if it did not; anything else leaves it unknown.
package struct Probe: Hashable, Sendable {
    package var command: ShellSpec
    package var timeoutSeconds: Double

    package init(command: ShellSpec, timeoutSeconds: Double = 60) {
        self.command = command
        self.timeoutSeconds = timeoutSeconds
    }
}

/// Further attempts after a failed, timed out or lost one. Having one makes the step at least once.
package struct Retry: Hashable, Sendable, Codable {
    /// Attempts in all, at least 1.
    package var attempts: Int
    /// Seconds before the second attempt.
    package var delaySeconds: Double
    /// What each further delay is multiplied by.
    package var factor: Double
    /// The longest delay.
    package var maxDelaySeconds: Double
    /// The share of a delay that chance may take off, 0…1; chance comes from outside the core.
    package var jitter: Double
    /// No new attempt starts this long after the first one did.
    package var maxElapsedSeconds: Double?
    /// Exit statuses worth another attempt; nil means all but 0.
    package var exitStatuses: [Int]?

    package init(
        attempts: Int, delaySeconds: Double = 1, factor: Double = 2, maxDelaySeconds: Double = 300, jitter: Double = 0.2,
        maxElapsedSeconds: Double? = nil, exitStatuses: [Int]? = nil
    ) {
        self.attempts = attempts
        self.delaySeconds = delaySeconds
        self.factor = factor
        self.maxDelaySeconds = maxDelaySeconds
        self.jitter = jitter
        self.maxElapsedSeconds = maxElapsedSeconds
        self.exitStatuses = exitStatuses
    }

    /// Seconds to wait after `failures` attempts have failed, with `chance` in 0..<1:
    /// `min(maxDelay, delay · factor^(failures-1)) · (1 - jitter · chance)`.
    package func delay(afterFailures failures: Int, chance: Double) -> Double {
        var delay = delaySeconds
        for _ in 1..<max(failures, 1) where delay < maxDelaySeconds { delay *= factor }
        return min(delay, maxDelaySeconds) * (1 - jitter * chance)
    }
}
