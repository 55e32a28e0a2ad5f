package import FlowModel
internal import Synchronization

/// That the store takes nothing now, such as a full disk: since when, and why.
package struct CommitRefusal: Hashable, Sendable {
    package var since: Instant
    package var message: String
}

/// What the writer knows of commits that were refused, for all who ask how the engine is.
final class CommitRefusals: Sendable {
    /// How long a refusal counts when nothing waits to be committed: nobody has tried again since.
    private static let keptSeconds = 60.0

    private struct State {
        var count = 0
        var now: CommitRefusal?
        var last: Instant?
        /// Something waits that is tried again by itself.
        var isWaiting = false
    }

    private let state = Mutex(State())

    /// How many there were since the process began.
    var count: Int { state.withLock { $0.count } }

    func note(_ message: String, at now: Instant, isWaiting: Bool) {
        state.withLock { state in
            state.count += 1
            state.now = CommitRefusal(since: state.now?.since ?? now, message: message)
            (state.last, state.isWaiting) = (now, isWaiting)
        }
    }

    /// Nothing waits any more for a commit to go through: a refusal is over when nobody has met another for a while.
    func nothingWaits() { state.withLock { $0.isWaiting = false } }

    /// A commit went through.
    func end() { state.withLock { $0.now = nil } }

    func current(at now: Instant) -> CommitRefusal? {
        state.withLock { state in
            guard let current = state.now, let last = state.last else { return nil }
            return state.isWaiting || abs(now.seconds(since: last)) < CommitRefusals.keptSeconds ? current : nil
        }
    }
}

extension Engine {
    /// Why nothing can be committed now; nil when commits go through. What steps report meanwhile waits, and is committed when they do.
    package func commitRefusal(at now: Instant) -> CommitRefusal? { commitRefusals.current(at: now) }

    /// Commits that the store has refused since the process began.
    package var refusedCommits: Int { commitRefusals.count }
}
