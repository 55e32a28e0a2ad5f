internal import FlowEngine
internal import FlowModel

/// What must hold of each entry where it stands. Written from the design and not from the machine, so that a mistake there is none here.
struct EntryOracle {
    /// As it was before the entry.
    let run: Run
    let event: RunMachine.Event
    let context: RunMachine.Context
    /// The entries of the same decision before it.
    var earlier: ArraySlice<Entry> = []
    /// The messages that steps have taken in this decision.
    var taken: [Int: JSON] = [:]
    var now: Instant { context.now }

    /// What is wrong with it; nil when nothing is.
    func fault(of entry: Entry) -> String? {
        switch entry {
        case .created: "a run is created once"
        case .commanded, .noted, .runState, .cancelRequested, .paused: nil
        case .bodyEnded(let outcome): bodyEnded(outcome)
        case .ready(let step): run.steps[step.index].state == .pending ? begins(step.index, alsoPaused: true) : nil
        case .leased(let step, let lease): leased(step.index, lease)
        case .placed(let step, _): placed(step.index)
        case .started(let step, _): run.steps[step.index].attempt?.row.state == .leased ? nil : "an attempt starts once"
        case .adopted(let step, let epoch): adopted(step.index, epoch)
        case .stopping: nil
        case .unreachable(let step, let reason, let until): unreachable(step.index, reason, until)
        case .attemptEnded(let step, let end): attemptEnded(step.index, end)
        case .settled(let step, let settlement): settled(step.index, settlement)
        case .sleeping(let step, let until): sleeping(step.index, until)
        case .backingOff(let step, let until, _): backingOff(step.index, until)
        case .held(let step, _): held(step.index)
        case .unknown(let step, _):
            run.nodeOf(step.index).policy.retry == nil || isGivenUp ? nil : "a step that may be repeated is not unknown"
        case .approvalOpened(let step, _, _, let deadline): approvalOpened(step.index, deadline)
        case .voted(let step, let vote): voted(step.index, vote)
        case .approvalClosed(let step, let state): approvalClosed(step.index, state)
        case .gate(let step, let inner): fault(of: inner, step.index)
        case .changeGate(let gate): fault(of: gate)
        case .mapOpened(let step, let keys, let values): mapOpened(step.index, keys, values)
        case .elementsReturn(let step): run.steps[step.index].elements?.former.isEmpty == false ? nil : "no element has left the map"
        case .elementOpened(let step, let element): elementOpened(step.index, element)
        case .elementClosed(let step, let element, let hasFailed, let target): elementClosed(step.index, element, hasFailed, target)
        case .rollout(let step, let inner): fault(of: inner, step.index)
        case .inputsEdited: inputsEdited()
        case .breakpoint, .signalled, .keyed: nil
        case .stoppedBefore(let step): isBreakpoint(step.index) ? begins(step.index) : "it stops before a step without a breakpoint"
        case .released(let step): command == .release(step.path) ? nil : "a step goes ahead and nobody let it"
        case .awaiting(let step, _, let until): awaiting(step.index, until)
        case .signalTaken(let step, let signal): signalTaken(step.index, signal)
        case .resumed(let step): resumed(step)
        case .undo(let inner): fault(of: inner)
        case .calling, .called: "plans of chance call no flows"
        case .claim: "plans of chance claim nothing"
        case .seeking(let step, let selector): seeking(step.index, selector)
        case .hostsFound(let step, let selector, let hosts): hostsFound(step.index, selector, hosts)
        case .reprioritised: nil
        case .given(let step, let giver): given(step.index, giver)
        case .reopened(let steps): reopened(Set(steps.map(\.index)))
        }
    }

    // MARK: - Events

    var command: RunCommand? { if case .command(let command, _, _) = event { command } else { nil } }
    var actor: Actor? { if case .command(_, let actor, _) = event { actor } else { nil } }
    var result: AttemptResult? { if case .report(let report) = event, case .ended(let result) = report.event { result } else { nil } }

    private var isRecovery: Bool {
        switch event {
        case .recover: true
        // A quarantined run was paused before its attempts were taken over.
        case .command(.resume, _, _), .command(.cancel, _, _), .command(.kill, _, _): true
        default: false
        }
    }

    /// Whether a person resolves a step so.
    func isResolved(_ step: Int, _ isMeant: (RunCommand.Resolution) -> Bool) -> Bool {
        if case .resolve(run.steps[step].path, let resolution)? = command { isMeant(resolution) } else { false }
    }

    private var isGivenUp: Bool { if case .resolve? = command { true } else { false } }
    func isSkipped(_ step: Int) -> Bool { command == .skip(run.steps[step].path) }

    // MARK: - Beginning

    /// What must hold of a step that begins.
    func begins(_ step: Int, alsoPaused: Bool = false) -> String? {
        let path = run.steps[step].path
        if let need = run.needsOf(step).first(where: { !run.letsOthersStart($0) }) {
            return "'\(path)' begins before '\(run.steps[need].path)', which it needs, let it"
        }
        if run.isPaused, !alsoPaused { return "'\(path)' begins while the run is paused" }
        if run.gate != nil { return "'\(path)' begins before the run's gate" }
        if !run.canGoOn(run.steps[step].scope) { return "'\(path)' begins where nothing may go on" }
        if !run.hasItsTurn(run.steps[step].scope) { return "'\(path)' begins out of its turn" }
        return nil
    }

    func beginsOnItsBranch(_ step: Int) -> String? {
        comesToItsTurn(step) ?? (run.canRead(step) ? nil : "'\(run.steps[step].path)' begins and cannot read what it needs")
    }

    private func comesToItsTurn(_ step: Int) -> String? {
        if let fault = begins(step) { return fault }
        if isBreakpoint(step) { return "'\(run.steps[step].path)' begins in spite of its breakpoint" }
        return run.isOnItsBranch(step) ? nil : "'\(run.steps[step].path)' begins on a branch that was not taken"
    }

    /// The time between two rounds is over; or what was taken up again goes on.
    private func resumed(_ step: Entry.StepRef) -> String? {
        if hasNotBegun(step.index), run.steps[step.index].elements != nil {
            if case .undo = command { return nil }
            return beginsOnItsBranch(step.index)
        }
        return command == .release(step.path) || context.hasFired(run.steps[step.index]) ? nil : "a round begins too early"
    }

    /// What is undone, and in which order, `UndoLedger` looks at.
    private func fault(of entry: UndoEntry) -> String? {
        switch entry {
        case .began: run.state.isTerminal ? nil : "a run is undone that goes on"
        case .opened(let item):
            run.isPaused || run.cancellation != nil ? "'\(item.step.path)' is undone in a run that is stopped" : nil
        case .closed(let item, _): run.undo?.open.contains(item) == true ? nil : "'\(item.step.path)' was not being undone"
        case .ended: run.undo?.open.isEmpty == true ? nil : "an undo ends while it goes on"
        }
    }

    private func isBreakpoint(_ step: Int) -> Bool {
        let names = [run.steps[step].path.text, run.nodeOf(step).id]
        return !run.steps[step].isReleased && names.contains(where: run.breakpoints.contains)
    }

    private func awaiting(_ step: Int, _ until: Instant?) -> String? {
        guard case .waitFor(let spec) = run.nodeOf(step).kind else { return "it waits for no signal" }
        if run.signals[spec.signal]?.isEmpty == false { return "it waits for a message that is there" }
        return until == spec.timeoutSeconds.map { now + $0 } ? beginsOnItsBranch(step) : "it waits until \(until.map { "\($0)" } ?? "for ever")"
    }

    private func signalTaken(_ step: Int, _ signal: String) -> String? {
        guard case .waitFor(let spec) = run.nodeOf(step).kind, spec.signal == signal else { return "a step takes a message for another" }
        return run.signals[signal]?.isEmpty == false ? nil : "a step takes a message that nobody sent"
    }

    private func hasNotBegun(_ step: Int) -> Bool { run.steps[step].state == .pending || run.steps[step].state == .ready }

    private func sleeping(_ step: Int, _ until: Instant) -> String? {
        switch run.nodeOf(step).kind {
        case .sleep(.literal(let seconds)):
            let isRight = until == now + (seconds.doubleValue ?? 0)
            return beginsOnItsBranch(step) ?? (isRight ? nil : "it sleeps until \(until), which is not \(seconds.text) s from \(now)")
        case .sleepUntil(.literal(let moment)): return beginsOnItsBranch(step) ?? (until == Instant(moment.text) ? nil : "it sleeps until \(until)")
        case .repeatUntil(let spec):
            let isBetween = run.steps[step].state == .running && run.steps[step].elements?.open.isEmpty == true
            return isBetween && until == now + spec.intervalSeconds ? nil : "a round waits until \(until)"
        default: return "it is no sleep"
        }
    }

    private func mapOpened(_ step: Int, _ keys: [String], _ values: [JSON]) -> String? {
        if let fault = beginsOnItsBranch(step) { return fault }
        switch run.nodeOf(step).kind {
        case .map(let map):
            if case .hosts(let selector) = map.elements {
                return run.targets(of: selector, from: step)?.map(\.name) == keys ? nil : "a map has other elements than the hosts that were found"
            }
            guard case .list(.literal(let list)) = map.elements else { return nil }
            return values == list.arrayValue && keys == values.indices.map(String.init) ? nil : "a map has other elements than its list"
        case .rollout(let rollout):
            let all = run.created.targets["all"] ?? []
            if keys.sorted() != all.map(\.name).sorted() { return "a rollout has other targets than its selector" }
            let hosts = all.filter { !(rollout.skipping ?? []).contains($0.labels["state"] ?? "") }.map(\.name)
            let turns = Array(keys.prefix(hosts.count))
            let order: [String]? =
                switch rollout.order {
                case .inventory: hosts
                case .reverse: hosts.reversed()
                case .name: hosts.sorted()
                default: nil
                }
            return order ?? turns == turns ? nil : "the targets are not in the order \(rollout.order)"
        case .repeatUntil(let spec): return keys.count == max(spec.maximum, 1) ? nil : "a 'repeatUntil' has other rounds than its maximum"
        default: return "it has no elements"
        }
    }

    // MARK: - Hosts

    /// What else it reads is read when it has its hosts.
    private func seeking(_ step: Int, _ selector: String) -> String? {
        if let fault = comesToItsTurn(step) { return fault }
        guard let hosts = run.nodeOf(step).hosts, run.text(of: hosts.selector, from: step) == selector else { return "it looks for other hosts" }
        return run.created.targets[selector] == nil ? nil : "it looks for hosts that were found"
    }

    /// One answer counts for the whole run.
    private func hostsFound(_ step: Int, _ selector: String, _ hosts: [Host]) -> String? {
        guard case .hostsFound(let id, selector, hosts) = event, id.step == run.steps[step].path, id.generation == run.steps[step].generation else {
            return "nobody found these hosts"
        }
        if run.created.targets[selector] != nil { return "hosts that were found are others now" }
        guard run.steps[step].state == .waiting, run.steps[step].sought == selector else { return "nobody looks for hosts any more" }
        return run.undo == nil && run.bodyOutcome == nil && isClosed(hosts, step) ? "a change begins on hosts that are closed to it" : nil
    }

    /// The inventory has none for it, or more than the one that it takes.
    func lacksHosts(_ step: Int) -> Bool {
        if case .hostsRefused(let id, _, _) = event { return id.step == run.steps[step].path }
        guard let hosts = run.nodeOf(step).hosts, !hosts.isMany else { return false }
        if run.text(of: hosts.selector, from: step)?.isEmpty == true { return true }
        guard let found = run.targets(of: hosts.selector, from: step) else { return false }
        return found.count != 1
    }

    /// Whether a freeze or window keeps changes from hosts that the run did not have.
    func isClosed(_ hosts: [Host], _ step: Int) -> Bool {
        let known = Set(run.created.targets.values.flatMap { $0 }.map(\.name))
        let new = hosts.map(\.name).filter { !known.contains($0) }
        let isUndo =
            run.surroundings(of: step).contains { run.scopes[run.steps[$0.map].scope].part == .undo }
            || run.scopes[run.steps[step].scope].part == .undo
        guard !new.isEmpty, !isUndo else { return false }
        return context.closure(ChangeSubject(flow: run.created.flow, labels: run.created.labels, hosts: new)) != nil
    }

    // MARK: - Attempts

    private func leased(_ step: Int, _ lease: Entry.Lease) -> String? {
        let before = run.steps[step]
        if let attempt = before.attempt, !attempt.row.state.isTerminal { return "'\(before.path)' is handed out twice" }
        if lease.number != (before.attempt?.row.number ?? 0) + 1 { return "attempt \(lease.number) of '\(before.path)' is out of order" }
        if lease.epoch != context.epoch { return "an attempt is handed out for another epoch" }
        if run.isPaused { return "'\(before.path)' is handed out while the run is paused" }
        if run.gate != nil { return "'\(before.path)' is handed out before the run's gate" }
        if run.cancellation == .kill || run.cancellation != nil && !run.isFinally(before.scope) {
            return "'\(before.path)' is handed out after the run was cancelled"
        }
        if isUnbegun(step), timesUnbegun(step) > 1, !lease.isProbe {
            return "'\(before.path)' is sent without a pause to a host that does not begin it"
        }
        let isProbed = run.nodeOf(step).policy.probe != nil
        if lease.isProbe, !isProbed || before.attempt?.row.state != .lost && before.attempt?.isProbe != true { return "nothing is to be asked" }
        if !isProbed, before.spent >= max(run.nodeOf(step).policy.retry?.attempts ?? 1, 1) {
            return "'\(before.path)' is tried more often than it may be"
        }
        if case .backingOff = before.state, !context.hasFired(before), command != .release(before.path) {
            return "'\(before.path)' is tried again too early"
        }
        if let hosts = run.nodeOf(step).hosts, let found = run.targets(of: hosts.selector, from: step) {
            if !lease.isProbe, found.map(\.name) != [lease.target] { return "'\(before.path)' goes to \(lease.target ?? "nobody")" }
        } else if !lease.isProbe, let rollout = run.surroundings(of: step).first(where: { run.rollouts[$0.map] != nil }),
            lease.target != rollout.key, run.scopes[before.scope].part != .between
        {
            return "'\(before.path)' goes to \(lease.target ?? "nobody")"
        }
        return hasNotBegun(step) && before.attempt?.row.generation != before.generation ? beginsOnItsBranch(step) : nil
    }

    private func placed(_ step: Int) -> String? {
        guard let attempt = run.steps[step].attempt, !attempt.row.state.isTerminal else { return "nothing is placed" }
        // Nobody knows where one is that a backup tells of.
        return attempt.place == nil || context.isRestored ? nil : "an attempt is placed twice"
    }

    private func timeout(of step: Int) -> Double? {
        let policy = run.nodeOf(step).policy
        return run.steps[step].attempt?.isProbe == true ? policy.probe?.timeoutSeconds : policy.timeoutSeconds
    }

    /// It counts as lost when its host must have ended it, and not before; without a time-out never.
    private func unreachable(_ step: Int, _ reason: String?, _ until: Instant?) -> String? {
        guard reason != nil else { return until == nil ? nil : "a host that can be asked is given up" }
        guard let timeout = timeout(of: step), let sent = run.steps[step].attempt?.placedAt else {
            return until == nil ? nil : "an attempt is lost that may run for ever"
        }
        guard let until else { return "an attempt on a silent host is never lost" }
        let passed = context.secondsSince(sent) + until.seconds(since: now)
        return passed > timeout + Limits.graceSeconds ? nil : "an attempt is lost at \(until), while its host may run it"
    }

    private func adopted(_ step: Int, _ epoch: Int) -> String? {
        guard let attempt = run.steps[step].attempt, !attempt.row.state.isTerminal else { return "nothing is adopted" }
        if attempt.place == nil { return "an attempt that was never sent is asked about" }
        return epoch == context.epoch && epoch > attempt.fence.epoch ? nil : "an attempt is adopted by an epoch that is not newer"
    }

    private func attemptEnded(_ step: Int, _ end: Entry.AttemptEnd) -> String? {
        guard let attempt = run.steps[step].attempt, !attempt.row.state.isTerminal else { return "an attempt ends twice" }
        if let result {
            let state: AttemptState =
                switch result.outcome {
                case .succeeded: .succeeded
                case .failed: .failed
                case .timedOut: .timedOut
                case .cancelled: .cancelled
                case .lost: .lost
                }
            return end.state == state && end.counts != attempt.isProbe ? nil : "an attempt that ended \(state) is noted as \(end.state)"
        }
        switch event {
        case .report where attempt.row.state == .running:
            // Its host had said that it began: that nothing is known of it any more proves nothing.
            return end.state == .lost && end.counts != attempt.isProbe ? nil : "an attempt that began is called \(end.state)"
        case .report: return end.state == .cancelled && !end.counts ? nil : "an attempt that never started counts"
        case .timer:
            guard context.hasFired(run.steps[step]) else { return "an attempt is lost before its time" }
            let timeout = timeout(of: step) ?? .infinity
            guard let sent = attempt.placedAt, context.secondsSince(sent) > timeout + Limits.graceSeconds else {
                return "it is lost while its host may run it"
            }
            return end.state == .lost && end.counts ? nil : "a silent host's attempt is lost"
        default:
            let isUnsent = isRecovery && attempt.place == nil && !context.isRestored
            return end.counts != isUnsent ? nil : isUnsent ? "an attempt that was never sent counts" : "an attempt that was given up does not count"
        }
    }

    private func sound(_ retry: Retry, _ spent: Int) -> Double {
        var delay = retry.delaySeconds
        var left = spent - 1
        while left > 0, delay < retry.maxDelaySeconds { (delay, left) = (delay * retry.factor, left - 1) }
        return min(delay, retry.maxDelaySeconds) * (1 - retry.jitter * context.chance)
    }

    /// When the next attempt is due; nil when there is none.
    func nextAttempt(_ step: Int) -> Instant? {
        guard let retry = run.nodeOf(step).policy.retry, run.steps[step].spent < retry.attempts else { return nil }
        switch result?.outcome {
        case .failed(let failure):
            if [.output, .input, .hostKey].contains(failure.cause) { return nil }
            let status = result?.signal.map { $0 + 128 } ?? result?.exitStatus
            if let worth = retry.exitStatuses, ![.exitStatus, .signal].contains(failure.cause) || !worth.contains(status ?? 0) { return nil }
        // No status at all is none that was named.
        case .timedOut, .cancelled: if retry.exitStatuses != nil { return nil }
        case .succeeded, .lost, nil: break
        }
        let due = now + sound(retry, run.steps[step].spent)
        if let longest = retry.maxElapsedSeconds, let start = run.steps[step].startedAt,
            context.secondsSince(start) + due.seconds(since: now) > longest
        {
            return nil
        }
        return due
    }

    /// Its host says that it has not begun it, and did not say before that it had.
    private func isUnbegun(_ step: Int) -> Bool {
        guard case .report(let report) = event, case .neverStarted = report.event, report.id.step == run.steps[step].path else { return false }
        return run.steps[step].attempt?.row.state == .cancelled
    }

    /// How many attempts in a row have left nothing on a host.
    private func timesUnbegun(_ step: Int) -> Int { (run.steps[step].attempt?.row.number ?? 0) - run.steps[step].lastSent }

    /// When one is sent again that was not begun.
    private func nextSending(_ step: Int) -> Instant {
        let pauses = Retry(attempts: 1, delaySeconds: Limits.unbegunSeconds, maxDelaySeconds: Limits.longestUnbegunSeconds)
        return now + sound(pauses, timesUnbegun(step) - 1)
    }

    private func backingOff(_ step: Int, _ until: Instant) -> String? {
        if run.cancellation != nil, !run.isFinally(run.steps[step].scope) { return "a cancelled step waits for another attempt" }
        if isUnbegun(step), timesUnbegun(step) < 2 { return "'\(run.steps[step].path)' was not begun once and waits" }
        guard let due = isUnbegun(step) ? nextSending(step) : nextAttempt(step) else {
            return "'\(run.steps[step].path)' waits for an attempt that it may not have"
        }
        return until == due ? nil : "the next attempt is due at \(until), not \(due)"
    }
}

extension RunMachine.Context {
    /// A time has come when its timer fires, and where none does, when the clock shows it.
    func hasFired(_ due: Instant) -> Bool { fired == due || fired == nil && due <= now }

    func hasFired(_ step: Step) -> Bool { step.dues.contains(where: hasFired) }
}
