import FlowEngine
import FlowStoreSQLite
import Logging
import ServiceLifecycle

/// Keeps the engine for as long as the others need it: first in the group, and so the last to end.
struct EngineService: Service {
    let engine: Engine
    let store: SQLiteStore
    let logger: Logger

    func run() async throws {
        do {
            try await gracefulShutdown()
        } catch is CancellationError {
            // Ended in a hurry: what has arrived is committed all the same.
        }
        await engine.shutdown()
        do {
            try store.close()
        } catch {
            logger.error("the database was not closed cleanly; nothing acknowledged is lost", metadata: ["error": "\(error)"])
        }
        logger.info("engine stopped; scripts that run go on")
    }
}
