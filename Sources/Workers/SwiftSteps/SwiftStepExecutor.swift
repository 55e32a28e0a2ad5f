package import FlowModel
import Logging

/// Carries out Swift steps in flow hosts, with a record of start and end on disk.
///
/// A step goes on when the engine ends, and the next engine follows it. A time-out or a stop cancels the step's task; after
/// `Limits.graceSeconds` its process is ended as `FlowHostProcess` says. A hard stop ends the process at once.
package struct SwiftStepExecutor: Executor {
    let hosts: FlowHosts
    let records: StepRecords
    let outputs: OutputStore
    let open: SecretOpener

    package init(_ parts: ExecutorParts) {
        let logger = parts.logger
        _ = FlowHostProcess.libraries
        records = StepRecords(folder: parts.home + "/steps")
        hosts = FlowHosts(
            folder: parts.home + "/hosts", blobs: parts.blobs,
            launch: ConfinedStart(parts.confinement) { reason in
                logger.warning("Swift steps can reach the engine's files on this machine", metadata: ["reason": "\(reason)"])
            }, run: parts.keep)
        (outputs, open) = (parts.outputs, parts.open)
    }

    package func forget(_ id: AttemptID) async throws -> Bool {
        if case .absent = try await records.state(id) { return false }
        try await records.remove(id)
        return true
    }

    package func carryOut(_ attempt: LiveAttempt, _ work: StepWork) async -> AttemptReport.Event {
        do {
            switch attempt.order.mode {
            case .start: return try await start(attempt, work)
            case .attach(let place): return try await attach(attempt, work, place)
            }
        } catch let failure as AttemptResult.Failure {
            return attempt.refused(failure)
        } catch {
            return attempt.refused(.init(.infrastructure, attempt.order.mode == .start ? "nothing was started: \(error)" : "\(error)"))
        }
    }

    // MARK: - Starting

    private func start(_ attempt: LiveAttempt, _ work: StepWork) async throws -> AttemptReport.Event {
        let inputs = try await opened(work, attempt)
        // A secret may hold it.
        if let number = inputs.firstIndex(where: { $0.forbiddenCharacter != nil }) {
            let character = inputs[number].forbiddenCharacter ?? ""
            throw AttemptResult.Failure(.input, "nothing was started: input \(number + 1) is a text with \(character), which no value may hold")
        }
        let place = try await records.place()
        guard await attempt.placed(place) else { return .cancelled }
        if let reason = try await records.unknownPast(of: attempt.order) { return .ended(AttemptResult(outcome: .lost(reason))) }
        let recorder = attempt.recorder(in: outputs)
        let tail = tail(of: attempt, recorder)
        let (process, id): (FlowHostProcess, Int)
        do {
            let record = try await records.makeRecord(attempt.id)
            let request = request(attempt.order, work, inputs)
            (process, id) = try await Shortage.$told.withValue(attempt.shortageListener) {
                try await hosts.begin(work.binary, request, record: record, tail, output: recorder, secrets: attempt.secrets) { process in
                    try await records.recordStart(attempt.id, in: process.child.pid)
                }
            }
        } catch {
            // Without its record an engine that comes back knows that nothing ran.
            try await records.remove(attempt.id)
            throw error
        }
        let (answer, isTimedOut) = await follow(attempt, process, id)
        switch answer {
        case .ended(let end): return .ended(await result(outcome(of: end, attempt), tail, recorder))
        case .died(let reason):
            return await concludeWithout(end: reason, attempt, isTimedOut: isTimedOut, tail, recorder)
        case .detached:
            // Nobody hears this: the engine goes away.
            return .ended(AttemptResult(outcome: .lost("the engine ended")))
        }
    }

    /// The engine is told of the start when the process has taken the step, not when it was sent: a process that ends between the two has not
    /// run it.
    func tail(of attempt: LiveAttempt, _ recorder: OutputRecorder) -> StepTail {
        StepTail(path: records.recordPath(attempt.id), output: recorder) { attempt.report(.started(containment: .process)) }
    }

    /// Its inputs.
    func opened(_ work: StepWork, _ attempt: LiveAttempt) async throws -> [JSON] {
        let inputs = try SecretOpening(open, for: attempt).work(work).inputs
        await attempt.secrets.prepare()
        return inputs
    }

    func result(_ outcome: AttemptResult.Outcome, _ tail: StepTail, _ recorder: OutputRecorder) async -> AttemptResult {
        let summary = await recorder.finish(nil)
        return AttemptResult(
            outcome: outcome, outputBytes: summary.bytes + tail.dropped,
            truncated: summary.isTruncated || !summary.faults.isEmpty || tail.dropped > 0, lastLine: summary.lastLine)
    }

    /// The last report of a step whose process ended before it: what that means is noted, since only this engine knows it.
    func concludeWithout(
        end reason: String, _ attempt: LiveAttempt, isTimedOut: Bool, _ tail: StepTail, _ recorder: OutputRecorder
    ) async -> AttemptReport.Event {
        let result = await result(attempt.wasStopped ? .cancelled : isTimedOut ? .timedOut : .lost(reason), tail, recorder)
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
            "flow": .string(order.flow), "node": .string(work.node), "inputs": .array(inputs), "run": .string(order.id.run.text),
            "step": .string(order.id.step.text), "attempt": .int(order.id.number), "generation": .int(order.id.generation),
            "key": .string(order.idempotencyKey),
        ]
        if let target = order.target { request["target"] = .string(target.name) }
        if let seconds = order.timeoutSeconds { request["timeout"] = .double(seconds) }
        return request
    }

    func outcome(of end: StepTail.End, _ attempt: LiveAttempt) -> AttemptResult.Outcome {
        switch end {
        case .output(let value):
            // Nothing stands in for a character in what others take for a value.
            if let character = value.forbiddenCharacter {
                return .failed(.init(.output, "it returned a text with \(character), which no value may hold"))
            }
            let kept = attempt.secrets.patterns.masked(value)
            let size = kept.canonicalBytes.count
            guard size <= Limits.stepOutputBytes else {
                return .failed(.init(.output, "it returned \(size) bytes of JSON; a step hands out at most \(Limits.stepOutputBytes)"))
            }
            return .succeeded(output: kept, changed: nil)
        case .error(let message, let isLate, let pause):
            if attempt.wasStopped { return .cancelled }
            if isLate { return .timedOut }
            return .failed(.init(.thrown, OutputText.keepable(attempt.secrets.patterns.masked(message)), retryAfterSeconds: pause))
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

    /// The process keeps the time itself and cancels the step; this ends one that takes no notice. True when it came to that.
    private func endAfter(_ seconds: Double, _ process: FlowHostProcess, _ id: Int) async -> Bool {
        do {
            try await Task.sleep(for: .seconds(seconds))
        } catch {
            return false
        }
        await insist(process, id)
        return true
    }

    private func end(_ process: FlowHostProcess, _ id: Int) async {
        process.cancel(id)
        await insist(process, id)
    }

    /// Ends a step that was cancelled, more and more urgently, until this task is cancelled because it ended.
    private func insist(_ process: FlowHostProcess, _ id: Int) async {
        do {
            try await Task.sleep(for: .seconds(Limits.graceSeconds))
            process.doom(id)
            try await Task.sleep(for: .seconds(WorkerLimits.stubbornSeconds))
            process.kill("a step in it ignored its cancellation")
        } catch {
            return
        }
    }
}
