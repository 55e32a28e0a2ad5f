/// What wants to begin: a run, or the next batch of a rollout.
package struct ChangeSubject: Hashable, Sendable {
    package var flow: String
    package var labels: [String: String]
    /// The names of the hosts that it touches.
    package var hosts: [String]

    package init(flow: String, labels: [String: String] = [:], hosts: [String] = []) {
        self.flow = flow
        self.labels = labels
        self.hosts = hosts
    }
}

/// Why something may not begin now.
package struct ChangeClosure: Hashable, Sendable {
    package var kind: ChangeRuleKind
    /// The name of the freeze; of a window, when several would do, that of the one which opens first.
    package var rule: String
    package var reason: String
    /// When it is worth asking again; nil when nobody knows.
    package var until: Instant?

    package init(kind: ChangeRuleKind, rule: String, reason: String, until: Instant? = nil) {
        self.kind = kind
        self.rule = rule
        self.reason = reason
        self.until = until
    }
}
