import Logging
import ServiceLifecycle

/// Looks at the clocks now and then, and wakes what goes by the time of the day when somebody has set them.
struct ClockService: Service {
    private static let everySeconds = 5.0

    let book: ClockBook
    let wake: @Sendable () async throws -> Void
    let logger: Logger

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while (try? await Task.sleep(for: .seconds(ClockService.everySeconds))) != nil {
                do {
                    if try await book.look() { try await wake() }
                } catch {
                    logger.warning("what became of the clock was not written down", metadata: ["error": "\(error)"])
                }
            }
        }
    }
}
