import FlowModel

/// Carries out Swift steps in flow hosts, with a record of start and end on disk.
///
/// A step that was given to its process and has no recorded end when the engine comes back is lost: its process ended with the
/// engine. A time-out or a stop cancels the step's task; after `WorkerLimits.graceSeconds` its process is ended as `FlowHostProcess`
/// says. A hard stop ends the process at once.
struct SwiftStepExecutor: Executor {
    let hosts: FlowHosts
    let records: StepRecords
    let outputs: OutputStore
    let open: SecretOpener

    func carryOut(_ attempt: LiveAttempt) async -> AttemptReport.Event {
        guard case .step(let work) = attempt.order.work else { preconditionFailure("not a Swift step: \(attempt.order.work)") }
        do {
            switch attempt.order.mode {
            case .start: return try await start(attempt, work)
            case .attach(let place): return try await attach(attempt, place)
            }
        } catch let failure as AttemptResult.Failure {
            return .failed(failure)
        } catch {
            return .failed(.infrastructure, "nothing was started: \(error)")
        }
    }

    // MARK: - Starting

    private func start(_ attempt: LiveAttempt, _ work: StepWork) async throws -> AttemptReport.Event {
        var secrets = SecretOpening(open)
        var inputs: [JSON] = []
        for input in work.inputs { inputs.append(try secrets.value(input)) }
        let patterns = SecretPatterns(secrets.opened)
        let place = try await records.place()
        guard await attempt.placed(place) else { return .cancelled }
        let recorder = OutputRecorder(
            store: outputs, id: attempt.id, cap: Limits.capturedOutputBytes, patterns: patterns)
        let (process, id): (FlowHostProcess, Int)
        do {
            (process, id) = try await hosts.begin(work.binary, request(attempt.order, work, inputs), output: recorder) { process in
                try await records.recordStart(attempt.id, in: process.child.pid)
            }
        } catch {
            // Without its record an engine that comes back knows that nothing ran.
            try await records.remove(attempt.id)
            throw error
        }
        attempt.report(.started(containment: .process))
        let (answer, isTimedOut) = await follow(attempt, process, id)
        let summary = await recorder.finish()
        let result = AttemptResult(
            outcome: outcome(of: answer, attempt, isTimedOut: isTimedOut, patterns), outputBytes: summary.bytes,
            truncated: summary.isTruncated || summary.fault != nil, lastLine: summary.lastLine)
        do {
            try await records.recordEnd(attempt.id, result)
        } catch {
            // It only matters to an engine that comes back before this report is journaled: that one will say lost.
            return .ended(result)
        }
        return .ended(result)
    }

    private func request(_ order: AttemptOrder, _ work: StepWork, _ inputs: [JSON]) -> [String: JSON] {
        var request: [String: JSON] = [
            "node": .string(work.node), "inputs": .array(inputs), "run": .string(order.id.run.text),
            "step": .string(order.id.step.text), "attempt": .int(order.id.number), "generation": .int(order.id.generation),
            "key": .string(order.idempotencyKey),
        ]
        if let target = order.target { request["target"] = .string(target.name) }
        return request
    }

    private func outcome(
        of answer: FlowHostProcess.Answer, _ attempt: LiveAttempt, isTimedOut: Bool, _ patterns: SecretPatterns
    ) -> AttemptResult.Outcome {
        switch answer {
        case .output(let value):
            let kept = patterns.masked(value)
            let size = kept.canonicalBytes.count
            guard size <= Limits.stepOutputBytes else {
                return .failed(.init(.output, "it returned \(size) bytes of JSON; a step hands out at most \(Limits.stepOutputBytes)"))
            }
            return .succeeded(output: kept, changed: nil)
        case .error(let message):
            if attempt.wasStopped { return .cancelled }
            if isTimedOut { return .timedOut }
            return .failed(.init(.thrown, OutputText.keepable(patterns.masked(message))))
        case .died(let reason):
            if attempt.wasStopped { return .cancelled }
            return isTimedOut ? .timedOut : .lost(reason)
        }
    }

    // MARK: - Following

    private func follow(
        _ attempt: LiveAttempt, _ process: FlowHostProcess, _ id: Int
    ) async -> (FlowHostProcess.Answer, isTimedOut: Bool) {
        await withTaskGroup(of: Bool.self) { group in
            group.addTask {
                await obeyStops(attempt, process, id)
                return false
            }
            if let seconds = attempt.order.timeoutSeconds {
                group.addTask { await endAfter(seconds, process, id) }
            }
            let answer = await process.answer(id)
            group.cancelAll()
            return (answer, await group.contains(true))
        }
    }

    private func obeyStops(_ attempt: LiveAttempt, _ process: FlowHostProcess, _ id: Int) async {
        await withDiscardingTaskGroup { ends in
            for await stop in attempt.stops {
                if stop == .end(force: true) {
                    process.kill("a step in it was killed")
                } else {
                    ends.addTask { await end(process, id) }
                }
            }
            ends.cancelAll()
        }
    }

    /// True when the time was over before the step was.
    private func endAfter(_ seconds: Double, _ process: FlowHostProcess, _ id: Int) async -> Bool {
        do {
            try await Task.sleep(for: .seconds(seconds))
        } catch {
            return false
        }
        await end(process, id)
        return true
    }

    /// Cancels the step, more and more urgently, until this task is cancelled because it ended.
    private func end(_ process: FlowHostProcess, _ id: Int) async {
        process.cancel(id)
        do {
            try await Task.sleep(for: .seconds(WorkerLimits.graceSeconds))
            process.doom(id)
            try await Task.sleep(for: .seconds(WorkerLimits.stubbornSeconds))
            process.kill("a step in it ignored its cancellation")
        } catch {
            return
        }
    }

    // MARK: - Coming back

    private func attach(_ attempt: LiveAttempt, _ place: Place) async throws -> AttemptReport.Event {
        let found: StepRecords.State
        let here: Place
        do {
            (found, here) = (try await records.state(attempt.id), try await records.place())
            if case .started(let started) = found { try await StepRecords.end(started) }
        } catch {
            return .ended(AttemptResult(outcome: .lost("its record could not be read: \(error)")))
        }
        switch found {
        case .ended(let result): return .ended(result)
        case .started:
            let outcome: AttemptResult.Outcome =
                attempt.wasStopped ? .cancelled : .lost("the engine ended while the step ran in its process")
            return .ended(AttemptResult(outcome: outcome))
        case .absent:
            guard here == place else {
                return .ended(AttemptResult(outcome: .lost("the machine was started anew, or the records of its Swift steps are gone")))
            }
            return attempt.wasStopped ? .cancelled : .neverStarted
        }
    }
}
