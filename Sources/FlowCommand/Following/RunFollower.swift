import FlowModel
import FlowWire
import Synchronization

/// Follows a run until it ends, showing what happens.
struct RunFollower: Sendable {
    enum Form: Sendable {
        /// A tree on a terminal, lines elsewhere.
        case progress
        /// The same lines on standard error, because standard output is for something else.
        case progressAside
        /// Every journal record as one line of JSON.
        case records
        /// Nothing: somebody else shows the run.
        case silent
    }

    enum Ending: Sendable {
        case ended(RunState)
        case interrupted
    }

    let session: Session
    let form: Form
    private let here = Surroundings.here

    /// `fromStart`: lines for everything that happened so far, too; else only where things stand, then what is new.
    func follow(_ run: Wire.Run, fromStart: Bool) async throws -> Ending {
        var known = FollowedRun(run, steps: try await firstSteps(of: run))
        if fromStart { known.sequence = 0 }
        if !fromStart, isPlain { try await showStanding(known) }
        let board = Board(known)
        let isTree = form == .progress && here.terminal.isInteractive
        return try await withThrowingTaskGroup(of: Ending?.self) { group in
            group.addTask { .ended(try await session.following { try await pump(board) }) }
            group.addTask { await interruption() }
            if isTree {
                group.addTask {
                    try await draw(board)
                    return nil
                }
                group.addTask {
                    try await askForLastLines(board)
                    return nil
                }
            }
            defer { group.cancelAll() }
            while let ending = try await group.next() {
                guard let ending else { continue }
                group.cancelAll()
                // One that is about to draw draws before the last picture, not over it. What they end with says nothing any more.
                while await group.nextResult() != nil {}
                if isTree { try await drawOnce(board, isLast: true) }
                return ending
            }
            throw CancellationError()
        }
    }

    private var isPlain: Bool { form == .progress && !here.terminal.isInteractive || form == .progressAside }

    /// Enough to draw from; steps beyond come with their events.
    private func firstSteps(of run: Wire.Run) async throws(FlowError) -> [Wire.Step] {
        if let steps = run.steps { return steps }
        return try await session.client.run(run.id.text).steps ?? []
    }

    private func interruption() async -> Ending? {
        for await _ in here.interrupts() { return .interrupted }
        // Nobody asks any more because the group was cancelled, or nobody can: then the others decide.
        return nil
    }

    // MARK: - Events

    /// Reads the run's events to their end, across lost connections.
    private func pump(_ board: Board) async throws -> RunState {
        var patience = Patience()
        while true {
            let failure: FlowError
            do {
                let state = try await session.client.events(of: board.id.text, after: board.sequence) { record in
                    // A server that begins anew each time tells nothing new.
                    guard record.sequence > board.sequence else { return }
                    patience.progressed()
                    session.progressed()
                    try await take(record, board)
                }
                if let state { return state }
                failure = Messages.noAnswer(TransportFailure(.lost, ""), from: session.client.address())
            } catch let error as WriteFailure {
                // Nobody reads it here: that is no fault of the connection.
                throw error
            } catch {
                try Task.checkCancellation()
                failure = FlowClient.flowError(error, at: session.client.address())
            }
            if let state = try await wait(after: failure, &patience, run: board.id) { return state }
        }
    }

    /// Waits a little longer each time; gives up when the failure lasts, or would not go away. Gives the state that the run turns out to
    /// have ended in.
    private func wait(after failure: FlowError, _ patience: inout Patience, run: RunID) async throws -> RunState? {
        guard failure.code == .unreachable || failure.code == .overloaded else { throw failure }
        guard let pause = patience.pause(at: here.now()) else { throw Messages.gaveUpFollowing(run, failure) }
        // The first time is nothing to speak of: servers end streams when they restart.
        if patience.tries == 2 { try await session.sayMissed() }
        try await here.pause(pause)
        guard patience.isTimeToLook else { return nil }
        let state = try await session.lookAside { try await $0.run(run.text).state }
        return state?.isTerminal == true ? state : nil
    }

    private func take(_ record: Wire.Record, _ board: Board) async throws {
        let changes = board.change { $0.apply(record) }
        switch form {
        case .progress where here.terminal.isInteractive, .silent: break
        case .progress, .progressAside: for change in changes { try await showLine(change, board.id) }
        case .records: try await here.terminal.show(exact: try body(record).canonical)
        }
    }

    // MARK: - Lines

    private func showLine(_ change: FollowedRun.Change, _ run: RunID) async throws {
        let line = "\(change.at) \(change.step?.text ?? "run \(run)") \(change.text)".neutralised()
        if form == .progressAside { try await here.terminal.say(line) } else { try await here.terminal.show(line) }
    }

    /// Where a run stands that was followed late.
    private func showStanding(_ run: FollowedRun) async throws {
        let state = FollowedRun.Change(
            at: run.endedAt ?? run.startedAt ?? run.createdAt, step: nil,
            text: run.state.rawValue + (run.reason.map { ": \($0)" } ?? ""))
        try await showLine(state, run.id)
        for step in run.steps where step.state != .pending && step.kind != "when" {
            let because = step.reason.map { ": \($0)" } ?? ""
            let at = step.endedAt ?? step.startedAt ?? run.createdAt
            let next = step.release.map { " (\($0))" } ?? ""
            try await showLine(FollowedRun.Change(at: at, step: step.path, text: step.state.rawValue + because + next), run.id)
        }
    }

    // MARK: - Tree

    private func draw(_ board: Board) async throws {
        while true {
            try await drawOnce(board, isLast: false)
            try await here.pause(1 / CommandLimits.redrawsPerSecond)
        }
    }

    private func drawOnce(_ board: Board, isLast: Bool) async throws {
        let size = here.terminal.size()
        let tree = TreeLines(board.run, now: here.now(), style: here.terminal.style)
        // The last picture stays: all of it.
        let lines = tree.lines(columns: max(20, size.columns - 1), rows: isLast ? nil : max(4, size.rows - 1))
        guard let text = board.draw(lines) else { return }
        try await here.terminal.writeOut(Array(text.utf8))
    }

    /// The journal does not hold what a running command prints, so the tree asks for it once a second.
    private func askForLastLines(_ board: Board) async throws {
        while true {
            try await here.pause(1)
            guard board.run.steps.contains(where: { $0.state == .running && $0.attempt > 0 }) else { continue }
            // Decoration: what cannot be had now is left out.
            guard let why = try? await session.client.why(board.id.text) else { continue }
            board.change { run in
                for running in why.running where run[running.step]?.attempt == running.attempt {
                    run.update(running.step) { $0.lastLine = running.lastLine ?? $0.lastLine }
                }
            }
        }
    }
}

/// What the tasks of a follower share.
private final class Board: Sendable {
    private let state: Mutex<(run: FollowedRun, screen: LiveScreen)>
    let id: RunID

    init(_ run: FollowedRun) {
        id = run.id
        state = Mutex((run, LiveScreen()))
    }

    var run: FollowedRun { state.withLock { $0.run } }
    var sequence: Int { state.withLock { $0.run.sequence } }

    @discardableResult
    func change<Value>(_ body: (inout FollowedRun) -> Value) -> Value where Value: Sendable {
        state.withLock { body(&$0.run) }
    }

    func draw(_ lines: [String]) -> String? { state.withLock { $0.screen.draw(lines) } }
}
