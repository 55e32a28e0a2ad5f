import FlowModel

/// The rows of what is claimed in a run.
extension Projection {
    func writeClaims(_ loaded: inout LoadedRun, to batch: inout CommitBatch) {
        guard !loaded.run.dirtyClaims.isEmpty else { return }
        for path in Set(loaded.run.dirtyClaims).sorted() {
            if let row = loaded.run.claimRow(at: path) {
                batch.setClaims.append(row)
            } else {
                batch.removeClaims.append(ClaimRow.ID(run: loaded.run.id, step: path))
            }
        }
        loaded.run.dirtyClaims.removeAll()
    }

    /// What the run or its elements wait for, and no step.
    func claimWaits(of run: Run) -> [Waiting] {
        guard !run.claims.isEmpty else { return [] }
        return run.claims.keys.sorted().prefix(RunRow.waitingShown).compactMap { path in
            guard let claim = run.claims[path], !claim.isGranted else { return nil }
            if case .step(let number) = claim.claimant, run.steps[number].waiting != nil { return nil }
            let subject = path == Run.ownPath ? run.id.text : path.text
            return Waiting(
                kind: claim.demands.waitKind, subject: subject, since: claim.since, release: "flowctl locks",
                reason: claim.demands.words)
        }
    }
}
