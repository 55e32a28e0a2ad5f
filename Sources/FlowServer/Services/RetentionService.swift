import FlowEngine
import FlowModel
import FlowStoreSQLite
import Logging
import ServiceLifecycle

/// Deletes runs that ended long ago, a few at a time, so that the writer is never held up for long.
struct RetentionService: Service {
    private static let everySeconds = 3_600.0
    private static let pauseSeconds = 0.2
    private static let runsAtOnce = 50

    let engine: Engine
    let days: Double
    /// Removes outputs of runs that are gone.
    let sweepOutputs: @Sendable () async throws -> Void
    let now: @Sendable () -> Instant
    let logger: Logger

    func run() async throws {
        guard days > 0 else { return try await gracefulShutdown() }
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                await sweep()
                try? await Task.sleep(for: .seconds(RetentionService.everySeconds))
            }
        }
    }

    private func sweep() async {
        let cutoff = now() + -days * 86_400
        var deleted = 0
        do {
            var hasMore = true
            while hasMore, !Task.isCancelled {
                let result = try await engine.exclusively { store in
                    guard let store = store as? SQLiteStore else { return SQLiteStore.Deletion.nothing }
                    return try store.deleteRuns(endedBefore: cutoff, limit: RetentionService.runsAtOnce)
                }
                deleted += result.runs
                hasMore = result.hasMore
                if hasMore { try await Task.sleep(for: .seconds(RetentionService.pauseSeconds)) }
            }
            try await sweepOutputs()
        } catch is CancellationError {
            return
        } catch {
            // Nothing is lost by deleting later: the next sweep tries again.
            logger.warning("retention stopped early", metadata: ["error": "\(error)"])
        }
        if deleted > 0 { logger.info("retention", metadata: ["runs": "\(deleted)", "before": "\(cutoff)"]) }
    }
}

extension SQLiteStore.Deletion {
    fileprivate static let nothing = SQLiteStore.Deletion(runs: 0, hasMore: false)
}
