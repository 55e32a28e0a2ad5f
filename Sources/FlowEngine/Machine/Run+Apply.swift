package import FlowModel

extension Run {
    /// Begins a run from the first entry of its journal; nil when that is another entry.
    package init?(id: RunID, first: Entry, at: Instant, index: PlanIndex) {
        guard case .created(let created) = first else { return nil }
        self.init(id: id, index: index, created: created, at: at)
        openScope(plan: PlanIndex.root, map: nil, element: 0)
        openScope(plan: PlanIndex.finally, map: nil, element: 0)
    }

    /// Takes one more entry in. Total: an entry that was journaled can always be folded.
    package mutating func apply(_ entry: Entry, at: Instant) {
        switch entry {
        case .created, .noted: break
        case .commanded(let command):
            commander = command
            if command.stops { stoppedBy = command }
            if command.verb == RunCommand.undo(nil).verb { leftToUndo = [] }
        case .runState(let state, let reason): enter(state, reason: reason, at: at)
        case .paused(let isPaused): pausedAt = isPaused ? pausedAt ?? at : nil
        case .cancelRequested(let cancellation): self.cancellation = cancellation
        case .bodyEnded(let outcome):
            bodyOutcome = outcome
            gate = nil
        case .ready(let step): enter(.ready, step.index, at: at)
        case .leased(let step, let lease): take(lease, step.index, at: at)
        case .placed(let step, let place):
            update(step) {
                $0.attempt?.place = place
                $0.attempt?.placedAt = at
            }
        case .started(let step, let containment):
            update(step) {
                $0.attempt?.row.state = .running
                $0.attempt?.row.containment = containment
            }
        case .adopted(let step, let epoch):
            update(step) {
                $0.attempt?.fence.epoch = epoch
                // This epoch has not asked the host yet.
                $0.due = nil
            }
        case .stopping(let step): update(step) { $0.attempt?.isStopping = true }
        case .unreachable(let step, let reason, let until):
            setWaiting(reason.map { Waiting(kind: .unreachable, subject: $0, since: at, until: until) }, of: step.index)
            update(step) { $0.due = until }
        case .attemptEnded(let step, let end): finish(end, step.index, at: at)
        case .settled(let step, let settlement): settle(settlement, step.index, at: at)
        case .sleeping(let step, let until): wait(.timer, step, at: at, until: until)
        case .backingOff(let step, let until, let reason): backOff(step, until: until, reason: reason, at: at)
        case .held(let step, let reason): hold(step, state: .held, kind: .hold, reason: reason, at: at)
        case .unknown(let step, let reason): hold(step, state: .unknown, kind: .unknown, reason: reason, at: at)
        case .approvalOpened(let step, let prompt, let digest, let deadline):
            wait(.approval, step, at: at, until: deadline)
            steps[step.index].approval = Approval(prompt: prompt, digest: digest, since: at, deadline: deadline)
        case .voted(let step, let vote): apply(vote, to: step)
        case .gate(let step, let entry): apply(entry, to: step, at: at)
        case .approvalClosed(let step, let state): update(step) { $0.approval?.state = state }
        case .mapOpened(let step, let keys, let values):
            enter(.running, step.index, at: at)
            open(step.index, keys, values)
        case .elementsReturn(let step): steps[step.index].elements?.takesUpFormer = true
        case .elementOpened(let step, let element): openElement(element, of: step.index, at: at)
        case .elementClosed(let step, let element, let hasFailed, let target):
            closeElement(element, of: step.index, hasFailed: hasFailed, target, at: at)
        case .rollout(let step, let entry): apply(entry, to: step, at: at)
        case .changeGate(let entry): apply(entry, at: at)
        case .undo(let entry): apply(entry, at: at)
        case .calling(let step):
            wait(.child, step, at: at, until: nil)
            noteEdition(of: step.index)
            calls += 1
        case .called(let step, let child):
            update(step) {
                $0.child = child
                $0.reason = "run \(child)"
            }
        case .seeking(let step, let selector):
            wait(.worker, step, at: at, until: nil)
            steps[step.index].waiting?.reason = "the hosts of '\(selector)'"
            steps[step.index].sought = selector
        case .hostsFound(let step, _, let hosts):
            note(hosts, foundBy: step.index)
            created.take(entry)
            enter(.ready, step.index, at: at)
        case .claim(let entry): apply(entry, at: at)
        case .reprioritised(let priority): take(priority)
        case .reopened(let steps): reopen(steps.map(\.index))
        case .inputsEdited(let edit): take(edit)
        case .given(let step, let giver):
            update(step) { if !$0.givers.contains(giver) { $0.givers.append(giver) } }
            noteShaped()
        case .breakpoint(let step, let isSet):
            if isSet { breakpoints.insert(step) } else { breakpoints.remove(step) }
        case .signalled(let signal, let value): keep(value, of: signal)
        case .keyed(let key, let digest): signalKeys[key] = digest
        case .signalTaken(let step, let signal): takeSignal(signal, for: step)
        case .stoppedBefore(let step): wait(.breakpoint, step, at: at, until: nil)
        case .released(let step):
            enter(.ready, step.index, at: at)
            steps[step.index].isReleased = true
        case .awaiting(let step, let signal, let until):
            wait(.signal, step, at: at, until: until)
            steps[step.index].reason = "signal '\(signal)'"
        case .resumed(let step):
            enter(.running, step.index, at: at)
            steps[step.index].elements?.hasRested = true
        }
    }
}

// MARK: - Runs and scopes

extension Run {
    private mutating func enter(_ state: RunState, reason: String?, at: Instant) {
        if self.state.isTerminal, state == .running { wasTakenUp = true }
        self.state = state
        self.reason = reason
        if state == .running, startedAt == nil { startedAt = at }
        endedAt = state.isTerminal ? at : nil
        if state.isTerminal {
            pausedAt = nil
            cancellation = nil
            dropClaims()
        }
    }

    /// Adds the steps of a scope, pending. Returns the scope's number.
    @discardableResult
    mutating func openScope(plan number: Int, map: Int?, part: Node.Part = .body, element: Int) -> Int {
        let scope = index.scopes[number]
        let base = steps.count
        let prefix = map.map { pathPrefix(of: part, element, in: $0) } ?? ""
        scopes.append(
            Scope(plan: number, map: map, part: part, element: element, base: base, unsettled: scope.nodes.count))
        for (local, node) in scope.nodes.enumerated() {
            let path = StepPath(prefix + plan.nodes[node].name)
            positions[path] = steps.count
            dirty.append(steps.count)
            counts[.pending] += 1
            steps.append(
                Step(node: node, scope: scopes.count - 1, path: path, blockers: scope.needs[local].count))
        }
        return scopes.count - 1
    }

    /// `deploy[web-1]/`, `deploy[web-1]/undo:`, after the second batch `deploy[batch 2]/between:`, and of a step `create/undo:`.
    private func pathPrefix(of part: Node.Part, _ element: Int, in map: Int) -> String {
        if steps[map].elements == nil { return "\(steps[map].path.text)/\(part.prefix)" }
        let key = part == .between ? "batch \(element + 1)" : steps[map].elements?.keys[element] ?? ""
        return "\(steps[map].path.text)[\(key)]/\(part.prefix)"
    }

    private mutating func openElement(_ element: Int, of map: Int, at: Instant) {
        if steps[map].elements?.queue.last == element {
            steps[map].elements?.queue.removeLast()
        } else {
            steps[map].elements?.queue.removeAll { $0 == element }
        }
        steps[map].elements?.open.append(element)
        steps[map].elements?.hasRested = false
        let isNew = steps[map].elements?.scopes[element] == nil
        if isNew, let body = index.bodies[steps[map].node] {
            let scope = openScope(plan: body, map: map, element: element)
            steps[map].elements?.scopes[element] = scope
        } else if let scope = steps[map].elements?.scopes[element] {
            scopes[scope].isOpen = true
        }
        beginTarget(element, of: map, at: at)
    }

    private mutating func closeElement(
        _ element: Int, of map: Int, hasFailed: Bool, _ target: Entry.TargetEnd?, at: Instant
    ) {
        steps[map].elements?.open.removeAll { $0 == element }
        if let scope = steps[map].elements?.scopes[element] {
            scopes[scope].isOpen = false
            dropClaim(ofScope: scope)
        }
        if hasFailed { steps[map].elements?.failed += 1 }
        if let target { endTarget(element, of: map, target, at: at) }
    }
}

// MARK: - Steps

extension Run {
    mutating func update(_ step: Entry.StepRef, _ change: (inout Step) -> Void) {
        change(&steps[step.index])
        dirty.append(step.index)
    }

    /// The only place where a step's state changes: keeps the counters of run and scope.
    mutating func enter(_ state: StepState, _ number: Int, at: Instant) {
        let old = steps[number].state
        let scope = steps[number].scope
        if steps[number].isCalling { calls -= 1 }
        if !index.isMap(steps[number].node) { live += (state.isLive ? 1 : 0) - (old.isLive ? 1 : 0) }
        counts[old] -= 1
        counts[state] += 1
        scopes[scope].unsettled += (old.isSettled ? 1 : 0) - (state.isSettled ? 1 : 0)
        scopes[scope].active += (state.isActive ? 1 : 0) - (old.isActive ? 1 : 0)
        steps[number].state = state
        if !claims.isEmpty { dropClaim(of: number, entering: state) }
        setWaiting(nil, of: number)
        steps[number].due = nil
        steps[number].sought = nil
        if state != .pending, state != .ready, steps[number].startedAt == nil { steps[number].startedAt = at }
        steps[number].endedAt = state.isSettled ? at : nil
        dirty.append(number)
    }

    /// The only place where it changes what a step waits for: those that wait are known without a look at all steps.
    private mutating func setWaiting(_ waiting: Waiting?, of number: Int) {
        let former = steps[number].waiting
        unreachable += (waiting?.kind == .unreachable ? 1 : 0) - (former?.kind == .unreachable ? 1 : 0)
        steps[number].waiting = waiting
        if former == nil, waiting != nil { waitingSteps.insert(number) }
        if former != nil, waiting == nil { waitingSteps.remove(number) }
    }

    mutating func wait(_ kind: WaitKind, _ step: Entry.StepRef, at: Instant, until: Instant?) {
        enter(.waiting, step.index, at: at)
        setWaiting(Waiting(kind: kind, subject: step.path.text, since: at, until: until), of: step.index)
        steps[step.index].due = until
    }

    private mutating func backOff(_ step: Entry.StepRef, until: Instant, reason: String, at: Instant) {
        enter(.backingOff, step.index, at: at)
        setWaiting(Waiting(kind: .timer, subject: step.path.text, since: at, until: until), of: step.index)
        steps[step.index].due = until
        steps[step.index].reason = reason
        retries += 1
    }

    private mutating func hold(_ step: Entry.StepRef, state: StepState, kind: WaitKind, reason: String, at: Instant) {
        enter(state, step.index, at: at)
        setWaiting(Waiting(kind: kind, subject: step.path.text, since: at), of: step.index)
        steps[step.index].reason = reason
    }

    private mutating func settle(_ settlement: Entry.Settlement, _ number: Int, at: Instant) {
        let wasRunning = steps[number].state == .running
        enter(settlement.state, number, at: at)
        // It ended with its attempt, which may have been noticed late.
        if wasRunning, let end = steps[number].attempt?.row.endedAt { steps[number].endedAt = end }
        steps[number].reason = settlement.reason
        steps[number].value = settlement.value
        steps[number].changed = settlement.changed
        if settlement.state == .succeeded || settlement.state == .skipped || settlement.isIgnored {
            if steps[number].blockers == 0 { release(number) }
        } else {
            scopes[steps[number].scope].hasFailed = true
        }
    }

    /// Tells those that need the step that they wait for one thing less. What a person ended before its needs were met passes it on.
    private mutating func release(_ number: Int) {
        let scope = scopes[steps[number].scope]
        var open = [number]
        while let next = open.popLast() {
            for local in index.scopes[scope.plan].successors[next - scope.base] {
                let successor = scope.base + local
                steps[successor].blockers -= 1
                if isReleased(successor) { open.append(successor) }
            }
        }
    }
}

// MARK: - Attempts

extension Run {
    private mutating func take(_ lease: Entry.Lease, _ number: Int, at: Instant) {
        if let earlier = steps[number].attempt { retiredAttempts.append((steps[number].path, earlier.row)) }
        enter(.running, number, at: at)
        if !hasBegun(number) { noteEdition(of: number) }
        steps[number].reason = nil
        steps[number].attempt = Attempt(
            row: AttemptRow(
                number: lease.number, generation: steps[number].generation, state: .leased, target: lease.target,
                worker: lease.worker, startedAt: at),
            fence: Fence(epoch: lease.epoch, attempt: lease.number), isProbe: lease.isProbe)
    }

    private mutating func finish(_ end: Entry.AttemptEnd, _ number: Int, at: Instant) {
        guard var attempt = steps[number].attempt else { return }
        // What was not sent, and what its host knows nothing of, has left nothing there.
        if end.counts || attempt.row.state == .running || end.state != .cancelled { steps[number].lastSent = attempt.row.number }
        attempt.row.state = end.state
        attempt.row.endedAt = end.at ?? at
        attempt.row.exitStatus = end.exitStatus
        attempt.row.signal = end.signal
        attempt.row.message = end.message
        attempt.cause = end.cause
        attempt.row.outputBytes = end.outputBytes
        attempt.row.truncated = end.truncated
        attempt.lastLine = end.lastLine
        attempt.isStopping = false
        steps[number].attempt = attempt
        setWaiting(nil, of: number)
        if end.counts { steps[number].spent += 1 }
        dirty.append(number)
    }
}

// MARK: - New generations

extension Run {
    private mutating func reopen(_ numbers: [Int]) {
        renew(numbers)
        for number in numbers { stepUndos[number]?.state = nil }
        // While a run is undone nothing but the undo goes on.
        guard undo == nil else { return }
        leftToUndo = []
        bodyOutcome = nil
        cancellation = nil
        stoppedBy = nil
        retries = 0
    }

    /// Begins a new generation of these steps.
    /// - Parameter inside: the scope that they all stand in, when nothing outside waits for any of them.
    mutating func renew(_ numbers: [Int], inside: Int? = nil) {
        // All of them before the first is what it was no more: an undo reads what other steps gave.
        for number in numbers { keepPast(of: number) }
        for number in numbers {
            let old = steps[number].state
            enter(.pending, number, at: createdAt)
            steps[number].generation += 1
            steps[number].spent = 0
            steps[number].value = nil
            steps[number].changed = nil
            steps[number].reason = nil
            steps[number].approval = nil
            steps[number].child = nil
            steps[number].givers = []
            steps[number].isReleased = false
            addRounds(to: number)
            steps[number].endedAt = nil
            if steps[number].elements == nil { steps[number].startedAt = nil }
            precondition(old.isSettled || old == .held || old == .unknown, "a \(old) step cannot begin a new generation")
        }
        if let inside {
            let steps = stepsInside(inside)
            recount(Set([inside] + steps.map { self.steps[$0].scope }).sorted(), steps)
        } else {
            recount(Array(scopes.indices), Array(steps.indices))
        }
    }

    /// Works out again what the counters of scopes say, and what waits in the maps among the steps.
    private mutating func recount(_ numbers: [Int], _ maps: [Int]) {
        for number in numbers {
            let scope = scopes[number]
            let plan = index.scopes[scope.plan]
            var hasFailed = false
            for local in plan.nodes.indices {
                let step = steps[scope.base + local]
                steps[scope.base + local].blockers = plan.needs[local].count { !isReleased(scope.base + $0) }
                if step.state == .cancelled || step.state == .failed && !isIgnored(step) { hasFailed = true }
            }
            scopes[number].hasFailed = hasFailed
        }
        for number in maps { requeueElements(of: number) }
    }

    /// Gives a map its elements. One that had elements before keeps the scopes of those that it still has.
    private mutating func open(_ number: Int, _ keys: [String], _ values: [JSON]) {
        let before = steps[number].elements
        var known = before?.takesUpFormer == true ? before?.former ?? [:] : [:]
        for (key, scope) in zip(before?.keys ?? [], before?.scopes ?? []) { known[key] = scope }
        let now = Set(keys)
        for (key, scope) in known where !now.contains(key) { stepsInside(scope).forEach { keepPast(of: $0) } }
        var elements = Elements(keys: keys, values: values, scopes: keys.map { known[$0] }, queue: Array(keys.indices.reversed()))
        elements.former = (before?.former ?? [:]).merging(known) { $1 }.filter { !now.contains($0.key) }
        for (element, scope) in elements.scopes.enumerated() { if let scope { scopes[scope].element = element } }
        steps[number].elements = elements
        if before != nil { requeueElements(of: number) }
    }

    /// Elements that have not ended well wait for their turn again, the ones begun first, in order.
    private mutating func requeueElements(of number: Int) {
        // Which targets of a rollout have their turn again is an entry of its own.
        let isOpen = steps[number].state == .running || steps[number].state == .pending
        guard isOpen, rollouts[number] == nil, let elements = steps[number].elements else { return }
        let unfinished = elements.keys.indices.filter { element in
            guard !elements.open.contains(element) else { return false }
            guard let scope = elements.scopes[element] else { return true }
            return scopes[scope].unsettled > 0 || scopes[scope].hasFailed
        }
        let begun = unfinished.filter { elements.scopes[$0] != nil }
        let fresh = unfinished.filter { elements.scopes[$0] == nil }
        steps[number].elements?.queue = (begun + fresh).reversed()
        steps[number].elements?.failed = 0
    }

    /// It lets others start: it has ended well, and all that it needs lets it.
    func isReleased(_ number: Int) -> Bool {
        let step = steps[number]
        guard step.blockers == 0 else { return false }
        return step.state == .succeeded || step.state == .skipped || step.state == .failed && isIgnored(step)
    }

    private func isIgnored(_ step: Step) -> Bool { plan.nodes[step.node].policy.onFailure == .ignore }
}

extension StepState {
    /// Neither pending, ready nor settled.
    package var isActive: Bool {
        switch self {
        case .running, .waiting, .backingOff, .held, .unknown: true
        case .pending, .ready, .succeeded, .failed, .skipped, .cancelled: false
        }
    }
}
