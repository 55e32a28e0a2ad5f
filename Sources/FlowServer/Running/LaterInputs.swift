import FlowModel

/// Inputs of which some are known now and the others come with each request.
struct LaterInputs {
    var given: [String: JSON]
    /// Those that each request brings; nil: any that are not given.
    var taken: Set<String>?

    /// Those that every run will have, complete. Refuses, all at once, what no request could make good.
    func fixed(
        of parameters: [Parameter], complete: ([Parameter], [String: JSON]) throws(FlowError) -> [String: JSON]
    ) throws(FlowError) -> [String: JSON] {
        let known = parameters.filter { given[$0.name] != nil || $0.fallback != nil && taken?.contains($0.name) == false }
        let isKnown = given.keys.allSatisfy { name in parameters.contains { $0.name == name } }
        var faults = notTaken(of: parameters)
        var values: [String: JSON] = [:]
        do throws(FlowError) {
            // A name that is no parameter is told with all that there are.
            values = try complete(isKnown ? known : parameters, given)
        } catch {
            guard error.code == .inputs, !error.errors.isEmpty else { throw error }
            let names = Set(given.keys).union(known.map(\.name))
            faults += error.errors.filter { names.contains($0.subject) }
        }
        guard faults.isEmpty else {
            throw FlowError(.inputs, subject: "inputs", "Nothing was started: inputs are not acceptable.", errors: faults)
        }
        return values
    }

    private func notTaken(of parameters: [Parameter]) -> [FlowError.Detail] {
        guard let taken else { return [] }
        let names = parameters.map(\.name)
        let unknown = taken.subtracting(names).sorted().map { name in
            let near = nearestNames(to: name, in: names)
            let guess = near.isEmpty ? "" : "; did you mean \(near.map { "'\($0)'" }.joined(separator: " or "))?"
            return FlowError.Detail(subject: name, message: "is taken from the request, and is not a parameter of the flow\(guess)")
        }
        let missing = parameters.filter { $0.fallback == nil && given[$0.name] == nil && !taken.contains($0.name) }
        return unknown
            + missing.map {
                FlowError.Detail(subject: $0.name, message: "is missing: \($0.kind.words); it is neither given nor taken from the request")
            }
    }
}
