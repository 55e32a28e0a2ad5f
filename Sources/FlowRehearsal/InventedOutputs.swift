import FlowModel

/// What steps hand out: what the script says, else values that are made up, so that a loop which waits for one of them comes to its end.
struct InventedOutputs {
    private let script: RehearsalScript
    /// What the conditions of loops compare with, by flow and step.
    private let awaited: [String: [(path: [String], value: JSON)]]
    /// Steps of which others read something, by flow and step.
    private let read: Set<String>
    /// What was made up and is read, in the order in which it was: for people.
    private(set) var invented: [(step: String, output: JSON)] = []

    init(_ plan: Plan, _ script: RehearsalScript) {
        self.script = script
        var awaited: [String: [(path: [String], value: JSON)]] = [:]
        var read: Set<String> = []
        for plan in plan.withCalls {
            for node in plan.nodes {
                for expression in node.readings { expression.forEach { if case .output(let step, _) = $0 { read.insert("\(plan.flow)/\(step)") } } }
                guard case .repeatUntil(let spec) = node.kind else { continue }
                for (step, path, value) in spec.until.wanted { awaited["\(plan.flow)/\(step)", default: []].append((path, value)) }
            }
        }
        (self.awaited, self.read) = (awaited, read)
    }

    /// What an attempt of the step hands out, and the rule of the script that says so. That it fits was checked before the rehearsal began.
    mutating func output(
        of node: Node, _ work: any WorkSpec, at path: StepPath, on host: String?, in flow: String
    ) -> (JSON, by: RehearsalScript.Rule<JSON>?) {
        if let rule = RehearsalScript.rule(script.outputs, for: path, on: host), let output = try? InventedOutputs.given(rule.value, for: node, work)
        {
            return (output, rule)
        }
        var output = work.rehearsedOutput(of: node.name, declared: node.output, given: nil)
        for (path, value) in awaited["\(flow)/\(node.id)"] ?? [] { output = output.setting(value, at: path[...]) }
        note(output, of: node, flow)
        return (output, nil)
    }

    private mutating func note(_ output: JSON, of node: Node, _ flow: String) {
        guard read.contains("\(flow)/\(node.id)"), !invented.contains(where: { $0.step == node.id }) else { return }
        invented.append((node.id, node.output == nil ? output : output["value"] ?? output))
    }

    /// The output that a person means with this: what the step's kind takes of a person, or members of its output.
    static func given(_ value: JSON, for node: Node, _ work: any WorkSpec) throws(FlowError) -> JSON {
        let shape = work.givenShape(declared: node.output)
        let faults = shape?.faults(in: value) ?? []
        if let shape, shape.faults(in: value).isEmpty { return work.rehearsedOutput(of: node.name, declared: node.output, given: value) }
        let whole = work.outputShape(declared: node.output)
        if case .object(let fields) = whole, case .object(let members) = value,
            members.keys.allSatisfy({ name in fields.contains { $0.name == name } }), !members.isEmpty
        {
            let usual = work.rehearsedOutput(of: node.name, declared: node.output, given: nil).objectValue ?? [:]
            let output = JSON.object(usual.merging(members) { $1 })
            if whole?.faults(in: output).isEmpty == true { return output }
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
