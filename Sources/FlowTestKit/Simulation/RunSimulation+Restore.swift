internal import FlowEngine
internal import FlowModel

// A journal that is taken back to an earlier copy, while hosts keep what they have done since.
extension RunSimulation {
    struct Backup {
        var records: Int
        var ledger: SimulationLedger
    }

    /// Times that the journal is taken back, at most.
    private static let mostRestores = 2
    /// Further than any engine came since the copy was made.
    private static let epochsBetween = 1_000

    mutating func disturbJournal() throws(Violation) {
        if let backup, journal.count > backup.records, past < Self.mostRestores, random.chance(0.5) { return try restore(backup) }
        backup = Backup(records: journal.count, ledger: ledger)
    }

    /// The engine begins with the copy; it asks hosts and starts nothing before somebody has looked.
    private mutating func restore(_ backup: Backup) throws(Violation) {
        self.backup = nil
        past += 1
        epoch += Self.epochsBetween
        firstEpoch = epoch
        crashedAt = now
        journal.removeLast(journal.count - backup.records)
        ledger = backup.ledger
        (waitingForGo, stopped) = ([:], [])
        events.removeAll { event in
            switch event.occurrence {
            case .finish, .reconnect: false
            default: true
            }
        }
        run = try refold()
        copies.append(Dictionary(uniqueKeysWithValues: run.steps.map { ($0.path, $0.generation) }))
        rows = RunRows(run, hash: Self.hash)
        rows.commit(&run)
        clock.restart(run, at: now)
        (isRestored, isHeld) = (true, true)
        try decide(.recover)
        if !run.isPaused, !run.state.isTerminal, try !decide(.command(.pause, by: .engine, message: "restored")) {
            throw violation("a run of a backup is not held: \(summary)")
        }
        isRestored = false
        if !run.closedGates.isEmpty { try decide(.gates) }
    }
}
