package import FlowModel
internal import Synchronization

/// Hands that keep every order until a script answers it.
package final class ScriptedHands: AttemptDispatcher {
    private struct State {
        var open: [AttemptOrder] = []
        /// The newest order of each step that was ever handed out, for reports that come late.
        var newest: [TimerKey: AttemptOrder] = [:]
        var stopped: Set<AttemptID> = []
    }

    private struct TimerKey: Hashable {
        var run: RunID
        var step: StepPath
    }

    private let state = Mutex(State())

    package init() {}

    package func dispatch(_ order: AttemptOrder) {
        state.withLock { state in
            state.open.removeAll { $0.id == order.id }
            state.open.append(order)
            state.newest[TimerKey(run: order.id.run, step: order.id.step)] = order
        }
    }

    package func proceed(_ id: AttemptID) {}
    package func stop(_ id: AttemptID, force: Bool) { state.withLock { _ = $0.stopped.insert(id) } }
    package func forget(_ id: AttemptID, target: Host?) {}

    /// Orders that nobody has ended yet, in the order in which they came.
    package var open: [AttemptOrder] { state.withLock { $0.open } }

    /// The newest order of a step.
    package func order(of step: StepPath, in run: RunID) -> AttemptOrder? {
        state.withLock { $0.newest[TimerKey(run: run, step: step)] }
    }

    package func isStopped(_ id: AttemptID) -> Bool { state.withLock { $0.stopped.contains(id) } }

    func end(_ id: AttemptID) { state.withLock { state in state.open.removeAll { $0.id == id } } }
}
