import Synchronization

/// Lets one task sleep until something happened. A signal that comes before the sleep is not lost.
final class Wakeup: Sendable {
    private struct State {
        var isSignalled = false
        var waiter: CheckedContinuation<Void, any Error>?
    }

    private let state = Mutex(State())

    /// Wakes the task that sleeps, or the next one that wants to.
    func signal() {
        let waiter = state.withLock { state in
            defer { state.waiter = nil }
            if state.waiter == nil { state.isSignalled = true }
            return state.waiter
        }
        waiter?.resume()
    }

    /// Returns after the next signal, perhaps too early: check and sleep again. Throws `CancellationError`.
    func wait() async throws {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let early: Result<Void, any Error>? = state.withLock { state in
                    precondition(state.waiter == nil, "two tasks wait for one wakeup")
                    if Task.isCancelled { return .failure(CancellationError()) }
                    if state.isSignalled {
                        state.isSignalled = false
                        return .success(())
                    }
                    state.waiter = continuation
                    return nil
                }
                if let early { continuation.resume(with: early) }
            }
        } onCancel: {
            let waiter = state.withLock { state in
                defer { state.waiter = nil }
                return state.waiter
            }
            waiter?.resume(throwing: CancellationError())
        }
    }
}
