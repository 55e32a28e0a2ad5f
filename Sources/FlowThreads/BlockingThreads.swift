import Synchronization

/// Runs jobs that may block, each in turn, on at most `limit` threads. Threads live as long as there is work.
package final class BlockingThreads: Sendable {
    private struct State {
        var jobs: [@Sendable () -> Void] = []
        var threads = 0
    }

    /// Jobs in the line of `call(until:)`: behind calls that hang for good nobody's turn comes.
    private static let mostWaiting = 4_096

    private let limit: Int
    private let state = Mutex(State())

    package init(limit: Int) { self.limit = limit }

    package func run(_ job: @escaping @Sendable () -> Void) {
        let isNew = state.withLock { state in
            state.jobs.append(job)
            guard state.threads < limit else { return false }
            state.threads += 1
            return true
        }
        guard isNew, !OwnThread.start({ self.work() }) else { return }
        // The system has no thread left. The job stays for one that runs; where none does, this one does it: to block a caller is
        // better than to leave it waiting for ever.
        let isAlone = state.withLock { state in
            guard state.threads > 1 else { return true }
            state.threads -= 1
            return false
        }
        if isAlone { work() }
    }

    fileprivate var isFull: Bool { state.withLock { $0.jobs.count >= Self.mostWaiting } }

    private func work() {
        while let job = next() { job() }
    }

    private func next() -> (@Sendable () -> Void)? {
        state.withLock { state in
            guard state.jobs.isEmpty else { return state.jobs.removeFirst() }
            state.threads -= 1
            return nil
        }
    }
}

extension BlockingThreads {
    /// Runs `body` on one of the threads and waits for it. It is not cancelled once asked for.
    package func call<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            run { continuation.resume(with: Result { try body() }) }
        }
    }

    /// Runs a `body` that cannot fail.
    package func call<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
        await withCheckedContinuation { continuation in
            run { continuation.resume(returning: body()) }
        }
    }

    /// Runs `body` on one of the threads and waits for it no longer than until `end`: nil when it has not ended by then. It goes on all the same, since
    /// nothing ends a call that blocks; what it gives is let go of. One whose turn comes later than that is not begun, and none
    /// where `mostWaiting` wait for theirs. Throws what `body` throws, and
    /// `CancellationError` as soon as the task is cancelled.
    package func call<Value: Sendable>(until end: ContinuousClock.Instant, _ body: @escaping @Sendable () throws -> Value) async throws -> Value? {
        guard !isFull else { return nil }
        let reply = Reply<Value?>()
        run {
            guard !reply.isSettled else { return }
            reply.settle(Result { try body() })
        }
        return try await reply.value(until: end)
    }
}

extension Reply {
    /// Waits for the answer no longer than until `end`: nil when there is none by then. Throws `CancellationError` as soon as the task is
    /// cancelled. Who else waits for this answer gets that, too.
    package func value<Wrapped: Sendable>(until end: ContinuousClock.Instant) async throws -> Value where Value == Wrapped? {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await Task.sleep(until: end, clock: .continuous)
                self.settle(.success(nil))
            }
            defer { group.cancelAll() }
            return try await self.value { self.settle(.failure(CancellationError())) }
        }
    }
}
