package import FlowModel

/// A run's rows as its journal says they must be: what `doctor` compares with those that are stored.
package struct RefoldedRun: Hashable, Sendable {
    package var run: RunRow
    /// In order of index.
    package var steps: [StepRow]
    /// In order of step and position.
    package var targets: [TargetRow]
    /// In order of path.
    package var claims: [ClaimRow]
}

/// Turns what changed in a run into rows.
struct Projection {
    let hash: @Sendable ([UInt8]) -> Digest

    /// Adds the rows of everything in `run` that changed since the last time.
    func write(_ loaded: inout LoadedRun, to batch: inout CommitBatch) {
        var seen = Set<Int>()
        for number in loaded.run.dirty where seen.insert(number).inserted {
            let step = loaded.run.steps[number]
            batch.steps.append(row(of: step, number, in: loaded.run, blobs: &batch.blobs))
            if let approval = approvalRow(number, in: loaded.run) { batch.approvals.append(approval) }
            writeTimer(of: step, number, in: &loaded, to: &batch)
        }
        writeGateTimer(&loaded, to: &batch)
        for retired in loaded.run.retiredAttempts { batch.attempts.append((loaded.run.id, retired.path, retired.attempt)) }
        writeTargets(&loaded, to: &batch)
        writeClaims(&loaded, to: &batch)
        loaded.run.dirty.removeAll(keepingCapacity: true)
        loaded.run.retiredAttempts.removeAll()
        if loaded.run.hasEditedInputs {
            loaded.inputs = .object(loaded.run.created.inputs)
            loaded.run.hasEditedInputs = false
            batch.editedInputs[loaded.run.id] = loaded.inputs
        }
        batch.runs.append(runRow(of: loaded))
    }

    /// All rows of a run, as if everything in it had just changed.
    func rows(of loaded: LoadedRun) -> RefoldedRun {
        var blobs: [(digest: Digest, bytes: [UInt8])] = []
        let steps = loaded.run.steps.enumerated().map { row(of: $0.element, $0.offset, in: loaded.run, blobs: &blobs) }
        let targets = loaded.run.rollouts.keys.sorted().flatMap { step in
            (loaded.run.rollouts[step]?.targets.indices ?? 0..<0).compactMap { row(ofTarget: $0, step, in: loaded.run) }
        }
        let claims = loaded.run.claims.keys.sorted().compactMap(loaded.run.claimRow)
        return RefoldedRun(run: runRow(of: loaded), steps: steps, targets: targets, claims: claims)
    }

    private func writeTargets(_ loaded: inout LoadedRun, to batch: inout CommitBatch) {
        guard !loaded.run.dirtyTargets.isEmpty else { return }
        var seen: Set<[Int]> = []
        for (step, element) in loaded.run.dirtyTargets where seen.insert([step, element]).inserted {
            if let row = row(ofTarget: element, step, in: loaded.run) { batch.targets.append(row) }
        }
        loaded.run.dirtyTargets.removeAll(keepingCapacity: true)
    }

    private func row(ofTarget element: Int, _ step: Int, in run: Run) -> TargetRow? {
        guard let rollout = run.rollouts[step], let elements = run.steps[step].elements else { return nil }
        let target = rollout.targets[element]
        return TargetRow(
            run: run.id, step: step, position: element, name: elements.keys[element], batch: rollout.batch(of: element) + 1,
            outcome: target.outcome, isRunning: target.isRunning, undo: target.undo, reason: target.reason, startedAt: target.startedAt,
            endedAt: target.endedAt)
    }

    private func writeGateTimer(_ loaded: inout LoadedRun, to batch: inout CommitBatch) {
        let id = TimerRow.ID(run: loaded.run.id, step: Run.gatePath)
        let due = loaded.run.gate?.closure.until
        guard due != loaded.gateTimer else { return }
        loaded.gateTimer = due
        guard let due else { return batch.removeTimers.append(id) }
        let timer = TimerRow(id: id, due: due, isOfDay: true)
        loaded.newTimers.append(timer)
        batch.setTimers.append(timer)
    }

    private func writeTimer(of step: Step, _ number: Int, in loaded: inout LoadedRun, to batch: inout CommitBatch) {
        let id = TimerRow.ID(run: loaded.run.id, step: step.path)
        if let due = step.due {
            let isOfDay = step.waitsForTimeOfDay(in: loaded.run.plan)
            loaded.newTimers += step.dues.sorted().map { TimerRow(id: id, due: $0, isOfDay: isOfDay) }
            guard loaded.timers.updateValue(due, forKey: number) != due else { return }
            batch.setTimers.append(TimerRow(id: id, due: due, isOfDay: isOfDay))
        } else if loaded.timers.removeValue(forKey: number) != nil {
            batch.removeTimers.append(id)
        }
    }

    func runRow(of loaded: LoadedRun) -> RunRow {
        let run = loaded.run
        return RunRow(
            id: run.id, flow: run.created.flow, revision: run.created.revision, state: run.state, reason: run.reason,
            waitingFor: run.state.isTerminal ? [] : waits(of: run), inputs: loaded.inputs, labels: run.created.labels,
            actor: run.created.user, person: run.created.person, key: run.created.key, createdAt: run.createdAt,
            startedAt: run.startedAt, endedAt: run.endedAt, counts: run.counts.byState, isLive: run.live > 0 || run.calls > 0,
            head: loaded.head, priority: run.priority, isRegistered: run.created.isRegistered)
    }

    /// What the run waits for. Where many steps wait, the first are enough.
    private func waits(of run: Run) -> [Waiting] {
        var waits: [Waiting] = []
        if let since = run.pausedAt {
            waits.append(Waiting(kind: .hold, subject: run.id.text, since: since, release: "flowctl resume \(run.id)"))
        }
        if var wait = run.gateWait {
            wait.release = "flowctl release \(run.id) --break-glass -m REASON"
            waits.append(wait)
        }
        waits += claimWaits(of: run) + paceWaits(of: run)
        // Closed gates first: by them the runs are found that have to look again.
        let gated = run.closedGates.compactMap(\.step)
        let others = run.waitingSteps.lazy.filter { !gated.contains($0) }
        let room = max(0, RunRow.waitingShown - waits.count)
        return waits + (gated + others.prefix(room)).prefix(room).compactMap { wait(of: run.steps[$0], $0, in: run) }
    }

    /// What a step waits for, with the command that would release it.
    private func wait(of step: Step, _ number: Int, in run: Run) -> Waiting? {
        guard var wait = step.waiting else { return nil }
        let place = "\(run.id) '\(step.path)'"
        wait.subject = step.path.text
        wait.release =
            switch wait.kind {
            case .approval: "flowctl approve \(place)"
            case .hold: run.endOfHold(number)
            case .soak: "flowctl release \(place)"
            // It goes on by itself with the host back; this is for a host that never comes.
            case .unknown, .unreachable: "flowctl resolve \(place) --as succeeded|failed|retry -m REASON"
            case .timer, .breakpoint: "flowctl release \(place)"
            case .signal: signalHint(of: step, in: run)
            case .lock, .rate: "flowctl locks"
            case .child: step.child.map { "flowctl why \($0)" } ?? "flowctl skip \(place) -m REASON"
            case .worker: "flowctl skip \(place) -m REASON"
            case .freeze, .window: "flowctl release \(place) --break-glass -m REASON"
            }
        return wait
    }

    private func signalHint(of step: Step, in run: Run) -> String {
        guard case .waitFor(let spec) = run.plan.nodes[step.node].kind else { return "flowctl skip \(run.id) '\(step.path)' -m REASON" }
        return "flowctl signal \(run.id) \(spec.signal)" + (run.plan.nodes[step.node].output == nil ? "" : " JSON")
    }

    private func row(of step: Step, _ number: Int, in run: Run, blobs: inout [(digest: Digest, bytes: [UInt8])]) -> StepRow {
        let node = run.plan.nodes[step.node]
        return StepRow(
            run: run.id, index: number, path: step.path, name: node.name, kind: node.kindName, state: step.state,
            reason: step.reason, generation: step.generation, output: step.value.map { stored($0, blobs: &blobs) },
            changed: step.changed, waiting: wait(of: step, number, in: run), startedAt: step.startedAt, endedAt: step.endedAt,
            attempt: step.attempt?.row)
    }

    private func stored(_ value: JSON, blobs: inout [(digest: Digest, bytes: [UInt8])]) -> StoredValue {
        guard value.mayExceed(Limits.inlineValueBytes) else { return .inline(value) }
        let bytes = value.canonicalBytes
        guard bytes.count > Limits.inlineValueBytes else { return .inline(value) }
        let digest = hash(bytes)
        blobs.append((digest, bytes))
        return .blob(digest, bytes: bytes.count)
    }

    private func approvalRow(_ number: Int, in run: Run) -> ApprovalRow? {
        let step = run.steps[number]
        guard let approval = step.approval, case .approval(let spec) = run.plan.nodes[step.node].kind else { return nil }
        return ApprovalRow(
            run: run.id, flow: run.created.flow, step: step.path, generation: step.generation, state: approval.state,
            prompt: approval.prompt, rules: spec.rules(at: approval.level), digest: approval.digest, requester: run.created.user,
            since: approval.since, deadline: approval.deadline, votes: approval.votes, terms: terms(of: approval, number, spec, run))
    }

    private func terms(of approval: Approval, _ number: Int, _ spec: ApprovalSpec, _ run: Run) -> ApprovalRow.Terms {
        var terms = ApprovalRow.Terms()
        terms.veto = spec.veto
        terms.isDistinct = spec.isDistinct
        terms.selfApproval = spec.selfApproval
        terms.fields = spec.fields
        terms.answers = approval.answers
        terms.level = approval.level
        terms.outlook = spec.outlook(at: approval.level)
        terms.remindAt = approval.remindAt
        terms.requester = run.created.person
        terms.superseded = approval.superseded
        terms.shapers = run.shapers(of: number)
        terms.revision = run.created.revision
        terms.binary = run.created.binary
        terms.isRegistered = run.created.isRegistered
        terms.shapedSince = run.shapedSince
        return terms
    }
}

extension Step {
    /// It waits for what the clock on the wall shows: the end of a freeze, the opening of a window, a moment that its flow names.
    fileprivate func waitsForTimeOfDay(in plan: Plan) -> Bool {
        if waiting?.kind == .freeze || waiting?.kind == .window { return true }
        guard state == .waiting, waiting?.kind == .timer, case .sleepUntil = plan.nodes[node].kind else { return false }
        return true
    }
}

extension JSON {
    /// Whether the canonical form could be longer than `bytes`, without making it.
    fileprivate func mayExceed(_ bytes: Int) -> Bool {
        var room = bytes
        return !fits(in: &room)
    }

    private func fits(in room: inout Int) -> Bool {
        switch self {
        case .null, .bool, .int, .double: room -= 24
        case .string(let text): room -= 6 * text.utf8.count + 3
        case .array(let elements):
            room -= 2 + elements.count
            for element in elements where room > 0 { _ = element.fits(in: &room) }
        case .object(let members):
            room -= 2
            for (name, member) in members where room > 0 {
                room -= 6 * name.utf8.count + 4
                _ = member.fits(in: &room)
            }
        }
        return room > 0
    }
}
