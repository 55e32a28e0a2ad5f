import FlowEngine
import FlowModel
import FlowStoreSQLite
import Logging
import ServiceLifecycle

/// Deletes runs that ended long ago and blobs that nothing names any more, and gives their room back to the disk: a little at a time,
/// so that the writer is never held up for long.
struct RetentionService: Service {
    private static let everySeconds = 3_600.0
    private static let pauseSeconds = 0.2
    private static let runsAtOnce = 50

    let engine: Engine
    let store: SQLiteStore
    /// In order: a run belongs to the first that fits it.
    let policies: [RetentionPolicy]
    /// Removes outputs of runs that are gone.
    let sweepOutputs: @Sendable () async throws -> Void
    let now: @Sendable () -> Instant
    /// Why nothing may be deleted by age now; nil when it may.
    let doubt: @Sendable () -> String?
    let logger: Logger

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                await sweep()
                try? await Task.sleep(for: .seconds(RetentionService.everySeconds))
            }
        }
    }

    private func sweep() async {
        if let doubt = doubt() {
            logger.warning("retention is held", metadata: ["reason": "\(doubt)"])
            return
        }
        var deleted = 0
        do {
            for (number, policy) in policies.enumerated() {
                let runs = RetainedRuns(policy, after: Array(policies[..<number]))
                if let cutoff = try await cutoff(of: policy, runs) { try await delete(runs, endedBefore: cutoff, &deleted) }
            }
            try await sweepOutputs()
            try await sweepBlobs()
            try await giveBack()
        } catch is CancellationError {
            return
        } catch {
            // Nothing is lost by deleting later: the next sweep tries again.
            logger.warning("retention stopped early", metadata: ["error": "\(error)"])
        }
        if deleted > 0 { logger.info("retention", metadata: ["runs": "\(deleted)"]) }
    }

    private func sweepBlobs() async throws {
        let time = now()
        guard try await onWriter({ try $0.isBlobSweepDue(now: time) }) ?? false else { return }
        let cutoff = time + -StoreLimits.blobGraceSeconds
        let unused = try await store.unusedBlobs(storedBefore: cutoff)
        guard !unused.digests.isEmpty else { return }
        let bytes = try await onWriter { try $0.removeBlobs(unused, storedBefore: cutoff) } ?? 0
        logger.info("blobs that nothing named were removed", metadata: ["bytes": "\(bytes)"])
    }

    private func giveBack() async throws {
        while try await onWriter({ try $0.giveBackPages() }) ?? false, !Task.isCancelled {
            try await Task.sleep(for: .seconds(RetentionService.pauseSeconds))
        }
    }

    private func onWriter<Value: Sendable>(_ work: @escaping @Sendable (SQLiteStore) throws -> Value) async throws -> Value? {
        try await engine.exclusively { store in try (store as? SQLiteStore).map(work) }
    }

    /// The later of the two bounds; nil when neither deletes anything.
    private func cutoff(of policy: RetentionPolicy, _ runs: RetainedRuns) async throws -> Instant? {
        let byAge = policy.days.map { now() + -$0 * 86_400 }
        var byCount: Instant?
        if let count = policy.runs { byCount = count == 0 ? now() : try await store.end(ofNewest: count, of: runs) }
        return [byAge, byCount].compactMap { $0 }.max()
    }

    private func delete(_ runs: RetainedRuns, endedBefore cutoff: Instant, _ deleted: inout Int) async throws {
        var hasMore = true
        while hasMore, !Task.isCancelled {
            let result =
                try await onWriter {
                    try $0.deleteRuns(runs, endedBefore: cutoff, limit: RetentionService.runsAtOnce)
                } ?? SQLiteStore.Deletion.nothing
            deleted += result.runs
            hasMore = result.hasMore
            if hasMore { try await Task.sleep(for: .seconds(RetentionService.pauseSeconds)) }
        }
    }
}

extension SQLiteStore.Deletion {
    fileprivate static let nothing = SQLiteStore.Deletion(runs: 0, hasMore: false)
}
