internal import FlowEngine
internal import FlowModel

// How steps, elements and the flow come to their ends.
extension EntryOracle {
    func settled(_ step: Int, _ end: Entry.Settlement) -> String? {
        let before = run.steps[step]
        if let fault = run.faultOfSettling(step) { return fault }
        let policy = run.nodeOf(step).policy.onFailure
        if end.isIgnored != (end.state == .failed && policy == .ignore) { return "'\(before.path)' failed, its policy is \(policy)" }
        if run.steps[step].elements != nil, let inner = run.stepsIn(step).first(where: { run.steps[$0].state.isActive }) {
            return "'\(before.path)' settles while '\(run.steps[inner].path)' is \(run.steps[inner].state)"
        }
        switch end.state {
        case .succeeded: return succeeded(step, end)
        case .skipped:
            guard isSkipped(step) else { return skipped(step) }
            // What undoes a step is not behind it.
            let inner = run.nodeOf(step).hasBody ? run.stepsIn(step) : []
            if inner.contains(where: { run.isUndecidedGate($0) }) { return "'\(before.path)' is skipped with an approval in it" }
            let isSaid = earlier.contains { if case .given(let other, _) = $0 { other.index == step } else { false } }
            return isSaid ? nil : "nobody is said to have skipped '\(before.path)'"
        case .failed: return failed(step)
        case .cancelled: return cancelled(step)
        default: return "\(end.state) is no end"
        }
    }

    private func succeeded(_ step: Int, _ end: Entry.Settlement) -> String? {
        let before = run.steps[step]
        if isResolved(step, { if case .succeeded = $0 { true } else { false } }) { return nil }
        switch run.nodeOf(step).kind {
        case .choice(.literal(let answer)): return end.value == answer ? begins(step) : "'\(before.path)' decided otherwise"
        case .waitFor: return end.value == taken[step] ? nil : "'\(before.path)' has another message than the oldest, or none"
        case .repeatUntil(let spec):
            if before.elements?.open.isEmpty != true { return "'\(before.path)' succeeded in the middle of a round" }
            return isReached(spec, step) ? nil : "'\(before.path)' succeeded without what it waits for"
        case .sleep, .sleepUntil:
            let isOver = context.hasFired(before) || command == .release(before.path)
            return before.state == .waiting && isOver ? nil : "'\(before.path)' woke too early"
        case .approval: return gateSucceeded(step, end)
        case .map(let map):
            let values = (before.elements?.scopes ?? []).map { scope in
                scope.flatMap { run.stepsOf($0).last }.flatMap { run.steps[$0].value } ?? .null
            }
            let isComplete = (before.elements?.scopes ?? []).allSatisfy { scope in
                scope.map { run.stepsOf($0).allSatisfy(run.hasEndedWell) } ?? false
            }
            if let least = map.minSucceeded {
                return succeeds(step, least) && end.value == .array(values) ? nil : "'\(before.path)' succeeded with too few"
            }
            return isComplete && end.value == .array(values) ? nil : "'\(before.path)' succeeded with other values than its elements'"
        case .rollout(let spec): return rolloutSucceeded(step, spec)
        default:
            guard case .succeeded(let output, let changed)? = result?.outcome, before.attempt?.row.state == .succeeded else {
                return "'\(before.path)' succeeded and no attempt did"
            }
            if before.attempt?.isProbe == true { return nil }
            return end.value == output && end.changed == changed ? nil : "'\(before.path)' has another output than its attempt"
        }
    }

    private func succeeds(_ step: Int, _ least: Amount) -> Bool {
        let scopes = run.steps[step].elements?.scopes ?? []
        let done = scopes.count { scope in scope.map { run.stepsOf($0).allSatisfy(run.hasEndedWell) } ?? false }
        switch least {
        case .count(let count): return done >= min(count, scopes.count)
        case .percent(let share): return done >= Int((Double(scopes.count) * share / 100).rounded(.up))
        }
    }

    private func skipped(_ step: Int) -> String? {
        if case .repeatUntil = run.nodeOf(step).kind { return nil }
        if isGone(step) { return nil }
        if run.holdsGate(step), run.isOnItsBranch(step) { return "'\(run.steps[step].path)' is skipped with an approval in it" }
        if run.cannotTakeBack(step), run.isOnItsBranch(step) { return "'\(run.steps[step].path)' is skipped, and what it takes back stands" }
        guard !run.isOnItsBranch(step) || !run.canRead(step) else { return "'\(run.steps[step].path)' is skipped without a reason" }
        // A retry finds out late that it cannot read.
        return isNew(step) ? begins(step) : nil
    }

    private func isNew(_ step: Int) -> Bool { run.steps[step].state == .pending || run.steps[step].state == .ready }

    /// Its host is no element any more of the map that is taken up again.
    private func isGone(_ step: Int) -> Bool {
        run.surroundings(of: step).contains { around in
            guard case .map(let map) = run.nodeOf(around.map).kind, case .hosts(let selector) = map.elements,
                let hosts = run.targets(of: selector, from: around.map)
            else { return false }
            return !hosts.contains { $0.name == around.key }
        }
    }

    /// It cannot be had what it reads, and it cannot be passed by.
    private func mustFailUnread(_ step: Int) -> Bool { run.holdsGate(step) && !run.canRead(step) || run.cannotTakeBack(step) }

    private func failed(_ step: Int) -> String? {
        let before = run.steps[step]
        if isResolved(step, { $0 == .failed }) { return nil }
        if before.elements == nil, run.nodeOf(step).policy.onFailure == .hold { return "'\(before.path)' failed, and its policy is to hold" }
        if lacksHosts(step) { return nil }
        if mustFailUnread(step) { return isNew(step) ? begins(step) : "'\(before.path)' had begun, and fails" }
        if wasOnlyStopped(step) { return "'\(before.path)' was stopped, and is called failed" }
        switch run.nodeOf(step).kind {
        case .approval: return mayFailGate(step) ? nil : "'\(before.path)' failed, and nobody rejected it"
        case .map(let map):
            if map.keepsGoing == true, before.elements?.queue.isEmpty == false, run.canGoOn(before.scope) {
                return "'\(before.path)' failed before all its elements had their turn"
            }
            return elementsFailed(step) ? nil : "'\(before.path)' failed, and no element did"
        case .rollout(let spec): return rolloutFailed(step, spec)
        case .work: return mayFail(step)
        case .waitFor: return context.hasFired(before) ? nil : "'\(before.path)' waits in vain too early"
        case .repeatUntil(let spec): return roundsFailed(step, spec)
        case .choice, .sleep, .sleepUntil: return "'\(before.path)' cannot fail"
        case .call: return "plans of chance call no flows"
        }
    }

    func held(_ step: Int) -> String? {
        let before = run.steps[step]
        if case .hostsFound(let id, _, let hosts) = event, id.step == before.path, isClosed(hosts, step) { return nil }
        if case .rollout(let spec) = run.nodeOf(step).kind { return rolloutHeld(step, spec) }
        if run.nodeOf(step).policy.onFailure != .hold { return "'\(before.path)' is held, which is not its policy" }
        if lacksHosts(step) || mustFailUnread(step) && isNew(step) { return nil }
        switch run.nodeOf(step).kind {
        case .approval: return mayFailGate(step) ? nil : "'\(before.path)' is held, and nobody rejected it"
        case .map: return elementsFailed(step) ? nil : "'\(before.path)' is held, and no element failed"
        case .waitFor: return context.hasFired(before) ? nil : "'\(before.path)' is held too early"
        case .repeatUntil(let spec): return roundsFailed(step, spec)
        default: return mayFail(step)
        }
    }

    /// A map, or rounds, in which nothing has failed, and that nobody lets go on.
    private func wasOnlyStopped(_ step: Int) -> Bool {
        switch run.nodeOf(step).kind {
        case .map, .repeatUntil: break
        default: return false
        }
        let inner = run.stepsIn(step)
        return run.wasStopped && inner.contains { run.steps[$0].state == .cancelled }
            && !inner.contains { run.steps[$0].state == .failed && run.isFailure($0) }
    }

    private func elementsFailed(_ step: Int) -> Bool {
        (run.steps[step].elements?.scopes ?? []).contains { scope in scope.map { run.stepsOf($0).contains(where: run.isFailure) } ?? false }
    }

    /// Whether what a `repeatUntil` waits for is there: the output of the first step of its last whole round.
    func isReached(_ spec: RepeatSpec, _ step: Int) -> Bool {
        guard case .compare(.equal, .output(_, let path), .literal(let wanted)) = spec.until, let source = source(of: spec, step) else {
            return false
        }
        return path.reduce(run.steps[source].value) { $0?[$1] } == wanted
    }

    /// The step that it looks at, when it has succeeded.
    private func source(of spec: RepeatSpec, _ step: Int) -> Int? {
        let whole = (run.steps[step].elements?.scopes ?? []).compactMap { $0 }.filter { run.stepsOf($0).allSatisfy(run.hasEndedWell) }
        guard let last = whole.last, case .compare(_, .output(let node, _), _) = spec.until else { return nil }
        return run.stepsOf(last).first { run.nodeOf($0).id == node && run.steps[$0].state == .succeeded }
    }

    private func roundsFailed(_ step: Int, _ spec: RepeatSpec) -> String? {
        guard let elements = run.steps[step].elements, elements.open.isEmpty else {
            return "'\(run.steps[step].path)' failed in the middle of a round"
        }
        if elementsFailed(step) { return nil }
        if isReached(spec, step) { return "'\(run.steps[step].path)' failed, and what it waits for is there" }
        // It looks at something that its step does not give.
        if let source = source(of: spec, step), run.steps[source].value?["stdout"] == nil { return nil }
        return elements.queue.isEmpty ? nil : "'\(run.steps[step].path)' failed with rounds left"
    }

    /// Its last attempt came to an end that is none of success, and there is no other.
    private func mayFail(_ step: Int) -> String? {
        let path = run.steps[step].path
        switch run.steps[step].attempt?.row.state {
        case .failed, .timedOut, .lost, .cancelled: break
        default: return "'\(path)' failed and no attempt did"
        }
        if run.steps[step].attempt?.row.state == .lost, run.nodeOf(step).policy.retry == nil { return "'\(path)' is unknown, not failed" }
        return nextAttempt(step) == nil ? nil : "'\(path)' failed with attempts left"
    }

    private func cancelled(_ step: Int) -> String? {
        let scope = run.steps[step].scope
        if run.wasStopped || run.steps[step].attempt?.isStopping == true || !run.canGoOn(scope) || !run.hasItsTurn(scope) { return nil }
        if run.surroundings(of: step).contains(where: {
            run.isFailure($0.map) || !run.steps[$0.map].state.isActive || run.steps[$0.map].state == .running
        }) {
            return nil
        }
        return "'\(run.steps[step].path)' was cancelled by nobody"
    }

    func bodyEnded(_ outcome: RunState) -> String? {
        guard run.bodyOutcome == nil, run.hasEnded(PlanIndex.root) else { return "the flow ended while it went on" }
        let hasFailed = run.stepsOf(PlanIndex.root).contains(where: run.isFailure)
        let expected: RunState = run.cancellation != nil ? .cancelled : hasFailed ? .failed : .succeeded
        return outcome == expected ? nil : "the flow ended \(outcome), which is \(expected)"
    }

    // MARK: - New generations

    func reopened(_ steps: Set<Int>) -> String? {
        if run.cancellation != nil { return "a cancelling run is taken up again" }
        for step in steps {
            let state = run.steps[step].state
            guard state.isSettled || state == .held || state == .unknown else { return "'\(run.steps[step].path)' is reopened and is \(state)" }
        }
        func isMissing(_ step: Int) -> Bool {
            let state = run.steps[step].state
            return !steps.contains(step) && (state.isSettled || state == .held || state == .unknown)
        }
        for step in steps {
            for around in run.surroundings(of: step) where run.undo == nil && isMissing(around.map) {
                return "'\(run.steps[step].path)' is reopened and '\(run.steps[around.map].path)' round it is not"
            }
        }
        if run.bodyOutcome != nil, run.undo == nil, let other = run.stepsOf(PlanIndex.finally).first(where: isMissing) {
            return "'\(run.steps[other].path)' does not run again at the end"
        }
        switch command {
        case .retry(from: let path?):
            guard let start = run.positions[path] else { return "what was reopened is no step" }
            let missing = later(than: start).union(laterBatches(than: start)).first(where: isMissing)
            return missing.map { "'\(run.steps[$0].path)' comes later and is not repeated" }
        case .retry(from: nil):
            // What undoes a step has its turn again with the next undo.
            let failed = run.steps.indices.first {
                isMissing($0) && (run.isFailure($0) || !run.steps[$0].state.isSettled) && !run.isPartOfUndo($0, ofStep: true)
            }
            return failed.map { "'\(run.steps[$0].path)' is \(run.steps[$0].state) and is not repeated" }
        case .skip(let path), .resolve(let path, _):
            guard let named = run.positions[path], steps.contains(named) else { return "another step is repeated than was named" }
            guard case .resolve(_, .retry)? = command else { return nil }
            let left = run.stepsIn(named).first { isMissing($0) && !run.isPartOfUndo($0) && !run.hasEndedWell($0) }
            return left.map { "'\(run.steps[$0].path)' is \(run.steps[$0].state) and is not tried again" }
        case .redo, .undo, .edit: return nil
        default: return "nobody asked to repeat anything"
        }
    }

    /// The steps of the batches behind the one after which a step stands.
    private func laterBatches(than start: Int) -> Set<Int> {
        var scope = run.steps[start].scope
        var found: Set<Int> = []
        while let outer = run.scopes[scope].map {
            if run.scopes[scope].part == .between, let rollout = run.rollouts[outer] {
                for (target, inner) in (run.steps[outer].elements?.scopes ?? []).enumerated() {
                    if let inner, rollout.batch(of: target) > run.scopes[scope].element { found.formUnion(run.stepsOf(inner)) }
                }
            }
            scope = run.steps[outer].scope
        }
        return found
    }

    /// The step, and all in its scope that come after it.
    func later(than start: Int) -> Set<Int> {
        var found: Set<Int> = [start]
        for step in run.stepsOf(run.steps[start].scope) where run.needsOf(step).contains(where: found.contains) { found.insert(step) }
        return found
    }
}
