import FlowModel

/// Breakpoints and signals.
extension RunMachine {
    // MARK: - Breakpoints

    /// Whether the step has a breakpoint that nobody has let it pass.
    func isHeldBefore(_ number: Int) -> Bool {
        guard !run.breakpoints.isEmpty, !run.steps[number].isReleased else { return false }
        return run.breakpoints.contains(run.steps[number].path.text) || run.breakpoints.contains(node(number).id)
    }

    mutating func hold(
        before step: String, isSet: Bool, _ command: RunCommand, by actor: Actor, message: String?
    ) throws(FlowError) {
        try requireOpen(command)
        if isSet {
            guard run.positions[StepPath(step)] != nil || run.index.nodes[step] != nil else {
                _ = try position(StepPath(step))
                return
            }
            guard !run.breakpoints.contains(step) else { throw refuse(command, because: "it stops before step '\(step)' already") }
            guard run.breakpoints.count < Limits.breakpoints else {
                throw refuse(command, because: "it has \(Limits.breakpoints) breakpoints, as many as a run may have")
            }
        } else if !run.breakpoints.contains(step) {
            let set = run.breakpoints.sorted().map { "'\($0)'" }.joined(separator: ", ")
            throw refuse(command, because: "it has no breakpoint before '\(step)'" + (set.isEmpty ? "" : "; it has: \(set)"))
        }
        record(command, by: actor, message: message)
        emit(.breakpoint(step, isSet: isSet))
    }

    /// Lets a step go ahead that waits for nothing but time or leave.
    ///
    /// Returns false when it is another kind of step's turn to be released.
    mutating func releaseStep(_ number: Int, _ command: RunCommand, by actor: Actor, message: String?) -> Bool {
        let step = run.steps[number]
        switch (step.state, step.waiting?.kind) {
        case (.waiting, .breakpoint):
            record(command, by: actor, message: message)
            emit(.released(ref(number)))
            startEverything()
        case (.waiting, .timer) where step.elements != nil:
            record(command, by: actor, message: message)
            emit(.resumed(ref(number)))
            advanceMap(number)
        case (.waiting, .timer):
            record(command, by: actor, message: message)
            settle(number, .succeeded, value: .null)
        case (.backingOff, _):
            record(command, by: actor, message: message)
            if run.isPaused { emit(.ready(ref(number))) } else { leaseAgain(number) }
        default: return false
        }
        return true
    }

    // MARK: - Signals

    /// Takes the oldest message that has arrived already, or waits for one.
    mutating func startWaiting(_ number: Int, _ spec: SignalSpec) {
        if let value = run.signals[spec.signal]?.first {
            emit(.signalTaken(ref(number), signal: spec.signal))
            return settle(number, .succeeded, value: value)
        }
        emit(.awaiting(ref(number), signal: spec.signal, until: spec.timeoutSeconds.map { context.now + $0 }))
    }

    mutating func expireSignal(_ number: Int) {
        guard case .waitFor(let spec) = node(number).kind, let seconds = spec.timeoutSeconds else { return }
        fail(number, "no signal '\(spec.signal)' within \(JSON.double(seconds).text) s")
    }

    mutating func signal(
        _ name: String, _ value: JSON, key: String?, _ command: RunCommand, by actor: Actor, message: String?
    ) throws(FlowError) {
        let digest = context.hash(JSON.object(["name": .string(name), "value": value]).canonicalBytes)
        if let key, let known = run.signalKeys[key] {
            guard known == digest else {
                throw FlowError(
                    .keyReused, subject: key,
                    "The signal was not taken: key '\(key)' belongs to another message that run \(run.id) was sent.",
                    hint: "what it was sent: flowctl watch \(run.id) -o json; another message takes another --key")
            }
            return
        }
        try requireOpen(command)
        let receivers = run.plan.nodes.filter { if case .waitFor(let spec) = $0.kind { spec.signal == name } else { false } }
        guard !receivers.isEmpty else { throw unknownSignal(name) }
        for case (let node, let shape?) in receivers.map({ ($0, $0.output) }) {
            let faults = shape.faults(in: value)
            guard faults.isEmpty else {
                throw FlowError(
                    .inputs, subject: name, "The signal was not taken: step '\(node.id)' takes \(shape).", errors: faults)
            }
        }
        guard run.signals[name, default: []].count < Limits.waitingSignals else {
            throw refuse(command, because: "\(Limits.waitingSignals) messages of signal '\(name)' wait to be taken, as many as are kept")
        }
        guard key == nil || run.signalKeys.count < Limits.signalKeys else {
            throw refuse(command, because: "\(Limits.signalKeys) messages were sent to it under keys, as many as are remembered")
        }
        record(command, by: actor, message: message)
        emit(.signalled(name, value))
        if let key { emit(.keyed(key, digest)) }
        let waiting = run.steps.indices.first { number in
            guard run.steps[number].waiting?.kind == .signal, case .waitFor(let spec) = node(number).kind else { return false }
            return spec.signal == name
        }
        guard let waiting else { return }
        emit(.signalTaken(ref(waiting), signal: name))
        settle(waiting, .succeeded, value: value)
    }

    private func unknownSignal(_ name: String) -> FlowError {
        let known = Set(run.plan.nodes.compactMap { if case .waitFor(let spec) = $0.kind { spec.signal } else { nil } }).sorted()
        let words = known.isEmpty ? "it waits for none" : "it waits for: \(known.joined(separator: ", "))"
        return FlowError(.notFound, subject: name, "Flow '\(run.created.flow)' knows no signal '\(name)'; \(words).")
    }
}
