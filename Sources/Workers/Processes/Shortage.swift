import Glibc

/// A machine that has no process, memory or descriptor left to start something with: what is to start waits.
///
/// Bounded by `WorkerLimits.shortageSeconds`; then the error is thrown.
enum Shortage {
    /// Who shows what an attempt waits for.
    ///
    /// An object: bound as a bare function, optimised builds of Swift 6.3 end the process where the value is set.
    final class Listener: Sendable {
        private let hear: @Sendable (String?) -> Void

        init(_ hear: @escaping @Sendable (String?) -> Void) { self.hear = hear }

        /// Told what is missing, and nil when it is there again.
        func callAsFunction(_ reason: String?) { hear(reason) }
    }

    @TaskLocal static var told: Listener?

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
