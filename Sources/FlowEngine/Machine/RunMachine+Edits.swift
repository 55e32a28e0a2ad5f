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
        if isRetry {
            // Reopening writes the command down first.
            try reopen(try stepsToRetry(from: from, command), command, by: actor, message: note)
        } else {
            try requireOpen(command)
            record(command, by: actor, message: note)
        }
        if !changes.isEmpty { emit(entry) }
        askAnew()
        if isRetry { startEverything() }
    }

    /// Gates that are open are bound to what was: their votes are void, and people see what is.
    private mutating func askAnew() {
        for number in run.steps.indices where run.steps[number].approval?.state == .open && run.steps[number].state == .waiting {
            guard case .approval(let spec) = node(number).kind else { continue }
            do throws(EvaluationError) {
                try openApproval(number, spec)
            } catch {
                settle(number, because: error)
            }
        }
    }
}
