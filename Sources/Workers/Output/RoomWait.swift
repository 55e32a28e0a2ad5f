import FlowModel

/// Waits for room: what this machine has no room for is tried again until there is some.
///
/// Without a bound but the engine's life: the engine cannot keep the end of an attempt on a full disk either.
struct RoomWait: Sendable {
    /// Told that it waits, and why; then that it does no more.
    let warn: @Sendable (String?) -> Void

    func callAsFunction<Value>(_ body: () async throws -> Value) async throws -> Value {
        var pause = WorkerLimits.shortagePauseSeconds
        var isTold = false
        defer { if isTold { warn(nil) } }
        while true {
            do {
                return try await body()
            } catch {
                guard RoomWait.isShortage(error) else { throw error }
                if !isTold { warn((error as? FlowError)?.message ?? "\(error)") }
                isTold = true
                try await Task.sleep(for: .seconds(pause))
                pause = min(pause * 2, WorkerLimits.longestShortagePauseSeconds)
            }
        }
    }

    private static func isShortage(_ error: any Error) -> Bool {
        (error as? CallError)?.isShortage ?? ((error as? FlowError)?.code == .storage)
    }
}
