/// Somebody who had a hand in what a run does. Whoever shaped what a gate asks about does not vote for it.
package struct Shaper: Hashable, Sendable, Codable {
    package enum Deed: String, Hashable, Sendable, Codable, CaseIterable {
        case started
        /// Wrote the schedule or hook whose inputs the run has, and somebody else started it.
        case wrote
        case edited
        /// Said what a step gave.
        case resolved
        /// Sent the message that a step took.
        case signalled
        /// Let the run go on without what a step gives: what reads it has its default, or is skipped, too.
        case skipped
        /// Changed how a rollout goes on.
        case adjusted
        /// Cancelled or killed a run that was called: what reads its value has its default.
        case stopped
    }

    package var user: String
    package var person: String
    package var deed: Deed
    /// The step, schedule or hook.
    package var subject: String?
    /// It was done to a run that called this one.
    package var caller: RunID?
    /// It was done to a run that this one called, and whose value it has.
    package var called: RunID?

    package init(user: String, person: String, _ deed: Deed, _ subject: String? = nil, caller: RunID? = nil, called: RunID? = nil) {
        self.called = called
        self.user = user
        self.person = person
        self.deed = deed
        self.subject = subject
        self.caller = caller
    }

    /// `started the run`.
    package var words: String {
        let run = caller.map { "run \($0), which called this one" } ?? called.map { "run \($0), which this one called" }
        switch deed {
        case .started: return "started \(run ?? "the run")"
        case .wrote: return "wrote what started \(run ?? "the run")" + (subject.map { ", '\($0)'" } ?? "")
        case .edited: return "edited the inputs" + (run.map { " of \($0)" } ?? "")
        case .resolved: return "resolved step '\(subject ?? "")'\(run.map { " of \($0)" } ?? ""), whose value is used"
        case .signalled: return "sent the message that step '\(subject ?? "")'\(run.map { " of \($0)" } ?? "") took, whose value is used"
        case .adjusted: return "adjusted the rollout '\(subject ?? "")'\(run.map { " of \($0)" } ?? "")"
        case .stopped: return "cancelled \(run ?? "the run"), whose value would be used"
        case .skipped: return "skipped step '\(subject ?? "")'\(run.map { " of \($0)" } ?? ""), whose value would be used"
        }
    }
}
