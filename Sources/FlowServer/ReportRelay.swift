import FlowEngine
import FlowModel
import Synchronization

/// Carries what the hands say to the engine. The two need each other and one must come first: what is said before the engine
/// exists waits here.
final class ReportRelay: Sendable {
    private struct State {
        var engine: Engine?
        var early: [AttemptReport] = []
    }
    private let state = Mutex(State())

    func report(_ report: AttemptReport) {
        let engine = state.withLock { state in
            if state.engine == nil { state.early.append(report) }
            return state.engine
        }
        engine?.report(report)
    }

    func connect(_ engine: Engine) {
        let early = state.withLock { state in
            state.engine = engine
            defer { state.early = [] }
            return state.early
        }
        for report in early { engine.report(report) }
    }
}
