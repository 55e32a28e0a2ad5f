import FlowModel

extension RunMachine {
    mutating func take(_ command: RunCommand, by actor: Actor, message: String?) throws(FlowError) {
        switch command {
        case .pause: try pause(command, by: actor, message: message)
        case .resume: try resume(command, by: actor, message: message)
        case .cancel: try cancel(.cancel, command, by: actor, message: message)
        case .kill: try cancel(.kill, command, by: actor, message: message)
        case .retry(let from): try retry(from: from, command, by: actor, message: message)
        case .redo(let path, let targets, let from):
            try redo(path, targets, from: from, command, by: actor, message: message)
        case .undo(let path?) where !run.state.isTerminal && run.positions[path].map { run.rollouts[$0] != nil } ?? false:
            try undoRollout(path, command, by: actor, message: message)
        case .undo(let path): try undoRun(from: path, command, by: actor, message: message)
        case .breakGlass(let path): try breakGlass(path, command, by: actor, message: message)
        case .release(let path): try release(path, command, by: actor, message: message)
        case .adjust(let path, let adjustment): try adjust(path, adjustment, command, by: actor, message: message)
        case .edit(let edit, let isRetry, let from):
            try self.edit(edit, isRetry: isRetry, from: from, command, by: actor, message: message)
        case .hold(let step, let isSet): try hold(before: step, isSet: isSet, command, by: actor, message: message)
        case .signal(let name, let value, let key): try signal(name, value, key: key, command, by: actor, message: message)
        case .skip(let path): try skip(path, command, by: actor, message: message)
        case .reprioritise(let priority): try reprioritise(priority, command, by: actor, message: message)
        case .resolve(let path, let resolution): try resolve(path, resolution, command, by: actor, message: message)
        case .vote(let path, let choice, let digest, let ballot):
            try vote(path, choice, digest: digest, ballot, by: actor, message: message)
        }
    }

    // MARK: - Shared

    /// Writes down who asked for what: the first entry of every command that is accepted.
    mutating func record(_ command: RunCommand, by actor: Actor, message: String?) {
        emit(
            .commanded(
                Entry.Command(
                    verb: command.verb, user: actor.user, person: actor.person, subject: command.subject, message: message)))
    }

    func position(_ path: StepPath) throws(FlowError) -> Int {
        if let number = run.positions[path] { return number }
        let near = nearestNames(to: path.text, in: run.steps.map(\.path.text))
        throw FlowError(
            .notFound, subject: path.text,
            "Run \(run.id) has no step '\(path)'."
                + (near.isEmpty ? "" : " Did you mean \(near.map { "'\($0)'" }.joined(separator: " or "))?"),
            hint: "flowctl steps \(run.id)")
    }

    func refuse(_ command: RunCommand, because reason: String, hint: String? = nil) -> FlowError {
        FlowError(.conflict, subject: run.id.text, "Run \(run.id) was not changed by '\(command.verb)': \(reason).", hint: hint)
    }

    func requireOpen(_ command: RunCommand) throws(FlowError) {
        guard !run.state.isTerminal else { throw refuse(command, because: "it is \(run.state.rawValue) already") }
    }

    // MARK: - Pause and resume

    private mutating func pause(_ command: RunCommand, by actor: Actor, message: String?) throws(FlowError) {
        try requireOpen(command)
        // What came out of a backup is held as it is: its `finally` may have run since.
        guard run.cancellation == nil || actor == .engine else { throw refuse(command, because: "it is cancelling") }
        guard !run.isPaused else { throw refuse(command, because: "it is paused already") }
        record(command, by: actor, message: message)
        emit(.paused(true))
        emit(.runState(.paused, reason: "paused by \(actor.user)" + (message.map { ": \($0)" } ?? "")))
        standAside()
        passDown(.pause)
    }

    private mutating func resume(_ command: RunCommand, by actor: Actor, message: String?) throws(FlowError) {
        try requireOpen(command)
        guard run.isPaused else { throw refuse(command, because: "it is not paused, it is \(run.state.rawValue)") }
        record(command, by: actor, message: message)
        emit(.paused(false))
        passDown(.resume)
        // A quarantined run was paused before its attempts were taken over.
        recover()
        startEverything()
    }

    // MARK: - Cancel and kill

    private mutating func cancel(
        _ kind: Run.Cancellation, _ command: RunCommand, by actor: Actor, message: String?
    ) throws(FlowError) {
        try requireOpen(command)
        let isCancelling = run.cancellation == .kill || run.cancellation == kind
        if isCancelling, !run.isPaused { throw refuse(command, because: "it was cancelled already, and goes on to its end") }
        if kind == .cancel, run.bodyOutcome != nil, run.undo == nil {
            let hint = run.isPaused ? "flowctl resume \(run.id), or: flowctl kill \(run.id)" : "flowctl kill \(run.id)"
            throw refuse(command, because: "its 'finally' is running", hint: hint)
        }
        record(command, by: actor, message: message)
        // What has not begun has nothing to tidy up, and holds nothing that it would need for it.
        if !isCancelling { emit(.cancelRequested(run.isQueued ? .kill : kind)) }
        if run.isPaused {
            // It goes on to its end: to pause it was to wait for a decision, and this is one.
            emit(.paused(false))
            // A quarantined run was paused before its attempts were taken over.
            recover()
        }
        if run.bodyOutcome == nil || run.undo != nil { emit(.runState(.cancelling, reason: run.stoppedBy?.words)) }
        stopEverything(force: run.cancellation == .kill)
    }

    private mutating func stopEverything(force: Bool) {
        for number in run.steps.indices {
            let step = run.steps[number]
            switch step.state {
            case .running where step.elements == nil:
                if step.attempt?.isStopping == false { emit(.stopping(ref(number))) }
                decision.actions.append(.stop(attemptID(number), force: force))
            case .waiting where step.isCalling && step.child != nil:
                if let child = step.child { decision.actions.append(.child(child, force ? .kill : .cancel)) }
            case .waiting, .backingOff, .held: settle(number, .cancelled)
            case .unknown:
                settle(number, .cancelled, reason: "cancelled while its outcome was unknown: \(step.reason ?? "")")
            default: break
            }
        }
        for number in run.steps.indices where run.steps[number].state == .running { advanceMap(number) }
    }

    // MARK: - Retry, skip, resolve

    private mutating func retry(
        from path: StepPath?, _ command: RunCommand, by actor: Actor, message: String?
    ) throws(FlowError) {
        guard run.cancellation == nil else { throw refuse(command, because: "it is cancelling") }
        try reopen(try stepsToRetry(from: path, command), command, by: actor, message: message)
        startEverything()
    }

    private mutating func skip(
        _ path: StepPath, _ command: RunCommand, by actor: Actor, message: String?
    ) throws(FlowError) {
        let number = try position(path)
        let step = run.steps[number]
        if case .approval = node(number).kind {
            throw refuse(
                command, because: "step '\(path)' is an approval, which is decided and never skipped",
                hint: "flowctl reject \(run.id) '\(path)' -m REASON")
        }
        try requireNoApproval(in: number, "skipped", command)
        let reason = "skipped by \(actor.user)" + (message.map { ": \($0)" } ?? "")
        if step.isCalling, let child = step.child {
            throw refuse(command, because: "step '\(path)' waits for run \(child)", hint: "flowctl cancel \(child)")
        }
        switch step.state {
        case .pending, .ready, .waiting, .backingOff, .held, .unknown:
            try requireOpen(command)
            try requirePart([number], command)
            record(command, by: actor, message: message)
        case .failed, .cancelled:
            guard run.cancellation == nil else { throw refuse(command, because: "it is cancelling") }
            if try !goOnUndoing(past: number, command, by: actor, message: message) {
                // A rollout that is left as it is does nothing again on its targets.
                try reopen([number], targets: run.rollouts[number] == nil ? [:] : [number: []], command, by: actor, message: message)
            }
        case .running, .succeeded, .skipped:
            throw refuse(command, because: "step '\(path)' is \(step.state.rawValue)")
        }
        emit(.given(ref(number), Shaper(user: actor.user, person: actor.person, .skipped, path.text)))
        settle(number, .skipped, reason: reason)
        startEverything()
    }

    /// A gate is decided by votes and nothing else, whatever it stands in.
    private func requireNoApproval(in number: Int, _ done: String, _ command: RunCommand) throws(FlowError) {
        guard let approval = undecidedApproval(in: number) else { return }
        throw refuse(
            command, because: "step '\(run.steps[number].path)' holds the approval \(approval), which is decided by votes and never \(done)",
            hint: "flowctl retry \(run.id), or: flowctl cancel \(run.id)")
    }

    private mutating func resolve(
        _ path: StepPath, _ resolution: RunCommand.Resolution, _ command: RunCommand, by actor: Actor, message: String?
    ) throws(FlowError) {
        let number = try position(path)
        let step = run.steps[number]
        let isUnreachable = step.state == .running && step.waiting?.kind == .unreachable
        let isOver = step.state == .failed || step.state == .cancelled || step.state == .skipped
        guard step.state == .unknown || step.state == .held || isUnreachable || isOver && resolution.isSuccess else {
            throw refuse(
                command,
                because: "step '\(path)' is \(step.state.rawValue); unknown, held and unreachable steps are resolved, "
                    + "and failed, cancelled and skipped ones as succeeded",
                hint: "flowctl why \(run.id)")
        }
        guard !isOver || step.elements == nil && step.approval == nil else {
            throw refuse(command, because: "step '\(path)' is \(node(number).kindName), whose output nobody gives")
        }
        if case .approval = node(number).kind, resolution.isSuccess {
            throw refuse(
                command, because: "step '\(path)' is an approval, which only votes open", hint: "flowctl retry \(run.id) --from '\(path)'")
        }
        if resolution.isSuccess { try requireNoApproval(in: number, "resolved as succeeded", command) }
        if run.cancellation != nil, resolution == .retry || isOver { throw refuse(command, because: "it is cancelling") }
        var value: JSON?
        if case .succeeded(let output) = resolution { value = try resolvedValue(number, output, command) }
        if resolution == .retry {
            try reopen(stepsToTryAgain(of: number), givingUp: isUnreachable ? number : nil, command, by: actor, message: message)
            return startEverything()
        }
        if isOver {
            if try !goOnUndoing(past: number, command, by: actor, message: message) {
                try reopen([number], command, by: actor, message: message)
            }
        } else {
            record(command, by: actor, message: message)
        }
        if isUnreachable { giveUp(number, by: actor) }
        // That it failed, too: what reads it has its default then.
        emit(.given(ref(number), Shaper(user: actor.user, person: actor.person, .resolved, path.text)))
        if isUnreachable, isStopped {
            settle(number, .cancelled, reason: "given up by \(actor.user)" + (message.map { ": \($0)" } ?? ""))
        } else if resolution == .failed {
            settle(
                number, .failed, reason: "resolved as failed by \(actor.user)" + (message.map { ": \($0)" } ?? ""),
                isIgnored: node(number).policy.onFailure == .ignore)
            if node(number).policy.onFailure != .ignore {
                stopWaiting(in: run.steps[number].scope, because: "step '\(path)' was resolved as failed")
            }
        } else {
            settle(number, .succeeded, reason: "resolved by \(actor.user)", value: value)
            if isOver { startEverything() }
        }
    }
}

extension RunCommand.Resolution {
    fileprivate var isSuccess: Bool { if case .succeeded = self { true } else { false } }
}

extension RunCommand {
    fileprivate var subject: String? {
        switch self {
        case .pause, .resume, .cancel, .kill: nil
        case .reprioritise(let priority): "\(priority)"
        case .edit(_, _, let from): from?.text
        case .hold(let step, _): step
        case .signal(let name, _, _): name
        case .retry(let from): from?.text
        case .breakGlass(let path): path?.text
        case .redo(let path, _, _): path?.text
        case .undo(let path): path?.text
        case .skip(let path), .resolve(let path, _), .vote(let path, _, _, _), .release(let path), .adjust(let path, _): path.text
        }
    }
}
