/// A freeze or window as it is kept: its newest revision.
package struct ChangeRuleRow: Hashable, Sendable {
    package var kind: ChangeRuleKind
    package var name: String
    /// Counts from 1, also over removal.
    package var revision: Int
    package var spec: ChangeRuleSpec
    package var user: String
    package var changedAt: Instant

    package init(kind: ChangeRuleKind, name: String, revision: Int, spec: ChangeRuleSpec, user: String, changedAt: Instant) {
        self.kind = kind
        self.name = name
        self.revision = revision
        self.spec = spec
        self.user = user
        self.changedAt = changedAt
    }
}
