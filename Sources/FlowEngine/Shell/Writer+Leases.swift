import FlowModel

// Locks, limits and rates: runs ask in what they decide, the table says whose turn it is, and the run is told, all in one commit.
extension Writer {
    /// Brings what the run has changed of its claims into the table.
    func noteClaims(of id: RunID) {
        guard let run = cache[id]?.run else { return }
        for path in Set(run.dirtyClaims).sorted() {
            let claim = ClaimRow.ID(run: id, step: path)
            if let row = run.claimRow(at: path) { leases.set(row) } else { leases.remove(claim) }
        }
        for path in Set(run.dirtyClaims).sorted() {
            guard let row = leases.rows[ClaimRow.ID(run: id, step: path)], let stuck = leases.deadlock(of: row.id) else { continue }
            decide(.deadlocked(path, reason: Writer.words(for: stuck, row)), on: id)
        }
    }

    private static func words(for stuck: [ClaimRow], _ row: ClaimRow) -> String {
        let (run, me) = (row.id.run, row.id.step == Run.ownPath ? "this run" : "this step")
        let holders = stuck.prefix(3).map { holder in
            let place = holder.id.step == Run.ownPath ? "run \(holder.id.run)" : "'\(holder.id.step)' of run \(holder.id.run)"
            let own = "this run's " + (holder.id.step == Run.ownPath ? "own claim" : "'\(holder.id.step)'")
            let called = row.wasCalled(within: holder.id) ? ", which called run \(run)," : ""
            return (holder.id.run == run ? own : place) + called + " has \(holder.demands.words)"
        }
        return "it would wait for ever: it asks for \(row.demands.words); " + holders.joined(separator: ", ")
            + ", and will not let go of it before \(me) has ended"
    }

    /// Takes away what rows say that the run claims and it does not: its journal decides.
    func dropOrphans(of run: Run) {
        for id in leases.claims(of: run.id) where run.claims[id.step] == nil {
            leases.remove(id)
            transaction.orphans.append(id)
            environment.log(.warning, "run \(run.id) does not know of its claim at '\(id.step)': removed")
        }
    }

    /// Tells those whose turn it is, at most as many as one commit takes.
    func grantClaims() {
        var granted = 0
        while granted < Limits.commitBatch, let id = leases.next(at: transaction.now) {
            granted += 1
            guard touch(id.run) else {
                // Its journal is damaged, or cannot be read now. It keeps its row, and its turn comes when an engine starts anew.
                leases.remove(id)
                continue
            }
            decide(.granted(id.step), on: id.run)
            guard let row = leases.rows[id], !row.isGranted else { continue }
            // It could not be decided: its turn comes when an engine starts anew.
            leases.remove(id)
        }
    }

    /// Does what the flow says about runs of it that are open already, or refuses the start.
    func meetOverlap(of plan: Plan, by actor: Actor) throws(FlowError) {
        guard let overlap = plan.control?.overlap, overlap == .skip || overlap == .replace else { return }
        let open = leases.runs(ofFlow: plan.flow)
        guard let first = open.first else { return }
        if overlap == .skip {
            throw FlowError(
                .conflict, subject: plan.flow,
                "No run was started: run \(first.id.run) of flow '\(plan.flow)' goes on since \(first.grantedAt ?? first.since), and the flow "
                    + "says that another one is skipped then.",
                hint: "flowctl why \(first.id.run)")
        }
        for row in open where touch(row.id.run) {
            guard let run = cache[row.id.run]?.run, run.cancellation == nil, run.bodyOutcome == nil, !run.state.isTerminal else { continue }
            decide(.command(.cancel, by: actor, message: "replaced by a newer run"), on: row.id.run)
        }
    }
}
