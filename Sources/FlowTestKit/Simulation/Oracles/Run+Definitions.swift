internal import FlowEngine
internal import FlowModel

// What the words of the design mean, worked out from the states of steps alone: the machine keeps counters and flags for the same, and
// these must not share its mistakes.
extension Run {
    func nodeOf(_ step: Int) -> Node { plan.nodes[steps[step].node] }

    /// The steps of a scope.
    func stepsOf(_ scope: Int) -> Range<Int> {
        let base = scopes[scope].base
        return base..<base + index.scopes[scopes[scope].plan].nodes.count
    }

    /// The scopes that stand in a step: of its elements, of what undoes them, of what runs between its batches.
    func scopesIn(_ step: Int) -> [Int] { scopes.indices.filter { scopes[$0].map == step } }

    /// The steps inside a map or rollout, at any depth.
    func stepsIn(_ step: Int) -> [Int] { scopesIn(step).flatMap { stepsOf($0).flatMap { [$0] + stepsIn($0) } } }

    func needsOf(_ step: Int) -> [Int] {
        let names = Set(nodeOf(step).needs)
        return stepsOf(steps[step].scope).filter { names.contains(nodeOf($0).id) }
    }

    func isFailure(_ step: Int) -> Bool {
        switch steps[step].state {
        case .cancelled: true
        case .failed: nodeOf(step).policy.onFailure != .ignore
        default: false
        }
    }

    func hasEndedWell(_ step: Int) -> Bool { steps[step].state.isSettled && !isFailure(step) }

    /// It has ended well, and everything that it needs: a person may have ended it before that.
    func letsOthersStart(_ step: Int) -> Bool { hasEndedWell(step) && needsTransitively(step).allSatisfy(hasEndedWell) }

    /// The same for all steps. What a step needs stands before it.
    func lettingOthersStart() -> [Bool] {
        steps.indices.reduce(into: []) { found, step in found.append(hasEndedWell(step) && needsOf(step).allSatisfy { found[$0] }) }
    }

    func isFinally(_ scope: Int) -> Bool {
        var scope = scope
        while let map = scopes[scope].map { scope = steps[map].scope }
        return scopes[scope].plan == PlanIndex.finally
    }

    /// Somebody killed it, or cancelled it before the flow had ended.
    var wasStopped: Bool { cancellation == .kill || cancellation == .cancel && (bodyOutcome == nil || undo != nil) }

    /// Neither failed nor cancelled, here or around.
    func canGoOn(_ scope: Int) -> Bool {
        if stepsOf(scope).contains(where: isFailure) { return false }
        if scopes[scope].part == .undo { return !wasStopped }
        if let map = scopes[scope].map { return canGoOn(steps[map].scope) }
        if undo != nil { return false }
        if isFinally(scope) { return bodyOutcome != nil && cancellation != .kill }
        return bodyOutcome == nil && cancellation == nil
    }

    func hasItsTurn(_ scope: Int) -> Bool {
        guard scopes[scope].isOpen else { return false }
        if undo != nil, scopes[scope].part == .undo { return true }
        return scopes[scope].map.map { hasItsTurn(steps[$0].scope) } ?? true
    }

    /// What is wrong when the step comes to an end now, whichever.
    func faultOfSettling(_ number: Int) -> String? {
        let step = steps[number]
        if step.state.isSettled { return "'\(step.path)' settles twice" }
        if step.approval?.state == .open { return "'\(step.path)' settles with an open gate" }
        guard step.state == .running, let attempt = step.attempt, !attempt.row.state.isTerminal else { return nil }
        return "'\(step.path)' settles with an attempt out"
    }

    func hasEnded(_ scope: Int) -> Bool {
        let all = stepsOf(scope)
        if all.allSatisfy({ steps[$0].state.isSettled }) { return true }
        return !canGoOn(scope) && !all.contains { steps[$0].state.isActive }
    }

    /// The step of a node that a step can see: beside it, or in a scope around it; from `finally` also the flow's.
    func visible(_ id: String, from step: Int) -> Int? {
        var scope = steps[step].scope
        while true {
            if let found = stepsOf(scope).first(where: { nodeOf($0).id == id }) { return found }
            if let map = scopes[scope].map {
                scope = steps[map].scope
            } else {
                return isFinally(scope) ? stepsOf(PlanIndex.root).first { nodeOf($0).id == id } : nil
            }
        }
    }

    /// Every branch that it stands in was taken.
    func isOnItsBranch(_ step: Int) -> Bool {
        nodeOf(step).guards.allSatisfy { condition in
            guard let choice = visible(condition.choice, from: step) else { return false }
            return steps[choice].state == .succeeded && steps[choice].value == .bool(condition.answer)
        }
    }

    func isUndecidedGate(_ step: Int) -> Bool {
        if case .approval = nodeOf(step).kind { steps[step].state != .succeeded } else { false }
    }

    /// It is an approval, or one stands in its body, in what undoes that, or between its batches.
    func holdsGate(_ step: Int) -> Bool {
        if case .approval = nodeOf(step).kind { return true }
        guard nodeOf(step).hasBody else { return false }
        return plan.nodes.contains { node in
            guard case .approval = node.kind else { return false }
            return sequence(first: node.id) { id in plan.nodes.first { $0.id == id }?.scope }.contains(nodeOf(step).id)
        }
    }

    /// It stands in the scope, directly or deeper.
    func stands(_ step: Int, in outer: Int) -> Bool {
        var scope = steps[step].scope
        while scope != outer {
            guard let map = scopes[scope].map else { return false }
            scope = steps[map].scope
        }
        return true
    }

    /// A selector that is constant, or what another step handed out.
    func text(of selector: Expression, from step: Int) -> String? {
        switch selector {
        case .literal(let value): value.text
        case .output(let id, let path):
            visible(id, from: step).flatMap { path.reduce(steps[$0].value) { $0?[$1] } }?.text
        default: nil
        }
    }

    func targets(of selector: Expression, from step: Int) -> [Host]? { text(of: selector, from: step).flatMap { created.targets[$0] } }

    /// The steps whose outputs it must have.
    func sourcesOf(_ node: Node) -> [String] {
        var values = [node.hosts?.selector].compactMap { $0 }
        if let spec = node.kind.work(as: ShellSpec.self) { values += spec.variables.map(\.value) }
        if case .approval(let spec) = node.kind { values.append(spec.prompt) }
        return values.compactMap { if case .output(let id, _) = $0 { id } else { nil } }
    }

    /// Those that are not there.
    func missingSources(of step: Int) -> [String] {
        sourcesOf(nodeOf(step)).filter { id in
            guard let source = visible(id, from: step) else { return true }
            return steps[source].state != .succeeded && !(isPartOfUndo(step) && pasts[source] != nil)
        }
    }

    /// Everything that it must read is there.
    func canRead(_ step: Int) -> Bool { missingSources(of: step).isEmpty }

    /// It takes something back that was done, which needs what is not there, and what the rest of the undo has not passed by.
    func cannotTakeBack(_ step: Int) -> Bool {
        isPartOfUndo(step) && missingSources(of: step).contains { visible($0, from: step).map { !isPartOfUndo($0) } ?? true }
    }

    /// The paths of the maps and rollouts around a step, also of those between whose batches it stands.
    func enclosing(_ step: Int) -> Set<StepPath> {
        var found: Set<StepPath> = []
        var scope = steps[step].scope
        while let map = scopes[scope].map {
            found.insert(steps[map].path)
            scope = steps[map].scope
        }
        return found
    }

    /// The elements of the maps and rollouts around a step, innermost first: step, number, key and value.
    func surroundings(of step: Int) -> [(map: Int, element: Int, key: String)] {
        var found: [(map: Int, element: Int, key: String)] = []
        var scope = steps[step].scope
        while let map = scopes[scope].map {
            if scopes[scope].part != .between, let keys = steps[map].elements?.keys, keys.indices.contains(scopes[scope].element) {
                found.append((map, scopes[scope].element, keys[scopes[scope].element]))
            }
            scope = steps[map].scope
        }
        return found
    }

    /// The step, and what it stands in, innermost first, each with the number of the element that leads to it.
    private func chain(_ step: Int) -> [(step: Int, element: Int?)] {
        var found: [(step: Int, element: Int?)] = [(step, nil)]
        var scope = steps[step].scope
        while let outer = scopes[scope].map {
            found.append((outer, scopes[scope].element))
            scope = steps[outer].scope
        }
        return found
    }

    /// Whether a step stands in another one, or is that one.
    func isWithin(_ step: Int, _ outer: Int) -> Bool { chain(step).contains { $0.step == outer } }

    /// Whether a step could only begin when another one was over: it needs it, or what stands round it does, or it is part of a later round.
    /// Nothing comes after what undoes something.
    func cameAfter(_ later: Int, _ earlier: Int) -> Bool {
        if isPartOfUndo(earlier) { return false }
        let others = chain(earlier)
        for one in chain(later) {
            guard let other = others.first(where: { steps[$0.step].scope == steps[one.step].scope }) else { continue }
            guard one.step == other.step else { return needsTransitively(one.step).contains(other.step) }
            guard case .repeatUntil = nodeOf(one.step).kind, let round = one.element, let before = other.element else { return false }
            return round > before
        }
        return false
    }

    private func needsTransitively(_ step: Int) -> Set<Int> {
        var found: Set<Int> = []
        var open = needsOf(step)
        while let next = open.popLast() { if found.insert(next).inserted { open += needsOf(next) } }
        return found
    }

    /// Whether a step belongs to what undoes a step, or a target.
    func isPartOfUndo(_ step: Int, ofStep: Bool = false) -> Bool {
        var scope = steps[step].scope
        while let outer = scopes[scope].map {
            if scopes[scope].part == .undo { return !ofStep || rollouts[outer] == nil }
            scope = steps[outer].scope
        }
        return false
    }

    /// What the state of the run must be called.
    var stateByDefinition: RunState {
        if state.isTerminal { return state }
        if cancellation != nil, bodyOutcome == nil || undo != nil { return .cancelling }
        if isPaused { return .paused }
        if undo != nil || rollouts.values.contains(where: { $0.undoQueue != nil }) { return .undoing }
        let isRunning = steps.contains { $0.state == .running && $0.elements == nil && $0.waiting?.kind != .unreachable }
        return isRunning ? .running : .waiting
    }
}

extension RolloutSpec {
    /// How many failures the budget counts now, and how many it bears.
    func failures(of rollout: Rollout) -> (found: Int, borne: Int) {
        let isBatch = budget.scope == .batch
        let batch = rollout.targets(of: rollout.batch)
        let total = isBatch ? batch.count : rollout.ends.last ?? 0
        // Those that were left out and had their turn all the same count with the last batch.
        let isLast = rollout.batch == max(rollout.ends.count - 1, 0)
        let whole = isBatch ? batch.lowerBound..<(isLast ? rollout.targets.count : batch.upperBound) : rollout.targets.indices
        let kinds: [TargetOutcome] =
            switch budget.counting {
            case .failed: [.failed, .timedOut, .unknown]
            case .unreachable: [.unreachable]
            case .both: [.failed, .timedOut, .unknown, .unreachable]
            }
        let forgiven = isBatch ? rollout.batchForgiven : rollout.forgiven
        let found = whole.count { kinds.contains(rollout.targets[$0].outcome) } - kinds.reduce(0) { $0 + forgiven[$1] }
        switch rollout.adjustment.maxFailures ?? budget.maxFailures {
        case .count(let count): return (found, count)
        case .percent(let share): return (found, Int((Double(total) * share / 100).rounded(.down)))
        }
    }

    /// How many targets of so many may run at once.
    func width(_ rollout: Rollout, of size: Int) -> Int {
        switch rollout.adjustment.concurrency ?? concurrency {
        case nil: max(size, 1)
        case .count(let count): max(count, 1)
        case .percent(let share): max(Int((Double(size) * share / 100).rounded(.down)), 1)
        }
    }

    /// How many targets may be undone at once.
    func undoWidth(_ rollout: Rollout) -> Int {
        width(rollout, of: rollout.ends.indices.map { rollout.targets(of: $0).count }.max() ?? rollout.targets.count)
    }

    /// Whether one more target may begin without being one too many in its stretch of time.
    func paceAllows(_ rollout: Rollout, _ context: RunMachine.Context) -> Bool {
        guard let rate = rollout.adjustment.startRate ?? startRate else { return true }
        return rollout.starts.count { context.secondsSince($0) < rate.seconds } < rate.count
    }
}
