import Logging
import ServiceLifecycle

/// Works freezes and windows out again now and then: the hosts of their selectors are those of the inventory, which changes.
struct ChangeRuleService: Service {
    private static let lookSeconds = 30.0

    let book: ChangeBook
    let logger: Logger

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                try? await Task.sleep(for: .seconds(ChangeRuleService.lookSeconds))
                if Task.isCancelled { return }
                do {
                    try await book.refresh()
                } catch {
                    logger.warning("freezes and windows stay as they were", metadata: ["error": "\(error)"])
                }
            }
        }
    }
}
