import FlowModel
import Logging
import ServiceLifecycle

/// Writes what hooks refused to the database every few seconds, and once more at the end.
struct RefusalService: Service {
    let hooks: HookBook
    let logger: Logger

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while (try? await Task.sleep(for: .seconds(Limits.hookRefusalSeconds))) != nil { await write() }
        }
        await write()
    }

    private func write() async {
        do {
            try await hooks.keepRefusals()
        } catch {
            logger.warning("what hooks refused is not written yet", metadata: ["error": "\(error)"])
        }
    }
}
