package import FlowModel

extension Wire {
    /// A lock, limit or rate that somebody has or waits for.
    package struct Lock: Codable, Equatable, Sendable {
        package enum Kind: String, Codable, CaseIterable, Sendable {
            case lock, limit, rate
            /// The runs of a flow that must not overlap.
            case flow
        }

        package var kind: Kind
        package var name: String
        /// In order of grant; at most `Limits.locksShown`.
        package var holders: [Claim]
        /// In order of turn; at most `Limits.locksShown`.
        package var waiting: [Claim]
        /// How many there are in all.
        package var holderCount: Int
        package var waitingCount: Int

        package init(kind: Kind, name: String, holders: [Claim], waiting: [Claim], holderCount: Int, waitingCount: Int) {
            self.kind = kind
            self.name = name
            self.holders = holders
            self.waiting = waiting
            self.holderCount = holderCount
            self.waitingCount = waitingCount
        }
    }

    /// Somebody who has something, or waits for it.
    package struct Claim: Codable, Equatable, Sendable {
        package var run: RunID
        package var flow: String
        /// The step, or the target of a rollout; absent when it is the run itself.
        package var step: StepPath?
        /// `lock 'db'`, `2 of the 10 slots of 'api'`.
        package var what: String
        package var priority: Int
        /// Since when it has it, or waits.
        package var since: Instant
        /// The run that called this one, directly or not, and has the same: this one has it out of what that one has.
        package var through: RunID?

        package init(
            run: RunID, flow: String, step: StepPath?, what: String, priority: Int, since: Instant, through: RunID? = nil
        ) {
            self.through = through
            self.run = run
            self.flow = flow
            self.step = step
            self.what = what
            self.priority = priority
            self.since = since
        }
    }

    /// `POST /v1/runs/{id}/reprioritise`.
    package struct Reprioritise: Codable, Equatable, Sendable {
        /// 0 to 9.
        package var priority: Int
        package var message: String?

        package init(priority: Int, message: String? = nil) {
            self.priority = priority
            self.message = message
        }
    }
}
