package import FlowModel

/// Carries out commands and scripts.
///
/// Output of a success: `{"exitStatus","stdout","changed"}` and `value` where a type is declared. `stdout` is what `$(…)` would give: the
/// beginning of standard output as text, at most `Limits.stdoutValueBytes`, without the newlines at its end; `stdoutTruncated` is
/// there, and true, when it was longer. Where it is no text, `stdoutFault` says why instead, and where it was not kept whole `stdoutLost`; whoever
/// reads it fails with that.
/// `changed` is false unless the script said so.
package struct ShellExecutor: Executor {
    private let hosts: @Sendable (Host?) -> any HostRecording
    private let outputs: OutputStore
    private let blobs: BlobSource
    private let open: SecretOpener

    package init(_ parts: ExecutorParts) { (hosts, outputs, blobs, open) = (parts.hosts, parts.outputs, parts.blobs, parts.open) }

    package func carryOut(_ attempt: LiveAttempt, _ sealed: ShellWork) async -> AttemptReport.Event {
        let job: HostJob
        do throws(AttemptResult.Failure) {
            job = try await makeJob(attempt, sealed)
        } catch {
            return attempt.refused(error)
        }
        await attempt.secrets.prepare()
        let recorder = attempt.recorder(in: outputs, cap: job.outputCap)
        let conversation = HostConversation(record: hosts(attempt.order.target), attempt: attempt, sink: recorder)
        let outcome = await conversation.outcome(of: job)
        guard !outcome.isDetached else { return .cancelled }
        let output = await recorder.finish(outcome?.end)
        if let report = attempt.report(of: outcome) { return report.with(output) }
        guard case .ended(let end) = outcome else { return .cancelled }
        return .ended(ShellResult(end: end, output: output, shape: sealed.output, patterns: attempt.secrets.patterns).result)
    }

    private func makeJob(_ attempt: LiveAttempt, _ sealed: ShellWork) async throws(AttemptResult.Failure) -> HostJob {
        let order = attempt.order
        var work = try SecretOpening(open, for: attempt).work(sealed)
        let script = try await script(work.source, mode: order.mode)
        // Scripts read it under `set -u`, here and on targets alike.
        if order.target == nil { work.environment["FLOW_TARGET"] = work.environment["FLOW_TARGET"] ?? "" }
        return HostJob(
            interpreter: Prelude.program(work.interpreter), prelude: try Prelude.bytes(for: work), script: script,
            environment: HostJob.environment(of: order), workdir: work.workdir, account: work.account,
            deadlineSeconds: order.timeoutSeconds)
    }

    private func script(_ source: ShellSpec.Source, mode: AttemptOrder.Mode) async throws(AttemptResult.Failure) -> [UInt8] {
        switch source {
        case .text(let text): return Array((text + "\n").utf8)
        case .asset(let digest):
            // What runs already has its script.
            guard mode == .start else { return [] }
            do {
                return try await blobs(digest)
            } catch {
                throw AttemptResult.Failure(.infrastructure, "nothing was started: script \(digest.short) could not be read: \(error)")
            }
        }
    }
}

extension HostJob {
    /// `FLOW_RUN_ID` … `FLOW_IDEMPOTENCY_KEY`.
    static func environment(of order: AttemptOrder) -> [String: String] {
        var environment = [
            "FLOW_RUN_ID": order.id.run.text, "FLOW_STEP": order.id.step.text, "FLOW_ATTEMPT": String(order.id.number),
            "FLOW_IDEMPOTENCY_KEY": order.idempotencyKey,
        ]
        if let target = order.target { environment["FLOW_TARGET"] = target.name }
        return environment
    }
}

/// What a host's end of a script means for its step.
struct ShellResult {
    let end: HostEnd
    let output: OutputRecorder.Summary
    let shape: TypeShape?
    let patterns: SecretPatterns

    var result: AttemptResult {
        AttemptResult(
            outcome: outcome, exitStatus: end.exitStatus, signal: end.signal,
            outputBytes: max(output.bytes, end.stdoutBytes + end.stderrBytes),
            truncated: output.isTruncated || !output.faults.isEmpty || end.stdoutBytes + end.stderrBytes > output.bytes,
            lastLine: output.lastLine, endedSecondsAgo: end.secondsAgo)
    }

    private var outcome: AttemptResult.Outcome {
        switch end.cause {
        case .timedOut: return .timedOut
        case .cancelled: return .cancelled
        case .signalled:
            return .failed(.init(.signal, "ended by signal \(end.signal.map(String.init) ?? "unknown")\(lastLine)"))
        case .exited:
            guard end.exitStatus == 0 else {
                let message = "exited with status \(end.exitStatus.map(String.init) ?? "unknown")\(lastLine)"
                return .failed(.init(.exitStatus, message, retryAfterSeconds: FlowOutput.retryAfter(in: end.output)))
            }
            do throws(AttemptResult.Failure) {
                return try success()
            } catch {
                return .failed(.init(error.cause, patterns.masked(error.message)))
            }
        }
    }

    private var lastLine: String { output.lastLine.map { ". Last line: \"\($0)\"" } ?? "" }

    private func success() throws(AttemptResult.Failure) -> AttemptResult.Outcome {
        guard !end.outputIsTooLong else {
            throw .init(.output, "$FLOW_OUTPUT is not accepted: it is longer than \(Limits.stepOutputBytes) bytes")
        }
        guard !end.outputWasLost else {
            throw .init(.output, "$FLOW_OUTPUT could not be kept by the host: its disk is full, or the file could not be read")
        }
        let written = try written()
        var members: [String: JSON] = ["exitStatus": 0, "changed": .bool(written.changed ?? false)]
        if let reason = stdoutLoss {
            members["stdoutLost"] = .string(reason)
        } else {
            let stdout = OutputText.value(output.stdout)
            if let text = stdout.text { members["stdout"] = .string(text) }
            if let fault = stdout.fault { members["stdoutFault"] = .string(fault) }
            if stdout.isCut { members["stdoutTruncated"] = true }
        }
        if let value = written.value { members["value"] = patterns.masked(value) }
        return .succeeded(output: .object(members), changed: written.changed)
    }

    /// Why what is here of standard output is not its beginning: what is missing is no value.
    private var stdoutLoss: String? {
        if let fault = output.faults[.stdout] { return fault }
        guard end.stdoutBytes > output.stdout.count, output.stdout.count <= Limits.stdoutValueBytes else { return nil }
        return "its host kept \(output.stdout.count) of \(end.stdoutBytes) bytes: its disk is full, or somebody took them away"
    }

    private func written() throws(AttemptResult.Failure) -> FlowOutput {
        do throws(AttemptResult.Failure) {
            return try FlowOutput(end.output, as: shape)
        } catch {
            // What a message quotes is cut, and the beginning of a secret is not known for one: it is masked before.
            _ = try FlowOutput(end.output.map { patterns.masked($0) }, as: shape)
            throw error
        }
    }
}
