package import FlowModel

extension Wire {
    /// A hook as it is now.
    package struct Hook: Codable, Equatable, Sendable {
        package var name: String
        package var spec: HookSpec
        package var changedAt: Instant
        package var changedBy: String
        /// What requests are signed with. Only in the answer that made it.
        package var secret: String?
        /// Why it starts nothing: who wrote it was removed, or may not start runs any more.
        package var fault: String?

        package init(name: String, spec: HookSpec, changedAt: Instant, changedBy: String, secret: String? = nil) {
            self.name = name
            self.spec = spec
            self.changedAt = changedAt
            self.changedBy = changedBy
            self.secret = secret
        }
    }

    /// The answer to a delivery: the run that it started, or had started before.
    package struct Delivered: Codable, Equatable, Sendable {
        package var run: RunID
        /// False when this delivery had come before.
        package var isNew: Bool

        package init(run: RunID, isNew: Bool) {
            self.run = run
            self.isNew = isNew
        }
    }
}
