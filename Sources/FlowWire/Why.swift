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
        /// Of a run that did not succeed: the steps that failed, or of which nobody knows, first ones first, 20 at most.
        package var failed: [FailedStep]?
        /// How many those are in all.
        package var failedCount: Int?
        /// Of a run that has ended without success: how it goes on, the usual way first.
        package var next: [NextStep]?

        package init(
            run: RunID, flow: String, state: RunState, summary: String, reason: String? = nil, waitingFor: [Wait],
            running: [Running], failed: [FailedStep]? = nil, failedCount: Int? = nil,
            next: [NextStep]? = nil
        ) {
            self.next = next
            self.failed = failed
            self.failedCount = failedCount
            self.run = run
            self.flow = flow
            self.state = state
            self.summary = summary
            self.reason = reason
            self.waitingFor = waitingFor
            self.running = running
        }
    }

    /// A way on.
    package struct NextStep: Codable, Equatable, Sendable {
        package var command: String
        /// What it is for, or when it is the right one; absent where that is plain.
        package var purpose: String?

        package init(_ command: String, _ purpose: String? = nil) {
            self.command = command
            self.purpose = purpose
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
        /// Where the wait may end by itself: the command that shows whether it will. It ends nothing.
        package var look: String?
        package var reason: String?

        package init(
            kind: WaitKind, subject: String, step: StepPath? = nil, since: Instant, until: Instant? = nil,
            release: String? = nil, look: String? = nil, reason: String? = nil
        ) {
            self.look = look
            self.kind = kind
            self.subject = subject
            self.step = step
            self.since = since
            self.until = until
            self.release = release
            self.reason = reason
        }
    }

    /// A step that failed, or of which nobody knows whether it did.
    package struct FailedStep: Codable, Equatable, Sendable {
        package var step: StepPath
        package var state: StepState
        package var attempt: Int?
        package var target: String?
        package var reason: String?
        /// The last line of its output, without control characters, where the reason does not have it.
        package var lastLine: String?
        /// The command to look further.
        package var look: String

        package init(
            step: StepPath, state: StepState, attempt: Int? = nil, target: String? = nil, reason: String? = nil, lastLine: String? = nil,
            look: String
        ) {
            self.step = step
            self.state = state
            self.attempt = attempt
            self.target = target
            self.reason = reason
            self.lastLine = lastLine
            self.look = look
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
