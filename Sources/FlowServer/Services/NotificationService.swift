import FlowEngine
import FlowModel
import Logging
import ServiceLifecycle

/// Delivers messages that the engine has decided: for now, that an approval waits.
///
/// At least once: a message leaves the outbox when its delivery succeeded, so a crash in between repeats it. Receivers tell
/// repetitions by `id`. One that fails is tried again with growing pauses, for ever, and holds up no other for longer than its
/// own attempt.
struct NotificationService: Service {
    private static let firstPauseSeconds = 1.0
    private static let maxPauseSeconds = 300.0
    private static let pollSeconds = 5.0

    let engine: Engine
    let hook: any NotificationHook
    let logger: Logger

    private struct Failure {
        var count: Int
        var next: ContinuousClock.Instant
    }

    func run() async throws {
        await cancelWhenGracefulShutdown {
            var failures: [Int: Failure] = [:]
            let (wakes, wake) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
            await withTaskGroup(of: Void.self) { group in
                group.addTask {
                    for await change in engine.changes() where change.hasMessages { wake.yield() }
                    wake.finish()
                }
                group.addTask {
                    while (try? await Task.sleep(for: .seconds(NotificationService.pollSeconds))) != nil { wake.yield() }
                }
                wake.yield()
                for await _ in wakes { await deliver(&failures) }
                group.cancelAll()
            }
        }
    }

    private func deliver(_ failures: inout [Int: Failure]) async {
        let rows = await engine.outbox()
        let waiting = Set(rows.map(\.id))
        failures = failures.filter { waiting.contains($0.key) }
        for row in rows where !Task.isCancelled {
            if let failure = failures[row.id], failure.next > .now { continue }
            do {
                try await hook.deliver(NotificationService.message(row))
                engine.acknowledge(outbox: row.id)
                failures[row.id] = nil
            } catch is CancellationError {
                // Stopping: the message stays in the outbox, and the next engine delivers it.
                return
            } catch {
                let count = (failures[row.id]?.count ?? 0) + 1
                let pause = min(
                    NotificationService.firstPauseSeconds * Double(1 << min(count, 20)), NotificationService.maxPauseSeconds)
                failures[row.id] = Failure(count: count, next: .now + .seconds(pause))
                logger.warning(
                    "notification not delivered",
                    metadata: ["run": "\(row.run)", "attempt": "\(count)", "nextSeconds": "\(Int(pause))", "error": "\(error)"])
            }
        }
    }

    /// The engine's message with its number, by which a receiver tells a repetition.
    private static func message(_ row: OutboxRow) -> JSON {
        var members = row.body.objectValue ?? [:]
        members["id"] = .int(row.id)
        return SealedText.redacted(.object(members))
    }
}

/// Without a hook messages are taken from the outbox and forgotten: nobody asked for them.
struct NoHook: NotificationHook {
    func deliver(_ message: JSON) async throws {}
}

/// Where messages go.
protocol NotificationHook: Sendable {
    /// Returns once the receiver has taken it.
    func deliver(_ message: JSON) async throws
}
