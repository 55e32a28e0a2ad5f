import FlowThreads

/// Calls that block, off Swift's cooperative pool.
extension BlockingThreads {
    /// For files.
    static let files = BlockingThreads(limit: WorkerLimits.fileThreads)
    /// For starting processes: each takes a millisecond in which its thread stands still.
    static let spawning = BlockingThreads(limit: WorkerLimits.spawnThreads)
    /// For what secrets are looked for by. One: attempts that begin together have the same, and the second finds them made.
    static let patterns = BlockingThreads(limit: WorkerLimits.patternThreads)
}
