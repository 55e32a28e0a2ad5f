import Synchronization

/// Lends out a number of bytes of memory; who does not fit waits in line.
final class ByteBudget: Sendable {
    private struct State {
        var free: Int
        var line: [(id: UInt64, bytes: Int, ready: CheckedContinuation<Void, any Error>)] = []
        var next: UInt64 = 0
    }

    private let total: Int
    private let state: Mutex<State>

    init(_ total: Int) {
        self.total = total
        state = Mutex(State(free: total))
    }

    /// Runs `body` while `bytes` are lent to it. Throws `CancellationError` while it waits.
    func lend<Value: Sendable>(_ bytes: Int, _ body: () async -> Value) async throws -> Value {
        let bytes = min(bytes, total)
        try await take(bytes)
        defer { giveBack(bytes) }
        return await body()
    }

    private func take(_ bytes: Int) async throws {
        let id = state.withLock { state in
            state.next += 1
            return state.next
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let early: Result<Void, any Error>? = state.withLock { state in
                    if Task.isCancelled { return .failure(CancellationError()) }
                    if state.line.isEmpty, bytes <= state.free {
                        state.free -= bytes
                        return .success(())
                    }
                    state.line.append((id, bytes, continuation))
                    return nil
                }
                if let early { continuation.resume(with: early) }
            }
        } onCancel: {
            let waiting = state.withLock { state in
                state.line.firstIndex { $0.id == id }.map { state.line.remove(at: $0).ready }
            }
            waiting?.resume(throwing: CancellationError())
            // Those behind it may fit.
            giveBack(0)
        }
    }

    private func giveBack(_ bytes: Int) {
        let ready = state.withLock { state in
            state.free += bytes
            var ready: [CheckedContinuation<Void, any Error>] = []
            while let first = state.line.first, first.bytes <= state.free {
                state.free -= first.bytes
                ready.append(first.ready)
                state.line.removeFirst()
            }
            return ready
        }
        for continuation in ready { continuation.resume() }
    }
}
