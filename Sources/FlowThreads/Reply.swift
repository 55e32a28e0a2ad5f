import Synchronization

/// An answer that tasks wait for and that another thread gives, once.
package final class Reply<Value: Sendable>: Sendable {
    private enum State {
        case open([@Sendable (Result<Value, any Error>) -> Void])
        case settled(Result<Value, any Error>)
    }

    private let state = Mutex(State.open([]))

    package init() {}

    /// Gives the answer. The first one counts.
    package func settle(_ result: Result<Value, any Error>) {
        let waiting = state.withLock { state -> [@Sendable (Result<Value, any Error>) -> Void] in
            guard case .open(let waiting) = state else { return [] }
            state = .settled(result)
            return waiting
        }
        for told in waiting { told(result) }
    }

    /// Calls `told` with the answer, on the thread that gives it; at once when it is there.
    package func whenSettled(_ told: @escaping @Sendable (Result<Value, any Error>) -> Void) {
        let early = state.withLock { state -> Result<Value, any Error>? in
            switch state {
            case .settled(let result): return result
            case .open(let waiting):
                state = .open(waiting + [told])
                return nil
            }
        }
        if let early { told(early) }
    }

    package var isSettled: Bool {
        state.withLock { if case .settled = $0 { true } else { false } }
    }

    /// Waits for the answer. Cancelling the task calls `onCancel`, which has to bring an answer about; until then it waits on, so
    /// that whoever gives answers alone decides what had happened by then.
    package func value(onCancel: @Sendable () -> Void) async throws -> Value {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                whenSettled { continuation.resume(with: $0) }
            }
        } onCancel: {
            onCancel()
        }
    }
}
