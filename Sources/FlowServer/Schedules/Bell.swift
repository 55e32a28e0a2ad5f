import Synchronization

/// Wakes the one who waits; rung while nobody does, it wakes the next one at once.
final class Bell: Sendable {
    private let state = Mutex<(isRung: Bool, waiting: CheckedContinuation<Void, Never>?)>((false, nil))

    func ring() {
        let waiting = state.withLock { state in
            defer { state.waiting = nil }
            state.isRung = state.waiting == nil
            return state.waiting
        }
        waiting?.resume()
    }

    /// Returns when it rings or the task is cancelled.
    func wait() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isReady = state.withLock { state in
                    if state.isRung || Task.isCancelled {
                        state.isRung = false
                        return true
                    }
                    state.waiting = continuation
                    return false
                }
                if isReady { continuation.resume() }
            }
        } onCancel: {
            ring()
        }
    }
}
