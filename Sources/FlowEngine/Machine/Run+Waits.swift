import FlowModel

/// What operators and senders do to a run that waits.
extension Run {
    mutating func take(_ edit: InputEdit) {
        created.inputs.merge(edit.inputs) { $1 }
        created.targets.merge(edit.targets) { $1 }
        hasEditedInputs = true
    }

    mutating func takeSignal(_ signal: String) {
        guard var waiting = signals[signal], !waiting.isEmpty else { return }
        waiting.removeFirst()
        signals[signal] = waiting.isEmpty ? nil : waiting
    }

    /// A `repeatUntil` whose rounds are used up gets as many again in a new generation.
    mutating func addRounds(to number: Int) {
        guard case .repeatUntil(let spec) = plan.nodes[steps[number].node].kind, let elements = steps[number].elements,
            elements.scopes.allSatisfy({ $0.map { scopes[$0].unsettled == 0 && !scopes[$0].hasFailed } ?? false })
        else { return }
        let first = elements.keys.count + 1
        let more = first..<first + spec.maximum
        steps[number].elements?.keys += more.map(String.init)
        steps[number].elements?.values += more.map(JSON.int)
        steps[number].elements?.scopes += Array(repeating: nil, count: spec.maximum)
    }
}
