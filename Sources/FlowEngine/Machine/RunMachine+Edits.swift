import FlowModel

/// Other inputs for a run that has begun.
extension RunMachine {
    /// What has run keeps what it did; steps that start from here on see the new values, and open gates ask anew.
    mutating func edit(
        _ edit: InputEdit, isRetry: Bool, from: StepPath?, _ command: RunCommand, by actor: Actor, message: String?
    ) throws(FlowError) {
        guard run.cancellation == nil else { throw refuse(command, because: "it is cancelling") }
        let changes = edit.inputs.filter { run.created.inputs[$0.key] != $0.value }
        guard !changes.isEmpty || isRetry else { throw refuse(command, because: "the inputs have these values already") }
        let words = changes.keys.sorted().map { name in
            let old = run.created.inputs[name].map { SealedText.redacted($0).canonical } ?? "none"
            return "\(name): \(old) -> \(SealedText.redacted(changes[name] ?? .null).canonical)"
        }
        let note = ([message].compactMap { $0 } + words).joined(separator: "; ")
        let entry = Entry.inputsEdited(InputEdit(inputs: changes, targets: edit.targets))
        let reopened = isRetry ? try stepsToRetry(from: from, command) : []
        if !changes.isEmpty { try keepGranted(except: reopened, command) }
        if isRetry {
            // Reopening writes the command down first.
            try reopen(reopened, command, by: actor, message: note)
        } else {
            try requireOpen(command)
            record(command, by: actor, message: note)
        }
        if !changes.isEmpty {
            emit(entry)
            voidVotes(reason: "inputs edited by \(actor.user): \(words.joined(separator: "; "))")
        }
        if isRetry { startEverything() }
    }

    /// What people have approved does not become something else behind their backs: a gate that was opened is asked anew, or nothing changes.
    private func keepGranted(except reopened: Set<Int>, _ command: RunCommand) throws(FlowError) {
        let gate = run.steps.indices.first { run.steps[$0].approval?.state == .approved && !reopened.contains($0) }
        guard let gate, let approval = run.steps[gate].approval else { return }
        let voters = approval.standing.map(\.user).joined(separator: ", ")
        throw refuse(
            command, because: "what '\(run.steps[gate].path)' approved\(voters.isEmpty ? "" : " (\(voters))") would be something else",
            hint: "ask again: flowctl retry \(run.id) --from '\(run.steps[gate].path)' with the new inputs")
    }
}
