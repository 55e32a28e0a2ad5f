import Dispatch
import Glibc

/// Ctrl-C, SIGTERM and a closed terminal, as a stream.
enum Interrupts {
    private static let signals = [SIGINT, SIGTERM, SIGHUP]

    /// A value for each signal while somebody listens. The first one also puts the signals back to what they were, so that a second
    /// Ctrl-C ends a command that takes its time to leave.
    static func stream() -> AsyncStream<Void> {
        AsyncStream { continuation in
            let sources = signals.map { number in
                signal(number, SIG_IGN)
                let source = DispatchSource.makeSignalSource(signal: number)
                source.setEventHandler {
                    for number in signals { signal(number, SIG_DFL) }
                    continuation.yield()
                }
                source.resume()
                return source
            }
            // Sources may be cancelled from any thread; nothing else is done with them.
            nonisolated(unsafe) let owned = sources
            continuation.onTermination = { _ in
                for source in owned { source.cancel() }
                for number in signals { signal(number, SIG_DFL) }
            }
        }
    }
}
