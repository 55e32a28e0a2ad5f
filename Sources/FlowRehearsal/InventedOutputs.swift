import FlowModel

/// What steps hand out: what the script says, else values that are made up, so that a loop which waits for one of them comes to its end.
struct InventedOutputs {
    private let script: RehearsalScript
    /// What the conditions of loops compare with, by flow and step.
    private let awaited: [String: [(path: [String], value: JSON)]]
    /// Steps whose output is used by others, by flow and step.
    private let used: Set<String>
    /// What was made up and is read, in the order in which it was: for people.
    private(set) var invented: [(step: String, output: JSON)] = []

    init(_ plan: Plan, _ script: RehearsalScript) {
        self.script = script
        var awaited: [String: [(path: [String], value: JSON)]] = [:]
        for plan in plan.withCalls {
            for node in plan.nodes {
                guard case .repeatUntil(let spec) = node.kind else { continue }
                for (step, path, value) in spec.until.wanted { awaited["\(plan.flow)/\(step)", default: []].append((path, value)) }
            }
        }
        self.awaited = awaited
        used = UsedOutputs(of: plan).steps
    }

    /// What an attempt of the step hands out, and the rule of the script that says so. That it fits was checked before the rehearsal began.
    mutating func output(of node: Node, _ work: any WorkSpec, at place: StepPlace, in flow: String) -> (JSON, by: RehearsalScript.Rule<JSON>?) {
        if let rule = RehearsalScript.rule(script.outputs, at: place), let output = try? InventedOutputs.given(rule.value, for: node, work) {
            return (output, rule)
        }
        var output = work.rehearsedOutput(of: node.name, declared: node.output, given: nil)
        for (path, value) in awaited["\(flow)/\(node.id)"] ?? [] { output = output.setting(value, at: path[...]) }
        note(node.output == nil ? output : output["value"] ?? output, of: node, at: place, in: flow)
        return (output, nil)
    }

    /// What a person says of the step's output who resolves it as succeeded; nil: nothing, since nothing is declared.
    mutating func resolution(of node: Node, _ work: any WorkSpec, at place: StepPlace, in flow: String) -> (JSON, by: RehearsalScript.Rule<JSON>?)? {
        guard let shape = work.givenShape(declared: node.output) else { return nil }
        if let rule = RehearsalScript.rule(script.outputs, at: place), shape.faults(in: rule.value).isEmpty { return (rule.value, rule) }
        let output = shape.invented(as: node.name)
        note(output, of: node, at: place, in: flow)
        return (output, nil)
    }

    /// Each step once, whatever its element.
    private mutating func note(_ output: JSON, of node: Node, at place: StepPlace, in flow: String) {
        let step = StepPlace.prefix(place.callers.map { StepPath(StepPattern.id(of: $0)) }) + node.id
        guard used.contains("\(flow)/\(node.id)"), !invented.contains(where: { $0.step == step }) else { return }
        invented.append((step, output))
    }

    /// The output that a person means with this: what the step's kind takes of a person, or members of its output.
    static func given(_ value: JSON, for node: Node, _ work: any WorkSpec) throws(FlowError) -> JSON {
        let shape = work.givenShape(declared: node.output)
        let faults = shape?.faults(in: value) ?? []
        func checked(_ output: JSON) throws(FlowError) -> JSON {
            guard let fault = work.rehearsedOutputFault(output) else { return output }
            throw FlowError(
                .inputs, subject: node.id, "Nothing was rehearsed: no attempt of step '\(node.id)' that succeeds hands this out.",
                errors: [.init(subject: "", message: fault)])
        }
        if let shape, shape.faults(in: value).isEmpty {
            return try checked(work.rehearsedOutput(of: node.name, declared: node.output, given: value))
        }
        let whole = work.outputShape(declared: node.output)
        if case .object(let fields) = whole, case .object(let members) = value,
            members.keys.allSatisfy({ name in fields.contains { $0.name == name } }), !members.isEmpty
        {
            let usual = work.rehearsedOutput(of: node.name, declared: node.output, given: nil).objectValue ?? [:]
            let output = JSON.object(usual.merging(members) { $1 })
            if whole?.faults(in: output).isEmpty == true { return try checked(output) }
        }
        let expected = shape ?? whole
        throw FlowError(
            .inputs, subject: node.id,
            "Nothing was rehearsed: step '\(node.id)' does not hand out \(value.canonical)"
                + (expected.map { ", it hands out \($0)." } ?? ", it hands out nothing."),
            errors: faults.isEmpty ? whole?.faults(in: value) ?? [] : faults)
    }
}

extension Expression {
    /// The values that make the condition hold: of what is compared for being the same, all together.
    fileprivate var wanted: [(step: String, path: [String], value: JSON)] {
        switch self {
        case .and(let one, let other): one.wanted + other.wanted
        case .or(let one, _): one.wanted
        case .compare(.equal, let one, .literal(let value)), .compare(.equal, .literal(let value), let one):
            one.source.map { [($0.step, $0.path, value)] } ?? []
        case .not(let inner): inner.source.map { [($0.step, $0.path, JSON.bool(false))] } ?? []
        default: source.map { [($0.step, $0.path, JSON.bool(true))] } ?? []
        }
    }

    /// The member of an output that it is.
    private var source: (step: String, path: [String])? {
        switch self {
        case .output(let step, let path): (step, path)
        case .optional(let inner), .fallback(let inner, _): inner.source
        default: nil
        }
    }
}

extension JSON {
    /// The same with another value at the end of the path, where that is a member that is there.
    fileprivate func setting(_ value: JSON, at path: ArraySlice<String>) -> JSON {
        guard let name = path.first else { return value }
        guard case .object(var members) = self, let member = members[name] else { return self }
        members[name] = member.setting(value, at: path.dropFirst())
        return .object(members)
    }
}
