import FlowModel
import FlowWire

/// The end of a followed run: what is said, and the exit status.
enum FollowedOutcome {
    /// Follows a run to its end. Throws the exit status unless it succeeded.
    static func follow(_ run: Wire.Run, _ session: Session, _ show: ShowOptions, fromStart: Bool) async throws {
        let form: RunFollower.Form = show.isJSON ? .progressAside : .progress
        let ending = try await RunFollower(session: session, form: form).follow(run, fromStart: fromStart)
        try await conclude(ending, run.id, session, show)
    }

    /// Follows a run of `exec`: what the hosts write is the data.
    static func followOutputs(_ run: Wire.Run, _ session: Session, _ show: ShowOptions) async throws {
        let logs = LogFollower(session: session, isAlone: false) { step, target in target ?? step.text }
        let ending = try await withThrowingTaskGroup(of: RunFollower.Ending?.self) { group in
            group.addTask {
                try await RunFollower(session: session, form: show.isJSON ? .progressAside : .silent)
                    .follow(run, fromStart: true)
            }
            if !show.isJSON {
                group.addTask {
                    _ = try await logs.follow(run.id)
                    return nil
                }
            }
            defer { group.cancelAll() }
            var ending: RunFollower.Ending?
            // Both must end by themselves, so that the last lines are shown; an interruption ends both.
            while let result = try await group.next() {
                if case .interrupted = result { return RunFollower.Ending.interrupted }
                ending = result ?? ending
            }
            guard let ending else { throw CancellationError() }
            return ending
        }
        try await conclude(ending, run.id, session, show)
    }

    private static func conclude(
        _ ending: RunFollower.Ending, _ id: RunID, _ session: Session, _ show: ShowOptions
    ) async throws {
        let terminal = Surroundings.here.terminal
        guard case .ended(let state) = ending else {
            try await terminal.say(Messages.interrupted(id))
            throw CommandExit.interrupted
        }
        if show.isJSON {
            try await terminal.show(exact: try await session.client.request("GET", session.client.path(id.text)).pretty)
        }
        if state != .succeeded { try await explain(id, session) }
        let status = CommandExit(state)
        if status != .succeeded { throw status }
    }

    /// Why it did not succeed, and how to go on.
    private static func explain(_ id: RunID, _ session: Session) async throws {
        let run = try await session.client.run(id.text)
        var failed: [Wire.Step] = []
        // A run of many steps keeps the failed ones on later pages.
        for step in run.next == nil ? run.steps ?? [] : try await session.client.steps(of: id.text)
        where step.state == .failed || step.state == .unknown {
            failed.append(step)
        }
        let next: [Wire.NextStep]?
        do {
            next = try await session.client.why(id.text).next
        } catch {
            // The outcome is known, and told all the same. How it goes on is not: where an undo is left in the middle, a retry would be wrong.
            next = [Wire.NextStep("flowctl why \(id)")]
        }
        try await Surroundings.here.terminal.say(Messages.notSucceeded(run, failed: failed, next: next))
    }
}
