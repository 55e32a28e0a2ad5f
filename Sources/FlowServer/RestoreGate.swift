import FlowEngine
import FlowModel
import FlowStoreSQLite
import Logging
import Synchronization

/// Keeps a database that came out of a backup from doing anything again.
///
/// What happened after the backup was taken happened in the world and is not in the journal. So every open run is paused before
/// anything is handed out, and what the engine wanted to start meanwhile is given back as never started; an operator looks and
/// resumes. Asking hosts about attempts that were out is harmless and goes through.
final class RestoreGate: AttemptDispatcher {
    private let hands: any AttemptDispatcher
    /// False in an engine that only answers: for hosts and hands it is as if it had ended before it could ask for anything.
    private let isForWork: Bool
    private let report: @Sendable (AttemptReport) -> Void
    private let isOpen: Mutex<Bool>

    init(behind hands: any AttemptDispatcher, isForWork: Bool, isOpen: Bool, report: @escaping @Sendable (AttemptReport) -> Void) {
        self.hands = hands
        self.isForWork = isForWork
        self.report = report
        self.isOpen = Mutex(isOpen)
    }

    func dispatch(_ order: AttemptOrder) {
        guard isForWork else { return }
        if order.mode == .start, !isOpen.withLock({ $0 }) {
            return report(AttemptReport(id: order.id, fence: order.fence, event: .neverStarted))
        }
        hands.dispatch(order)
    }

    func proceed(_ id: AttemptID) { hands.proceed(id) }
    func stop(_ id: AttemptID, force: Bool) { if isForWork { hands.stop(id, force: force) } }
    func forget(_ id: AttemptID, target: Host?) { if isForWork { hands.forget(id, target: target) } }

    /// Pauses the open runs of a restored database, then lets orders through.
    func pauseRestored(engine: Engine, store: SQLiteStore, at: Instant, logger: Logger) async throws {
        guard store.isRestored else { return }
        var query = RunQuery(states: [.queued, .running, .waiting, .undoing, .cancelling], limit: 500, inputsUpTo: 0)
        var paused = 0
        while true {
            let rows = try await store.runs(query)
            for row in rows {
                do {
                    _ = try await engine.perform(
                        .pause, on: row.id, by: .engine, message: "restored from a backup: look before it goes on")
                    paused += 1
                } catch {
                    // A conflict: it ended or was paused between the two looks.
                    if error.code != .conflict { throw error }
                }
            }
            guard rows.count == query.limit, let last = rows.last else { break }
            query.before = last.id
        }
        try await engine.exclusively { _ in try store.acceptRestore(at: at) }
        isOpen.withLock { $0 = true }
        logger.warning("the database came out of a backup: open runs are paused", metadata: ["runs": "\(paused)"])
    }
}
