import FlowModel

extension RunMachine {
    /// Starts a step: skips it when its branch was not taken, else does what its kind begins with.
    mutating func start(_ number: Int) {
        if let reason = guardReason(number) { return settle(number, .skipped, reason: reason) }
        if isHeldBefore(number) { return emit(.stoppedBefore(ref(number))) }
        do throws(EvaluationError) {
            if try seeksHosts(number) { return }
            guard ownsClaim(number) else { return }
            switch node(number).kind {
            case .choice(let condition):
                settle(number, .succeeded, value: .bool(try condition.truth(in: scope(of: number))))
            case .sleep(let seconds): try startSleep(number, seconds)
            case .sleepUntil(let moment): try startSleep(number, until: moment)
            case .waitFor(let signal): startWaiting(number, signal)
            case .approval(let approval): try openApproval(number, approval)
            case .map(let map): try openMap(number, map)
            case .repeatUntil, .rollout: try openBody(number)
            case .call(let call): try openCall(number, call)
            case .work: try lease(number)
            }
        } catch {
            settle(number, because: error)
        }
    }

    /// Begins a body, or takes one up again.
    private mutating func openBody(_ number: Int) throws(EvaluationError) {
        if run.steps[number].elements != nil {
            if case .rollout(let rollout) = node(number).kind, let reason = try otherHosts(number, rollout) { return fail(number, reason) }
            emit(.resumed(ref(number)))
            return goOn(number)
        }
        switch node(number).kind {
        case .repeatUntil(let rounds): openRounds(number, rounds)
        case .rollout(let rollout): try openRollout(number, rollout)
        case .work, .approval, .sleep, .sleepUntil, .waitFor, .choice, .map, .call:
            preconditionFailure("\(node(number).kindName) steps have no body that is opened so")
        }
    }

    /// A rollout that is taken up again asks for the batch that it goes on with, as for every other one.
    private mutating func goOn(_ number: Int) {
        if let rollout = run.rollouts[number], let next = run.steps[number].elements?.queue.last, rollout.batch(of: next) == rollout.batch {
            guard passesGate(number, batch: rollout.batch) else { return }
        }
        advanceMap(number)
    }

    /// A step whose values cannot be had is skipped, one whose values make no sense fails. What holds an approval fails in both cases: nothing but
    /// votes lets pass what it holds back. So does what takes something back: what was done would stand, and be called undone.
    mutating func settle(_ number: Int, because error: EvaluationError) {
        switch error {
        case .absent(let node, let reason):
            let words = "it reads the output of step '\(node)', which has none: \(reason)"
            if holdsApproval(number) || takesBack(number, without: node) { return fail(number, words) }
            settle(number, .skipped, reason: words)
        case .invalid(let message): fail(number, message)
        }
    }

    func scope(of number: Int) -> StepScope { StepScope(run: run, step: number) }

    /// Why the step's branch is not taken; nil when it is.
    private func guardReason(_ number: Int) -> String? {
        let scope = scope(of: number)
        for condition in node(number).guards {
            switch scope.output(of: condition.choice) {
            case .absent(let reason): return reason
            case .value(let answer) where answer != .bool(condition.answer):
                return "its condition '\(condition.choice)' was \(answer.text)"
            case .value: break
            }
        }
        return nil
    }

    private mutating func startSleep(_ number: Int, until moment: Expression) throws(EvaluationError) {
        let text = try moment.evaluate(in: scope(of: number)).text
        guard let moment = Instant(text) else {
            throw .invalid("'until:' takes a moment such as 2026-02-01T13:40:00Z, on a day that exists, found '\(text)'")
        }
        emit(.sleeping(ref(number), until: moment))
    }

    private mutating func startSleep(_ number: Int, _ seconds: Expression) throws(EvaluationError) {
        let value = try seconds.evaluate(in: scope(of: number))
        guard let seconds = value.doubleValue, PlanTimes.sleep(value) == nil else {
            throw .invalid(PlanTimes.sleep(value) ?? "a sleep takes seconds")
        }
        emit(.sleeping(ref(number), until: context.now + seconds))
    }

    /// A step's time is over: its sleep, its back-off, the deadline of its gate, that of a host which cannot be asked.
    mutating func fire(_ path: StepPath) {
        if path == Run.gatePath { return lookAtGate(nil) }
        guard let number = run.positions[path], run.steps[number].dues.contains(where: context.hasCome) else { return }
        switch run.steps[number].state {
        case .backingOff:
            if run.isPaused { emit(.ready(ref(number))) } else { leaseAgain(number) }
        case .running where run.rollouts[number] != nil: goOnAtPace(number)
        case .running: loseUnreachable(number)
        case .waiting where run.steps[number].approval != nil: fireApproval(number)
        case .waiting where run.rollouts[number]?.gate != nil: lookAtGate(number)
        case .waiting where run.rollouts[number] != nil:
            emit(.rollout(ref(number), .soaked))
            advanceMap(number)
        case .waiting where run.steps[number].elements != nil:
            emit(.resumed(ref(number)))
            advanceMap(number)
        case .waiting where run.steps[number].waiting?.kind == .signal: expireSignal(number)
        case .waiting: settle(number, .succeeded, value: .null)
        default: break
        }
    }

    /// The step failed for good in this generation; what that means is its policy's.
    mutating func fail(_ number: Int, _ reason: String) {
        switch node(number).policy.onFailure {
        case .ignore: settle(number, .failed, reason: reason, isIgnored: true)
        case .hold where isStopped: settle(number, .cancelled, reason: reason)
        case .hold: emit(.held(ref(number), reason: reason))
        case .stop:
            settle(number, .failed, reason: reason)
            stopWaiting(in: run.steps[number].scope, because: "step '\(run.steps[number].path)' failed")
        }
    }

    /// Gates and sleeps in a scope that has failed have nothing to wait for any more.
    mutating func stopWaiting(in scope: Int, because reason: String) {
        for number in run.steps.indices where run.steps[number].state == .waiting && !run.steps[number].isCalling {
            if isInside(number, scope) { settle(number, .cancelled, reason: reason) }
        }
        for number in run.steps.indices where run.steps[number].state == .running && run.steps[number].elements != nil {
            if isInside(number, scope) { advanceMap(number) }
        }
    }

    private func isInside(_ number: Int, _ outer: Int) -> Bool {
        var scope = run.steps[number].scope
        while scope != outer {
            guard let map = run.scopes[scope].map else { return false }
            scope = run.steps[map].scope
        }
        return true
    }
}

/// What a step's expressions can see.
struct StepScope: ExpressionScope {
    let run: Run
    let step: Int
    /// Inputs as they are now, whatever the step began with.
    var hasInputsOfNow = false

    func parameter(_ name: String) -> JSON? { hasInputsOfNow ? run.created.inputs[name] : run.inputs(for: self.step)[name] }

    func output(of node: String) -> StepValue {
        guard let number = position(of: node) else { return .absent("there is no such step here") }
        let step = run.steps[number]
        // What undoes something reads what it was given when that was done.
        if let past = run.pastOutput(of: number, undoneBy: self.step) { return .value(past) }
        if step.state != .succeeded, let past = run.pasts[number], run.undoItem(around: self.step) != nil { return .value(past.value ?? .null) }
        switch step.state {
        case .succeeded: return .value(step.value ?? .null)
        case .skipped: return .absent("it was skipped")
        case .failed: return .absent("it failed")
        case .cancelled: return .absent("it was cancelled")
        default: return .absent("it did not run")
        }
    }

    func element(of map: String) -> JSON? {
        guard let node = run.index.nodes[map] else { return nil }
        let past = run.past(undoneBy: step)
        var scope = run.steps[step].scope
        while let number = run.scopes[scope].map {
            if run.steps[number].node == node {
                if run.scopes[scope].part == .between { return run.rollouts[number]?.batchValue(run.scopes[scope].element) }
                return past?.elements[number] ?? run.steps[number].elements?.values[run.scopes[scope].element]
            }
            scope = run.steps[number].scope
        }
        return nil
    }

    func fact(_ fact: Expression.RunFact) -> JSON {
        switch fact {
        case .id: .string(run.id.text)
        case .flow: .string(run.created.flow)
        case .actor: .string(run.created.user)
        // One moment for the whole run, whatever it waited for first: a gate asks about what runs behind it.
        case .startedAt: .string(run.createdAt.description)
        case .outcome: .string((run.bodyOutcome ?? run.state).rawValue)
        }
    }

    /// The step of a node as seen from here: in the same scope, or the nearest one around it.
    func position(of id: String) -> Int? {
        guard let node = run.index.nodes[id] else { return nil }
        let place = run.index.places[node]
        var scope = run.steps[step].scope
        while true {
            if run.scopes[scope].plan == place.scope { return run.scopes[scope].base + place.local }
            if let map = run.scopes[scope].map {
                scope = run.steps[map].scope
            } else if run.scopes[scope].plan == PlanIndex.finally {
                scope = PlanIndex.root
            } else {
                return nil
            }
        }
    }
}
