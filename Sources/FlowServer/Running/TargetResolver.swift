import FlowInventory
import FlowModel

/// Finds every selector that a run will need and freezes its hosts.
///
/// A selector is known at start when it is a constant, an input, or made of these; what a step computes later can only name
/// hosts among those that are frozen.
enum TargetResolver {
    /// The hosts of each of the selectors, in the order of the inventory. With `limit`, only those that it names too.
    ///
    /// Refuses unknown names and selections that are empty.
    static func targets(of selectors: [String], in inventory: Inventory, limit: String?) throws(FlowError) -> [String: [Host]] {
        let allowed = try limit.map { text throws(FlowError) in Set(try inventory.resolve(text).map(\.name)) }
        var targets: [String: [Host]] = [:]
        for selector in selectors {
            var hosts = try inventory.resolve(selector)
            if let allowed, let limit {
                hosts.removeAll { !allowed.contains($0.name) }
                guard !hosts.isEmpty else {
                    throw FlowError(
                        .selector, subject: selector,
                        "Nothing was started: no host of selector '\(selector)' is within the limit '\(limit)'.",
                        hint: "flowctl hosts '\(selector)'")
                }
            }
            targets[selector] = hosts
        }
        return targets
    }

    /// The selectors that the plan or its inputs name. Sorted, so that the first fault is always the same one.
    static func selectors(of plan: Plan, inputs: [String: JSON]) -> [String] {
        var found = Set<String>()
        for parameter in plan.parameters { collect(inputs[parameter.name], as: parameter.kind, into: &found) }
        let scope = StartScope(inputs: inputs)
        for node in plan.nodes {
            guard let expression = node.selector else { continue }
            // What cannot be evaluated before the run is a host's name that a step or an element gives.
            guard let text = try? expression.evaluate(in: scope).stringValue, !text.isEmpty else { continue }
            found.insert(text)
        }
        return found.sorted()
    }

    private static func collect(_ value: JSON?, as kind: Parameter.Kind, into found: inout Set<String>) {
        switch (kind, value) {
        case (.selector, .string(let text)) where !text.isEmpty: found.insert(text)
        case (.list(let element), .array(let values)):
            for value in values { collect(value, as: element, into: &found) }
        default: break
        }
    }
}

extension Node {
    /// The selector or host that the step names.
    fileprivate var selector: Expression? {
        switch kind {
        case .shell(let spec): spec.target
        case .copy(let spec): spec.target
        case .map(let spec): if case .hosts(let selector) = spec.elements { selector } else { nil }
        case .step, .approval, .sleep, .choice: nil
        }
    }
}

/// What can be known before the run: its inputs.
private struct StartScope: ExpressionScope {
    let inputs: [String: JSON]

    func parameter(_ name: String) -> JSON? { inputs[name] }
    func output(of node: String) -> StepValue { .absent("the run has not started") }
    func element(of map: String) -> JSON? { nil }
    func fact(_ fact: Expression.RunFact) -> JSON { .null }
}
