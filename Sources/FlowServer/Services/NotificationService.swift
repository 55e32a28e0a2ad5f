import FlowEngine
import FlowModel
import FlowStoreSQLite
import Logging
import ServiceLifecycle

/// Delivers messages: that an approval waits, which the engine has decided, and that schedules or hooks stand still.
///
/// At least once: a message leaves the outbox when its delivery succeeded, so a crash in between repeats it. Receivers tell
/// repetitions by `id`. One that fails is tried again with growing pauses, for ever, and holds up no other for longer than its
/// own attempt, unless so many fail that nothing is taken at all.
struct NotificationService: Service {
    private static let firstPauseSeconds = 1.0
    private static let maxPauseSeconds = 300.0
    private static let pollSeconds = 5.0

    let engine: Engine
    /// Messages about no run.
    let notices: Standstills
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
        await hook.close()
    }

    private func deliver(_ failures: inout [Int: Failure]) async {
        // Those that failed before and wait still.
        var waiting: Set<Int> = []
        for source in [Source.runs, .notices] {
            var after = 0
            while !Task.isCancelled {
                let page = await messages(source, after: after)
                for message in page where !Task.isCancelled {
                    // Nobody takes anything: the oldest are tried, and the others are not even read.
                    guard waiting.count < Limits.failingMessages else { return }
                    await deliver(message, &failures)
                    if failures[message.id] != nil { waiting.insert(message.id) }
                }
                guard page.count == Limits.messagePage, let last = page.last else { break }
                after = last.place
            }
        }
        if !Task.isCancelled { failures = failures.filter { waiting.contains($0.key) } }
    }

    private func deliver(_ message: Message, _ failures: inout [Int: Failure]) async {
        if let failure = failures[message.id], failure.next > .now { return }
        do {
            try await hook.deliver(message.body)
            try await remove(message)
            failures[message.id] = nil
        } catch is CancellationError {
            // Stopping: the message stays in the outbox, and the next engine delivers it.
        } catch {
            let count = (failures[message.id]?.count ?? 0) + 1
            let pause = min(NotificationService.firstPauseSeconds * Double(1 << min(count, 20)), NotificationService.maxPauseSeconds)
            failures[message.id] = Failure(count: count, next: .now + .seconds(pause))
            logger.warning(
                "notification not delivered",
                metadata: ["about": "\(message.subject)", "attempt": "\(count)", "nextSeconds": "\(Int(pause))", "error": "\(error)"])
        }
    }

    // MARK: - Where they come from

    private enum Source { case runs, notices }

    private struct Message {
        /// By which a receiver tells a repetition: above zero about runs, below it about anything else.
        var id: Int
        /// Its place among those of its source.
        var place: Int
        var subject: String
        var body: JSON

        init(id: Int, place: Int, subject: String, body: JSON) {
            (self.id, self.place, self.subject) = (id, place, subject)
            var members = body.objectValue ?? [:]
            members["id"] = .int(id)
            self.body = SealedText.redacted(.object(members))
        }
    }

    /// Those behind that place, in order; empty when they cannot be read now.
    private func messages(_ source: Source, after place: Int) async -> [Message] {
        do {
            switch source {
            case .runs:
                return await engine.outbox(after: place, limit: Limits.messagePage).map {
                    Message(id: $0.id, place: $0.id, subject: "run \($0.run)", body: $0.body)
                }
            case .notices:
                return try await notices.notices(after: place, limit: Limits.messagePage).map {
                    Message(id: -$0.number, place: $0.number, subject: $0.body["kind"]?.text ?? "", body: $0.body)
                }
            }
        } catch {
            logger.warning("messages were not read", metadata: ["error": "\(error)"])
            return []
        }
    }

    private func remove(_ message: Message) async throws {
        if message.id > 0 { engine.acknowledge(outbox: message.id) } else { try await notices.remove(notice: message.place) }
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
    /// No more will be delivered.
    func close() async
}

extension NotificationHook {
    func close() async {}
}
