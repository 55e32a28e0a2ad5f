import FlowModel

/// The host record of one place, as executors see it. `HostRecordClient` says what each promises.
protocol HostRecording: Sendable {
    func start(
        _ id: AttemptID, fence: Fence, target: String?, job: HostJob, sink: any OutputSink,
        placed: @Sendable (Place) async -> Bool, report: @escaping @Sendable (AttemptReport.Event) -> Void
    ) async -> HostOutcome
    func attach(
        _ id: AttemptID, fence: Fence, target: String?, place: Place, sink: any OutputSink,
        report: @escaping @Sendable (AttemptReport.Event) -> Void
    ) async -> HostOutcome
    func kill(_ id: AttemptID, fence: Fence, target: String?, grace: Double) async
    func forget(_ id: AttemptID, target: String?) async
}

/// Follows one attempt on its host and obeys the stops that come meanwhile.
struct HostConversation {
    let record: any HostRecording
    let attempt: LiveAttempt
    let sink: any OutputSink

    /// Carries `job` out, or finds out what came of it: the order says which. nil: stopped before anything was sent.
    func outcome(of job: HostJob) async -> HostOutcome? {
        let outcome = await withTaskGroup(of: HostOutcome?.self) { group in
            group.addTask {
                await Shortage.$told.withValue(attempt.shortageListener) { await converse(job) }
            }
            group.addTask {
                await obeyStops()
                return nil
            }
            // Either it has come to its end, or it was withdrawn and nobody needs its end.
            let first = await group.next() ?? nil
            group.cancelAll()
            return first
        }
        return attempt.isWithdrawn ? nil : outcome
    }

    private func converse(_ job: HostJob) async -> HostOutcome {
        let order = attempt.order
        switch order.mode {
        case .start:
            let end = ContinuousClock.now + .seconds(WorkerLimits.shortageSeconds)
            var pause = WorkerLimits.shortagePauseSeconds
            while true {
                let outcome = await start(job)
                guard case .refused(let failure) = outcome, failure.isShortage, ContinuousClock.now < end else { return outcome }
                attempt.report(.unreachable("it is short of something, and is tried again: \(failure.message)"))
                do {
                    try await Task.sleep(for: .seconds(pause))
                } catch {
                    return outcome
                }
                attempt.report(.reachable)
                pause = min(pause * 2, WorkerLimits.longestShortagePauseSeconds)
            }
        case .attach(let place):
            return await record.attach(
                order.id, fence: order.fence, target: order.target?.name, place: place, sink: sink,
                report: { attempt.report($0) })
        }
    }

    private func start(_ job: HostJob) async -> HostOutcome {
        let order = attempt.order
        var job = job
        job.lastSent = order.lastSent
        return await record.start(
            order.id, fence: order.fence, target: order.target?.name, job: job, sink: sink,
            placed: { place in
                await attempt.hostAnswered()
                return await attempt.placed(place)
            }, report: { attempt.report($0) })
    }

    /// Ends on a withdrawal or on cancellation only: an attempt that was killed is followed to its end all the same.
    private func obeyStops() async {
        await withDiscardingTaskGroup { kills in
            for await stop in attempt.stops {
                guard case .end(let force) = stop else { break }
                // Beside each other: a second, hard stop must not wait for the grace of the first.
                kills.addTask {
                    let order = attempt.order
                    await record.kill(
                        order.id, fence: order.fence, target: order.target?.name,
                        grace: force ? 0 : Limits.graceSeconds)
                }
            }
        }
    }
}

extension AttemptResult.Failure {
    /// Whether the shell of a place that was reached says that it could start no program: the machine, or the account, has none left.
    fileprivate var isShortage: Bool {
        guard cause == .unreachable else { return false }
        return ["Cannot fork", "Resource temporarily unavailable", "Cannot allocate memory"].contains {
            message.contains("flow-runner: ") && message.contains($0)
        }
    }
}

extension HostOutcome {
    /// Its end, where its host told of one.
    var end: HostEnd? { if case .ended(let end) = self { end } else { nil } }
}

extension HostOutcome? {
    /// Whether the engine ends, and not the attempt. Its output is not finished then: what is held back, because it may be the beginning of a secret,
    /// stays on the host, and the next engine takes it with the rest.
    var isDetached: Bool { Task.isCancelled && self?.end == nil }
}

extension LiveAttempt {
    /// Keeps its output, with its secrets masked: those that were opened until now.
    func recorder(in outputs: OutputStore, cap: Int = Limits.capturedOutputBytes) -> OutputRecorder {
        OutputRecorder(store: outputs, id: id, cap: cap, patterns: secrets.patterns, warn: { [weak self] in self?.outputWaits($0) })
    }

    /// Has what a start waits for said of this attempt.
    var shortageListener: Shortage.Listener { Shortage.Listener { self.report($0.map { .unreachable($0) } ?? .reachable) } }

    /// What to report where the host said anything but `ended`.
    func report(of outcome: HostOutcome?) -> AttemptReport.Event? {
        switch outcome {
        case nil: return .cancelled
        case .ended?: return nil
        case .neverStarted?: return wasStopped ? .cancelled : .neverStarted
        case .lost(let reason)?: return .ended(AttemptResult(outcome: .lost(reason)))
        case .refused(let failure)?:
            return wasStopped ? .cancelled : refused(failure)
        }
    }

    /// What to report where it was not even asked about: only a start is certain not to have run.
    func refused(_ failure: AttemptResult.Failure) -> AttemptReport.Event {
        order.mode == .start ? .failed(failure) : .ended(AttemptResult(outcome: .lost("it could not be asked about: \(failure.message)")))
    }
}

extension AttemptReport.Event {
    /// With what has come of the output of an attempt that did not end by itself.
    func with(_ output: OutputRecorder.Summary) -> AttemptReport.Event {
        guard case .ended(var result) = self, output.bytes > 0 else { return self }
        result.outputBytes = output.bytes
        result.truncated = output.isTruncated || !output.faults.isEmpty
        result.lastLine = output.lastLine
        return .ended(result)
    }
}
