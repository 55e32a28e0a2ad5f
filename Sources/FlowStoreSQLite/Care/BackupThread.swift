internal import Dispatch

/// Where backups and verifications run: they take long, and must hold neither the cooperative threads nor the writer.
enum BackupThread {
    private static let queue = DispatchQueue(label: "flow.store.care")

    static func run<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            queue.async { continuation.resume(with: Swift.Result(catching: body)) }
        }
    }
}
