import FlowModel

extension RunMachine {
    // MARK: - Handing out

    /// Hands a first or further attempt out, or says why the order cannot be made.
    mutating func lease(_ number: Int, isProbe: Bool = false) throws(EvaluationError) {
        let (target, work) = try render(number, isProbe: isProbe)
        let attempt = (run.steps[number].attempt?.row.number ?? 0) + 1
        let lease = Entry.Lease(
            number: attempt, epoch: context.epoch, target: target?.name, worker: context.worker, isProbe: isProbe)
        emit(.leased(ref(number), lease))
        decision.actions.append(.dispatch(order(number, target: target, mode: .start, work: work)))
    }

    mutating func leaseAgain(_ number: Int) {
        guard ownsClaim(number) else { return }
        do throws(EvaluationError) {
            try lease(number)
        } catch {
            settle(number, because: error)
        }
    }

    private func order(_ number: Int, target: Host?, mode: AttemptOrder.Mode, work: any WorkOrder) -> AttemptOrder {
        let step = run.steps[number]
        let fence = step.attempt?.fence ?? Fence(epoch: context.epoch, attempt: 0)
        // A probe asks about the attempt before it, by the same key, wherever it runs itself.
        let place = step.attempt?.isProbe == true ? (try? render(number, isProbe: false))?.target : target
        let key = "\(run.id)/\(step.path)/\(place?.name ?? "local")/\(step.generation)"
        return AttemptOrder(
            id: attemptID(number), fence: fence, idempotencyKey: key, flow: run.created.flow, target: target,
            timeoutSeconds: timeoutSeconds(number), lastSent: step.lastSent, mode: mode, work: work, priority: run.priority,
            labels: run.created.labels, secrets: run.secrets)
    }

    func attemptID(_ number: Int) -> AttemptID {
        let step = run.steps[number]
        return AttemptID(
            run: run.id, step: step.path, generation: step.generation, number: step.attempt?.row.number ?? 0)
    }

    /// Seconds that the newest attempt may take.
    private func timeoutSeconds(_ number: Int) -> Double? {
        let policy = node(number).policy
        if run.steps[number].attempt?.isProbe == true { return policy.probe?.timeoutSeconds }
        return policy.timeoutSeconds ?? node(number).work?.longestSeconds
    }

    /// What is sent, and where to. A probe is a command, whatever its step does.
    private func render(_ number: Int, isProbe: Bool) throws(EvaluationError) -> (target: Host?, work: any WorkOrder) {
        let node = node(number)
        let probe: (any WorkSpec)? = isProbe ? node.policy.probe?.command : nil
        guard let spec = probe ?? node.work else { preconditionFailure("\(node.kindName) steps have no attempts") }
        let scope = scope(of: number)
        let values = WorkValues(in: scope, node: node.id, output: isProbe ? nil : node.output, binary: run.created.binary)
        let work = try spec.order(values)
        return (try host(spec.target, in: scope), work)
    }

    /// The one host that `target` names, among those frozen into the run; nil means here.
    private func host(_ target: Expression?, in scope: StepScope) throws(EvaluationError) -> Host? {
        guard let target else { return nil }
        let name = try target.evaluate(in: scope).text
        if let hosts = run.created.targets[name] {
            guard hosts.count == 1 else { throw .invalid("'on:' takes one host, selector '\(name)' gave \(hosts.count)") }
            return hosts[0]
        }
        guard let host = frozenHost(name) else {
            throw .invalid("'on:' takes the name of a host, found '\(name)'")
        }
        return host
    }

    func frozenHost(_ name: String) -> Host? {
        for selector in run.created.targets.keys.sorted() {
            if let host = run.created.targets[selector]?.first(where: { $0.name == name }) { return host }
        }
        return nil
    }

    // MARK: - Reports

    mutating func take(_ report: AttemptReport) {
        guard let number = run.positions[report.id.step], let attempt = run.steps[number].attempt,
            attempt.row.number == report.id.number, attempt.fence == report.fence, !attempt.row.state.isTerminal,
            run.steps[number].state == .running
        else { return noteStale(report) }
        switch report.event {
        case .placed(let place):
            guard attempt.place == nil else { return }
            emit(.placed(ref(number), place))
            if !attempt.isStopping { decision.actions.append(.proceed(report.id)) }
        case .started(let containment):
            if attempt.row.state == .leased { emit(.started(ref(number), containment)) }
        case .unreachable(let message): emit(.unreachable(ref(number), message, until: lossMoment(of: attempt, number)))
        case .reachable:
            if run.steps[number].waiting != nil { emit(.unreachable(ref(number), nil, until: nil)) }
        case .neverStarted where attempt.row.state == .running:
            take(AttemptResult(outcome: .lost("it began, and its host knows nothing of it any more")), for: number)
        case .neverStarted: neverStarted(number)
        case .ended(let result):
            take(result, for: number)
            decision.actions.append(.forget(report.id, target: attempt.row.target.flatMap(frozenHost)))
        }
    }

    private mutating func noteStale(_ report: AttemptReport) {
        guard case .ended = report.event, let number = run.positions[report.id.step] else { return }
        if isOver(report, number) { decision.actions.append(.forget(report.id, target: placeOf(report, number))) }
        guard !run.state.isTerminal else { return }
        emit(
            .noted(
                ref(number),
                "a report of attempt \(report.id.number) with fence \(report.fence) came too late and was not accepted"))
    }

    /// Whether the attempt that a late report is about has its outcome in the journal: it was given up, or lost, and its host need not keep it.
    /// Another fence of the newest attempt says that an earlier engine reports, and this one still asks.
    private func isOver(_ report: AttemptReport, _ number: Int) -> Bool {
        guard let newest = run.steps[number].attempt else { return false }
        if report.id.number != newest.row.number { return report.id.number < newest.row.number }
        return report.fence == newest.fence && newest.row.state.isTerminal
    }

    /// Where it was; of an earlier one it is known only where such an attempt would go now. A host that has nothing of it has nothing to forget.
    private func placeOf(_ report: AttemptReport, _ number: Int) -> Host? {
        if let newest = run.steps[number].attempt, newest.row.number == report.id.number { return newest.row.target.flatMap(frozenHost) }
        return (try? render(number, isProbe: false))?.target
    }

    /// It did not run, which is certain, since its host never said that it began: another takes its turn, at no cost. The first time at once: a line was
    /// cut. What keeps it from beginning again and again is given longer and longer.
    private mutating func neverStarted(_ number: Int) {
        endAttempt(number, .cancelled, counts: false, message: "never started")
        let times = (run.steps[number].attempt?.row.number ?? 0) - run.steps[number].lastSent
        guard times > 1, !isStopped, !run.isPaused else { return resumeOrStop(number) }
        if run.steps[number].attempt?.isProbe == true {
            guard times >= Limits.unbegunProbes else { return resumeOrStop(number) }
            return emit(.unknown(ref(number), reason: "its outcome is not known, and its probe was not begun \(times) times in a row"))
        }
        let pauses = Retry(attempts: Limits.attempts, delaySeconds: Limits.unbegunSeconds, maxDelaySeconds: Limits.longestUnbegunSeconds)
        let pause = pauses.delay(afterFailures: times - 1, chance: context.chance)
        emit(.backingOff(ref(number), until: context.now + pause, reason: "its host has not begun it, \(times) times in a row"))
    }

    private mutating func resumeOrStop(_ number: Int) {
        if isStopped {
            settle(number, .cancelled)
        } else if run.steps[number].attempt?.isProbe == true {
            probe(number, "its outcome is not known")
        } else if run.isPaused {
            emit(.ready(ref(number)))
        } else {
            leaseAgain(number)
        }
    }

    mutating func endAttempt(
        _ number: Int, _ state: AttemptState, counts: Bool, message: String?, result: AttemptResult? = nil
    ) {
        let cause: AttemptResult.Failure.Cause? = if case .failed(let failure) = result?.outcome { failure.cause } else { nil }
        let end = Entry.AttemptEnd(
            state: state, cause: cause, counts: counts, exitStatus: result?.exitStatus, signal: result?.signal,
            outputBytes: result?.outputBytes ?? 0, truncated: result?.truncated ?? false, message: message,
            lastLine: result?.lastLine, at: moment(of: result, number))
        emit(.attemptEnded(ref(number), end))
    }

    /// When the attempt ended, where its host knows that it was well before now; never before it was handed out.
    private func moment(of result: AttemptResult?, _ number: Int) -> Instant? {
        guard let ago = result?.endedSecondsAgo, ago >= Limits.lateEndSeconds, ago <= Limits.knownEndSeconds,
            let start = run.steps[number].attempt?.row.startedAt
        else { return nil }
        return min(max(start, context.now + -ago), context.now)
    }

    private mutating func take(_ result: AttemptResult, for number: Int) {
        let wasStopping = run.steps[number].attempt?.isStopping ?? false
        if run.steps[number].attempt?.isProbe == true { return takeAnswer(result, for: number, wasStopping: wasStopping) }
        switch result.outcome {
        case .succeeded(let output, let changed):
            endAttempt(number, .succeeded, counts: true, message: nil, result: result)
            settle(number, .succeeded, value: output, changed: changed)
        case .failed(let failure):
            endAttempt(number, .failed, counts: true, message: failure.message, result: result)
            if wasStopping { return settle(number, .cancelled, reason: failure.message) }
            retryOrFail(
                number, failure.message, isRetryable: isRetryable(number, failure, status: result.statusOfShell),
                after: failure.retryAfterSeconds)
        case .timedOut:
            let limit = timeoutSeconds(number).map { " of \(JSON.double($0).text) s" } ?? ""
            endAttempt(number, .timedOut, counts: true, message: "the time-out\(limit) was over", result: result)
            if wasStopping { return settle(number, .cancelled) }
            retryOrFail(number, "the time-out\(limit) was over", isRetryable: isRetryableWithoutStatus(number))
        case .cancelled:
            endAttempt(number, .cancelled, counts: true, message: nil, result: result)
            if wasStopping { return settle(number, .cancelled) }
            retryOrFail(number, "the worker stopped it", isRetryable: isRetryableWithoutStatus(number))
        case .lost(let message):
            endAttempt(number, .lost, counts: true, message: message, result: result)
            takeLoss(number, message, wasStopping: wasStopping)
        }
    }

    /// At most once: nobody may repeat it but a person, unless it changes nothing. At least once: the lost attempt used one up.
    private mutating func takeLoss(_ number: Int, _ message: String, wasStopping: Bool) {
        if wasStopping {
            settle(number, .cancelled, reason: "cancelled while its outcome was unknown: \(message)")
        } else if node(number).policy.retry != nil {
            retryOrFail(number, "its attempt was lost: \(message)", isRetryable: true)
        } else if node(number).policy.probe != nil, run.steps[number].attempt?.isProbe != true {
            probe(number, message)
        } else if node(number).work?.isRepeatable == true, run.steps[number].spent < Limits.repeatedLosses, hasRetriesLeft {
            repeatLost(number, message)
        } else {
            emit(.unknown(ref(number), reason: message))
        }
    }

    /// The flow's own bound for all further attempts of the run.
    private var hasRetriesLeft: Bool { run.plan.control?.retryBudget.map { run.retries < $0 } ?? true }

    /// What changes nothing is done again without anybody's leave, later and later.
    private mutating func repeatLost(_ number: Int, _ message: String) {
        let pauses = Retry(attempts: Limits.attempts, delaySeconds: Limits.unbegunSeconds, maxDelaySeconds: Limits.longestUnbegunSeconds)
        let pause = pauses.delay(afterFailures: run.steps[number].spent, chance: context.chance)
        let reason = "its attempt was lost, and is repeated, since it changes nothing: \(message)"
        emit(.backingOff(ref(number), until: context.now + pause, reason: reason))
    }

    /// When an attempt that cannot be asked about has certainly ended: its host ends it by its own clock, a time-out and the grace after
    /// it was sent. nil for one without a time-out, which may run for ever.
    private func lossMoment(of attempt: Attempt, _ number: Int) -> Instant? {
        guard let timeout = timeoutSeconds(number), let sent = attempt.placedAt else { return nil }
        // A clock that was set since makes it neither shorter, while it may run, nor longer than from now on.
        let left = timeout + Limits.graceSeconds - max(0, context.secondsSince(sent))
        return context.now + (max(0, left) + Limits.silentHostMarginSeconds)
    }

    /// The host has said nothing until its own deadline for the attempt was over, too.
    mutating func loseUnreachable(_ number: Int) {
        let step = run.steps[number]
        let wasStopping = step.attempt?.isStopping ?? false
        let message = "its host could not be asked until its time-out was over: \(step.waiting?.subject ?? "")"
        decision.actions.append(.stop(attemptID(number), force: true))
        endAttempt(number, .lost, counts: true, message: message)
        takeLoss(number, message, wasStopping: wasStopping)
    }

    /// A person decides instead of a host that cannot be asked: the step is unknown, and what the host may still say comes too late.
    mutating func giveUp(_ number: Int, by actor: Actor) {
        let id = attemptID(number)
        let message = "given up by \(actor.user) while its host could not be asked"
        endAttempt(number, .lost, counts: true, message: message)
        decision.actions.append(.stop(id, force: true))
        emit(.unknown(ref(number), reason: message))
    }

    private func isRetryable(_ number: Int, _ failure: AttemptResult.Failure, status: Int?) -> Bool {
        guard failure.isRetryable else { return false }
        guard let allowed = node(number).policy.retry?.exitStatuses else { return true }
        return [.exitStatus, .signal].contains(failure.cause) && status.map(allowed.contains) ?? false
    }

    /// Whether an end without a status is worth another attempt: where statuses are named, only they are. An attempt whose end nobody knows
    /// is not meant: that is taken up by whoever has given `retry:`.
    private func isRetryableWithoutStatus(_ number: Int) -> Bool { node(number).policy.retry?.exitStatuses == nil }

    /// - Parameter pause: seconds that the step itself has asked for, which no policy shortens.
    private mutating func retryOrFail(_ number: Int, _ reason: String, isRetryable: Bool, after pause: Double? = nil) {
        let step = run.steps[number]
        guard isRetryable, let retry = node(number).policy.retry, step.spent < retry.attempts else {
            let tried = step.spent > 1 ? " (attempt \(step.spent) of \(node(number).policy.retry?.attempts ?? step.spent))" : ""
            return fail(number, reason + tried)
        }
        if let budget = run.plan.control?.retryBudget, run.retries >= budget {
            return fail(number, "\(reason) (no further attempt: the run has used up its \(budget) retries)")
        }
        let delay = retry.delay(afterFailures: step.spent, chance: context.chance)
        let due = context.now + max(delay, min(pause ?? 0, Limits.retryAfterSeconds))
        if let limit = retry.maxElapsedSeconds, let start = step.startedAt, context.secondsSince(start) + due.seconds(since: context.now) > limit {
            return fail(number, "\(reason) (no attempt after \(JSON.double(limit).text) s)")
        }
        emit(.backingOff(ref(number), until: due, reason: reason))
    }

    // MARK: - Recovery

    /// Takes over what an older epoch handed out. Idempotent: attempts of this epoch are left alone.
    mutating func recover() {
        recoverCalls()
        recoverSearches()
        for number in run.steps.indices {
            guard run.steps[number].state == .running, let attempt = run.steps[number].attempt,
                !attempt.row.state.isTerminal, attempt.fence.epoch < context.epoch
            else { continue }
            if var place = attempt.place {
                if context.isRestored {
                    // It may have ended and been removed after the backup: a host that knows nothing of it proves nothing.
                    place = .beforeRestore
                    emit(.placed(ref(number), place))
                }
                adopt(number, place, isStopping: attempt.isStopping)
            } else if context.isRestored {
                let message = "the database came out of a backup that was made when it was about to be sent"
                endAttempt(number, .lost, counts: true, message: message)
                takeLoss(number, message, wasStopping: attempt.isStopping)
            } else {
                endAttempt(number, .cancelled, counts: false, message: "not sent: the engine restarted")
                resumeOrStop(number)
            }
        }
    }

    private mutating func adopt(_ number: Int, _ place: Place, isStopping: Bool) {
        emit(.adopted(ref(number), epoch: context.epoch))
        do throws(EvaluationError) {
            let (target, work) = try render(number, isProbe: run.steps[number].attempt?.isProbe ?? false)
            decision.actions.append(.dispatch(order(number, target: target, mode: .attach(place), work: work)))
            if isStopping { decision.actions.append(.stop(attemptID(number), force: run.cancellation == .kill)) }
        } catch {
            // What it reads has not changed since it was handed out, so this cannot happen while the plan is the same.
            emit(
                .attemptEnded(
                    ref(number),
                    .init(
                        state: .lost, cause: nil, counts: true, exitStatus: nil, signal: nil, outputBytes: 0, truncated: false,
                        message: "it can no longer be asked about: \(error)", lastLine: nil)))
            takeLoss(number, "it can no longer be asked about", wasStopping: isStopping)
        }
    }
}

extension AttemptResult {
    /// The exit status as a shell has it in `$?`: of a death by a signal 128 and its number, which nobody can tell from `exit` with that status.
    fileprivate var statusOfShell: Int? { signal.map { $0.addingReportingOverflow(128).partialValue } ?? exitStatus }
}
