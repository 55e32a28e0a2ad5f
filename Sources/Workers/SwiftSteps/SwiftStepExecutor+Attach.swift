import FlowModel
import FlowThreads

/// Swift steps that another engine started.
extension SwiftStepExecutor {
    private enum Found: Sendable {
        case end(StepTail.End)
        /// The process has ended without it.
        case gone
    }

    func attach(_ attempt: LiveAttempt, _ work: StepWork, _ place: Place) async throws -> AttemptReport.Event {
        let found: (state: StepRecords.State, place: Place)
        do {
            found = (try await records.state(attempt.id), try await records.place())
        } catch {
            return .ended(AttemptResult(outcome: .lost("its record could not be read: \(error)")))
        }
        switch found.state {
        case .ended(let result): return .ended(result)
        case .started(let started): return try await follow(attempt, work, started)
        case .absent:
            if let moved = found.place.isNot(place) { return .ended(AttemptResult(outcome: .lost(moved))) }
            return try await neverStarted(attempt)
        }
    }

    /// What was made ready for it goes, so that it is not taken for something that has run when its turn comes again.
    private func neverStarted(_ attempt: LiveAttempt) async throws -> AttemptReport.Event {
        try await records.remove(attempt.id)
        return attempt.wasStopped ? .cancelled : .neverStarted
    }

    private func follow(
        _ attempt: LiveAttempt, _ work: StepWork, _ started: StepRecords.Started
    ) async throws -> AttemptReport.Event {
        // Not for the step, which has them: to mask them.
        _ = try await opened(work, attempt)
        let recorder = attempt.recorder(in: outputs)
        let tail = tail(of: attempt, recorder)
        let (host, isSameBoot) = try await BlockingThreads.files.call {
            (try FormerHost(started), try SmallFile.line("/proc/sys/kernel/random/boot_id") == started.bootID)
        }
        let (result, isLate): (Result<Found, any Error>, Bool) = await withTaskGroup(of: Bool.self) { group in
            if let host {
                group.addTask {
                    await obeyStops(attempt, host)
                    return false
                }
                if let seconds = attempt.order.timeoutSeconds {
                    group.addTask { await end(host, at: started.at + seconds) }
                }
            }
            let result = await wait(for: host, tail, attempt.id, work.binary)
            group.cancelAll()
            return (result, await group.contains(true))
        }
        switch result {
        case .success(.end(let end)):
            var result = await self.result(outcome(of: end, attempt), tail, recorder)
            result.endedSecondsAgo = try await records.age(of: attempt.id)
            return .ended(result)
        // A request that did not reach the process whole. After a power cut its record may only not have reached the disk.
        case .success(.gone) where !tail.hasBegun && isSameBoot: return try await neverStarted(attempt)
        case .success(.gone):
            let reason = "the flow's process ended while the step ran"
            return await concludeWithout(end: reason, attempt, isTimedOut: isLate, tail, recorder)
        case .failure(let error):
            // It may go on, and nobody would know: what is lost must not run beside what is tried again.
            if error is CallError { host?.kill() }
            // After a cancellation nobody hears this: the next engine reads on, and takes what is held back now.
            guard !Task.isCancelled else { return .ended(AttemptResult(outcome: .lost("the engine ended"))) }
            return .ended(await self.result(.lost("its record could not be read: \(error)"), tail, recorder))
        }
    }

    private func wait(
        for host: FormerHost?, _ tail: StepTail, _ id: AttemptID, _ binary: Digest
    ) async -> Result<Found, any Error> {
        let record = records.recordPath(id)
        do {
            while true {
                // Looked at before the record: what it wrote before it ended is there by then.
                let hasEnded = host?.hasEnded ?? true
                var isRefused = false
                if let host, !tail.hasBegun { isRefused = await BlockingThreads.files.call { host.willNotTake(record, of: binary) } }
                // A moment in which the engine is short of something is nothing that the step has done.
                if let end = try await Shortage.waited({ try await tail.read() }) { return .success(.end(end)) }
                if hasEnded || isRefused && !tail.hasBegun { return .success(.gone) }
                try await Task.sleep(for: .milliseconds(WorkerLimits.formerHostMilliseconds))
            }
        } catch {
            return .failure(error)
        }
    }

    // MARK: - Ending

    private func obeyStops(_ attempt: LiveAttempt, _ host: FormerHost) async {
        await withDiscardingTaskGroup { ends in
            for await stop in attempt.stops {
                if stop == .end(force: true) {
                    host.kill()
                } else {
                    ends.addTask { await cancel(attempt.id, host) }
                }
            }
            ends.cancelAll()
        }
    }

    /// Cancels the step; kills its process when it takes no notice.
    private func cancel(_ id: AttemptID, _ host: FormerHost) async {
        do {
            try await records.askCancel(id)
            try await Task.sleep(for: .seconds(Limits.graceSeconds + WorkerLimits.stubbornSeconds))
            host.kill()
        } catch is CancellationError {
            return
        } catch {
            // It cannot be asked.
            host.kill()
        }
    }

    /// The process keeps the time itself; this ends one that ignores it. True when it had to.
    private func end(_ host: FormerHost, at moment: Double) async -> Bool {
        do {
            let rest = moment - (try StepRecords.uptime()) + Limits.graceSeconds + WorkerLimits.stubbornSeconds
            try await Task.sleep(for: .seconds(max(0, rest)))
        } catch {
            return false
        }
        host.kill()
        return true
    }
}
