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

    /// Starts the runs of these times, or has them wait for one another. A record that says skipped becomes one that names the run.
    func backfill(_ times: [(ScheduleRow, Occurrence)], overlap: ScheduleSpec.Overlap?, by actor: Actor) async throws -> [OccurrenceRow] {
        guard let name = times.first?.0.name else { return [] }
        return try await turns.take {
            var requests: [OccurrenceRequest] = []
            for (row, occurrence) in times {
                // A schedule whose runs are not to go on side by side is backfilled one run after the other.
                let overlap = overlap ?? (row.spec.overlap == .allow ? .allow : .queue)
                requests.append(try await request(for: occurrence, of: row, overlap: overlap, by: actor, takesSkipped: true, triedFor: 0))
            }
            return try await record(requests, of: name)
        }
    }

    private func record(_ requests: [OccurrenceRequest], of name: String) async throws -> [OccurrenceRow] {
        let waiting = requests.count { $0.overlap == .queue } + (queues[name]?.count ?? 0)
        guard waiting <= Limits.scheduleQueue + 1 else {
            throw FlowError(
                .tooLarge, subject: name,
                "Nothing was started: \(waiting) times of '\(name)' would wait for one another, \(Limits.scheduleQueue) may.",
                hint: "Backfill a shorter stretch at a time, or give --overlap allow.")
        }
        let rows = try await engine.record(requests)
        enqueue(rows)
        queues[name]?.sort { ($0.at, $0.wall) < ($1.at, $1.wall) }
        return rows
    }

    /// What a time that waited is to start: by the revision that named it, and as who asked for it.
    func released(_ first: OccurrenceRow, _ entry: Entry, triedFor: Double) async throws -> OccurrenceRequest {
        var row = entry.row
        if first.revision != row.revision, let then = try await schedules.revision(of: row.name, at: first.at), then.revision == first.revision {
            row = then
        }
        let occurrence = Occurrence(wall: WallTime(minutes: first.wall), offset: 0, zone: "", at: first.at)
        guard let user = first.askedBy, let people = people() else {
            return try await request(for: occurrence, of: row, nominal: first.nominal, overlap: .queue, triedFor: triedFor)
        }
        if let fault = RunOwner(user: user, person: user).fault(people, what: "the backfill") { return refused(first, fault.message) }
        let standing = people.standing(of: user)
        let actor = Actor(person: standing?.person ?? user, user: user, names: standing?.names ?? [user], roles: standing?.roles ?? [])
        return try await request(for: occurrence, of: row, nominal: first.nominal, overlap: .queue, by: actor, triedFor: triedFor)
    }

    private func refused(_ row: OccurrenceRow, _ why: String) -> OccurrenceRequest {
        var row = row
        (row.state, row.reason, row.detail) = (.skipped, .owner, why)
        return OccurrenceRequest(row: row, actor: .engine)
    }
}
