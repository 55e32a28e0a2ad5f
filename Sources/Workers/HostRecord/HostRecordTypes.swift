package import FlowModel

/// What a host is asked to run for one attempt. Script and values travel on standard input, never in a command line.
package struct HostJob: Sendable {
    /// The program that reads the prelude: `/bin/sh`, `bash`, `python3`.
    package var interpreter: String
    /// What the interpreter is given: sets values and arguments, then runs `./script`. Removed from the host at the end.
    package var prelude: [UInt8]
    package var script: [UInt8]
    /// Further bytes, as file `./data` (what `copy` sends).
    package var data: [UInt8]
    /// `FLOW_RUN_ID` … `FLOW_IDEMPOTENCY_KEY`; the host adds `FLOW_OUTPUT`. No secrets: those are in the prelude.
    package var environment: [String: String]
    package var workdir: String?
    package var account: String?
    /// Seconds until the host ends it by its own clock; nil never.
    package var deadlineSeconds: Double?
    /// The newest attempt before it that the engine knows of; the host starts nothing when it knows a later one. nil: not told.
    package var lastSent: Int?
    /// Bytes of each output stream that are kept on the host.
    package var outputCap: Int

    package init(
        interpreter: String, prelude: [UInt8], script: [UInt8], data: [UInt8] = [], environment: [String: String],
        workdir: String? = nil, account: String? = nil, deadlineSeconds: Double? = nil,
        outputCap: Int = Limits.capturedOutputBytes
    ) {
        self.interpreter = interpreter
        self.prelude = prelude
        self.script = script
        self.data = data
        self.environment = environment
        self.workdir = workdir
        self.account = account
        self.deadlineSeconds = deadlineSeconds
        self.outputCap = outputCap
    }
}

/// What came of an attempt on its host.
package enum HostOutcome: Sendable {
    case ended(HostEnd)
    /// No record, and the host's ids are those of the place: it never ran.
    case neverStarted
    /// Nobody knows: another boot id or spool id than those of the place, or it had begun and its record is gone.
    case lost(String)
    /// Nothing was started: unreachable, refused, no room, no interpreter.
    case refused(AttemptResult.Failure)
}

/// The `ended` record of an attempt, with what came with it.
package struct HostEnd: Hashable, Sendable {
    package enum Cause: String, Hashable, Sendable {
        case exited, signalled, timedOut, cancelled
    }

    package var cause: Cause
    package var exitStatus: Int?
    package var signal: Int?
    /// Bytes written to stdout and stderr, kept or not.
    package var stdoutBytes: Int
    package var stderrBytes: Int
    /// What it wrote to `$FLOW_OUTPUT`; nil when that file is missing; at most `Limits.stepOutputBytes`, longer is a failure.
    package var output: [UInt8]?
    package var outputIsTooLong: Bool
    /// The host could not keep what it wrote there.
    package var outputWasLost: Bool
    /// How long it was over when the host said so, by the host's clock; nil where it was booted since.
    package var secondsAgo: Double?

    package init(
        cause: Cause, exitStatus: Int? = nil, signal: Int? = nil, stdoutBytes: Int = 0, stderrBytes: Int = 0,
        output: [UInt8]? = nil, outputIsTooLong: Bool = false, outputWasLost: Bool = false, secondsAgo: Double? = nil
    ) {
        self.cause = cause
        self.exitStatus = exitStatus
        self.signal = signal
        self.stdoutBytes = stdoutBytes
        self.stderrBytes = stderrBytes
        self.output = output
        self.outputIsTooLong = outputIsTooLong
        self.outputWasLost = outputWasLost
        self.secondsAgo = secondsAgo
    }
}

/// Where the output of an attempt goes while it runs. Offsets are those of the stream on the host: bytes that were taken
/// before a reconnection are not taken again.
package protocol OutputSink: Sendable {
    func taken(_ stream: HostStream) async -> Int
    func take(_ bytes: [UInt8], of stream: HostStream, at offset: Int) async throws
}

package enum HostStream: String, Hashable, Sendable, CaseIterable { case stdout, stderr }
