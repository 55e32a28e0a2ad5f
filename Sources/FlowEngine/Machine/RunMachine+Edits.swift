import FlowModel

/// Other inputs for a run that has begun.
extension RunMachine {
    /// What has run keeps what it did; steps that start from here on see the new values, and open gates ask anew.
    mutating func edit(
        _ edit: InputEdit, isRetry: Bool, from: StepPath?, _ command: RunCommand, by actor: Actor, message: String?
    ) throws(FlowError) {
        guard run.cancellation == nil else { throw refuse(command, because: "it is cancelling") }
        let wasOver = run.state.isTerminal
        let changes = edit.inputs.filter { run.created.inputs[$0.key] != $0.value }
        guard !changes.isEmpty || isRetry else { throw refuse(command, because: "the inputs have these values already") }
        guard changes.isEmpty || run.formerInputs.count < Limits.edits else {
            throw refuse(
                command, because: "its inputs were edited \(Limits.edits) times, which is as often as they may be",
                hint: "flowctl run \(run.created.flow)")
        }
        try keepMasked(changes, command)
        let words = changes.keys.sorted().map { name in
            let old = run.created.inputs[name].map { SealedText.redacted($0).canonical } ?? "none"
            return "\(name): \(old) -> \(SealedText.redacted(changes[name] ?? .null).canonical)"
        }
        let note = ([message].compactMap { $0 } + words).joined(separator: "; ")
        let entry = Entry.inputsEdited(InputEdit(inputs: changes, targets: edit.targets))
        let reopened = isRetry ? try stepsToRetry(from: from, command) : []
        if !changes.isEmpty {
            try keepGiven(command)
            try keepGranted(except: reopened, command)
            try keepAsked(InputEdit(inputs: changes, targets: edit.targets), except: reopened, command)
            try keepFrozen(edit.targets, command)
        }
        let renamed = try renamedClaims(InputEdit(inputs: changes, targets: edit.targets), command)
        if isRetry {
            // Reopening writes the command down first.
            try reopen(reopened, command, by: actor, message: note)
        } else {
            guard !run.state.isTerminal else {
                let from = run.state == .succeeded ? " --from STEP" : ""
                throw refuse(command, because: "it is \(run.state.rawValue) already", hint: "flowctl retry \(run.id)\(from) -p NAME=VALUE")
            }
            record(command, by: actor, message: note)
        }
        if !changes.isEmpty {
            emit(entry)
            voidVotes(reason: "inputs edited by \(actor.user): \(words.joined(separator: "; "))")
        }
        for path in renamed { run.claims[path].map { giveBack($0, at: path) } }
        // A run that is taken up again asks with the hosts that it has by now.
        if wasOver, !changes.isEmpty, run.gate == nil { _ = passesGate() }
        if isRetry || !renamed.isEmpty { startEverything() }
    }

    /// What a run was given once is masked in all that comes, however often it is replaced: so it is not replaced without end.
    private func keepMasked(_ changes: [String: JSON], _ command: RunCommand) throws(FlowError) {
        let fresh = run.sealed(in: changes)
        let former = run.secrets.subtracting(run.sealed(in: run.created.inputs.merging(changes) { $1 }))
        guard !fresh.isEmpty, former.reduce(0, { $0 + $1.utf8.count }) > Limits.formerSecretBytes else { return }
        throw refuse(
            command,
            because: "its secrets were replaced so often that the former ones, which stay masked, have more than \(Limits.formerSecretBytes) bytes",
            hint: "flowctl run \(run.created.flow)")
    }

    /// What people have approved does not become something else behind their backs: a gate that was opened is asked anew, or nothing changes.
    private func keepGranted(except reopened: Set<Int>, _ command: RunCommand) throws(FlowError) {
        let asking = run.steps.indices.first { number in
            guard case .call = node(number).kind, !reopened.contains(number) else { return false }
            let hasAsked = run.steps[number].state == .succeeded || run.steps[number].isCalling
            return hasAsked && heldApproval(in: number) != nil
        }
        if let asking, let approval = heldApproval(in: asking) {
            throw refuse(
                command, because: "step '\(run.steps[asking].path)' has asked for the approval \(approval), which was not about the new inputs",
                hint: "ask again: flowctl retry \(run.id) --from '\(run.steps[asking].path)' with the new inputs, when it has ended")
        }
        let gate = run.steps.indices.first { run.steps[$0].approval?.state == .approved && !reopened.contains($0) }
        guard let gate, let approval = run.steps[gate].approval else { return }
        let voters = approval.standing.map(\.user).joined(separator: ", ")
        throw refuse(
            command, because: "what '\(run.steps[gate].path)' approved\(voters.isEmpty ? "" : " (\(voters))") would be something else",
            hint: "ask again: flowctl retry \(run.id) --from '\(run.steps[gate].path)' with the new inputs")
    }

    /// A called run has what its caller gave it: an approval there may have been about that.
    private func keepGiven(_ command: RunCommand) throws(FlowError) {
        guard let parent = run.created.parent else { return }
        throw refuse(
            command, because: "its inputs are what step '\(parent.step)' of run \(parent.run) gave it",
            hint: "flowctl retry \(parent.run) --from '\(parent.step)' -p NAME=VALUE")
    }

    /// Nor does a change come past an approval that nobody was asked for because of the old inputs: what decided that decides anew, or nothing
    /// changes.
    private func keepAsked(_ edit: InputEdit, except reopened: Set<Int>, _ command: RunCommand) throws(FlowError) {
        var edited = run
        edited.take(edit)
        let decided = run.steps.indices.first { number in
            let step = run.steps[number]
            // A map or rollout that runs keeps the elements that it began with.
            let hasDecided = step.state == .succeeded || step.elements != nil && step.state.isActive
            guard hasDecided, !reopened.contains(number) else { return false }
            return holdsApproval(number) && decidesOtherwise(number, in: edited)
        }
        guard let decided else { return }
        let path = run.steps[decided].path
        throw refuse(
            command, because: "step '\(path)', which decided whom to ask for approval, would decide otherwise",
            hint: "decide again: flowctl retry \(run.id) --from '\(path)' with the new inputs")
    }

    /// Whether a branch, or a map's elements, would be others with the inputs of an edited run.
    private func decidesOtherwise(_ number: Int, in edited: Run) -> Bool {
        let scope = StepScope(run: edited, step: number, hasInputsOfNow: true)
        switch node(number).kind {
        case .choice(let condition): return (try? condition.truth(in: scope)).map(JSON.bool) != run.steps[number].value
        case .map(let map):
            switch map.elements {
            case .list(let list): return (try? list.evaluate(in: scope)) != .array(run.steps[number].elements?.values ?? [])
            case .hosts(let selector): return hasOtherHosts(number, selector, scope)
            }
        case .rollout(let rollout): return hasOtherHosts(number, rollout.targets, scope)
        case .repeatUntil, .call, .work, .approval, .sleep, .sleepUntil, .waitFor: return false
        }
    }

    private func hasOtherHosts(_ number: Int, _ selector: Expression, _ scope: StepScope) -> Bool {
        guard let text = try? selector.evaluate(in: scope).text else { return true }
        return Set(scope.run.created.targets[text]?.map(\.name) ?? []) != Set(run.steps[number].elements?.keys ?? [])
    }

    /// Hosts that a run in progress did not have are not reached past a freeze or window by an edit.
    private func keepFrozen(_ targets: [String: [Host]], _ command: RunCommand) throws(FlowError) {
        guard !run.state.isTerminal, run.gate == nil, !run.isUngated else { return }
        let known = Set(run.created.targets.values.joined().map(\.name))
        let new = Set(targets.values.joined().map(\.name)).subtracting(known).sorted()
        guard !new.isEmpty, let closure = context.closure(subject(new)) else { return }
        throw refuse(
            command, because: "\(closure.kind.rawValue) \(closure.rule) keeps changes from hosts that the new inputs name",
            hint: "flowctl freeze list")
    }

    /// What waits for a lock, slot or rate whose name the new inputs change stands in line for the new one. What has one keeps it, so that its
    /// inputs stay: two runs would have one thing for themselves.
    private func renamedClaims(_ edit: InputEdit, _ command: RunCommand) throws(FlowError) -> [StepPath] {
        guard !run.claims.isEmpty, !edit.inputs.isEmpty else { return [] }
        var edited = run
        edited.take(edit)
        var renamed: [StepPath] = []
        for path in run.claims.keys.sorted() {
            guard let claim = run.claims[path], let demands = demands(of: claim, in: edited), demands != claim.demands else { continue }
            guard !claim.isGranted else {
                throw refuse(
                    command, because: "it has \(claim.demands.words) for itself, and with the new inputs that would be \(demands.words)",
                    hint: "flowctl cancel \(run.id), then: flowctl retry \(run.id) with the new inputs")
            }
            renamed.append(path)
        }
        return renamed
    }
}
