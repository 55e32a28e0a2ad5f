internal import FlowEngine
internal import FlowModel

/// What was done and what was taken back, over a whole run: kept from the entries alone, and not from what the run keeps of its undo.
struct UndoLedger {
    /// A step, or a target of a rollout, that says how it is undone.
    struct Part: Hashable {
        var step: Int
        /// The number of the target; nil for a step.
        var target: Int?

        init(_ step: Int, _ target: Int? = nil) { (self.step, self.target) = (step, target) }
        init(_ item: UndoEntry.Item) { (step, target) = (item.step.index, item.element) }
    }

    /// What was taken back and not done again since.
    private var gone: Set<Part> = []
    /// What succeeded, in whatever generation, and was not taken back since.
    private var standing: Set<Int> = []
    /// What each step had handed out, and those that its undo reads, when it succeeded last.
    private var said: [Int: [String: String]] = [:]
    /// When each step last succeeded.
    private var doneAt: [Int: Instant] = [:]
    /// What the undo in hand is to take back, each with the number of its stage.
    private var asked: [Part: Int] = [:]
    /// The first stage of which something could not be taken back.
    private var failedStage: Int?
    /// What somebody asked for at last, each with the number of its stage: an undo that goes on behind a step is a part of it.
    private var whole: [Part: Int] = [:]
    /// The states of all that the undo must leave as they were.
    private var others: [Int: StepState] = [:]

    /// What is wrong with a decision; nil when nothing is.
    mutating func fault(of decision: RunMachine.Decision, _ event: RunMachine.Event, _ before: Run, at now: Instant) -> String? {
        var run = before
        for entry in decision.entries {
            if let fault = fault(of: entry, event, run) { return "\(fault) (\(entry))" }
            run.apply(entry, at: now)
            note(entry, run, at: now)
        }
        for case .dispatch(let order) in decision.actions { if let fault = values(of: order, run) { return fault } }
        guard let undo = run.undo, undo.open.isEmpty, !run.isPaused, !run.isQueued else { return nil }
        return "the undo stands still"
    }

    private mutating func note(_ entry: Entry, _ run: Run, at now: Instant) {
        switch entry {
        case .settled(let step, let end):
            // What stands in it may not have been needed another time.
            gone = gone.filter { $0.target != nil || !run.isWithin($0.step, step.index) }
            if end.state == .succeeded {
                doneAt[step.index] = now
                standing.insert(step.index)
                said[step.index] = readings(of: step.index, run)
            }
        case .elementOpened(let step, let element): gone.remove(Part(step.index, element))
        case .rollout(let step, .requeued(let targets)): for target in targets { gone.remove(Part(step.index, target)) }
        case .rollout(let step, .undoClosed(let target, .undone)): takeBack(Part(step.index, target), run)
        case .undo(.closed(let item, .undone)): takeBack(Part(item), run)
        case .undo(.closed(let item, _)): failedStage = failedStage ?? asked[Part(item)]
        case .undo(.ended): asked = [:]
        case .reopened where run.undo == nil: whole = [:]
        default: break
        }
    }

    private mutating func takeBack(_ part: Part, _ run: Run) {
        gone.insert(part)
        standing.remove(part.step)
        guard let target = part.target, let scope = run.steps[part.step].elements?.scopes[target] else { return }
        for step in run.steps.indices where run.stands(step, in: scope) { standing.remove(step) }
    }

    private mutating func fault(of entry: Entry, _ event: RunMachine.Event, _ run: Run) -> String? {
        switch entry {
        case .undo(.began(let stages)): return began(stages, event, run)
        case .undo(.opened(let item)): return opened(item, run)
        case .undo(.closed(let item, let state)): return closed(item, state, run)
        case .undo(.ended):
            // Nothing of it had begun.
            if case .deadlocked = event { return nil }
            return ended(run)
        case .runState(let state, _) where state.isTerminal && !others.isEmpty: return left(state, run)
        case .settled(let step, _): return run.faultOfSettling(step.index)
        case .reopened(let steps): return takenUp(Set(steps.map(\.index)), event, run)
        case .rollout(let step, .requeued(let targets)): return requeued(Set(targets), step.index, event, run)
        case .leased(let step, _), .sleeping(let step, _), .awaiting(let step, _, _), .approvalOpened(let step, _, _, _), .mapOpened(let step, _, _):
            return begins(step.index, run)
        default: return nil
        }
    }

    // MARK: - What can be undone

    /// Everything that was done, says how it is undone, and has not been since.
    private func undoable(in run: Run) -> Set<Part> {
        var found: Set<Part> = []
        let withUndo = Set(run.plan.nodes.filter { $0.part == .undo }.compactMap(\.scope))
        for step in run.steps.indices where withUndo.contains(run.nodeOf(step).id) && !run.isFinally(run.steps[step].scope) {
            guard case .rollout = run.nodeOf(step).kind else {
                if standing.contains(step) { found.insert(Part(step)) }
                continue
            }
            for (target, scope) in (run.steps[step].elements?.scopes ?? []).enumerated() {
                if let scope, run.stepsOf(scope).contains(where: standing.contains) { found.insert(Part(step, target)) }
            }
        }
        return found.subtracting(gone)
    }

    /// Of that, what `undo` with this path takes back: the step, what stands in it, and what came after it.
    func undoable(from path: StepPath?, in run: Run) -> Set<Part> {
        guard let path else { return undoable(in: run) }
        guard let start = run.positions[path] else { return [] }
        return undoable(in: run).filter { run.isWithin($0.step, start) || run.cameAfter($0.step, start) }
    }

    private mutating func began(_ stages: [[UndoEntry.Item]], _ event: RunMachine.Event, _ run: Run) -> String? {
        let items = stages.flatMap { $0 }.map(Part.init)
        guard run.state.isTerminal, run.undo == nil else { return "a run is undone that goes on" }
        failedStage = nil
        asked = [:]
        for (number, stage) in stages.enumerated() { for item in stage { asked[Part(item)] = number } }
        others = Dictionary(
            run.steps.indices.filter { !run.isPartOfUndo($0) }.map { ($0, run.steps[$0].state) }, uniquingKeysWith: { first, _ in first })
        if asked.count != items.count { return "something is to be undone twice" }
        guard case .command(let command, _, _) = event else { return "nobody asked to undo anything" }
        switch command {
        case .undo(let path):
            let expected = undoable(from: path, in: run)
            whole = asked
            if let missing = expected.subtracting(asked.keys).first { return "'\(run.steps[missing.step].path)' is not to be undone" }
            return Set(asked.keys).subtracting(expected).first.map {
                "'\(run.steps[$0.step].path)' is to be undone, which is not done, or not asked for"
            }
        case .skip(let path), .resolve(let path, _): return wentOn(behind: path, items, run)
        default: return "nobody asked to undo anything"
        }
    }

    /// Behind a step that somebody settles goes on what it undoes, and then all that was asked for and is there, unless something else beside it
    /// could not be taken back either.
    private func wentOn(behind path: StepPath, _ items: [Part], _ run: Run) -> String? {
        guard let part = path.undonePart, let first = items.first(where: { name(of: $0, run) == part }) else {
            return "another step goes on being undone"
        }
        guard undoable(in: run).contains(first) else { return "'\(path)' goes on undoing what is not there" }
        let left = Set(whole.keys).intersection(undoable(in: run))
        let stage = left.compactMap { whole[$0] }.min()
        let isAlone = left.filter { whole[$0] == stage } == [first]
        return Set(items) == (isAlone ? left : [first]) ? nil : "behind '\(path)' something else goes on than what is left"
    }

    private func name(of part: Part, _ run: Run) -> StepPath {
        let step = run.steps[part.step]
        return part.target.flatMap { step.elements?.keys[$0] }.map { StepPath("\(step.path)[\($0)]") } ?? step.path
    }

    // MARK: - Undoing

    private func opened(_ item: UndoEntry.Item, _ run: Run) -> String? {
        let (path, part, left) = (item.step.path, Part(item), undoable(in: run).intersection(asked.keys))
        if !left.contains(part) { return "'\(path)' is undone, and is not done or nobody asked for it" }
        if run.isPaused || run.cancellation != nil { return "'\(path)' is undone after the undo was stopped" }
        if let failedStage, asked[part] != failedStage { return "'\(path)' is undone after something before it could not be" }
        if let target = part.target, isTooMany(target, part.step, run) { return "more targets of '\(path)' are undone at once than may" }
        return left.first { $0 != part && run.cameAfter($0.step, part.step) }
            .map { "'\(path)' is undone before '\(run.steps[$0.step].path)', which came after it" }
    }

    private func isTooMany(_ target: Int, _ step: Int, _ run: Run) -> Bool {
        guard let rollout = run.rollouts[step], case .rollout(let spec) = run.nodeOf(step).kind else { return true }
        return (run.undo?.open.count { $0.step.index == step } ?? 0) >= spec.undoWidth(rollout)
    }

    private func closed(_ item: UndoEntry.Item, _ state: UndoState, _ run: Run) -> String? {
        guard let scope = run.undoScope(of: item), run.hasEnded(scope) else { return "'\(item.step.path)' is called undone while that goes on" }
        let steps = run.stepsOf(scope)
        let expected: UndoState =
            steps.allSatisfy(run.hasEndedWell) ? .undone : steps.contains { run.steps[$0].state == .failed } ? .failed : .cancelled
        return state == expected ? nil : "the undo of '\(item.step.path)' is \(state), not \(expected)"
    }

    private func ended(_ run: Run) -> String? {
        if run.undo?.open.isEmpty != true { return "an undo ends while it goes on" }
        if run.cancellation != nil { return nil }
        let left = undoable(in: run).intersection(asked.keys).filter { part in
            guard let failedStage else { return true }
            // What did not stand on anything that failed has had its turn.
            return (asked[part] ?? 0) <= failedStage && !wasTried(part, run)
        }
        return left.first.map { "the undo ends without '\(run.steps[$0.step].path)'" }
    }

    private func wasTried(_ part: Part, _ run: Run) -> Bool {
        let state = part.target.map { run.rollouts[part.step]?.targets[$0].undo } ?? run.stepUndos[part.step]?.state
        return state == .failed || state == .cancelled
    }

    /// What an undo leaves behind: the steps as they were, and a run that has not brought about what it was for.
    private mutating func left(_ state: RunState, _ run: Run) -> String? {
        defer { others = [:] }
        if let other = others.first(where: { run.steps[$0.key].state != $0.value }) {
            return "'\(run.steps[other.key].path)' was \(other.value) and is \(run.steps[other.key].state) after the undo"
        }
        let isLeft = failedStage != nil || !Set(whole.keys).isDisjoint(with: undoable(in: run))
        let expected: RunState = isLeft && run.cancellation == nil ? .failed : .cancelled
        return state == expected ? nil : "the run is \(state) after the undo, not \(expected)"
    }

    /// What was undone is done again before anything that stands on it.
    private func begins(_ step: Int, _ run: Run) -> String? {
        guard !gone.isEmpty, !run.isPartOfUndo(step), !run.isFinally(run.steps[step].scope) else { return nil }
        return gone.first { $0.target == nil && $0.step != step && run.cameAfter(step, $0.step) }
            .map { "'\(run.steps[step].path)' begins, and '\(run.steps[$0.step].path)', on which it stands, was undone" }
    }

    /// Whatever takes a run further does again what was undone, and all that stood on it.
    private func takenUp(_ steps: Set<Int>, _ event: RunMachine.Event, _ run: Run) -> String? {
        if run.undo != nil { return nil }
        if case .command(.undo, _, _) = event { return nil }
        // What is to be done again already was taken up before; a person may have settled since what stood on it.
        for part in gone where part.target == nil && run.steps[part.step].state.isSettled {
            let missing = run.steps.indices.first { step in
                guard run.steps[step].state.isSettled, !steps.contains(step), !run.isPartOfUndo(step) else { return false }
                return step == part.step || run.cameAfter(step, part.step)
            }
            if let missing { return "'\(run.steps[missing].path)' is not done again, and '\(run.steps[part.step].path)' was undone" }
        }
        let rollout = gone.first { $0.target != nil && run.steps[$0.step].state == .succeeded && !steps.contains($0.step) }
        return rollout.map { "'\(run.steps[$0.step].path)' is not done again, and targets of it were undone" }
    }

    /// Targets that were undone have their turn again with their rollout, but where somebody chooses them, or leaves the rollout as it is.
    private func requeued(_ chosen: Set<Int>, _ rollout: Int, _ event: RunMachine.Event, _ run: Run) -> String? {
        let undone = Set(gone.filter { $0.step == rollout }.compactMap(\.target))
        let path = run.steps[rollout].path
        switch event {
        case .command(.redo, _, _): break
        case .command(.undo, _, _): return nil
        case .command(.skip(path), _, _) where !chosen.isDisjoint(with: undone): return "'\(path)' was skipped, and is done again"
        case .command(.skip(path), _, _): return nil
        default: if !undone.isSubset(of: chosen) { return "targets of '\(path)' were undone, and are not done again with it" }
        }
        guard let first = undone.intersection(chosen).min(), let batches = run.rollouts[rollout] else { return nil }
        let kept = batches.betweens.first { $0.key >= batches.batch(of: first) && run.stepsOf($0.value).contains { run.steps[$0].state.isSettled } }
        return kept.map { "targets of '\(path)' were undone, and what stood on them after batch \($0.key + 1) is not done again" }
    }

    // MARK: - What an undo reads

    /// What the undos of the step, and of the targets that it stands in, read of what was done, as it is now.
    private func readings(of step: Int, _ run: Run) -> [String: String] {
        guard !run.isPartOfUndo(step) else { return [:] }
        let undos = run.plan.nodes.filter { $0.part == .undo }
        return Set(undos.flatMap(run.sourcesOf)).reduce(into: [:]) { found, id in
            guard let source = run.visible(id, from: step), run.steps[source].state == .succeeded else { return }
            // A person may have said that it succeeded, and not with what.
            found[id] = run.steps[source].value?["stdout"]?.text ?? ""
        }
    }

    /// What an undo is given of what was done is what that said then; of a target, then when something of it was done that stands.
    private func values(of order: AttemptOrder, _ run: Run) -> String? {
        guard let work = order.work as? ShellWork, !order.isProbe, let step = run.positions[order.id.step], let part = part(undoneBy: step, run),
            let spec = run.nodeOf(step).kind.work(as: ShellSpec.self)
        else { return nil }
        var done = [part.step]
        if let target = part.target, let scope = run.steps[part.step].elements?.scopes[target] {
            done = run.steps.indices.filter { run.stands($0, in: scope) && standing.contains($0) }
        }
        for (variable, given) in zip(spec.variables, work.variables) {
            guard case .output(let id, _) = variable.value, run.visible(id, from: step).map({ !run.isPartOfUndo($0) }) ?? true else { continue }
            let then = Set(done.compactMap { said[$0]?[id] })
            // It had failed or was skipped then, and a person has said since what it gave.
            if then.isEmpty { continue }
            if !then.contains(given.value) { return "'\(order.id.step)' is given '\(given.value)' of '\(id)', which had said \(then.sorted())" }
        }
        return nil
    }

    private func part(undoneBy step: Int, _ run: Run) -> Part? {
        var scope = run.steps[step].scope
        while let outer = run.scopes[scope].map {
            if run.scopes[scope].part == .undo { return Part(outer, run.rollouts[outer] == nil ? nil : run.scopes[scope].element) }
            scope = run.steps[outer].scope
        }
        return nil
    }

    // MARK: - On the hosts

    /// The attempts that undid something in this decision, each with the moment after which it must have run.
    func proofs(of decision: RunMachine.Decision, _ run: Run) -> [(step: Int, after: Instant)] {
        var found: [(step: Int, after: Instant)] = []
        for case .undo(.closed(let item, .undone)) in decision.entries {
            guard let scope = run.undoScope(of: item), let after = doneAt[item.step.index], item.element == nil else { continue }
            for step in run.stepsOf(scope) where run.steps[step].state == .succeeded {
                guard let attempt = run.steps[step].attempt, attempt.row.state == .succeeded, !attempt.isProbe else { continue }
                found.append((step, after))
            }
        }
        return found
    }
}
