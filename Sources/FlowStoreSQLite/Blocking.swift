internal import Dispatch

/// Runs blocking calls on threads of Dispatch's, so that Swift's cooperative threads stay free.
enum Blocking {
    /// Serial: what comes here waits for the one writer or for the disk anyway, so more threads would only wait beside it.
    private static let queue = DispatchQueue(label: "flow.store.blocking")

    static func run<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            queue.async { continuation.resume(with: Swift.Result(catching: body)) }
        }
    }
}
