import FlowEngine
import FlowModel
import Synchronization

/// Hands that do nothing and say that it went well, at once or when told.
final class ScriptedHands: AttemptDispatcher {
    private struct State {
        var engine: Engine?
        var early: [AttemptReport] = []
        var fences: [AttemptID: Fence] = [:]
        var held: Set<String> = []
        var waiting: [AttemptID] = []
        var failing: Set<String> = []
    }
    private let state = Mutex(State())

    /// Steps of this name start and do not end until `release` or a stop.
    func hold(_ step: String) { state.withLock { _ = $0.held.insert(step) } }
    func fail(_ step: String) { state.withLock { _ = $0.failing.insert(step) } }

    func connect(_ engine: Engine) {
        let early = state.withLock { state in
            state.engine = engine
            defer { state.early = [] }
            return state.early
        }
        for report in early { engine.report(report) }
    }

    func dispatch(_ order: AttemptOrder) {
        state.withLock { $0.fences[order.id] = order.fence }
        report(order.id, .placed(Place(bootID: "boot", spoolID: "spool")))
    }

    func proceed(_ id: AttemptID) {
        report(id, .started(containment: .session))
        let isHeld = state.withLock { state in
            guard state.held.contains(id.step.text) else { return false }
            state.waiting.append(id)
            return true
        }
        if !isHeld { end(id) }
    }

    func release(_ step: String) {
        let ids = state.withLock { state in
            state.held.remove(step)
            let ids = state.waiting.filter { $0.step.text == step }
            state.waiting.removeAll { $0.step.text == step }
            return ids
        }
        for id in ids { end(id) }
    }

    private func end(_ id: AttemptID) {
        let fails = state.withLock { $0.failing.contains(id.step.text) }
        let outcome: AttemptResult.Outcome =
            fails
            ? .failed(.init(.exitStatus, "exited with status 3"))
            : .succeeded(output: ["exitStatus": 0, "stdout": "hi", "changed": false], changed: false)
        report(id, .ended(AttemptResult(outcome: outcome, exitStatus: fails ? 3 : 0, outputBytes: 2, lastLine: "hi")))
    }

    func stop(_ id: AttemptID, force: Bool) {
        state.withLock { $0.waiting.removeAll { $0 == id } }
        report(id, .ended(AttemptResult(outcome: .cancelled)))
    }

    func forget(_ id: AttemptID, target: Host?) {}

    private func report(_ id: AttemptID, _ event: AttemptReport.Event) {
        let engine = state.withLock { state -> Engine? in
            guard let fence = state.fences[id] else { return nil }
            if state.engine == nil { state.early.append(AttemptReport(id: id, fence: fence, event: event)) }
            return state.engine
        }
        guard let engine, let fence = state.withLock({ $0.fences[id] }) else { return }
        engine.report(AttemptReport(id: id, fence: fence, event: event))
    }
}
