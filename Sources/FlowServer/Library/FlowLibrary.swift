import FlowAPI
import FlowModel
import FlowStoreSQLite
import FlowWire
import Synchronization

/// The registered flows, each a name for a stored plan.
final class FlowLibrary: FlowCatalogue {
    private let registry: Registry
    private let plans: PlanLibrary
    private let now: @Sendable () -> Instant
    /// What a name stands for; emptied by every change. Starting a registered flow asks the database for nothing else.
    private let names = Mutex<(changes: Int, flows: [String: RegisteredFlow])>((0, [:]))

    init(registry: Registry, plans: PlanLibrary, now: @escaping @Sendable () -> Instant) {
        self.registry = registry
        self.plans = plans
        self.now = now
    }

    func flows() async throws -> [Wire.Flow] {
        var flows: [Wire.Flow] = []
        for row in try await registry.flows() { flows.append(try await flow(row, withPlan: false)) }
        return flows
    }

    func flow(_ name: String) async throws -> Wire.Flow? {
        guard let row = try await registry.flow(named: name) else { return nil }
        return try await flow(row, withPlan: true)
    }

    func register(_ name: String, _ request: Wire.Register, by actor: Actor) async throws -> Wire.Flow {
        let loaded: LoadedPlan
        switch (request.plan, request.planDigest) {
        case (let plan?, nil): loaded = try await plans.plan(plan)
        case (nil, let digest?): loaded = try await plans.plan(digest)
        default:
            throw FlowError(
                .usage, subject: "plan", "Flow '\(name)' was not registered: give exactly one of 'plan' and 'planDigest'.")
        }
        guard loaded.plan.flow == name else {
            throw FlowError(
                .usage, subject: name, "Flow '\(name)' was not registered: the plan's flow is called '\(loaded.plan.flow)'.")
        }
        let row = RegisteredFlow(
            name: name, revision: loaded.revision, plan: loaded.digest,
            binary: try await plans.binary(request.binary, for: loaded.plan), source: request.source ?? "", user: actor.user,
            at: now())
        try await registry.register(row)
        forget()
        return try await flow(row, withPlan: true)
    }

    func remove(flow name: String, by actor: Actor) async throws {
        let isGone = try await registry.remove(name, by: actor.user, at: now())
        forget()
        guard isGone else {
            throw FlowError(.notFound, subject: name, "Nothing was done: no flow '\(name)' is registered.", hint: "flowctl flow list")
        }
    }

    /// What a run of the flow follows now.
    func current(_ name: String) async throws -> (plan: LoadedPlan, binary: Digest?) {
        guard let row = try await registered(name) else {
            let near = nearestNames(to: name, in: try await registry.flows().map(\.name))
            let hint = near.isEmpty ? "flowctl flow list" : "Did you mean '\(near.joined(separator: "', '"))'?"
            throw FlowError(.notFound, subject: name, "Nothing was started: no flow '\(name)' is registered.", hint: hint)
        }
        return (try await plans.plan(row.plan), row.binary)
    }

    /// Whether that is what is registered under the flow's name now, whole: the plan and the program of its Swift steps.
    func isRegistered(_ flow: String, revision: Digest, binary: Digest?) async throws -> Bool {
        guard let row = try await registered(flow) else { return false }
        return row.revision == revision && row.binary == binary
    }

    private func registered(_ name: String) async throws -> RegisteredFlow? {
        let (changes, known) = names.withLock { ($0.changes, $0.flows[name]) }
        if let known { return known }
        guard let row = try await registry.flow(named: name) else { return nil }
        names.withLock { names in
            if names.changes == changes { names.flows[name] = row }
        }
        return row
    }

    private func forget() {
        names.withLock { $0 = ($0.changes + 1, [:]) }
    }

    private func flow(_ row: RegisteredFlow, withPlan: Bool) async throws -> Wire.Flow {
        let plan = try await plans.plan(row.plan).plan
        return Wire.Flow(
            name: row.name, revision: row.revision, summary: plan.summary, parameters: plan.parameters, steps: plan.nodes.count,
            binary: row.binary, source: row.source.isEmpty ? nil : row.source, addedAt: row.at, addedBy: row.user,
            plan: withPlan ? plan : nil)
    }
}
