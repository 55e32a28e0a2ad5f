import FlowModel
import Synchronization

/// One order on its way: what the engine says to it, and what it says to the engine.
package final class LiveAttempt: Sendable {
    /// What a stop asks of who carries the attempt out.
    enum Stop: Hashable, Sendable {
        /// Nothing was sent: let go of it.
        case withdraw
        /// End it on its host.
        case end(force: Bool)
    }

    private enum Phase {
        /// Nothing was sent.
        case before
        /// The place was reported; the engine has not answered.
        case asking(CheckedContinuation<Bool, Never>)
        /// It may run.
        case sent
        /// Its stop came before it was sent.
        case withdrawn
    }

    private struct State {
        var phase: Phase
        var wasStopped = false
        /// The hardest stop that was passed on: a second one that is no harder says nothing new.
        var passedOn: Stop?
        var isDetached = false
        /// Why its output waits for room.
        var roomFault: String?
    }

    let order: AttemptOrder
    /// What was opened for it. Nothing is said of the attempt in which one of them stands in clear.
    let secrets = AttemptSecrets()
    /// The stops that come, in order. Read by one task.
    let stops: AsyncStream<Stop>
    private let stopFeed: AsyncStream<Stop>.Continuation
    private let state: Mutex<State>
    private let tell: @Sendable (LiveAttempt, AttemptReport.Event) -> Void
    private let answered: @Sendable (LiveAttempt) async -> Void
    private let log: @Sendable (LiveAttempt, String) -> Void

    init(
        _ order: AttemptOrder, tell: @escaping @Sendable (LiveAttempt, AttemptReport.Event) -> Void,
        answered: @escaping @Sendable (LiveAttempt) async -> Void, log: @escaping @Sendable (LiveAttempt, String) -> Void
    ) {
        self.order = order
        self.tell = tell
        self.answered = answered
        self.log = log
        (stops, stopFeed) = AsyncStream.makeStream()
        state = Mutex(State(phase: order.mode == .start ? .before : .sent))
    }

    var id: AttemptID { order.id }
    var wasStopped: Bool { state.withLock { $0.wasStopped } }

    /// Says something to the engine, with secrets masked, wherever its words come from: this is the one way there. Nothing any more once it
    /// is detached.
    func report(_ event: AttemptReport.Event) {
        guard !state.withLock({ $0.isDetached }) else { return }
        tell(self, event.masked(by: secrets.patterns))
    }

    /// Its output cannot be kept for now; nil: it can again. Said in the engine's log and to whoever looks: to the engine its host is as well as before.
    func outputWaits(_ reason: String?) {
        state.withLock { $0.roomFault = reason }
        if let reason { log(self, "its output waits for room here: \(reason)") }
    }

    var roomFault: String? { state.withLock { $0.roomFault } }

    /// Its host has answered. Returns when it may be given work.
    func hostAnswered() async { await answered(self) }

    /// Reports the place and waits for the engine's answer: true means send it now, false never.
    func placed(_ place: Place) async -> Bool {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOpen = state.withLock { state in
                    guard case .before = state.phase, !Task.isCancelled, !state.isDetached else { return false }
                    state.phase = .asking(continuation)
                    return true
                }
                guard isOpen else { return continuation.resume(returning: false) }
                report(.placed(place))
            }
        } onCancel: {
            answer(false)
        }
    }

    /// The place is journaled.
    func proceed() { answer(true) }

    private func answer(_ isAllowed: Bool) {
        let waiting = state.withLock { state -> CheckedContinuation<Bool, Never>? in
            guard case .asking(let continuation) = state.phase else { return nil }
            state.phase = isAllowed ? .sent : .withdrawn
            return continuation
        }
        waiting?.resume(returning: isAllowed)
    }

    func stop(force: Bool) {
        let (stop, waiting) = state.withLock { state -> (Stop?, CheckedContinuation<Bool, Never>?) in
            state.wasStopped = true
            switch state.phase {
            case .sent:
                let stop = Stop.end(force: force)
                guard state.passedOn == nil || state.passedOn == .end(force: false) && force else { return (nil, nil) }
                state.passedOn = stop
                return (stop, nil)
            case .asking(let continuation):
                state.phase = .withdrawn
                return (.withdraw, continuation)
            case .before, .withdrawn:
                state.phase = .withdrawn
                return (.withdraw, nil)
            }
        }
        waiting?.resume(returning: false)
        if let stop { stopFeed.yield(stop) }
    }

    /// The engine goes away: what runs on its host runs on, and nobody is told of anything.
    func detach() { state.withLock { $0.isDetached = true } }

    /// Whether a stop came before anything was sent, so that it is certain that nothing ran.
    var isWithdrawn: Bool {
        state.withLock { if case .withdrawn = $0.phase { true } else { false } }
    }
}

extension AttemptReport.Event {
    /// With every secret masked in the words for people. What a step hands out was masked when it was read.
    func masked(by patterns: SecretPatterns) -> AttemptReport.Event {
        guard !patterns.isEmpty else { return self }
        switch self {
        case .unreachable(let reason): return .unreachable(patterns.masked(reason))
        case .ended(var result):
            result.lastLine = result.lastLine.map { patterns.masked($0) }
            switch result.outcome {
            case .failed(var failure):
                failure.message = patterns.masked(failure.message)
                result.outcome = .failed(failure)
            case .lost(let reason): result.outcome = .lost(patterns.masked(reason))
            case .succeeded, .timedOut, .cancelled: break
            }
            return .ended(result)
        case .placed, .started, .reachable, .neverStarted: return self
        }
    }

    static func failed(_ failure: AttemptResult.Failure) -> AttemptReport.Event { .ended(AttemptResult(outcome: .failed(failure))) }
    static func failed(_ cause: AttemptResult.Failure.Cause, _ message: String) -> AttemptReport.Event {
        failed(AttemptResult.Failure(cause, message))
    }
    static var cancelled: AttemptReport.Event { .ended(AttemptResult(outcome: .cancelled)) }
}

extension AttemptResult.Failure: Error {}
