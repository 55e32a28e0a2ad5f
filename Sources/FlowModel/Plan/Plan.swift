/// A flow as a graph, readable before anything happens: what a flow file compiles to and a run follows.
///
/// Its canonical JSON without the line numbers is digested into the flow's *revision* (contracts §7). docs/reference/plan.md has its form.
package struct Plan: Hashable, Sendable {
    /// The version of the form in which plans are written. A reader refuses a version that it does not know.
    package static let currentFormat = 2

    /// The plan as it was read, if that was in format 1: it is written again as it was, so that its digest and revision stay what they were. One that is
    /// changed is another, and is written in the current format.
    var asRead: JSON?
    package var format: Int { asRead == nil ? Plan.currentFormat : PlanFormat1.number }
    /// The flow's name in kebab case.
    package var flow: String { didSet { asRead = nil } }
    package var summary: String? { didSet { asRead = nil } }
    package var parameters: [Parameter] { didSet { asRead = nil } }
    /// Every step, in the order of the file; a step comes after all that it needs.
    package var nodes: [Node] { didSet { asRead = nil } }
    /// What starts it by itself; nil when nothing does.
    package var triggers: [TriggerSpec]? { didSet { asRead = nil } }
    /// The flows that it calls, pinned; nil when there are none.
    package var calls: [CalledFlow]? { didSet { asRead = nil } }
    /// Locks, overlap and priority of its runs; nil for none.
    package var control: FlowControl? { didSet { asRead = nil } }
    /// Embedded files (scripts), by digest; their bytes are in the blob store.
    package var assets: [Asset] { didSet { asRead = nil } }
    /// Digest of the flow file's source; nil for a plan that was written as JSON.
    package var source: Digest? { didSet { asRead = nil } }
    /// The version of FlowDSL that made the plan.
    package var dsl: String { didSet { asRead = nil } }

    package init(
        flow: String, summary: String? = nil, parameters: [Parameter] = [], nodes: [Node] = [], assets: [Asset] = [],
        source: Digest? = nil, dsl: String, triggers: [TriggerSpec]? = nil, control: FlowControl? = nil, calls: [CalledFlow]? = nil
    ) {
        asRead = nil
        self.control = control
        self.calls = calls
        self.triggers = triggers
        self.flow = flow
        self.summary = summary
        self.parameters = parameters
        self.nodes = nodes
        self.assets = assets
        self.source = source
        self.dsl = dsl
    }

    /// Whether a compiled binary is needed to run it.
    package var hasSwiftSteps: Bool {
        nodes.contains { $0.work?.needsFlowBinary == true } || (calls ?? []).contains { $0.binary == nil && $0.plan.hasSwiftSteps }
    }

    /// The plan without line numbers, in canonical JSON: what the revision is the digest of.
    package var canonicalBytes: [UInt8] {
        get throws {
            if let asRead { return PlanFormat1.withoutLocations(asRead).canonicalBytes }
            return try JSON(encoding: withoutLocations).canonicalBytes
        }
    }

    private var withoutLocations: Plan {
        var plan = self
        for index in plan.nodes.indices { plan.nodes[index].location = nil }
        plan.calls = calls?.map { CalledFlow(plan: $0.plan.withoutLocations, binary: $0.binary) }
        return plan
    }
}

/// A file that is embedded in a plan.
package struct Asset: Hashable, Sendable, Codable {
    package var name: String
    package var digest: Digest
    package var bytes: Int

    package init(name: String, digest: Digest, bytes: Int) {
        self.name = name
        self.digest = digest
        self.bytes = bytes
    }
}

/// Where a step stands in its flow file.
package struct SourceLocation: Hashable, Sendable, Codable, CustomStringConvertible {
    package var file: String
    package var line: Int

    package init(file: String, line: Int) {
        self.file = file
        self.line = line
    }

    package var description: String { "\(file):\(line)" }
}
