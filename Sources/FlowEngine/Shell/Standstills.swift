package import FlowModel
internal import Synchronization

/// Runs that the engine cannot touch, and why: their journal is damaged, or they end the process. Nothing can be written about them
/// where it happens, so it is remembered here, for `why` and for whoever asks whether the engine is needed.
final class Standstills: Sendable {
    /// Runs that are remembered; of more the log tells.
    private static let kept = 1_000

    private let reasons = Mutex<[RunID: String]>([:])

    /// A journal that cannot be read now may be read later; one that is damaged stays so.
    func note(_ run: RunID, _ error: StoreError) {
        guard case .corrupt(let message) = error else { return }
        note(run, "its journal is damaged: \(message)")
    }

    func note(_ run: RunID, _ reason: String) {
        reasons.withLock { reasons in
            if reasons.count < Standstills.kept || reasons[run] != nil { reasons[run] = reason }
        }
    }

    subscript(run: RunID) -> String? { reasons.withLock { $0[run] } }
}

extension Engine {
    /// The row as it has to be shown: a run that the engine cannot touch stands still, whatever its row says.
    package func shown(_ row: RunRow) -> RunRow {
        guard !row.state.isTerminal, let reason = standstills[row.id] else { return row }
        var shown = row
        shown.state = .paused
        shown.reason = "set aside: \(reason)"
        shown.isLive = false
        shown.waitingFor = [
            Waiting(kind: .hold, subject: row.id.text, since: row.startedAt ?? row.createdAt, release: "flowctl doctor")
        ]
        return shown
    }
}
