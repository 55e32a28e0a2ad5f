import FlowModel

/// What a rehearsal came to.
public struct RehearsalResult: Sendable, CustomStringConvertible {
    package let report: RehearsalReport

    package init(_ report: RehearsalReport) { self.report = report }

    public enum Outcome: Hashable, Sendable {
        case succeeded, failed, cancelled
        /// It does not end by itself; `waitsFor` says for what.
        case waiting
    }

    /// An attempt of a step.
    public struct Attempt: Hashable, Sendable {
        /// The path of the step; of one in a called flow behind the step that calls it: `provision > create`.
        public let step: String
        /// nil: this machine.
        public let host: String?
        /// From 1.
        public let number: Int
        /// Seconds from the start of the run.
        public let start: Double
        public let end: Double?
        /// `succeeded`, `failed`, `timedOut`, `lost` or `cancelled`; `leased` and `running` where the rehearsal stopped before.
        public let state: String
    }

    /// What became of a host in a rollout, or in a map over hosts.
    public struct Target: Hashable, Sendable {
        public let host: String
        /// `changed`, `ok`, `skipped`, `failed`, `unreachable`, `timedOut`, `cancelled`, `notStarted` or `unknown`; of a map `succeeded`, `failed`
        /// or `notStarted`.
        public let outcome: String
        public let reason: String?
        /// What was done there was taken back.
        public let isUndone: Bool
        /// From 1; nil in a map.
        public let batch: Int?
    }

    public var outcome: Outcome {
        switch report.state {
        case .succeeded: .succeeded
        case .failed: .failed
        case .cancelled: .cancelled
        default: .waiting
        }
    }

    /// Why it ended so.
    public var reason: String? { report.reason }

    /// What a run that does not end waits for.
    public var waitsFor: [String] { report.waitTexts }

    /// Seconds from the start of the run to its end.
    public var seconds: Double { report.end.seconds(since: report.start) }

    /// All attempts in the order in which they were begun.
    public var attempts: [Attempt] {
        report.attempts.map { attempt in
            Attempt(
                step: attempt.place, host: attempt.host, number: attempt.number, start: attempt.startedAt.seconds(since: report.start),
                end: attempt.endedAt.map { $0.seconds(since: report.start) }, state: attempt.state.rawValue)
        }
    }

    /// The attempts of the steps of this name or path, as in `Rehearsal`.
    public func attempts(of step: String) -> [Attempt] {
        guard let pattern = StepPattern(step) else { return [] }
        return attempts.filter { pattern.matches(StepPlace($0.step, on: $0.host)) }
    }

    /// Whether an attempt of one of these steps was begun.
    public func hasStarted(_ step: String) -> Bool { !attempts(of: step).isEmpty }

    /// Whether these steps were begun, each of them, and the last attempt of each succeeded.
    public func hasSucceeded(_ step: String) -> Bool {
        let last = Dictionary(attempts(of: step).map { ($0.step, $0) }, uniquingKeysWith: { $1 })
        return !last.isEmpty && last.values.allSatisfy { $0.state == AttemptState.succeeded.rawValue }
    }

    /// Whether the first of these steps to begin did so after the last of the others had ended.
    public func ran(_ step: String, after other: String) -> Bool {
        let ends = attempts(of: other).map { $0.end ?? .infinity }
        guard let start = attempts(of: step).map(\.start).min(), let end = ends.max() else { return false }
        return start >= end
    }

    /// The hosts of a rollout, or of a map over hosts, in its order.
    public func targets(of step: String) -> [Target] {
        guard let pattern = StepPattern(step) else { return [] }
        let found = report.targets.filter { pattern.matches(StepPlace($0.place)) }
        return found.map { target in
            Target(
                host: target.host, outcome: target.outcome, reason: target.reason, isUndone: target.undo == .undone, batch: target.batch)
        }
    }

    /// The host in a rollout or map; nil when it is none of its hosts.
    public func target(_ host: String, of step: String) -> Target? { targets(of: step).first { $0.host == host } }

    /// What happened, a line each.
    public var timeline: [String] {
        report.rows.map { row in [sinceText(row.seconds), row.place, row.text].filter { !$0.isEmpty }.joined(separator: "  ") }
    }

    /// The timeline and how it ended: for the message of a failed test.
    public var description: String { (timeline + report.summary.map(\.text)).joined(separator: "\n") }
}
