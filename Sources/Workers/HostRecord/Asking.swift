internal import FlowModel
internal import Synchronization

/// How it goes with a host that is asked about one attempt again and again: what the engine is told, and when it is asked next.
///
/// A host answers when it has said something about the attempt. That its runner says hello is not enough: where the account may start nothing
/// more, or its login files have closed standard input, it says so each time, and nothing comes after it.
final class Asking: Sendable {
    private struct State {
        var isUnreachable: Bool
        var pause = HostRecordLimits.firstPauseSeconds
    }

    private let state: Mutex<State>
    private let report: @Sendable (AttemptReport.Event) -> Void

    init(isKnownUnreachable: Bool, report: @escaping @Sendable (AttemptReport.Event) -> Void) {
        state = Mutex(State(isUnreachable: isKnownUnreachable))
        self.report = report
    }

    func answered() {
        let wasUnreachable = state.withLock { state in
            defer { state = State(isUnreachable: false) }
            return state.isUnreachable
        }
        if wasUnreachable { report(.reachable) }
    }

    /// Tells it once, and waits; false when cancellation ended the pause, and with it the asking.
    func failed(_ error: any Error) async -> Bool {
        let (isNews, pause) = state.withLock { state in
            defer { state = State(isUnreachable: true, pause: HostRecordLimits.next(after: state.pause)) }
            return (!state.isUnreachable, state.pause)
        }
        if isNews { report(.unreachable("\(error)")) }
        return await Asking.rests(pause)
    }

    static func rests(_ pause: Double) async -> Bool {
        do {
            try await Task.sleep(for: .seconds(pause))
            return true
        } catch {
            return false
        }
    }
}
