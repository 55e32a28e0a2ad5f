package import FlowModel

extension Wire {
    /// A freeze or window as it is now.
    package struct ChangeRule: Codable, Equatable, Sendable {
        package var kind: ChangeRuleKind
        package var name: String
        package var revision: Int
        package var spec: ChangeRuleSpec
        package var changedAt: Instant
        package var changedBy: String
        /// A freeze that lasts, a window that is open.
        package var isOn: Bool
        /// When that ends; absent when it does not by itself.
        package var untilAt: Instant?
        /// When it begins next, where it is not on; absent when it never does.
        package var nextAt: Instant?
        /// Why it holds everything that it names, when it cannot be worked out.
        package var fault: String?
        /// What it does not hold, although it looks as if; in the answer to a change of it.
        package var warnings: [FlowError.Detail]?

        package init(
            kind: ChangeRuleKind, name: String, revision: Int, spec: ChangeRuleSpec, changedAt: Instant, changedBy: String, isOn: Bool,
            untilAt: Instant? = nil, nextAt: Instant? = nil, fault: String? = nil
        ) {
            self.kind = kind
            self.name = name
            self.revision = revision
            self.spec = spec
            self.changedAt = changedAt
            self.changedBy = changedBy
            self.isOn = isOn
            self.untilAt = untilAt
            self.nextAt = nextAt
            self.fault = fault
        }
    }

    /// `POST /v1/runs/{id}/break-glass`.
    package struct BreakGlass: Codable, Equatable, Sendable {
        /// The rollout that waits; absent: the run itself, or the only gate of it that is closed.
        package var step: StepPath?
        package var message: String

        package init(step: StepPath? = nil, message: String) {
            self.step = step
            self.message = message
        }
    }
}
