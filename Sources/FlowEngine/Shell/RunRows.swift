package import FlowModel

/// The rows of one run as its commits leave them in a store: for the proof that what is written of a change is all that changed.
package struct RunRows {
    private let projection: Projection
    private var loaded: LoadedRun
    package private(set) var steps: [Int: StepRow] = [:]
    private var targets: [[Int]: TargetRow] = [:]
    private var timers: [StepPath: Instant] = [:]
    private var claims: [StepPath: ClaimRow] = [:]
    private var retired: [StepPath: Set<Int>] = [:]

    package init(_ run: Run, hash: @escaping @Sendable ([UInt8]) -> Digest) {
        projection = Projection(hash: hash)
        loaded = LoadedRun(new: run)
    }

    /// Writes what changed in the run, which comes out with nothing left to write.
    package mutating func commit(_ run: inout Run) {
        loaded.run = run
        var batch = CommitBatch(epoch: 0)
        projection.write(&loaded, to: &batch)
        for row in batch.steps { steps[row.index] = row }
        for row in batch.targets { targets[[row.step, row.position]] = row }
        for id in batch.removeTimers { timers[id.step] = nil }
        for timer in batch.setTimers { timers[timer.id.step] = timer.due }
        for id in batch.removeClaims { claims[id.step] = nil }
        for row in batch.setClaims { claims[row.id.step] = row }
        for attempt in batch.attempts { retired[attempt.step, default: []].insert(attempt.attempt.number) }
        loaded.newTimers = []
        run = loaded.run
    }

    /// What is written otherwise than the run is; nil when nothing is.
    package var fault: String? {
        let whole = projection.rows(of: loaded)
        for row in whole.steps where steps[row.index] != row { return "the row of '\(row.path)' is not what the step is" }
        for row in whole.targets where targets[[row.step, row.position]] != row { return "the row of target \(row.name) is not what it is" }
        if timers[Run.gatePath] != loaded.run.gate?.closure.until { return "the timer of the run's gate is not when it is looked at again" }
        if whole.claims != claims.keys.sorted().compactMap({ claims[$0] }) { return "the rows of what it claims are not what it does" }
        for step in loaded.run.steps {
            if timers[step.path] != step.due { return "the timer of '\(step.path)' is not what it waits for" }
            let older = (step.attempt?.row.number ?? 1) - 1
            if retired[step.path, default: []].count != older { return "older attempts of '\(step.path)' have no row" }
        }
        return nil
    }
}
