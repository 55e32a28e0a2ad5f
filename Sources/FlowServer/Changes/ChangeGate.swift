import FlowModel
import FlowSchedules
import Synchronization

/// The freezes and windows as the engine asks them: a snapshot, so that an answer takes no wait.
final class ChangeGate: Sendable {
    private let rules = Mutex(ChangeRules())

    func closure(of subject: ChangeSubject, at now: Instant) -> ChangeClosure? {
        rules.withLock { $0 }.closure(of: subject, at: now)
    }

    /// Returns whether that is something else than before.
    func set(_ new: ChangeRules) -> Bool {
        rules.withLock { rules in
            defer { rules = new }
            return rules.rules != new.rules
        }
    }
}
