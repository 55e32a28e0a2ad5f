import FlowAPI
import FlowEngine
import FlowModel
import Logging
import ServiceLifecycle
import Synchronization

/// When the server was last asked for something.
package final class Activity: Sendable {
    private let state = Mutex<(open: Int, last: ContinuousClock.Instant)>((0, .now))

    func begin() { state.withLock { $0 = ($0.open + 1, .now) } }
    func end() { state.withLock { $0 = ($0.open - 1, .now) } }

    /// How long nobody has asked for anything; zero while a request is being answered.
    var idle: Duration { state.withLock { $0.open > 0 ? .zero : .now - $0.last } }
}

/// Ends an engine that was left running for its runs, once none of them needs it and nobody listens.
///
/// A run that waits for a person does not keep it: it waits in the journal, and the next command opens the engine again.
struct IdleService: Service {
    private static let lookSeconds = 1.0

    let seconds: Double
    let activity: Activity
    let hub: ChangeHub
    let reader: any JournalReader
    let engine: Engine
    let logger: Logger

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                try? await Task.sleep(for: .seconds(IdleService.lookSeconds))
                guard !Task.isCancelled, activity.idle >= .seconds(seconds), hub.count == 0 else { continue }
                do {
                    if try await !isNeeded() { break }
                } catch {
                    logger.warning("cannot tell whether runs are open", metadata: ["error": "\(error)"])
                }
            }
        }
        if !Task.isShuttingDownGracefully { logger.info("idle, stopping", metadata: ["seconds": "\(seconds)"]) }
    }

    /// Whether a run has something out or to do, or waits for a moment that only an engine notices.
    private func isNeeded() async throws -> Bool {
        var query = RunQuery(states: [.queued, .running, .waiting, .cancelling, .undoing], limit: APILimits.maxPage, inputsUpTo: 0)
        while true {
            let rows = try await reader.runs(query).map(engine.shown)
            if rows.contains(where: { $0.isLive || $0.waitingFor.contains { $0.until != nil || $0.kind == .unreachable } }) {
                return true
            }
            guard rows.count == APILimits.maxPage, let last = rows.last else { return false }
            query.before = last.id
        }
    }
}
