package import FlowModel

/// What whoever rehearses decides: all else goes well.
package struct RehearsalScript: Sendable {
    /// How attempts fail.
    package enum Failure: Hashable, Sendable {
        /// nil: with the usual one of its kind.
        case status(Int?)
        /// They run into their time-out.
        case timeout
        /// Their host was rebooted in the middle: nobody knows whether they took effect.
        case lost
    }

    /// What is decided of the steps that a pattern means.
    package struct Rule<Value: Sendable>: Sendable {
        package var steps: StepPattern
        package var value: Value
        /// As it was written: `--fail switch=1`.
        package var source: String

        package init(_ steps: StepPattern, _ value: Value, source: String) {
            self.steps = steps
            self.value = value
            self.source = source
        }
    }

    package struct Fault: Hashable, Sendable {
        package var failure: Failure
        /// How many attempts of each step, the first ones; nil: all.
        package var times: Int?

        package init(_ failure: Failure, times: Int? = nil) {
            self.failure = failure
            self.times = times
        }
    }

    package enum Verdict: Hashable, Sendable {
        /// With answers to its fields.
        case approve([String: JSON])
        case reject
        /// Nobody decides, no message comes: its deadline passes.
        case expire
    }

    /// What a person does with a step that waits for one.
    package enum Remedy: String, Hashable, Sendable, CaseIterable {
        case retry, skip, succeeded, failed, release, undo

        /// What the person types; `RUN` stands for the run.
        func command(for path: StepPath, output: JSON?) -> String {
            let place = "RUN '\(path)'"
            return switch self {
            case .retry: "flowctl resolve \(place) --as retry -m REASON"
            case .skip: "flowctl skip \(place) -m REASON"
            case .succeeded: "flowctl resolve \(place) --as succeeded -m REASON" + (output.map { " --output '\($0.canonical)'" } ?? "")
            case .failed: "flowctl resolve \(place) --as failed -m REASON"
            case .release: "flowctl release \(place)"
            case .undo: "flowctl undo \(place) -m REASON"
            }
        }
    }

    package var faults: [Rule<Fault>] = []
    package var verdicts: [Rule<Verdict>] = []
    package var outputs: [Rule<JSON>] = []
    package var seconds: [Rule<Double>] = []
    package var remedies: [Rule<Remedy>] = []
    package var unreachable: [String] = []
    /// What comes with a message, by signal.
    package var signals: [String: JSON] = [:]
    /// When the run has ended, somebody takes back what it did.
    package var isUndone = false
    package var start = RehearsalScript.usualStart

    package init() {}

    /// A Monday at nine, so that the same rehearsal gives the same timeline on any day.
    package static let usualStart = Instant(milliseconds: 1_767_603_600_000)

    /// The moments that a run may start at: those that its id can hold, up to a hundred years before the last one that can be written.
    static let starts = Instant(milliseconds: 0)...(Instant.latest + -RehearsalLimits.takeSeconds)

    /// The last rule that means the step: what is said later holds.
    static func rule<Value>(_ rules: [Rule<Value>], at place: StepPlace) -> Rule<Value>? { rules.last { $0.steps.matches(place) } }
}
