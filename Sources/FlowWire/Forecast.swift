package import FlowModel

extension Wire {
    /// A rollout as it would go if it began now.
    package struct PlannedRollout: Codable, Equatable, Sendable {
        package var flow: String
        /// The step's name in its flow.
        package var step: String
        package var selector: String
        /// The hosts of each batch, in order.
        package var batches: [[String]]
        /// The order comes out when it begins: the batches are of these sizes, of whichever of the hosts.
        package var isByChance: Bool?
        /// Hosts that have no turn.
        package var leftOut: [LeftOut]?

        package init(
            flow: String, step: String, selector: String, batches: [[String]], isByChance: Bool? = nil, leftOut: [LeftOut]? = nil
        ) {
            self.flow = flow
            self.step = step
            self.selector = selector
            self.batches = batches
            self.isByChance = isByChance
            self.leftOut = leftOut
        }
    }

    package struct LeftOut: Codable, Equatable, Sendable {
        package var host: String
        package var reason: String

        package init(host: String, reason: String) {
            self.host = host
            self.reason = reason
        }
    }

    /// A freeze or window that would keep a run, or a batch of a rollout, from beginning now.
    package struct PlannedClosure: Codable, Equatable, Sendable {
        package var flow: String
        /// The rollout and its batch, from 1; absent: the run itself.
        package var step: String?
        package var batch: Int?
        package var kind: ChangeRuleKind
        package var rule: String
        package var reason: String
        /// Absent when nobody knows.
        package var untilAt: Instant?

        package init(flow: String, step: String? = nil, batch: Int? = nil, _ closure: ChangeClosure) {
            self.flow = flow
            self.step = step
            self.batch = batch
            kind = closure.kind
            rule = closure.rule
            reason = closure.reason
            untilAt = closure.until
        }
    }

    /// A lock, limit or turn that somebody else has now, or waits for.
    package struct PlannedLock: Codable, Equatable, Sendable {
        package var flow: String
        /// The step that wants it, or the target of a rollout; absent: the run itself.
        package var step: String?
        package var what: String
        /// Those in the way.
        package var holders: [Claim]
        /// How many wait in line before it.
        package var waiting: Int

        package init(flow: String, step: String? = nil, what: String, holders: [Claim], waiting: Int) {
            self.flow = flow
            self.step = step
            self.what = what
            self.holders = holders
            self.waiting = waiting
        }
    }
}
