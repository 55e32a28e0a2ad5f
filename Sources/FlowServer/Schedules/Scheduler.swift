package import FlowAPI
package import FlowEngine
package import FlowModel
package import FlowSchedules
package import FlowStoreSQLite
import FlowWire
package import Logging

/// Keeps every schedule's times recorded: starts what is due, and says of everything else why it was not.
///
/// One heap holds the next time of each schedule. A turn takes all that have come, prepares their runs, and has the engine record them in
/// batches; each batch is one transaction of records, runs and positions. What fails is decided again: a time with a record keeps it.
package actor Scheduler {
    /// Pause before the engine is asked again after it refused.
    static let retrySeconds = 1.0
    /// A time that is recorded and further ahead than this was recorded by another clock.
    static let clockSeconds = 1.0

    package struct Entry: Sendable {
        package var row: ScheduleRow
        /// nil for a schedule that cannot be worked out any more, such as one whose calendar is gone.
        var rule: ScheduleRule?
        var fault: FlowError?
        var version: Int
        /// Up to here times were recorded by a clock that has been set back since: what was skipped then is decided again.
        var recorded: Occurrence.Position?
    }

    let schedules: Schedules
    let engine: Engine
    let preparation: any RunPreparation
    let zones: ZoneFiles
    let now: @Sendable () -> Instant
    /// Who is who; nil where nobody keeps accounts.
    let people: @Sendable () -> People?
    /// How the clock was set over a moment, in words.
    let jump: @Sendable (Instant) -> String?
    let logger: Logger
    let turns = Turns()
    /// Rung when what is next may have changed.
    let bell = Bell()

    var entries: [String: Entry] = [:]
    private var heap = DueHeap()
    private var versions = 0
    /// Times that wait for the end of a run, oldest first.
    var queues: [String: [OccurrenceRow]] = [:]
    private var hasRunEnded = false
    /// What was told of schedules without an owner.
    private var toldOwners: [String: String] = [:]
    private var restoredAt: Instant?

    /// - Parameter home: holds the calendars.
    package init(
        store: SQLiteStore, engine: Engine, preparation: any RunPreparation, home: String, now: @escaping @Sendable () -> Instant,
        people: @escaping @Sendable () -> People? = { nil }, jump: @escaping @Sendable (Instant) -> String? = { _ in nil }, logger: Logger
    ) {
        self.jump = jump
        self.people = people
        schedules = Schedules(store)
        self.engine = engine
        self.preparation = preparation
        zones = ZoneFiles(home: home)
        self.now = now
        self.logger = logger
    }

    /// Reads what the database has. Once, before the first turn.
    ///
    /// - Parameter isRestored: the database came out of a backup: what it does not know of may have happened, and nothing of it is started.
    package func load(isRestored: Bool) async throws {
        if isRestored { restoredAt = now() }
        for row in try await schedules.all() { take(row) }
        for row in try await schedules.queued() { queues[row.schedule, default: []].append(row) }
        if isRestored {
            for name in queues.keys.sorted() { try await dropQueue(name, "the database came out of a backup") }
            _ = await turn()
        }
        hasRunEnded = !queues.isEmpty
    }

    // MARK: - Turns

    /// Does all that is due, and says when to come again; nil when nothing will ever be due.
    package func turn() async -> Instant? {
        await turns.take { await settle() }
        return heap.next
    }

    /// A run has ended: what waits for it can start.
    package func runEnded() {
        guard !queues.isEmpty else { return }
        hasRunEnded = true
        bell.ring()
    }

    /// What a turn does, for who has the turn already.
    private func settle() async {
        var late: [String] = []
        lookAtClock()
        do {
            if hasRunEnded {
                hasRunEnded = false
                try await releaseQueues()
            }
            late = dueNames(at: now())
            while !late.isEmpty, !Task.isCancelled {
                try await record(late)
                late = dueNames(at: now())
            }
        } catch {
            // Nothing was recorded of what the engine refused, so it is decided again, with what came meanwhile.
            logger.warning("schedules are late: the engine took nothing", metadata: ["error": "\(error)"])
        }
        let again = now() + Scheduler.retrySeconds
        for name in late {
            guard var entry = entries[name] else { continue }
            versions += 1
            entry.version = versions
            entries[name] = entry
            push(name, entry, due: again)
        }
    }

    /// Does `change` between two turns, when every time of the schedule up to now has its record.
    func whenRecorded<Value: Sendable>(_ name: String, isClosing: Bool, _ change: () async throws -> Value) async throws -> Value {
        try await turns.take {
            while let entry = entries[name], let rule = entry.rule {
                let catchUp = CatchUp(rule: rule, spec: entry.row.spec, pause: entry.row.pause, restoredAt: restoredAt)
                let come = catchUp.decided(after: entry.row.position, now: now(), limit: 1, isClosing: isClosing)
                if come.isEmpty { break }
                try await record([name], isClosing: isClosing)
            }
            return try await change()
        }
    }

    /// The clock was set back: schedules that are recorded up to a time to come would wait for it. What is due is worked out again from now
    /// on; of what has its record, times that led to a run keep it, and the others are decided again.
    private func lookAtClock() {
        let now = now()
        for (name, entry) in entries where entry.row.at.seconds(since: now) > Scheduler.clockSeconds {
            var entry = entry
            entry.recorded = max(entry.row.position, entry.recorded ?? entry.row.position)
            (entry.row.at, entry.row.wall) = (now, Int.max)
            versions += 1
            entry.version = versions
            entries[name] = entry
            logger.warning(
                "the clock was set back: a schedule is worked out again",
                metadata: ["schedule": "\(name)", "recordedUntil": "\(entry.recorded?.at ?? now)"])
            if let due = nextDue(entry) { push(name, entry, due: due) }
        }
    }

    private func dueNames(at now: Instant) -> [String] {
        var names: [String] = []
        while let due = heap.popDue(at: now) {
            if entries[due.name]?.version == due.version { names.append(due.name) }
        }
        return names
    }

    /// Records what has come of these schedules: while one batch is committed the next one is prepared.
    private func record(_ names: [String], isClosing: Bool = false) async throws {
        var pending = ScheduleBatch()
        var index = 0
        while index < names.count {
            let ready = pending
            async let written: Void = commit(ready)
            let next = await gather(names[index...], isClosing: isClosing)
            try await written
            index += next.names.count
            pending = next
        }
        try await commit(pending)
    }

    /// What has come of the first of these schedules, as much as one transaction takes.
    private func gather(_ names: ArraySlice<String>, isClosing: Bool) async -> ScheduleBatch {
        var batch = ScheduleBatch()
        let now = now()
        for name in names where batch.requests.count < Limits.occurrenceBatch {
            batch.names.append(name)
            guard let entry = entries[name], let rule = entry.rule else { continue }
            let catchUp = CatchUp(rule: rule, spec: entry.row.spec, pause: entry.row.pause, restoredAt: restoredAt)
            let room = Limits.occurrenceBatch - batch.requests.count
            let come = catchUp.decided(after: entry.row.position, now: now, limit: room, isClosing: isClosing)
            for occurrence in come {
                let isAgain = entry.recorded.map { occurrence.position <= $0 } ?? false
                batch.requests.append(await request(for: occurrence, of: entry.row, takesSkipped: isAgain))
            }
            if let last = come.last { batch.positions[name] = last.position }
        }
        return batch
    }

    private func commit(_ batch: ScheduleBatch) async throws {
        let positions = batch.positions.map { SchedulePosition(schedule: $0.key, at: $0.value.at, wall: $0.value.wall.minutes) }
        let rows = batch.requests.isEmpty ? [] : try await engine.record(batch.requests, positions: positions)
        for row in rows where row.state == .queued { queues[row.schedule, default: []].append(row) }
        for name in batch.names {
            guard var entry = entries[name] else { continue }
            if let position = batch.positions[name] { (entry.row.at, entry.row.wall) = (position.at, position.wall.minutes) }
            if let recorded = entry.recorded, entry.row.position >= recorded { entry.recorded = nil }
            entries[name] = entry
            if let due = nextDue(entry) { push(name, entry, due: due) }
        }
    }

    // MARK: - Requests

    /// What the engine is to do about one time. What speaks against its run becomes the record's reason.
    ///
    /// - Parameter actor: who asks for it; nil for the schedule itself, as who wrote it.
    func request(
        for occurrence: Occurrence, of row: ScheduleRow, nominal: String? = nil, overlap: ScheduleSpec.Overlap? = nil, by actor: Actor? = nil,
        takesSkipped: Bool = false
    ) async -> OccurrenceRequest {
        let nominal = nominal ?? occurrence.nominal
        var record = OccurrenceRow(
            schedule: row.name, nominal: nominal, at: occurrence.at, wall: occurrence.wall.minutes, revision: row.revision,
            state: occurrence.skipped == nil ? .run : .skipped, reason: occurrence.skipped, recordedAt: now(), askedBy: actor?.user)
        var overlap = overlap ?? row.spec.overlap ?? .skip
        // A full queue takes no more: the time is skipped like any other that meets a run.
        if overlap == .queue, queues[row.name]?.count ?? 0 > Limits.scheduleQueue { overlap = .skip }
        if occurrence.skipped == .missed || occurrence.skipped == .tooOld { record.detail = jump(occurrence.at) }
        guard occurrence.skipped == nil else {
            return OccurrenceRequest(row: record, actor: row.actor, overlap: overlap, takesSkipped: takesSkipped)
        }
        // Who backfills answers for it.
        if actor == nil, let fault = row.owner.fault(people(), what: "the schedule") {
            (record.state, record.reason, record.detail) = (.skipped, .owner, fault.message)
            return OccurrenceRequest(row: record, actor: row.actor, overlap: overlap, takesSkipped: takesSkipped)
        }
        do {
            let start = try await start(row, nominal: nominal, by: actor)
            return OccurrenceRequest(row: record, start: start, actor: actor ?? row.actor, overlap: overlap, takesSkipped: takesSkipped)
        } catch {
            (record.state, record.reason, record.detail) = (.skipped, .refused, (error as? FlowError)?.message ?? "\(error)")
            return OccurrenceRequest(row: record, actor: row.actor, overlap: overlap)
        }
    }

    private func start(_ row: ScheduleRow, nominal: String?, by actor: Actor?) async throws -> StartRequest {
        var labels = row.spec.labels ?? [:]
        labels["schedule"] = row.name
        let start = Wire.Start(flow: row.spec.flow, inputs: row.spec.inputs, limit: row.spec.limit, labels: labels)
        let content: JSON = ["schedule": .string(row.name), "revision": .int(row.revision), "nominal": .string(nominal ?? "")]
        var request = try await preparation.prepare(start, key: nominal.map { "schedule \(row.name) \($0)" }, content: content)
        // The inputs are those of who wrote the schedule, whoever starts it.
        if actor != nil { request.shapers.append(Shaper(user: row.user, person: row.person, .wrote, "schedule \(row.name)")) }
        return request
    }

    /// A run outside the schedule's times; nil when there is no such schedule.
    func startNow(_ name: String, by actor: Actor) async throws -> RunID? {
        guard let row = entries[name]?.row else { return nil }
        let request = try await start(row, nominal: nil, by: actor)
        let receipt = try await engine.start(request, by: actor)
        return receipt.run
    }

    /// The oldest times of each queue, where nothing goes on any more.
    private func releaseQueues() async throws {
        for name in queues.keys.sorted() {
            while let first = queues[name]?.first, let entry = entries[name] {
                let request = try await released(first, entry)
                let state = try await engine.record([request]).first?.state
                if state == .queued { break }
                queues[name]?.removeFirst()
                if state == .run { break }
            }
            if queues[name]?.isEmpty == true { queues[name] = nil }
        }
    }

    /// What waits will not run: says so in its records.
    func dropQueue(_ name: String, _ why: String) async throws {
        let requests = (queues[name] ?? []).map { row in
            var row = row
            (row.state, row.detail) = (.skipped, why)
            return OccurrenceRequest(row: row, actor: .engine)
        }
        if !requests.isEmpty { _ = try await engine.record(requests) }
        queues[name] = nil
    }

    func forget(_ name: String) { entries[name] = nil }

    // MARK: - Owners

    /// Users have changed: schedules of those who were removed have nobody from now on, whoever gets the name, and what stands still is told.
    package func ownersChanged(_ people: People) {
        for (name, entry) in entries {
            if people.standing(of: entry.row.user) == nil { entries[name]?.row.person = "" }
            guard let fault = ownerFault(name, people), toldOwners[name] != fault.message else { continue }
            toldOwners[name] = fault.message
            logger.warning("\(fault.message)", metadata: ["schedule": "\(name)"])
        }
        toldOwners = toldOwners.filter { ownerFault($0.key, people) != nil }
    }

    private func ownerFault(_ name: String, _ people: People?) -> FlowError? {
        entries[name]?.row.owner.fault(people, what: "schedule '\(name)'")
    }

    /// Why a schedule stands still: it cannot be worked out, or nobody answers for it.
    func fault(of entry: Entry) -> FlowError? { entry.fault ?? ownerFault(entry.row.name, people()) }

    // MARK: - Memory

    /// Takes a schedule as it now is.
    package func take(_ row: ScheduleRow) {
        versions += 1
        var entry = Entry(row: row, version: versions)
        do {
            entry.rule = try rule(row.name, row.spec)
        } catch {
            entry.fault = error
            logger.error("schedule stands still", metadata: ["schedule": "\(row.name)", "error": "\(error.message)"])
        }
        entries[row.name] = entry
        if let due = nextDue(entry) { push(row.name, entry, due: due) }
        bell.ring()
    }

    package func rule(_ name: String, _ spec: ScheduleSpec) throws(FlowError) -> ScheduleRule {
        try ScheduleRule(id: name, spec: spec, zone: zones.zone, calendar: zones.calendar)
    }

    private func nextDue(_ entry: Entry) -> Instant? {
        guard let rule = entry.rule else { return nil }
        return rule.nextOccurrences(after: entry.row.position, limit: 1).first.map(rule.due)
    }

    private func push(_ name: String, _ entry: Entry, due: Instant) {
        heap.insert(DueHeap.Entry(due: due, name: name, version: entry.version))
    }
}

/// What one transaction is to record.
private struct ScheduleBatch: Sendable {
    var requests: [OccurrenceRequest] = []
    var positions: [String: Occurrence.Position] = [:]
    /// Schedules whose times have all been looked at as far as the batch reached.
    var names: [String] = []
}

extension ScheduleRow {
    var position: Occurrence.Position { Occurrence.Position(at: at, wall: WallTime(minutes: wall)) }

    /// Runs belong to the person who wrote the revision: rules about people count them as its requester.
    var actor: Actor { Actor(person: person, user: user, names: [user], roles: []) }

    var owner: RunOwner { RunOwner(user: user, person: person) }
}
