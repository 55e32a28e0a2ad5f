internal import FlowEngine
internal import FlowModel

// What must hold of the run, its journal, its rows and its hosts.
extension RunSimulation {
    func violation(_ message: String) -> Violation { Violation(seed: seed, message: message) }

    /// The open steps and the last entries, for people.
    var summary: String {
        let last = journal.flatMap(\.entries).suffix(12).map { "\n  \($0)" }.joined()
        let steps = run.steps.filter { $0.state != .succeeded }.map { "\($0.path)=\($0.waiting?.kind.rawValue ?? $0.state.rawValue)(\($0.blockers))" }
        return "\(run.state) \(steps.joined(separator: " "))\(last)"
    }

    func refold() throws(Violation) -> Run {
        var folded: Run?
        for record in journal {
            let bytes = Entry.encode(record.entries, spill: Self.hash)
            let entries: [Entry]
            do { entries = try Entry.decode(bytes) { _ in nil } } catch {
                throw violation("the journal cannot be read: \(error)")
            }
            guard entries == record.entries else {
                throw violation("an entry does not survive its binary form: \(record.entries)")
            }
            for entry in entries {
                if folded == nil {
                    folded = Run(id: Self.id, first: entry, at: record.at, index: run.index)
                } else {
                    folded?.apply(entry, at: record.at)
                }
            }
        }
        guard let folded else { throw violation("the journal is empty") }
        return folded
    }

    func check(after event: RunMachine.Event, _ before: Run) throws(Violation) {
        // Folding everything again is quadratic: always at first, then now and then.
        if eventCount < 60 || eventCount % 37 == 0 {
            guard try refold() == run else { throw violation("folding the journal gives another run, after \(event)") }
            if let fault = rows.fault { throw violation("\(fault), after \(event)") }
        }
        var counts = StepCounts()
        for step in run.steps { counts[step.state] += 1 }
        guard counts == run.counts else { throw violation("the counters are wrong after \(event)") }
        let waiting = run.steps.indices.filter { run.steps[$0].waiting != nil }
        guard run.waitingSteps.elementsEqual(waiting), run.unreachable == waiting.count(where: { run.steps[$0].waiting?.kind == .unreachable })
        else { throw violation("what waits is listed wrongly after \(event)") }
        for scope in run.scopes where scope.plan == PlanIndex.root || scope.map != nil {
            let steps = run.steps[scope.base..<scope.base + run.index.scopes[scope.plan].nodes.count]
            guard scope.unsettled == steps.count(where: { !$0.state.isSettled }) else {
                throw violation("a scope's count is wrong after \(event)")
            }
        }
        for (old, new) in zip(before.steps, run.steps) where old.state.isSettled && old.generation == new.generation {
            guard old.state == new.state else {
                throw violation("'\(new.path)' left \(old.state) for \(new.state) in one generation")
            }
        }
        try checkRollouts(after: event, before)
        try checkLedgers()
    }

    private func checkRollouts(after event: RunMachine.Event, _ before: Run) throws(Violation) {
        for (number, rollout) in run.rollouts {
            guard let elements = run.steps[number].elements else { throw violation("a rollout without targets") }
            var (tally, batchTally) = (OutcomeCounts(), OutcomeCounts())
            for target in rollout.targets.indices {
                tally[rollout.targets[target].outcome] += 1
                if rollout.batch(of: target) == rollout.batch { batchTally[rollout.targets[target].outcome] += 1 }
            }
            guard tally == rollout.tally, batchTally == rollout.batchTally else {
                throw violation("the outcomes of '\(run.steps[number].path)' are counted wrongly after \(event)")
            }
            let old = Set(before.steps.indices.contains(number) ? before.steps[number].elements?.open ?? [] : [])
            for element in elements.open where !old.contains(element) {
                guard rollout.batch(of: element) == rollout.batch else {
                    throw violation("target \(elements.keys[element]) of another batch was begun after \(event)")
                }
            }
            guard Set(elements.open).count == elements.open.count, Set(elements.open).isDisjoint(with: elements.queue) else {
                throw violation("a target of '\(run.steps[number].path)' has two turns after \(event)")
            }
        }
    }

    /// The generation of an execution, and in which past it began: one that began after a copy was made is not the one that has its number in the
    /// journal which goes on from the copy.
    private func turn(of execution: SimulatedHost.Execution, _ path: StepPath) -> [Int] {
        var past = execution.past
        while past > 0, execution.generation <= copies[past - 1][path] ?? 1 { past -= 1 }
        return [past, execution.generation]
    }

    private func checkLedgers() throws(Violation) {
        for (path, host) in hosts {
            // What an earlier copy of the journal does not tell of.
            let known = host.ledger.filter { $0.past == past }
            guard !isHeld || known.isEmpty else { throw violation("'\(path)' was begun by a run of a backup that nobody has looked at: \(summary)") }
            guard let number = run.positions[path] else {
                if known.isEmpty { continue }
                throw violation("'\(path)' ran and is not in the run")
            }
            let step = run.steps[number]
            guard Set(known.map(\.attempt)).count == known.count else { throw violation("an attempt of '\(path)' ran twice") }
            guard known.allSatisfy({ $0.attempt <= step.attempt?.row.number ?? 0 }) else {
                throw violation("'\(path)' ran more often than the journal says")
            }
            for (one, other) in zip(host.ledger, host.ledger.dropFirst()) {
                guard let end = one.end, end <= other.start else { throw violation("two attempts of '\(path)' overlap") }
            }
            // At most once is at most once, also over what the journal has lost: the host remembers.
            let retry = run.plan.nodes[step.node].policy.retry
            let turns = Dictionary(grouping: retry == nil ? host.ledger : known) { turn(of: $0, path) }
            guard turns.allSatisfy({ $0.value.count <= retry?.attempts ?? 1 }) else {
                throw violation("'\(path)' ran more than \(retry?.attempts ?? 1) times in one generation: \(host.ledger)")
            }
            guard host.emptied.allSatisfy({ isForgotten($0, path) }) else {
                throw violation("'\(path)' had two live attempts, and nobody had given one up")
            }
        }
    }

    /// A person gave the attempt up, or the journal was taken back behind it.
    private func isForgotten(_ attempt: Fence, _ path: StepPath) -> Bool {
        attempt.epoch < firstEpoch || givenUp.contains { $0.step == path && $0.number == attempt.attempt }
    }

    func checkEnd() throws(Violation) {
        try checkEffects()
        guard !run.steps.contains(where: { $0.state.isActive }) else { throw violation("it ended with open steps: \(summary)") }
        for (path, host) in hosts {
            for attempt in host.records.keys where host.isRunning(attempt) && !isForgotten(attempt, path) {
                throw violation("it ended while '\(path)' runs on its host: \(summary)")
            }
        }
        if run.state == .succeeded {
            // Inside a map whose failure is ignored, or that a person settled, steps may be left.
            let open = run.steps.first { !$0.state.isSettled && run.scopes[$0.scope].plan == PlanIndex.root }
            if let open { throw violation("it succeeded without '\(open.path)'") }
        }
        guard try refold() == run else { throw violation("folding the journal gives another run at the end") }
        if let fault = rows.fault { throw violation("\(fault), at the end") }
    }

    /// What is called undone by commands was: on its host, in this generation, after the step that it undoes had last succeeded.
    func checkUndone(_ decision: RunMachine.Decision) throws(Violation) {
        for (step, after) in ledger.undo.proofs(of: decision, run) {
            let (path, generation) = (run.steps[step].path, run.steps[step].generation)
            let moment = clock.moments(of: after, at: now).first ?? 0
            let ran = hosts[path]?.ledger.contains { $0.generation == generation && Double($0.start) >= moment } ?? false
            // What the journal has lost, only the host knows.
            guard ran || past > 0 else { throw violation("'\(path)' is called done and did not run: \(summary)") }
        }
    }

    // MARK: - Gates and silent hosts

    /// A person decides about an attempt whose host cannot be asked: what it still does there is that person's decision.
    mutating func noteGivenUp(_ event: RunMachine.Event, _ before: Run) {
        guard case .command(.resolve(let path, _), _, _) = event, let number = before.positions[path] else { return }
        let step = before.steps[number]
        guard step.waiting?.kind == .unreachable, let attempt = step.attempt else { return }
        givenUp.insert(AttemptID(run: before.id, step: path, generation: step.generation, number: attempt.row.number))
    }

    /// What somebody calls done need not have run.
    mutating func noteResolved(_ event: RunMachine.Event) {
        guard case .command(.resolve(let path, .succeeded), _, _) = event, let number = run.positions[path] else { return }
        resolved[path] = run.steps[number].generation
    }

    /// A gate is bound to what will run: with another revision, another program, other inputs, targets or commands its digest is another.
    func checkBinding(_ event: RunMachine.Event, _ decision: RunMachine.Decision, _ context: RunMachine.Context) throws(Violation) {
        let asked = digests(decision)
        guard eventCount < 40, !asked.isEmpty, let start = journal.first, case .created(let created)? = start.entries.first else { return }
        let variants: [(inout Created) -> Void] = [
            { $0.revision = Self.hash([1]) }, { $0.inputs = ["other": 1] }, { $0.targets["all"]?.swapAt(0, 1) },
            { $0.targets["all"]?[0].address = "10.9.9.9" }, { $0.binary = Self.hash([2]) },
        ]
        for change in variants {
            var other = created
            change(&other)
            guard let second = decideAgain(event, context, from: other) else { continue }
            if !Set(second.values).isDisjoint(with: asked.values) { throw violation("a gate has the same digest for something else") }
        }
        for (gate, digest) in asked {
            for source in sources(behind: gate) {
                guard let second = decideAgain(event, context, from: created, otherOutputOf: source)?[gate] else { continue }
                if second == digest { throw violation("'\(run.steps[gate].path)' has the same digest for other commands behind it") }
            }
        }
    }

    /// The gates that would be asked about had the run begun otherwise, or had a step given something else.
    private func decideAgain(
        _ event: RunMachine.Event, _ context: RunMachine.Context, from created: Created, otherOutputOf source: Int? = nil
    ) -> [Int: Digest]? {
        guard let start = journal.first, var run = Run(id: Self.id, first: .created(created), at: start.at, index: run.index) else { return nil }
        for record in journal.dropLast() {
            for entry in record.entries {
                guard case .settled(let step, var end) = entry, step.index == source else {
                    run.apply(entry, at: record.at)
                    continue
                }
                end.value = ["stdout": "something else"]
                run.apply(.settled(step, end), at: record.at)
            }
        }
        guard let decision = try? RunMachine.decide(event, on: &run, in: context) else { return nil }
        return digests(decision)
    }

    private func digests(_ decision: RunMachine.Decision) -> [Int: Digest] {
        var found: [Int: Digest] = [:]
        for case .approvalOpened(let step, _, let digest, _) in decision.entries { found[step.index] = digest }
        return found
    }

    /// Steps of the flow whose outputs the commands behind a gate are given.
    private func sources(behind gate: Int) -> [Int] {
        let flow = run.stepsOf(PlanIndex.root)
        guard flow.contains(gate) else { return [] }
        var behind: Set<Int> = [gate]
        var found: Set<Int> = []
        for step in flow where run.needsOf(step).contains(where: behind.contains) {
            behind.insert(step)
            guard let spec = run.nodeOf(step).kind.work(as: ShellSpec.self) else { continue }
            for variable in spec.variables {
                guard case .output(let id, _) = variable.value, let source = flow.first(where: { run.nodeOf($0).id == id }) else { continue }
                if run.steps[source].state == .succeeded { found.insert(source) }
            }
        }
        // What has only just been given is not in the journal yet.
        for case .settled(let step, _) in journal.last?.entries ?? [] { found.remove(step.index) }
        return found.sorted()
    }
}
