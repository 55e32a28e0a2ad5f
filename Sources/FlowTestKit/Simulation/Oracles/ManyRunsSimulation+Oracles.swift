internal import FlowEngine
internal import FlowModel

// What must hold of all runs together.
extension ManyRunsSimulation {
    func refold(_ id: RunID) throws(Violation) -> Run {
        var folded: Run?
        for record in journals[id] ?? [] {
            guard let entries = try? Entry.decode(Entry.encode(record.entries, spill: RunSimulation.hash), fetch: { _ in nil }),
                entries == record.entries
            else { throw violation("an entry does not survive its binary form: \(record.entries)") }
            for entry in entries {
                if folded == nil, let index = runs[id]?.index {
                    folded = Run(id: id, first: entry, at: record.at, index: index)
                } else {
                    folded?.apply(entry, at: record.at)
                }
            }
        }
        guard let folded else { throw violation("the journal of \(id) is empty") }
        return folded
    }

    func checkJournal(of id: RunID) throws(Violation) {
        guard try refold(id) == runs[id] else { throw violation("folding the journal gives another run: \(id)") }
    }

    mutating func check() throws(Violation) {
        if let fault = ClaimOracle(runs: Array(runs.values)).fault() ?? calls.fault(in: runs, requests: requests.map(\.id)) {
            throw violation("\(fault): \(summary)")
        }
        try checkRates()
        try checkLines()
        for row in table.rows.values where runs[row.id.run]?.claimRow(at: row.id.step) != row {
            throw violation("the table has a claim at '\(row.id.step)' that its run does not know")
        }
        for run in runs.values where run.isPaused {
            if let path = run.claims.first(where: { !$0.value.isGranted })?.key { throw violation("'\(path)' of \(run.id) waits in line in a pause") }
        }
        for run in runs.values where run.isQueued && run.live > 0 { throw violation("run \(run.id) is queued, and something of it runs") }
    }

    private func checkRates() throws(Violation) {
        for (key, moments) in starts {
            for (one, other) in zip(moments, moments.dropFirst(2)) where other.seconds(since: one) < 30 {
                throw violation("\(key) began three times in \(other.seconds(since: one)) s")
            }
        }
    }

    /// Who waits waits for somebody: one that has what it asks for, or one that waits for it too.
    private func checkLines() throws(Violation) {
        for row in table.rows.values where !row.isGranted {
            let keys = Set(row.demands.filter { !$0.isRate }.map(\.key))
            let isAlone =
                !row.demands.contains(where: \.isRate)
                && !table.rows.values.contains { $0.id != row.id && !keys.isDisjoint(with: $0.demands.map(\.key)) }
            if isAlone { throw violation("'\(row.id.step)' of \(row.id.run) waits for what nobody has or wants: \(summary)") }
        }
    }

    /// What was asked of a run holds for those that it called and waits for, in the same moment.
    func checkPassedDown(_ event: RunMachine.Event, on id: RunID) throws(Violation) {
        guard case .command(let command, _, _) = event, let run = runs[id] else { return }
        for step in run.steps where step.waiting?.kind == .child {
            guard let child = step.child.flatMap({ runs[$0] }), child.cancellation == nil else { continue }
            switch command {
            case .pause where run.isPaused && !child.isPaused: throw violation("run \(child.id) goes on, and its caller is paused")
            case .resume where !run.isPaused && child.isPaused: throw violation("run \(child.id) stays paused, and its caller goes on")
            case .reprioritise(let priority) where child.priority != priority:
                throw violation("run \(child.id) has another priority than its caller")
            default: break
            }
        }
    }
}
