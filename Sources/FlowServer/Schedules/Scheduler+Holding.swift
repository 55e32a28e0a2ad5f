import FlowEngine
import FlowModel
import FlowSchedules
import Logging

/// A time that could not be decided for a fault of the moment. Nothing is recorded of it, so it is decided again.
extension Scheduler {
    /// Pause before a time is tried again that was tried for longer than a minute.
    private static let patientSeconds = 10.0

    struct Held: Sendable {
        var since: Instant
        var reason: String
    }

    /// How long it has been tried in vain.
    func triedFor(_ held: Held?) -> Double { held.map { max(0, now().seconds(since: $0.since)) } ?? 0 }

    /// Whether the fault is one of the moment and not one of the time itself, which would be its record's reason. A file that is just being
    /// written, or a bug, is taken for one of the moment for a minute.
    static func isPassing(_ error: any Error, triedFor seconds: Double) -> Bool {
        switch error {
        case is CancellationError, is StoreError: true
        case let error as FlowError:
            switch error.code {
            case .overloaded, .storage: true
            case .load, .database, .internal: seconds < CatchUp.graceSeconds
            default: false
            }
        default: seconds < CatchUp.graceSeconds
        }
    }

    /// Takes note that it was not decided. Said once, not with every try.
    func held(_ before: Held?, _ error: any Error, _ name: String) -> Held {
        let reason = (error as? FlowError)?.inOneLine ?? "\(error)"
        if before?.reason != reason {
            logger.warning(
                "a time of a schedule is late: it could not be decided, and is tried again",
                metadata: ["schedule": "\(name)", "error": "\(reason)"])
        }
        return Held(since: before?.since ?? now(), reason: reason)
    }

    /// When it is tried again.
    func nextTry(_ held: Held) -> Instant {
        now() + (triedFor(held) < CatchUp.graceSeconds ? Scheduler.retrySeconds : Scheduler.patientSeconds)
    }
}
