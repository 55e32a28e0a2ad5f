import FlowModel

/// What a step hands out of which a person, or its probe, says that it succeeded. Readers get all of it or the step is not called a success: a
/// value that nobody knows is not made up.
extension RunMachine {
    /// What a person says of the step's output, checked.
    func resolvedValue(_ number: Int, _ given: JSON?, _ command: RunCommand) throws(FlowError) -> JSON {
        let node = node(number)
        let path = run.steps[number].path
        let hint = "flowctl resolve \(run.id) '\(path)' --as succeeded --output JSON -m REASON"
        let shape = node.work?.givenShape(declared: node.output) ?? node.output
        if let shape, let given {
            let faults = shape.faults(in: given)
            guard faults.isEmpty else {
                throw FlowError(.inputs, subject: path.text, "The output does not have the declared shape \(shape).", errors: faults)
            }
        } else if node.output != nil {
            throw refuse(command, because: "step '\(path)' declares an output", hint: hint)
        }
        let value = assumedOutput(number, given)
        if let members = unknownMembers(of: number, in: value) {
            let shape = shape.map { ", of the shape \($0)" } ?? ""
            throw refuse(command, because: "other steps read \(members) of step '\(path)': say its output\(shape)", hint: hint)
        }
        return value
    }

    /// What is known of it when nobody says more than that it succeeded.
    func assumedOutput(_ number: Int, _ given: JSON? = nil) -> JSON {
        let node = node(number)
        return node.work?.assumedOutput(given) ?? given ?? .null
    }

    /// The members of the step's output that steps read and this value lacks, for people; nil when there are none.
    func unknownMembers(of number: Int, in value: JSON) -> String? {
        let node = node(number)
        guard case .object(let fields)? = node.work?.outputShape(declared: node.output) else { return nil }
        let unknown = fields.filter { $0.shape.isNeeded && value[$0.name] == nil }.map(\.name)
        guard !unknown.isEmpty else { return nil }
        var read: Set<String> = []
        for expression in run.plan.nodes.lazy.flatMap(\.readings) {
            expression.forEach { part in
                guard case .output(node.id, let path) = part else { return }
                read.formUnion(path.first.map { [$0] } ?? unknown)
            }
        }
        let missing = unknown.filter(read.contains)
        return missing.isEmpty ? nil : missing.map { "'\($0)'" }.joined(separator: " and ")
    }
}

extension TypeShape {
    fileprivate var isNeeded: Bool { if case .optional = self { false } else { true } }
}
