package import FlowModel

extension Wire {
    /// Why a run is where it is: what it waits for, and what it is doing. Never empty: `summary` always says something.
    package struct Why: Codable, Equatable, Sendable {
        package var run: RunID
        package var flow: String
        package var state: RunState
        /// One sentence.
        package var summary: String
        package var reason: String?
        package var waitingFor: [Wait]
        package var running: [Running]

        package init(
            run: RunID, flow: String, state: RunState, summary: String, reason: String? = nil, waitingFor: [Wait],
            running: [Running]
        ) {
            self.run = run
            self.flow = flow
            self.state = state
            self.summary = summary
            self.reason = reason
            self.waitingFor = waitingFor
            self.running = running
        }
    }

    /// Something that a run waits for, and the command that would end the wait.
    package struct Wait: Codable, Equatable, Sendable {
        package var kind: WaitKind
        package var subject: String
        /// The step that waits; absent when the run itself does.
        package var step: StepPath?
        package var since: Instant
        package var until: Instant?
        package var release: String?
        package var reason: String?

        package init(
            kind: WaitKind, subject: String, step: StepPath? = nil, since: Instant, until: Instant? = nil,
            release: String? = nil, reason: String? = nil
        ) {
            self.kind = kind
            self.subject = subject
            self.step = step
            self.since = since
            self.until = until
            self.release = release
            self.reason = reason
        }
    }

    /// A step whose attempt is out.
    package struct Running: Codable, Equatable, Sendable {
        package var step: StepPath
        package var attempt: Int
        package var target: String?
        package var since: Instant
        /// The last line of its output, without control characters.
        package var lastLine: String?

        package init(step: StepPath, attempt: Int, target: String? = nil, since: Instant, lastLine: String? = nil) {
            self.step = step
            self.attempt = attempt
            self.target = target
            self.since = since
            self.lastLine = lastLine
        }
    }
}
