package import FlowModel

/// Finds every selector that a run will need and freezes its hosts.
///
/// A selector is known at start when it is a constant, an input, or made of these. One that a step makes is looked up when the step that runs on
/// its hosts begins (`HostFinder`).
package enum TargetResolver {
    /// A selector, and where it stands: what a fault in it is told by.
    package struct Need: Hashable {
        package var selector: String
        /// `hosts` of an input, `step 'deploy'` of the plan, `--limit`.
        package var place: String

        package init(selector: String, place: String) {
            self.selector = selector
            self.place = place
        }
    }

    /// The hosts of each of the selectors, in the order of the inventory, and those that `limit` means: with it, only these.
    ///
    /// Refuses unknown names and selections that are empty, all at once.
    package static func targets(
        of needs: [Need], in inventory: Inventory, limit: String?
    ) throws(FlowError) -> (targets: [String: [Host]], limit: HostLimit?) {
        var search = Search(inventory: inventory)
        let limit = limit.map { HostLimit(selector: $0, hosts: search.hosts(Need(selector: $0, place: "--limit"))?.map(\.name) ?? []) }
        let targets = search.targets(of: needs, within: limit)
        try search.finish()
        return (targets, limit)
    }

    /// The same for what belongs to a run that is kept to certain hosts already.
    package static func targets(of needs: [Need], in inventory: Inventory, within limit: HostLimit?) throws(FlowError) -> [String: [Host]] {
        var search = Search(inventory: inventory)
        let targets = search.targets(of: needs, within: limit)
        try search.finish()
        return targets
    }

    /// Looks selectors up, and collects what is wrong with them.
    private struct Search {
        let inventory: Inventory
        private var faults: [FlowError.Detail] = []
        private var hint: String?

        init(inventory: Inventory) { self.inventory = inventory }

        mutating func hosts(_ need: Need) -> [Host]? {
            do throws(FlowError) {
                return try inventory.resolve(need.selector)
            } catch {
                let messages = error.errors.isEmpty ? [error.message] : error.errors.map(\.message)
                faults += messages.map { FlowError.Detail(subject: need.place, message: $0) }
                hint = hint ?? error.hint
                return nil
            }
        }

        mutating func targets(of needs: [Need], within limit: HostLimit?) -> [String: [Host]] {
            // A limit that means nothing is a fault of its own.
            let allowed = limit.flatMap { $0.hosts.isEmpty ? nil : Set($0.hosts) }
            var targets: [String: [Host]] = [:]
            for need in needs {
                guard var found = hosts(need) else { continue }
                if let allowed, let limit {
                    found.removeAll { !allowed.contains($0.name) }
                    if found.isEmpty {
                        let message = "no host of selector '\(need.selector)' is within the limit '\(limit.selector)'"
                        faults.append(FlowError.Detail(subject: need.place, message: message))
                    }
                }
                targets[need.selector] = found
            }
            return targets
        }

        func finish() throws(FlowError) { if !faults.isEmpty { throw TargetResolver.refusal(faults, inventory, hint) } }
    }

    private static func refusal(_ faults: [FlowError.Detail], _ inventory: Inventory, _ hint: String?) -> FlowError {
        let what = faults.count == 1 ? "a selector does" : "\(faults.count) selectors do"
        let isEmpty = inventory.hosts.isEmpty
        return FlowError(
            .selector, subject: faults.first?.subject ?? "selector",
            "Nothing was started: \(what) not say where to run." + (isEmpty ? " The inventory has no hosts." : ""),
            hint: isEmpty ? "flowctl inventory add NAME ADDRESS" : hint ?? "flowctl inventory list", errors: faults)
    }

    /// The selectors that the plan or its inputs name, each once. Sorted, so that faults come in the same order each time.
    package static func needs(of plan: Plan, inputs: [String: JSON]) -> [Need] {
        var places: [String: String] = [:]
        // An input comes first: that is where the person who starts the run can change it.
        for parameter in plan.parameters {
            collect(inputs[parameter.name], as: parameter.kind) { places[$0] = places[$0] ?? parameter.name }
        }
        let scope = StartScope(inputs: inputs)
        for node in plan.nodes {
            guard let (expression, isMany) = node.hosts else { continue }
            // What cannot be evaluated before the run is looked up when the step begins.
            guard let text = try? expression.evaluate(in: scope).stringValue, isMany || !text.isEmpty else { continue }
            places[text] = places[text] ?? "step '\(node.id)'"
        }
        return places.map { Need(selector: $0.key, place: $0.value) }.sorted { ($0.place, $0.selector) < ($1.place, $1.selector) }
    }

    private static func collect(_ value: JSON?, as kind: Parameter.Kind, _ take: (String) -> Void) {
        switch (kind, value) {
        case (.selector, .string(let text)): take(text)
        case (.list(let element), .array(let values)): for value in values { collect(value, as: element, take) }
        default: break
        }
    }
}

/// What can be known before the run: its inputs, and the element where it is asked about one.
package struct StartScope: ExpressionScope {
    package let inputs: [String: JSON]
    private let element: (map: String, value: JSON)?

    package init(inputs: [String: JSON], element: (map: String, value: JSON)? = nil) {
        self.inputs = inputs
        self.element = element
    }

    package func parameter(_ name: String) -> JSON? { inputs[name] }
    package func output(of node: String) -> StepValue { .absent("the run has not started") }
    package func element(of map: String) -> JSON? { element.flatMap { $0.map == map ? $0.value : nil } }
    package func fact(_ fact: Expression.RunFact) -> JSON { .null }
}
