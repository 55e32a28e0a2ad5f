/// A Swift step for a worker.
package struct StepWork: WorkOrder {
    /// The node's id in the flow binary.
    package var node: String
    /// Digest of the flow binary.
    package var binary: Digest
    package var inputs: [JSON]

    package init(node: String, binary: Digest, inputs: [JSON]) {
        self.node = node
        self.binary = binary
        self.inputs = inputs
    }

    package func mapTexts<Failure: Error>(_ change: (String) throws(Failure) -> String) throws(Failure) -> StepWork {
        var work = self
        for index in inputs.indices { work.inputs[index] = try inputs[index].mapTexts(change) }
        return work
    }
}

extension JSON {
    /// The same with every text in it changed; the names of members stay.
    package func mapTexts<Failure: Error>(_ change: (String) throws(Failure) -> String) throws(Failure) -> JSON {
        switch self {
        case .string(let text): return .string(try change(text))
        case .array(let elements):
            var changed: [JSON] = []
            for element in elements { changed.append(try element.mapTexts(change)) }
            return .array(changed)
        case .object(let members):
            var changed: [String: JSON] = [:]
            for (name, member) in members { changed[name] = try member.mapTexts(change) }
            return .object(changed)
        case .null, .bool, .int, .double: return self
        }
    }
}
