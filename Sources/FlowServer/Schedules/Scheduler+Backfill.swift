import FlowEngine
import FlowModel
import FlowSchedules
import FlowStoreSQLite

extension Scheduler {
    func all() -> [Entry] { entries.values.sorted { $0.row.name < $1.row.name } }
    package func entry(_ name: String) -> Entry? { entries[name] }

    /// The times in this stretch that led to no run, each with the revision that the schedule had then.
    ///
    /// For times before the first revision that one counts. Closed days and pauses of that time are passed over: who backfills has decided.
    func open(_ name: String, from: Instant, until: Instant) async throws -> [(ScheduleRow, Occurrence)] {
        var open: [(ScheduleRow, Occurrence)] = []
        let recorded = try await schedules.occurrences(of: name, before: until + 1, since: from, states: [.run, .queued], limit: Int.max)
        let ran = Set(recorded.map(\.nominal))
        var position = Occurrence.Position(after: from + -0.001)
        while let row = try await schedules.revision(of: name, at: position.at) {
            let change = try await schedules.nextChange(of: name, after: row.revision)
            let end = change.map { min($0, until) } ?? until
            let found = try rule(name, row.spec).nextOccurrences(after: position, until: end, limit: Limits.occurrenceBatch + 1)
            for occurrence in found where !ran.contains(occurrence.nominal) && occurrence.skipped != .gap {
                var wanted = occurrence
                wanted.skipped = nil
                open.append((row, wanted))
            }
            guard open.count <= Limits.occurrenceBatch, found.count <= Limits.occurrenceBatch else {
                throw FlowError(
                    .tooLarge, subject: name,
                    "Nothing was started: more than \(Limits.occurrenceBatch) times of '\(name)' lie between \(from) and \(until).",
                    hint: "Backfill a shorter stretch at a time.")
            }
            guard let change, change < until else { return open }
            position = Occurrence.Position(after: change)
        }
        return open
    }

    /// Starts the runs of these times. A record that says skipped becomes one that names the run.
    func backfill(_ times: [(ScheduleRow, Occurrence)], by actor: Actor) async throws -> [OccurrenceRow] {
        try await turns.take {
            var requests: [OccurrenceRequest] = []
            for (row, occurrence) in times {
                var request = await request(for: occurrence, of: row, overlap: .allow, takesSkipped: true)
                request.actor = actor
                requests.append(request)
            }
            return requests.isEmpty ? [] : try await engine.record(requests)
        }
    }
}
