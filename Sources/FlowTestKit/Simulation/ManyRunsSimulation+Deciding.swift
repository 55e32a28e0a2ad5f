import FlowEngine
import FlowModel

// Deciding, as the shell does: what a decision means for other runs, and whose turn it is at locks, goes with it.
extension ManyRunsSimulation {
    /// Decides, and takes what follows; sometimes the engine ends between the two, where that did not fit into one transaction.
    @discardableResult
    mutating func happen(_ event: RunMachine.Event, on id: RunID) throws(Violation) -> Bool {
        guard try decide(event, on: id) else { return false }
        if isDisturbed, !consequences.isEmpty, random.chance(0.25) {
            try crash()
        } else {
            try takeWhatFollows()
            try checkPassedDown(event, on: id)
        }
        return true
    }

    /// False when it was refused.
    @discardableResult
    mutating func decide(_ event: RunMachine.Event, on id: RunID) throws(Violation) -> Bool {
        guard let before = runs[id] else { throw violation("there is no run \(id)") }
        var run = before
        let context = RunMachine.Context(now: now, epoch: epoch, chance: 0.5, hash: RunSimulation.hash)
        let decision: RunMachine.Decision
        do throws(FlowError) {
            decision = try RunMachine.decide(event, on: &run, in: context)
        } catch {
            guard case .command = event else { throw violation("\(event) was refused: \(error)") }
            return false
        }
        journals[id]?.append((decision.entries, now))
        if before.isPaused, run.isPaused, decision.entries.contains(where: { if case .leased = $0 { true } else { false } }) {
            throw violation("run \(id) begins something in a pause, after \(event): \(summary)")
        }
        runs[id] = run
        calls.noteEnd(of: run)
        if let fault = undos[id]?.fault(of: decision, event, before, at: now) ?? calls.fault(of: event, decision.entries, on: run, runs) {
            throw violation("run \(id): \(fault), after \(event): \(summary)")
        }
        undone += decision.entries.count { if case .undo(.closed(_, .undone)) = $0 { true } else { false } }
        for row in table.rows.values where row.id.run == id && run.claims[row.id.step] == nil { table.remove(row.id) }
        if let parent = run.created.parent, run.state.isTerminal, decision.entries.contains(where: { if case .runState = $0 { true } else { false } })
        {
            consequences.append(.ended(parent, id))
        }
        for action in decision.actions { try carryOut(action, of: id) }
        try noteClaims(of: id)
        return true
    }

    private mutating func carryOut(_ action: RunMachine.Action, of id: RunID) throws(Violation) {
        switch action {
        case .call(let order): requests.append(order)
        case .findHosts(let search): searches.append(search)
        case .child(let child, let command): consequences.append(.command(command, on: child))
        case .lookAtChild(let call, let child): consequences.append(.look(call, child))
        case .dispatch(let order): orders.append(order)
        case .stop(let attempt, _):
            guard let order = orders.first(where: { $0.id == attempt }) else { return }
            orders.removeAll { $0.id == attempt }
            try decide(.report(AttemptReport(id: order.id, fence: order.fence, event: .ended(AttemptResult(outcome: .cancelled)))), on: id)
        case .proceed, .forget: break
        }
    }

    // MARK: - What follows

    mutating func takeWhatFollows() throws(Violation) {
        repeat {
            while !consequences.isEmpty { try take(consequences.removeFirst()) }
            try grant()
        } while !consequences.isEmpty
    }

    private mutating func take(_ consequence: Consequence) throws(Violation) {
        switch consequence {
        case .command(let command, let child): try decide(.command(command, by: .engine, message: "as the run that called it"), on: child)
        case .ended(let call, let child): try tell(call, child)
        case .look(let call, let child): if runs[child]?.state.isTerminal == true { try tell(call, child) }
        }
    }

    private mutating func tell(_ call: CallID, _ child: RunID) throws(Violation) {
        guard let run = runs[child] else { throw violation("a run was called that is none") }
        try decide(.callEnded(call, child, run.state, reason: run.reason, value: run.value, shapers: run.givers), on: call.run)
    }

    private mutating func noteClaims(of id: RunID) throws(Violation) {
        for path in runs[id]?.claims.keys.sorted() ?? [] {
            // As it is now: what came of the one before may have changed it.
            guard let row = runs[id]?.claimRow(at: path), table.rows[row.id] != row else { continue }
            if table.rows[row.id] == nil { waits += 1 }
            table.set(row)
            guard table.deadlock(of: row.id) != nil else { continue }
            deadlocks += 1
            if isLent(row) { throw violation("'\(path)' of \(id) is to wait for ever, for what only those have that called its run") }
            try decide(.deadlocked(path, reason: "it would wait for ever"), on: id)
        }
    }

    /// Some of what it asks for is held around the steps that called its run, and none by anybody else; nor is it shared there and wanted alone.
    private func isLent(_ row: ClaimRow) -> Bool {
        let holders = row.demands.map { demand in (demand, table.holders(of: demand.key).filter { $0.row.id != row.id }) }
        let isWidened = holders.contains { demand, others in
            demand.kind == .exclusive && !others.isEmpty && !others.contains { $0.demand.kind == .exclusive }
        }
        let others = holders.flatMap(\.1)
        return !isWidened && !others.isEmpty && others.allSatisfy { row.wasCalled(within: $0.row.id) }
    }

    private mutating func grant() throws(Violation) {
        while let id = table.next(at: now) {
            grants += 1
            let turns = (table.rows[id]?.demands ?? []).filter(\.isRate).map(\.key)
            try decide(.granted(id.step), on: id.run)
            // A paused run gives its turn back, and what ends in the same moment has begun nothing.
            if table.rows[id]?.isGranted == true { for key in turns { starts[key, default: []].append(passed) } }
            if table.rows[id]?.isGranted == false { throw violation("'\(id.step)' of \(id.run) has its turn and does not take it") }
        }
        rates = table.changedRates + rates.filter { old in !table.changedRates.contains { $0.name == old.name } }
    }
}
