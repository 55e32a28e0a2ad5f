/// A run of another flow, as a step.
package struct CallSpec: Hashable, Sendable, Codable {
    /// The name of the flow: one of the plan's `calls`; where it is none of them, the registered flow of that name takes its place when a run
    /// is planned.
    package var flow: String
    package var inputs: [String: Expression]

    package init(flow: String, inputs: [String: Expression]) {
        self.flow = flow
        self.inputs = inputs
    }
}

/// A flow that another one calls, pinned: a run finishes on what it started with.
package struct CalledFlow: Hashable, Sendable, Codable {
    package var plan: Plan
    /// The program of its Swift steps; nil: that of the flow that calls it.
    package var binary: Digest?

    package init(plan: Plan, binary: Digest? = nil) {
        self.plan = plan
        self.binary = binary
    }
}

extension Plan {
    /// The names of flows that are called and not pinned yet.
    package var unpinnedCalls: [String] {
        let pinned = Set((calls ?? []).map(\.plan.flow))
        var names: [String] = []
        for case .call(let spec) in nodes.map(\.kind) where !pinned.contains(spec.flow) && !names.contains(spec.flow) { names.append(spec.flow) }
        return names
    }

    /// The flow and all that it calls, and so on.
    package var withCalls: [Plan] { [self] + (calls ?? []).flatMap(\.plan.withCalls) }
}

/// Names one turn of a step that asks for something outside the engine: a run of another flow, or the hosts of a selector.
package struct CallID: Hashable, Sendable {
    package var run: RunID
    package var step: StepPath
    package var generation: Int

    package init(run: RunID, step: StepPath, generation: Int) {
        self.run = run
        self.step = step
        self.generation = generation
    }
}

/// A run that a step asks for.
package struct CallOrder: Hashable, Sendable {
    /// The label that names the run which called a run.
    package static let parentLabel = "parent"

    package var id: CallID
    package var plan: Plan
    package var binary: Digest?
    package var inputs: [String: JSON]
    package var labels: [String: String]
    /// Who started the run that calls.
    package var user: String
    package var person: String
    /// Those of the run that calls.
    package var priority: Int
    package var limit: HostLimit?
    /// Who shaped what the run is asked to do, beside that one.
    package var shapers: [Shaper]
    /// Whether the run that calls is of the revision that was registered; nil: nobody looked.
    package var isRegistered: Bool?
    /// It undoes something or tidies up: no freeze or window keeps it waiting.
    package var isUngated: Bool?

    package init(
        id: CallID, plan: Plan, binary: Digest?, inputs: [String: JSON], labels: [String: String], user: String, person: String,
        priority: Int, limit: HostLimit? = nil, shapers: [Shaper] = [], isRegistered: Bool? = nil, isUngated: Bool? = nil
    ) {
        self.isUngated = isUngated
        self.shapers = shapers
        self.isRegistered = isRegistered
        self.priority = priority
        self.limit = limit
        self.id = id
        self.plan = plan
        self.binary = binary
        self.inputs = inputs
        self.labels = labels
        self.user = user
        self.person = person
    }
}
