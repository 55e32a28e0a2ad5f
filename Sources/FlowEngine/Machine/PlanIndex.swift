package import FlowModel

/// A plan prepared for running: its scopes, and in each which step waits for which.
///
/// Shared by all runs of one plan; never changes.
package final class PlanIndex: Sendable {
    /// The steps that live and die together: the top of the flow, its `finally`, or a part of a map or rollout.
    package struct Scope: Sendable {
        /// Indices into `plan.nodes`, in order.
        package var nodes: [Int] = []
        /// For each node of the scope, by local position: the local positions that need it.
        package var successors: [[Int]] = []
        /// For each node of the scope: the local positions that it needs.
        package var needs: [[Int]] = []
    }

    package static let root = 0
    package static let finally = 1

    package let plan: Plan
    package let scopes: [Scope]
    /// The scope of a map's or rollout's body, by its node index.
    package let bodies: [Int: Int]
    /// The scopes of what undoes a target, and of what runs between batches, by the rollout's node index; only those that have steps.
    package let undos: [Int: Int]
    package let betweens: [Int: Int]
    /// Node index by id.
    package let nodes: [String: Int]
    /// What a run of it needs to itself.
    package let claims: [ClaimSpec]
    /// For each node, its scope and its position there.
    package let places: [(scope: Int, local: Int)]

    package init(_ plan: Plan) {
        self.plan = plan
        var scopes = [Scope(), Scope()]
        var bodies: [Int: Int] = [:]
        var nodes: [String: Int] = [:]
        var scopeOfMap: [ScopeID: Int] = [:]
        var others: [Node.Part: [Int: Int]] = [:]
        var places: [(scope: Int, local: Int)] = []
        for (index, node) in plan.nodes.enumerated() {
            nodes[node.id] = index
            if let around = node.scope, node.part != .body, scopeOfMap[ScopeID(id: around, part: node.part)] == nil,
                let rollout = nodes[around]
            {
                scopeOfMap[ScopeID(id: around, part: node.part)] = scopes.count
                others[node.part, default: [:]][rollout] = scopes.count
                scopes.append(Scope())
            }
            let scope =
                node.scope.flatMap { scopeOfMap[ScopeID(id: $0, part: node.part)] }
                ?? (node.isFinally ? PlanIndex.finally : PlanIndex.root)
            let local = scopes[scope].nodes.count
            places.append((scope, local))
            scopes[scope].nodes.append(index)
            scopes[scope].successors.append([])
            scopes[scope].needs.append([])
            for need in node.needs {
                // Loading has checked that every need stands earlier in the same scope.
                guard let other = nodes[need], other < index, places[other].scope == scope else { continue }
                scopes[scope].needs[local].append(places[other].local)
                scopes[scope].successors[places[other].local].append(local)
            }
            if node.hasBody {
                scopeOfMap[ScopeID(id: node.id, part: .body)] = scopes.count
                bodies[index] = scopes.count
                scopes.append(Scope())
            }
        }
        self.scopes = scopes
        self.bodies = bodies
        let overlap = plan.control?.overlap.flatMap { $0 == .allow ? nil : ClaimSpec(name: .literal(.string(plan.flow)), kind: .overlap) }
        claims = (overlap.map { [$0] } ?? []) + (plan.control?.claims ?? [])
        undos = others[.undo] ?? [:]
        betweens = others[.between] ?? [:]
        self.nodes = nodes
        self.places = places
    }

    /// Whether it consists of other steps: it is a map or a rollout.
    package func isMap(_ node: Int) -> Bool { bodies[node] != nil }

    private struct ScopeID: Hashable {
        var id: String
        var part: Node.Part
    }
}
