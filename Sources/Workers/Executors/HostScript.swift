import FlowModel

/// A script of ours that does a kind of work on a host: what it writes to `$FLOW_OUTPUT` is what the step hands out.
struct HostScript {
    let record: any HostRecording
    let outputs: OutputStore
    /// Of what it writes.
    let shape: TypeShape

    /// Carries the attempt to its end; its last report.
    func carryOut(_ attempt: LiveAttempt, _ job: HostJob) async -> AttemptReport.Event {
        let recorder = attempt.recorder(in: outputs, cap: job.outputCap)
        let outcome = await HostConversation(record: record, attempt: attempt, sink: recorder).outcome(of: job)
        guard !outcome.isDetached else { return .cancelled }
        let output = await recorder.finish(outcome?.end)
        if let report = attempt.report(of: outcome) { return report.with(output) }
        guard case .ended(let end) = outcome else { return .cancelled }
        var result = ShellResult(end: end, output: output, shape: shape, patterns: attempt.secrets.patterns).result
        if case .succeeded(let output, let changed) = result.outcome {
            result.outcome = .succeeded(output: output["value"] ?? .null, changed: changed)
        }
        return .ended(result)
    }
}
