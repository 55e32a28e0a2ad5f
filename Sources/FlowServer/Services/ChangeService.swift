import FlowAPI
import FlowEngine
import ServiceLifecycle

/// Feeds the event streams. Last in the group, and so the first to end: listeners can finish only when no stream is open.
struct ChangeService: Service {
    let engine: Engine
    let hub: ChangeHub

    func run() async throws {
        let changes = engine.changes()
        await cancelWhenGracefulShutdown { await hub.run(changes) }
        hub.close()
    }
}
