import Glibc

/// A machine that has no process, memory or descriptor left to start something with: what is to start waits.
///
/// Bounded by `WorkerLimits.shortageSeconds`; then the error is thrown.
enum Shortage {
    /// Told what is missing, and nil when it is there again: for whoever shows what an attempt waits for.
    @TaskLocal static var told: (@Sendable (String?) -> Void)?

    /// Calls `start` until it fails for another reason or succeeds. What a call had opened must be closed when it throws.
    static func waited<Value>(
        seconds: Double = WorkerLimits.shortageSeconds, _ start: () async throws -> Value
    ) async throws -> Value {
        let end = ContinuousClock.now + .seconds(seconds)
        var pause = WorkerLimits.shortagePauseSeconds
        var isTold = false
        defer { if isTold { told?(nil) } }
        while true {
            do {
                return try await start()
            } catch let error as CallError where error.isShortage && ContinuousClock.now < end {
                if !isTold { told?("this machine is short of something, and it is tried again: \(error)") }
                isTold = true
                try await Task.sleep(for: .seconds(pause))
                pause = min(pause * 2, WorkerLimits.longestShortagePauseSeconds)
            }
        }
    }
}
