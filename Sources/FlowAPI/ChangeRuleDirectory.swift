package import FlowModel
package import FlowWire

/// Freezes and windows, and the way past them.
package protocol ChangeRuleDirectory: Sendable {
    /// By name.
    func rules(_ kind: ChangeRuleKind) async throws -> [Wire.ChangeRule]
    /// Adds the rule or gives it a new revision, and lets what it holds or held look again.
    func put(_ kind: ChangeRuleKind, _ name: String, _ spec: ChangeRuleSpec, by actor: Actor) async throws -> Wire.ChangeRule
    func remove(_ kind: ChangeRuleKind, _ name: String, by actor: Actor) async throws
    /// Lets what waits at a gate go on, once; on the audit trail.
    func breakGlass(_ run: RunRow, _ request: Wire.BreakGlass, by actor: Actor) async throws -> RunRow
}
