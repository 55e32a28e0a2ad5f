import FlowModel

/// What operators can do with a rollout.
extension RunMachine {
    // MARK: - Redo

    mutating func redo(
        _ path: StepPath?, _ targets: RedoTargets, from: String?, _ command: RunCommand, by actor: Actor, message: String?
    ) throws(FlowError) {
        guard run.cancellation == nil else { throw refuse(command, because: "it is cancelling") }
        let number = try rollout(path, command)
        let elements = try chosen(targets, of: number, command)
        var steps = Set(elements.flatMap { stepsToRepeat(of: $0, in: number, from: from) })
        if let from, steps.isEmpty { throw refuse(command, because: "no step '\(from)' has run on these targets") }
        steps.insert(number)
        if run.steps[number].state == .running { steps.remove(number) }
        try reopen(steps, targets: [number: elements], command, by: actor, message: message)
        startEverything()
    }

    /// The rollout that is meant: the one named, else the run's only one. Those of `finally` run again with all of it, and in no other way.
    private func rollout(_ path: StepPath?, _ command: RunCommand) throws(FlowError) -> Int {
        if let path {
            let number = try position(path)
            guard run.rollouts[number] != nil else { throw refuse(command, because: "step '\(path)' is no rollout that has begun") }
            guard outermost(run.steps[number].scope) != PlanIndex.finally else {
                throw refuse(
                    command, because: "step '\(path)' is in 'finally', which runs again as a whole", hint: "flowctl retry \(run.id) --from '\(path)'")
            }
            return number
        }
        let all = run.rollouts.keys.sorted().filter { outermost(run.steps[$0].scope) != PlanIndex.finally }
        guard all.count <= 1 else {
            let names = all.map { "'\(run.steps[$0].path)'" }.joined(separator: ", ")
            throw refuse(command, because: "it has more than one rollout: \(names)", hint: "flowctl retry \(run.id) --rollout STEP --targets …")
        }
        guard let only = all.first else { throw refuse(command, because: "it has no rollout that has begun") }
        return only
    }

    private func chosen(_ targets: RedoTargets, of number: Int, _ command: RunCommand) throws(FlowError) -> [Int] {
        guard let elements = run.steps[number].elements, let rollout = run.rollouts[number], rollout.undoQueue == nil else {
            throw refuse(command, because: "targets of step '\(run.steps[number].path)' are being undone")
        }
        let all = elements.keys.indices
        switch targets {
        case .outcomes(let outcomes):
            let open = Set(elements.open)
            let chosen = all.filter { outcomes.contains(rollout.targets[$0].outcome) && !open.contains($0) }
            guard !chosen.isEmpty else {
                let asked = outcomes.map(\.rawValue).joined(separator: " or ")
                throw refuse(command, because: "no target of step '\(run.steps[number].path)' is \(asked): \(rollout.tally.words)")
            }
            return Array(chosen)
        case .named(let names):
            let positions = Dictionary(zip(elements.keys, all), uniquingKeysWith: { first, _ in first })
            var chosen: Set<Int> = []
            for name in names {
                guard let element = positions[name] else {
                    let near = nearestNames(to: name, in: elements.keys)
                    let hint = near.isEmpty ? "" : "; did you mean \(near.joined(separator: " or "))?"
                    throw refuse(command, because: "'\(name)' is no target of step '\(run.steps[number].path)'\(hint)")
                }
                guard !elements.open.contains(element) else { throw refuse(command, because: "target '\(name)' is running") }
                chosen.insert(element)
            }
            return chosen.sorted()
        }
    }

    /// The steps of a target that begin a new generation: those that have not succeeded; all of a target that is done or was undone;
    /// with `from` that one and what comes after it, too.
    func stepsToRepeat(of element: Int, in number: Int, from: String?) -> [Int] {
        guard let scope = run.steps[number].elements?.scopes[element], let rollout = run.rollouts[number] else { return [] }
        let isWhole = run.isUndone(element, of: number) || from == nil && rollout.targets[element].outcome.isDone
        var steps = run.stepsInside(scope).filter { isWhole || run.steps[$0].state != .succeeded && run.steps[$0].state != .skipped }
        if let from, let start = run.ownSteps(scope).first(where: { node($0).name == from }) {
            let later = downstream(of: start).intersection(run.stepsInside(scope))
            steps = Array(Set(steps).union(later))
        }
        if let undo = rollout.undos[element] { steps += run.stepsInside(undo) }
        return steps.filter { run.steps[$0].state.isSettled || run.steps[$0].state == .held || run.steps[$0].state == .unknown }
    }

    /// What comes after a step between batches: the targets of the later batches, each as a whole, and what stands between those.
    func stepsOfLaterBatches(than number: Int) -> Set<Int> {
        run.scopesAround(run.steps[number].scope).reduce(into: []) { found, around in
            guard run.scopes[around.scope].part == .between, let rollout = run.rollouts[around.step] else { return }
            let batch = run.scopes[around.scope].element
            for (target, scope) in (run.steps[around.step].elements?.scopes ?? []).enumerated() where rollout.batch(of: target) > batch {
                if let scope { found.formUnion(run.stepsInside(scope)) }
                if let undo = rollout.undos[target] { found.formUnion(run.stepsInside(undo)) }
            }
            found.formUnion(steps(between: around.step, from: batch + 1))
        }
    }

    /// Targets that have not ended well, or have a step to do again, and do not run.
    func unfinishedTargets(of number: Int) -> [Int] {
        guard let elements = run.steps[number].elements, let rollout = run.rollouts[number] else { return [] }
        let open = Set(elements.open)
        return elements.keys.indices.filter { element in
            guard !open.contains(element) else { return false }
            return !rollout.targets[element].outcome.isDone || elements.scopes[element].map { run.scopes[$0].unsettled > 0 } ?? false
        }
    }

    /// All steps of a rollout's or map's elements, of their undoing, and of what stands between.
    func steps(inside number: Int) -> [Int] {
        let undos = (run.rollouts[number]?.undos.values.sorted() ?? []).flatMap(run.stepsInside)
        return steps(inBodiesOf: number) + undos + steps(between: number)
    }

    /// All steps of a rollout's targets.
    func steps(inBodiesOf number: Int) -> [Int] { (run.steps[number].elements?.scopes ?? []).compactMap { $0 }.flatMap(run.stepsInside) }

    /// All steps that stand between a rollout's batches.
    func steps(between number: Int) -> [Int] { (run.rollouts[number]?.betweens.values.sorted() ?? []).flatMap(run.stepsInside) }

    /// Those after this batch and after later ones.
    func steps(between number: Int, from batch: Int) -> [Int] {
        let betweens = run.rollouts[number]?.betweens.filter { $0.key >= batch } ?? [:]
        return betweens.values.sorted().flatMap(run.stepsInside)
    }

    // MARK: - Undo

    mutating func undoRollout(_ path: StepPath, _ command: RunCommand, by actor: Actor, message: String?) throws(FlowError) {
        guard run.cancellation == nil else { throw refuse(command, because: "it is cancelling") }
        let number = try rollout(path, command)
        if run.undo != nil { throw refuse(command, because: "it is being undone already", hint: "flowctl why \(run.id)") }
        guard run.index.undos[run.steps[number].node] != nil else {
            throw refuse(command, because: "step '\(path)' does not say how it is undone: it has no 'undo:'")
        }
        let step = run.steps[number]
        guard run.gate == nil else { throw refuse(command, because: "it waits for a freeze or window", hint: "flowctl why \(run.id)") }
        guard step.state.isSettled || step.state == .held else {
            throw refuse(
                command, because: "step '\(path)' is \(step.state.rawValue)",
                hint: "let it end, or: flowctl rollout \(run.id) \(path) --pause-after-batch N")
        }
        let touched = run.touchedTargets(of: number)
        guard !touched.isEmpty else { throw refuse(command, because: "nothing was done on any target of step '\(path)'") }
        // What was undone before and done again is undone anew.
        let again = touched.compactMap { run.rollouts[number]?.undos[$0] }.flatMap(run.stepsInside).filter { run.steps[$0].state.isSettled }
        try reopen(Set(again + [number]), targets: [number: []], goesOn: false, command, by: actor, message: message)
        emit(.resumed(ref(number)))
        emit(.rollout(ref(number), .undoBegan(touched)))
        // A new generation gives other maps their failed elements again, too.
        startEverything()
    }

    // MARK: - Release and adjust

    mutating func release(_ path: StepPath, _ command: RunCommand, by actor: Actor, message: String?) throws(FlowError) {
        try requireOpen(command)
        let number = try position(path)
        // One that is taken up again stops at its breakpoint as any step does.
        let isRollout = run.rollouts[number] != nil && run.steps[number].waiting?.kind != .breakpoint
        if !isRollout, releaseStep(number, command, by: actor, message: message) { return }
        guard let rollout = run.rollouts[number], case .rollout(let spec) = node(number).kind else {
            throw refuse(
                command, because: "step '\(path)' is \(run.steps[number].state.rawValue) and waits for nothing that can be released",
                hint: "flowctl why \(run.id)")
        }
        switch run.steps[number].state {
        case .waiting where rollout.gate != nil:
            throw refuse(
                command, because: "step '\(path)' waits for a freeze or window", hint: "flowctl release \(run.id) \(path) --break-glass -m REASON")
        case .waiting where run.steps[number].waiting?.kind == .soak:
            record(command, by: actor, message: message)
            emit(.rollout(ref(number), .soaked))
        case .held:
            if let breach = rollout.breachReason(spec) {
                throw refuse(command, because: "step '\(path)' is held for its failures: \(breach)", hint: run.endOfHold(number))
            }
            if run.hasFailedBetween(number) {
                throw refuse(command, because: "what stands after batch \(rollout.batch + 1) did not succeed", hint: run.endOfHold(number))
            }
            record(command, by: actor, message: message)
            emit(.rollout(ref(number), .released))
        default:
            throw refuse(command, because: "step '\(path)' is \(run.steps[number].state.rawValue), neither held nor soaking")
        }
        advanceMap(number)
    }

    mutating func adjust(
        _ path: StepPath, _ adjustment: RolloutAdjustment, _ command: RunCommand, by actor: Actor, message: String?
    ) throws(FlowError) {
        try requireOpen(command)
        let number = try position(path)
        guard let rollout = run.rollouts[number], case .rollout(let spec) = node(number).kind, !run.steps[number].state.isSettled else {
            throw refuse(command, because: "step '\(path)' is no rollout in progress")
        }
        if let last = adjustment.pauseAfterBatch, last <= rollout.batch {
            throw refuse(command, because: "step '\(path)' is in batch \(rollout.batch + 1) already")
        }
        let gates = try gatesBetween(number, adjustment, command) + gatesBefore(number)
        var ends = rollout.ends
        if let batches = adjustment.batches, !ends.isEmpty {
            ends = Array(ends[...rollout.batch]) + batches.ends(of: rollout.count, after: ends[rollout.batch])
        }
        record(command, by: actor, message: message ?? adjustment.words)
        emit(.rollout(ref(number), .adjusted(rollout.adjustment.changed(by: adjustment), ends: ends)))
        emit(.given(ref(number), Shaper(user: actor.user, person: actor.person, .adjusted, path.text)))
        for gate in gates { voidVotes(of: gate, reason: "the rollout was adjusted by \(actor.user): \(adjustment.words)") }
        // A budget that holds again lets it go on where it has not come to a stop yet.
        if run.steps[number].state == .running, rollout.breach != nil, let now = run.rollouts[number], now.breachReason(spec) == nil {
            emit(.rollout(ref(number), .released))
        }
        sayWhyHeld(number, spec)
        advanceMap(number)
    }

    /// A budget that was changed while its breach holds the rollout: the reason says what is so by now.
    private mutating func sayWhyHeld(_ number: Int, _ spec: RolloutSpec) {
        guard run.steps[number].state == .held, let rollout = run.rollouts[number], rollout.breach != nil else { return }
        let budget = rollout.breachReason(spec) ?? "held for its failures, which are tolerated by now"
        let reason = "\(budget); \(rollout.tally.words)"
        if run.steps[number].reason != reason { emit(.held(ref(number), reason: reason)) }
    }
}

extension RunMachine {
    /// The approvals that are open and hold it back: what was shown to them is not what would run.
    fileprivate func gatesBefore(_ number: Int) -> [Int] {
        run.steps.indices.filter { run.steps[$0].approval?.state == .open && downstream(of: $0).contains(number) }
    }

    /// The approvals between its batches that are open: they are asked anew. Without one its batches stay as they are: with others some of the
    /// approvals that the flow asks for would not come.
    fileprivate func gatesBetween(_ number: Int, _ adjustment: RolloutAdjustment, _ command: RunCommand) throws(FlowError) -> [Int] {
        let inside = steps(between: number)
        let open = inside.filter { run.steps[$0].approval?.state == .open }
        let id = node(number).id
        let hasGates = run.plan.nodes.contains { node in
            guard node.part == .between, node.scope == id else { return false }
            if case .approval = node.kind { return true }
            return node.hasBody
        }
        guard adjustment.batches != nil, hasGates, open.isEmpty else { return open }
        throw refuse(
            command,
            because: "between the batches of step '\(run.steps[number].path)' people are asked, and none of these approvals is open: "
                + "batches are changed while one is, and it is asked anew", hint: "flowctl why \(run.id)")
    }
}

extension RolloutAdjustment {
    /// For the journal: what was set.
    fileprivate var words: String {
        var words: [String] = []
        if let maxFailures { words.append("max-failures \(maxFailures)") }
        if let concurrency { words.append("concurrency \(concurrency)") }
        if let startRate { words.append("start-rate \(startRate)") }
        if let batches { words.append("batches \(batches.text)") }
        if let pauseAfterBatch { words.append("pause-after-batch \(pauseAfterBatch)") }
        return words.joined(separator: ", ")
    }
}
