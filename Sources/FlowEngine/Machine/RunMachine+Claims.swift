import FlowModel

/// Asking for locks, slots and rates. The machine asks and is told; who has what is the shell's to know (`LeaseTable`).
extension RunMachine {
    // MARK: - Asking

    /// Asks for what the run needs to itself, unless it has. Nothing of it begins before.
    mutating func claimRun() {
        guard !run.index.claims.isEmpty, run.claims[Run.ownPath] == nil, run.gate == nil, !run.isPaused, run.cancellation == nil,
            run.undo != nil || run.bodyOutcome == nil && !run.scopes[PlanIndex.root].hasFailed, !run.state.isTerminal
        else { return }
        ask(.run, Run.ownPath, run.index.claims, in: run.scopes[PlanIndex.root].base)
    }

    /// Whether the step has what it needs to itself; asks for it unless it has.
    mutating func ownsClaim(_ number: Int) -> Bool {
        guard let specs = node(number).policy.claims, !specs.isEmpty else { return true }
        return owns(.step(number), run.steps[number].path, specs, in: number)
    }

    /// The same for the element or target whose steps stand in the scope.
    mutating func ownsClaim(ofScope scope: Int) -> Bool {
        let specs = elementClaims(ofScope: scope)
        if specs.isEmpty { return true }
        return owns(.scope(scope), run.claimPath(ofScope: scope), specs, in: run.scopes[scope].base)
    }

    private func elementClaims(ofScope number: Int) -> [ClaimSpec] {
        var scope = run.scopes[number]
        guard let map = scope.map, scope.part != .between else { return [] }
        guard scope.part == .undo, run.steps[map].elements == nil else { return node(map).policy.elementClaims ?? [] }
        // A step is undone with what the elements had that it stands in.
        var found: [ClaimSpec] = []
        while let outer = scope.map {
            scope = run.scopes[run.steps[outer].scope]
            if scope.part == .body, let around = scope.map { found += node(around).policy.elementClaims ?? [] }
        }
        return found
    }

    private mutating func owns(_ claimant: Claimant, _ path: StepPath, _ specs: [ClaimSpec], in step: Int) -> Bool {
        if let claim = run.claims[path] { return claim.isGranted }
        ask(claimant, path, specs, in: step)
        return false
    }

    /// A run, element or target is named by the inputs of now, whatever its first step began with. A step locks what it was begun for, and what
    /// undoes something what was locked for that.
    private func hasInputsOfNow(_ claimant: Claimant, _ step: Int) -> Bool {
        if case .step = claimant { false } else { !run.isInUndo(run.steps[step].scope) }
    }

    /// What a claim would ask for in a run that has other inputs; nil when that cannot be told.
    func demands(of claim: Claim, in run: Run) -> [Demand]? {
        let (specs, step): ([ClaimSpec], Int)
        switch claim.claimant {
        case .run: (specs, step) = (run.index.claims, run.scopes[PlanIndex.root].base)
        case .step(let number): (specs, step) = (node(number).policy.claims ?? [], number)
        case .scope(let scope): (specs, step) = (elementClaims(ofScope: scope), run.scopes[scope].base)
        }
        return try? demands(specs, in: StepScope(run: run, step: step, hasInputsOfNow: hasInputsOfNow(claim.claimant, step)))
    }

    private func demands(_ specs: [ClaimSpec], in scope: StepScope) throws(EvaluationError) -> [Demand] {
        var demands: [Demand] = []
        for spec in specs {
            let demand = Demand(name: try spec.name.evaluate(in: scope).text, kind: spec.kind)
            guard demand.hasName else {
                throw .invalid("the name of a lock or limit has 1 to \(Limits.claimNameBytes) bytes, found '\(demand.name.prefix(40))'")
            }
            try demands.add(demand)
        }
        return demands
    }

    /// - Parameter step: the one from which the names are read.
    private mutating func ask(_ claimant: Claimant, _ path: StepPath, _ specs: [ClaimSpec], in step: Int) {
        let scope = StepScope(run: run, step: step, hasInputsOfNow: hasInputsOfNow(claimant, step))
        do throws(EvaluationError) {
            emit(.claim(ClaimEntry(path, claimant, .asked(try demands(specs, in: scope)))))
        } catch {
            if case .step = claimant { return settle(step, because: error) }
            switch error {
            case .absent(let node, let reason): fail(claimant, "its lock reads the output of step '\(node)', which has none: \(reason)")
            case .invalid(let message): fail(claimant, message)
            }
        }
    }

    // MARK: - Going without

    private mutating func fail(_ claimant: Claimant, _ reason: String) {
        switch claimant {
        case .run:
            if let undo = run.undo { return failUndo(undo, because: reason) }
            failScope(run.bodyOutcome == nil ? PlanIndex.root : PlanIndex.finally, reason)
        case .step(let number): fail(number, reason)
        case .scope(let scope): failScope(scope, reason)
        }
    }

    /// The steps that wait for one claim together fail together, whatever the first of them says about its own failures. What has ended of them
    /// before has not waited.
    mutating func failScope(_ scope: Int, _ reason: String) {
        if let first = run.ownSteps(scope).first(where: { run.steps[$0].state == .pending || run.steps[$0].state == .ready }) {
            settle(first, .failed, reason: reason)
        }
        stopWaiting(in: scope, because: reason)
    }

    // MARK: - Being told

    /// What waited at `path` has what it asked for, or gives it back at once if it has no use for it now.
    mutating func takeGrant(_ path: StepPath) {
        guard let claim = run.claims[path], !claim.isGranted else { return }
        if run.isPaused { return giveBack(claim, at: path) }
        emit(.claim(ClaimEntry(path, claim.claimant, .granted)))
        switch claim.claimant {
        case .run: startEverything()
        case .scope(let scope):
            resumeScope(scope)
            if let map = run.scopes[scope].map { advanceMap(map) }
        case .step(let number):
            if run.steps[number].state == .running { advanceMap(number) } else { start(number) }
        }
    }

    /// A run that is paused gives up its places, so that it keeps nobody waiting: it stands in line again when it goes on.
    mutating func standAside() {
        for path in run.claims.keys.sorted() {
            if let claim = run.claims[path], !claim.isGranted { giveBack(claim, at: path) }
        }
    }

    mutating func giveBack(_ claim: Claim, at path: StepPath) {
        if case .step(let number) = claim.claimant, run.steps[number].state != .running {
            emit(.ready(ref(number)))
        } else {
            emit(.claim(ClaimEntry(path, claim.claimant, .dropped)))
        }
    }

    /// It would wait for somebody who waits for it.
    mutating func refuseClaim(_ path: StepPath, because reason: String) {
        guard let claim = run.claims[path], !claim.isGranted else { return }
        if run.isPaused { return giveBack(claim, at: path) }
        emit(.claim(ClaimEntry(path, claim.claimant, .dropped)))
        fail(claim.claimant, reason)
    }

    // MARK: - Priority

    mutating func reprioritise(_ priority: Int, _ command: RunCommand, by actor: Actor, message: String?) throws(FlowError) {
        try requireOpen(command)
        guard Priority.all.contains(priority) else {
            throw FlowError(.usage, subject: "priority", "Run \(run.id) was not changed: a priority is 0 to 9, found \(priority).")
        }
        guard priority != run.priority else { throw refuse(command, because: "its priority is \(priority) already") }
        record(command, by: actor, message: message)
        emit(.reprioritised(priority))
        passDown(.reprioritise(priority))
    }
}

extension Demand {
    fileprivate var hasName: Bool { (1...Limits.claimNameBytes).contains(name.utf8.count) && !SealedText.isPresent(in: name) }
}

extension [Demand] {
    /// Two names that come out the same are one claim: the stronger lock, the sum of the weights.
    fileprivate mutating func add(_ demand: Demand) throws(EvaluationError) {
        guard let same = firstIndex(where: { $0.key == demand.key }) else { return append(demand) }
        switch (self[same].kind, demand.kind) {
        case (.slots(let one, let of), .slots(let other, _)):
            guard one + other <= of else { throw .invalid("it asks for \(one + other) of the \(of) slots of '\(demand.name)'") }
            self[same].kind = .slots(weight: one + other, of: of)
        case (.shared, _): self[same] = demand
        default: break
        }
    }
}
