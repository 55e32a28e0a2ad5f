package import FlowModel

/// Checks of a plan that go beyond its shape: what members exist, what single values can be. `PlanValidation` comes first: these
/// rely on names and order being right.
package enum PlanDetails {
    /// What is wrong in the details, in the order of the steps, at most `Limits.planFaults` of it; empty when nothing is.
    package static func faults(in plan: Plan) -> [FlowError.Detail] {
        let nodes = Dictionary(plan.nodes.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        let parameters = plan.parameters.flatMap { parameter in
            faults(of: parameter).map { FlowError.Detail(subject: parameter.name, message: $0) }
        }
        let secrets = Set(plan.parameters.filter(\.isSecret).map(\.name))
        var steps: [FlowError.Detail] = []
        for node in plan.nodes where steps.count < Limits.planFaults {
            steps += (faults(of: node) + faultsOfReading(node, nodes) + faultsOfHosts(node, secrets)).map {
                FlowError.Detail(subject: node.name, message: $0, location: node.location?.description)
            }
        }
        var all = parameters + steps + PlanTriggers.faults(in: plan) + PlanClaims.faults(in: plan)
        for called in plan.calls ?? [] where all.count < Limits.planFaults {
            all += faults(in: called.plan).map {
                FlowError.Detail(subject: "\(called.plan.flow)/\($0.subject)", message: $0.message, location: $0.location)
            }
        }
        return Array(all.prefix(Limits.planFaults))
    }

    private static func faults(of parameter: Parameter) -> [String] {
        var faults: [String] = []
        if !parameter.name.isVariableName {
            faults.append("is not a parameter name: letters, digits and _, not beginning with a digit")
        }
        if let pattern = parameter.pattern {
            if parameter.kind != .string, parameter.kind != .list(.string) { faults.append("has a pattern, but is not a text") }
            if pattern.count > LoadLimits.patternCharacters {
                faults.append(
                    "its pattern has \(pattern.count) characters; at most \(LoadLimits.patternCharacters) are allowed")
            }
        }
        if parameter.isSecret {
            if parameter.kind != .string { faults.append("is secret, but not a String: only texts can be sealed") }
            if parameter.fallback != nil {
                faults.append("is secret and has a default, which everyone who sees the flow could read")
            }
            if !parameter.choices.isEmpty { faults.append("is secret and lists its choices, which everyone could read") }
        }
        return faults
    }

    private static func faults(of node: Node) -> [String] {
        var faults: [String] = []
        switch node.kind {
        case .map(let map) where map.width > Limits.mapElements:
            faults.append("its width must be at most \(Limits.mapElements), found \(map.width)")
        case .sleepUntil(.literal(let value)):
            if Instant(value.text) == nil {
                faults.append("'until:' takes a moment such as 2026-02-01T13:40:00Z, on a day that exists, found '\(value.text)'")
            }
        case .work(let work): faults += work.spec.mistakes
        case .map, .rollout, .repeatUntil, .sleep, .sleepUntil, .waitFor, .choice, .approval, .call: break
        }
        faults += node.policy.probe?.command.mistakes(of: "probe's ") ?? []
        if let bad = node.policy.retry?.exitStatuses?.first(where: { !(1...255).contains($0) }) {
            faults.append("its retry names exit status \(bad); failures have 1 to 255")
        }
        for text in node.literals where text.utf8.contains(0) || SealedText.isPresent(in: text) {
            faults.append("a text of it has a character that no text may have: NUL, U+E0F1 or U+E0F2")
        }
        return faults
    }

    /// The hosts of a run are kept and shown with it, and so are those that are not found.
    private static func faultsOfHosts(_ node: Node, _ secrets: Set<String>) -> [String] {
        guard let named = node.hosts?.selector.parameters.first(where: secrets.contains) else { return [] }
        return ["its hosts are named by the secret '\(named)', and everybody could see them"]
    }

    private static func faultsOfReading(_ node: Node, _ nodes: [String: Node]) -> [String] {
        var faults: [String] = []
        for expression in node.expressions {
            expression.forEach { part in
                guard faults.count < Limits.planFaults else { return }
                switch part {
                case .output(let other, let path):
                    if let fault = nodes[other]?.memberFault(path) { faults.append(fault) }
                case .element(let map, let path):
                    if let fault = nodes[map]?.elementFault(path, in: node.part(of: map, nodes)) { faults.append(fault) }
                case .run(.outcome) where !node.isFinally:
                    faults.append("it reads the run's outcome, which is known in 'finally' only")
                default: break
                }
            }
        }
        return faults
    }
}

extension Node {
    fileprivate var literals: [String] {
        var texts: [String] = []
        for expression in expressions {
            expression.forEach { if case .literal(.string(let text)) = $0 { texts.append(text) } }
        }
        return texts
    }

    /// Why `path` of the step's output cannot be read; nil when it can.
    fileprivate func memberFault(_ path: [String]) -> String? {
        guard let shape = outputShape else {
            return path.isEmpty ? nil : "it reads '\(path.joined(separator: "."))' of step '\(id)', which hands out nothing"
        }
        return shape.memberFault(path[...]).map { "it reads '\(path.joined(separator: "."))' of step '\(id)': \($0)" }
    }

    /// The part of the map or rollout around it in which the step stands, directly or deeper.
    fileprivate func part(of map: String, _ nodes: [String: Node]) -> Part {
        var here: Node? = self
        while let node = here, node.scope != map { here = node.scope.flatMap { nodes[$0] } }
        return here?.part ?? .body
    }

    /// Why `path` of an element of this map or rollout cannot be read in a part of it; nil when it can.
    fileprivate func elementFault(_ path: [String], in part: Part) -> String? {
        if part == .between {
            let members = ["number", "of", "targets", "outcomes"]
            guard let first = path.first, !members.contains(first) else { return nil }
            return "it reads '\(path.joined(separator: "."))' of a batch, which has: \(members.joined(separator: ", "))"
        }
        guard isOverHosts, let first = path.first else { return nil }
        let members = ["name", "address", "port", "user", "labels"]
        if members.contains(first), path.count <= (first == "labels" ? 2 : 1) { return nil }
        return "it reads '\(path.joined(separator: "."))' of a host, which has: \(members.joined(separator: ", "))"
    }

    /// The shape of what the step hands out; nil for nothing.
    private var outputShape: TypeShape? {
        func object(_ fields: KeyValuePairs<String, TypeShape>) -> TypeShape {
            .object(fields.map { TypeShape.Field(name: $0.key, shape: $0.value) })
        }
        switch kind {
        case .work(let work): return work.spec.outputShape(declared: output)
        case .approval(let spec):
            if spec.fields.isEmpty { return object(["decision": .string, "by": .list(.string), "comment": .optional(.string)]) }
            let answers = TypeShape.object(spec.fields.map { TypeShape.Field(name: $0.name, shape: $0.kind.shape) })
            return object(["decision": .string, "by": .list(.string), "comment": .optional(.string), "output": answers])
        case .choice: return .bool
        case .map: return .list(.any)
        case .rollout: return object(KeyValuePairs.outcomes)
        case .sleep, .sleepUntil: return nil
        case .waitFor: return output
        // What a flow that is called hands out is known to the compiler, or declared.
        case .call: return output ?? .any
        case .repeatUntil(let spec): return spec.value == nil ? nil : .any
        }
    }
}

extension KeyValuePairs where Key == String, Value == TypeShape {
    /// What a rollout hands out: how many targets came to each outcome.
    fileprivate static var outcomes: KeyValuePairs<String, TypeShape> {
        [
            "ok": .int, "changed": .int, "skipped": .int, "failed": .int, "unreachable": .int, "timedOut": .int, "cancelled": .int,
            "notStarted": .int, "unknown": .int,
        ]
    }
}

extension TypeShape {
    /// Why nothing can be found under `path`; nil when something can.
    fileprivate func memberFault(_ path: ArraySlice<String>) -> String? {
        guard let name = path.first else { return nil }
        switch self {
        case .any: return nil
        case .optional(let inner): return inner.memberFault(path)
        case .dictionary(let value): return value.memberFault(path.dropFirst())
        case .list(let element):
            return Int(name) == nil ? "the elements of a list are named by number" : element.memberFault(path.dropFirst())
        case .object(let fields):
            if let field = fields.first(where: { $0.name == name }) { return field.shape.memberFault(path.dropFirst()) }
            return
                "there is no '\(name)'; it has: \(fields.prefix(Limits.membersNamed).map(\.name).joined(separator: ", "))\(fields.count > Limits.membersNamed ? ", …" : "")"
        case .string, .int, .double, .bool: return "\(self) has no members"
        }
    }
}
