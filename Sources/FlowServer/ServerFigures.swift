import CFlowShims
import FlowAPI
import FlowModel
import FlowStoreSQLite
import Synchronization

/// What `/metrics` says of the home: counted when it is asked for, and not again for a moment, however many ask.
final class ServerFigures: Sendable {
    private static let keptSeconds = 5.0

    private let store: SQLiteStore
    private let home: Home
    private let load: @Sendable () -> (running: Int, waiting: Int)
    private let now: @Sendable () -> Instant
    private let kept = Mutex<(at: Instant, figures: StoreFigures)?>(nil)

    init(
        store: SQLiteStore, home: Home, load: @escaping @Sendable () -> (running: Int, waiting: Int), now: @escaping @Sendable () -> Instant
    ) {
        self.store = store
        self.home = home
        self.load = load
        self.now = now
    }

    func figures() async throws -> [Figure] {
        let now = now()
        let stored = try await stored(now)
        let load = load()
        var figures = RunState.allCases.map { state in
            Figure("flow_runs", "Runs that are kept, by state.", label: ("state", state.rawValue), Double(stored.runs[state] ?? 0))
        }
        figures += [
            Figure("flow_approvals_open", "Gates that wait for people.", Double(stored.openApprovals)),
            Figure(
                "flow_approval_oldest_wait_seconds", "How long the gate that has waited for longest has waited; 0: none waits.",
                stored.oldestApproval.map { max(0, now.seconds(since: $0)) } ?? 0),
            Figure("flow_steps_unknown", "Steps of open runs whose outcome is unknown.", Double(stored.unknownSteps)),
            Figure("flow_attempts_running", "Attempts that workers carry out.", Double(load.running)),
            Figure("flow_attempts_waiting", "Attempts that wait for a place.", Double(load.waiting)),
            Figure("flow_database_bytes", "The database and its log.", Double(stored.bytes)),
        ]
        let free = flow_free_bytes(home.path)
        if free >= 0 { figures.append(Figure("flow_home_free_bytes", "Room that is left for the home.", Double(free))) }
        if let backup = stored.lastBackup {
            figures.append(Figure("flow_backup_age_seconds", "How long ago the last backup was taken.", max(0, now.seconds(since: backup))))
        }
        return figures
    }

    private func stored(_ now: Instant) async throws -> StoreFigures {
        if let kept = kept.withLock({ $0 }), abs(now.seconds(since: kept.at)) < ServerFigures.keptSeconds { return kept.figures }
        let figures = try await store.figures()
        kept.withLock { $0 = (now, figures) }
        return figures
    }
}
