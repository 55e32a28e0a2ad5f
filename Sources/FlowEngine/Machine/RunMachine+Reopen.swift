import FlowModel

/// What is done again: by a retry, an edit, a redo or a decision about a step that has ended.
extension RunMachine {
    /// The step and all that needs it; without one, all that have failed. What was undone has to be done again in any case.
    func stepsToRetry(from path: StepPath?, _ command: RunCommand) throws(FlowError) -> Set<Int> {
        if let path {
            let number = try position(path)
            if let item = run.undoItem(around: number), run.undo == nil, run.rollouts[item.step.index]?.undoQueue == nil {
                throw refuse(command, because: "step '\(path)' undoes something", hint: "flowctl undo \(run.id) -m REASON")
            }
            let chosen = downstream(of: number).union(stepsOfLaterBatches(than: number)).union(stepsToDoAgain)
            return try chosen.union(stopped(beside: number, chosen, command))
        }
        let failed = run.steps.indices.filter { needsRetry($0) }
        // One that was stopped goes on where it stood, also when nothing in it had failed.
        let wasStopped = run.state == .cancelled || run.state == .failed
        guard !failed.isEmpty || !stepsToDoAgain.isEmpty || wasStopped else {
            throw refuse(command, because: "no step has failed", hint: "flowctl retry \(run.id) --from STEP")
        }
        return Set(failed).union(stepsToDoAgain)
    }

    /// What would keep the step from beginning: what was stopped beside it goes on with it; what failed there is somebody's decision.
    private func stopped(beside number: Int, _ chosen: Set<Int>, _ command: RunCommand) throws(FlowError) -> Set<Int> {
        var isStopped = false
        var (inner, scope) = (number, run.steps[number].scope)
        while true {
            for other in run.ownSteps(scope) where other != inner && !chosen.contains(other) {
                let step = run.steps[other]
                if step.state == .cancelled { isStopped = true }
                guard step.state == .failed, node(other).policy.onFailure != .ignore else { continue }
                throw refuse(
                    command, because: "step '\(step.path)' failed, too, and nothing begins beside it",
                    hint: "flowctl retry \(run.id), or: flowctl skip \(run.id) '\(step.path)' -m REASON")
            }
            guard let map = run.scopes[scope].map, run.scopes[scope].part != .undo else { break }
            (inner, scope) = (map, run.steps[map].scope)
        }
        return isStopped ? Set(run.steps.indices.filter { run.steps[$0].state == .cancelled && needsRetry($0) }) : []
    }

    /// What was undone, and everything that stood on it, whether or not that says how it is undone: it is done again before the run goes on.
    private var stepsToDoAgain: Set<Int> {
        guard run.undo == nil else { return [] }
        let targets = rolloutsToDoAgain.flatMap { downstream(of: $0).subtracting(steps(inBodiesOf: $0)) }
        return run.undoneSteps.sorted().reduce(into: Set(targets)) { $0.formUnion(downstream(of: $1)) }
    }

    /// The step, and what has not ended well in it: with that as it is, a map, rollout or `repeatUntil` would end as it did, and try nothing.
    func stepsToTryAgain(of number: Int) -> Set<Int> { Set(steps(inside: number).filter(hasEndedBadly) + [number]) }

    private func needsRetry(_ number: Int) -> Bool {
        // What undoes a step has its turn again with the next undo.
        if let item = run.undoItem(around: number), item.element == nil { return false }
        return hasEndedBadly(number)
    }

    private func hasEndedBadly(_ number: Int) -> Bool {
        let step = run.steps[number]
        switch step.state {
        case .held, .unknown, .cancelled: return true
        case .failed: return run.plan.nodes[step.node].policy.onFailure != .ignore
        default: return false
        }
    }

    /// Rollouts that stand as done, and of which targets were undone with their run. One that failed is done again when it is taken up itself.
    private var rolloutsToDoAgain: [Int] {
        run.rollouts.keys.sorted().filter { number in
            let isFailed =
                run.steps[number].state == .failed && node(number).policy.onFailure == .ignore && run.rollouts[number]?.endedUndone == false
            return (run.steps[number].state == .succeeded || isFailed) && !run.undoneTargets(of: number).isEmpty
        }
    }

    /// Opens a new generation of the steps, of the settled maps around them, and of a `finally` that has run.
    ///
    /// - Parameters:
    ///   - targets: those of a rollout that have their turn again; of others all that have not ended well, or were undone. What was undone of a
    ///     target is done again in any case.
    ///   - givingUp: one of the steps, whose attempt is out on a host that cannot be asked.
    ///   - goesOn: whether what was undone is done again, as by all that takes a run further.
    mutating func reopen(
        _ chosen: Set<Int>, targets: [Int: [Int]] = [:], givingUp: Int? = nil, goesOn: Bool = true, _ command: RunCommand, by actor: Actor,
        message: String?
    ) throws(FlowError) {
        try requirePart(chosen, command)
        var numbers = chosen.union(goesOn ? stepsToDoAgain : [])
        let gates = gates(askedAbout: numbers)
        numbers.formUnion(gates.filter { run.steps[$0].state == .succeeded })
        for number in numbers {
            var scope = run.steps[number].scope
            while let map = run.scopes[scope].map, run.undo == nil || run.scopes[scope].part != .undo {
                if run.steps[map].state.isSettled || run.steps[map].state == .held { numbers.insert(map) }
                scope = run.steps[map].scope
            }
        }
        if run.bodyOutcome != nil, run.undo == nil {
            for number in run.steps.indices where outermost(run.steps[number].scope) == PlanIndex.finally {
                numbers.insert(number)
            }
        }
        let turns = try turns(numbers, targets, command)
        for (rollout, elements) in turns where !numbers.contains(rollout) { try keepFrozen(elements, of: rollout, command) }
        for (rollout, elements) in turns {
            let undone = elements.filter { run.isUndone($0, of: rollout) }
            for element in undone { numbers.formUnion(stepsToRepeat(of: element, in: rollout, from: nil)) }
            // What stood on them between the batches is done again, too: checks, and approvals.
            if let first = undone.min(), let batch = run.rollouts[rollout]?.batch(of: first) {
                numbers.formUnion(steps(between: rollout, from: batch))
            }
        }
        if let gate = gates.sorted().first(where: { run.steps[$0].approval?.state == .open && asksAbout(numbers, gate: $0) }) {
            throw refuseForVotes(gate, command)
        }
        let open = numbers.sorted().filter { run.steps[$0].state != .pending && run.steps[$0].state != .ready }
        if let busy = open.first(where: { $0 != givingUp && !canReopen($0) }) {
            let step = run.steps[busy]
            if step.approval?.state == .open { throw refuseForVotes(busy, command) }
            throw refuse(command, because: "step '\(step.path)' is \(step.state.rawValue)", hint: "flowctl cancel \(run.id)")
        }
        record(command, by: actor, message: message)
        if let givingUp { giveUp(givingUp, by: actor) }
        emit(.reopened(open.map(ref)))
        for (rollout, elements) in turns {
            emit(.rollout(ref(rollout), .requeued(elements)))
            goBack(rollout)
        }
        for gate in gates.sorted() where run.steps[gate].approval?.state == .open {
            voidVotes(of: gate, reason: "a step that it asks about is done again")
        }
        if run.state.isTerminal {
            emit(.runState(.running, reason: nil))
            _ = passesGate()
        }
    }

    /// Targets that have their turn again in a rollout that runs come past no freeze or window: they have no gate to wait at, as those of later
    /// batches have, and all of one that begins again.
    private func keepFrozen(_ elements: [Int], of number: Int, _ command: RunCommand) throws(FlowError) {
        guard !run.isUngated, let rollout = run.rollouts[number], run.steps[number].state == .running, let all = run.steps[number].elements else {
            return
        }
        let again = elements.filter { all.scopes[$0] != nil && rollout.batch(of: $0) <= rollout.batch }
        guard !again.isEmpty, let closure = context.closure(subject(again.map { all.keys[$0] })) else { return }
        throw refuse(
            command, because: "\(closure.kind.rawValue) \(closure.rule) keeps changes from targets of step '\(run.steps[number].path)', which runs",
            hint: "flowctl freeze list")
    }

    /// To the first batch after which something is to be done again: nothing behind that begins before.
    private mutating func goBack(_ rollout: Int) {
        guard let betweens = run.rollouts[rollout]?.betweens, let batch = run.rollouts[rollout]?.batch,
            let first = betweens.filter({ run.scopes[$0.value].unsettled > 0 }).keys.min(), first < batch
        else { return }
        emit(.rollout(ref(rollout), .batchBegan(first)))
    }

    /// An edit of the inputs asks an open gate anew; what it asks about is not done again under it.
    private func refuseForVotes(_ gate: Int, _ command: RunCommand) -> FlowError {
        let path = run.steps[gate].path
        return refuse(
            command, because: "step '\(path)' waits for its votes",
            hint: "flowctl approve \(run.id) '\(path)' (or reject), or: flowctl edit \(run.id) -p NAME=VALUE, or: flowctl cancel \(run.id)")
    }

    /// The targets that have their turn again, by rollout.
    private func turns(_ numbers: Set<Int>, _ targets: [Int: [Int]], _ command: RunCommand) throws(FlowError) -> [(Int, [Int])] {
        try rolloutsToRequeue(numbers, targets, command).compactMap { rollout in
            guard numbers.contains(rollout) || [.running, .pending, .ready].contains(run.steps[rollout].state) else { return nil }
            let chosen = targets[rollout] ?? unfinishedTargets(of: rollout) + run.undoneTargets(of: rollout)
            return (rollout, Set(chosen).union(targetsWith(numbers, of: rollout)).sorted())
        }
    }

    /// Targets that have one of these steps to do, and do not run.
    private func targetsWith(_ steps: Set<Int>, of rollout: Int) -> [Int] {
        guard let elements = run.steps[rollout].elements else { return [] }
        let open = Set(elements.open)
        return elements.scopes.indices.filter { target in
            guard !open.contains(target), let scope = elements.scopes[target] else { return false }
            return !steps.isDisjoint(with: run.stepsInside(scope))
        }
    }

    /// While a run is undone, only what is undone now can be changed.
    func requirePart(_ chosen: Set<Int>, _ command: RunCommand) throws(FlowError) {
        guard let undo = run.undo else { return }
        guard let other = chosen.first(where: { run.undoItem(around: $0).map { !undo.open.contains($0) } ?? true }) else { return }
        throw refuse(
            command, because: "it is being undone, and step '\(run.steps[other].path)' has no part in what is undone now",
            hint: "flowctl why \(run.id)")
    }

    /// The rollouts some targets of which have their turn again. Refused while something stands between their batches, or they are undone:
    /// what runs there would be left behind.
    private func rolloutsToRequeue(_ numbers: Set<Int>, _ targets: [Int: [Int]], _ command: RunCommand) throws(FlowError) -> [Int] {
        var found: [Int] = []
        for rollout in run.rollouts.keys.sorted() {
            let isUndoing = run.rollouts[rollout]?.undoQueue != nil
            let inside = isUndoing ? steps(inBodiesOf: rollout) : steps(inside: rollout) + [rollout]
            guard targets[rollout] != nil || !numbers.isDisjoint(with: inside) else { continue }
            if isUndoing { throw refuse(command, because: "targets of step '\(run.steps[rollout].path)' are being undone") }
            if run.steps[rollout].state == .waiting {
                throw refuse(
                    command, because: "step '\(run.steps[rollout].path)' is waiting between batches", hint: "flowctl why \(run.id)")
            }
            if let busy = steps(between: rollout).first(where: { isBusy($0) && !numbers.contains($0) }) {
                throw refuse(
                    command, because: "step '\(run.steps[busy].path)' is \(run.steps[busy].state.rawValue)", hint: "flowctl cancel \(run.id)")
            }
            found.append(rollout)
        }
        return found
    }

    private func isBusy(_ number: Int) -> Bool {
        let step = run.steps[number]
        return step.elements == nil && (step.state == .running || step.state == .waiting || step.state == .backingOff)
    }

    private func canReopen(_ number: Int) -> Bool {
        let state = run.steps[number].state
        return state.isSettled || state == .held || state == .unknown
    }

    func outermost(_ scope: Int) -> Int {
        var scope = scope
        while let map = run.scopes[scope].map { scope = run.steps[map].scope }
        return scope
    }

    /// The step and all that comes after it, inside maps too.
    func downstream(of number: Int) -> Set<Int> {
        var found: Set<Int> = []
        var open = [number]
        while let next = open.popLast() {
            guard found.insert(next).inserted else { continue }
            let scope = run.scopes[run.steps[next].scope]
            open += run.index.scopes[scope.plan].successors[next - scope.base].map { scope.base + $0 }
            for inner in run.steps[next].elements?.scopes ?? [] {
                guard let inner else { continue }
                open += run.ownSteps(inner)
            }
            for between in run.rollouts[next]?.betweens.values.sorted() ?? [] { open += run.ownSteps(between) }
            open += later(than: run.steps[next].scope)
        }
        return found
    }

    /// What comes after a scope, and after every one around it: later rounds, and what needs the map, rollout or `repeatUntil` that it stands in.
    private func later(than scope: Int) -> [Int] {
        var found: [Int] = []
        var inner = run.scopes[scope]
        while inner.part != .undo, let map = inner.map {
            if case .repeatUntil = node(map).kind {
                let rounds = run.steps[map].elements?.scopes ?? []
                found += rounds.dropFirst(inner.element + 1).compactMap { $0 }.flatMap(run.ownSteps)
            }
            let outer = run.scopes[run.steps[map].scope]
            found += run.index.scopes[outer.plan].successors[map - outer.base].map { outer.base + $0 }
            inner = outer
        }
        return found
    }
}
