/// Calls that block, off Swift's cooperative pool.
extension BlockingThreads {
    /// For files.
    static let files = BlockingThreads(limit: WorkerLimits.fileThreads)
    /// For starting processes: each takes a millisecond in which its thread stands still.
    static let spawning = BlockingThreads(limit: WorkerLimits.spawnThreads)
    /// For what secrets are looked for by. One: attempts that begin together have the same, and the second finds them made.
    static let patterns = BlockingThreads(limit: WorkerLimits.patternThreads)

    /// Runs `body` on one of the threads and waits for it. It is not cancelled once asked for.
    func call<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            run { continuation.resume(with: Result { try body() }) }
        }
    }

    /// Runs a `body` that cannot fail.
    func call<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
        await withCheckedContinuation { continuation in
            run { continuation.resume(returning: body()) }
        }
    }
}
