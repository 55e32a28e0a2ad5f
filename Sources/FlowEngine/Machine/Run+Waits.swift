import FlowModel

/// What operators and senders do to a run that waits.
extension Run {
    mutating func take(_ edit: InputEdit) {
        formerInputs.append(created.inputs)
        created.take(.inputsEdited(edit))
        keepSecrets(of: edit.inputs)
        hasEditedInputs = true
        // An edit follows the command that asks for it.
        guard let commander else { return }
        let editor = Shaper(user: commander.user, person: commander.person, .edited)
        if !editors.contains(editor) { editors.append(editor) }
    }

    /// The step begins, with the inputs of now: it keeps them for all attempts and probes of this generation.
    mutating func noteEdition(of number: Int) {
        if !formerInputs.isEmpty { editions[number] = formerInputs.count }
    }

    /// Keeps a message, with who sent it: it follows the command that brought it.
    mutating func keep(_ value: JSON, of signal: String) {
        signals[signal, default: []].append(value)
        senders[signal, default: []].append(Shaper(user: commander?.user ?? "", person: commander?.person ?? "", .signalled))
    }

    mutating func takeSignal(_ signal: String, for step: Entry.StepRef) {
        guard var waiting = signals[signal], !waiting.isEmpty else { return }
        waiting.removeFirst()
        signals[signal] = waiting.isEmpty ? nil : waiting
        guard var sent = senders[signal], !sent.isEmpty else { return }
        var giver = sent.removeFirst()
        senders[signal] = sent.isEmpty ? nil : sent
        giver.subject = step.path.text
        update(step) { $0.givers.append(giver) }
        noteShaped()
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
