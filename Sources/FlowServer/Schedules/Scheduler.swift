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
        /// What keeps its next time from being decided; nil while nothing does.
        var held: Held?
    }

    let schedules: Schedules
    let engine: Engine
    let preparation: any RunPreparation
    let inputs: StoredInputs
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
    /// Those of `entries`, in order; nil until somebody asks.
    private var sortedNames: [String]?
    /// Those that `entries` name; nil until somebody asks.
    var usedCalendars: Set<String>?
    var faultsChanged: (@Sendable () async -> Void)?
    private var heap = DueHeap()
    private var versions = 0
    /// Times that wait for the end of a run, oldest first.
    var queues: [String: [OccurrenceRow]] = [:]
    /// Queues whose oldest time could not be decided.
    private var heldQueues: [String: Held] = [:]
    private var hasRunEnded = false
    /// When the queues are looked at again without the end of a run: the first pause that holds one ends by itself then.
    private var queuesAgain: Instant?
    /// What was told of schedules without an owner.
    private var toldOwners: [String: String] = [:]
    /// When the database came out of a backup, as long as that is known.
    package private(set) var restoredAt: Instant?

    /// - Parameter home: holds the calendars.
    package init(
        store: SQLiteStore, engine: Engine, preparation: any RunPreparation, inputs: StoredInputs, home: String,
        now: @escaping @Sendable () -> Instant,
        people: @escaping @Sendable () -> People? = { nil }, jump: @escaping @Sendable (Instant) -> String? = { _ in nil }, logger: Logger
    ) {
        self.jump = jump
        self.people = people
        schedules = Schedules(store)
        self.engine = engine
        self.preparation = preparation
        self.inputs = inputs
        zones = ZoneFiles(home: home)
        self.now = now
        self.logger = logger
    }

    /// Reads what the database has. Once, before the first turn.
    ///
    /// - Parameter isRestored: the database came out of a backup: what it does not know of may have happened, and nothing of it is started.
    package func load(isRestored: Bool) async throws {
        restoredAt = isRestored ? now() : try await schedules.restoredAt()
        let rows = try await schedules.all()
        try await lookAtCalendars(and: rows.flatMap { $0.spec.calendars ?? [] })
        for row in rows { take(row) }
        enqueue(try await schedules.queued())
        if isRestored {
            for name in queues.keys.sorted() { try await dropQueue(name, "the database came out of a backup") }
            _ = await turn()
        }
        // Those of a schedule that was removed by a version which said so in a second transaction, and was killed before it.
        for name in queues.keys.sorted() where entries[name] == nil { try await dropQueue(name, Schedules.removedWhileWaiting) }
        hasRunEnded = !queues.isEmpty
    }

    // MARK: - Turns

    /// Does all that is due, and says when to come again; nil when nothing will ever be due.
    package func turn() async -> Instant? {
        await turns.take { await settle() }
        guard let queuesAgain else { return heap.next }
        return min(heap.next ?? queuesAgain, queuesAgain)
    }

    /// A run has ended, or a pause: what waits for it can start.
    package func runEnded() {
        guard !queues.isEmpty else { return }
        hasRunEnded = true
        bell.ring()
    }

    /// What a turn does, for who has the turn already.
    private func settle() async {
        var late: [String] = []
        do {
            try await lookAtClock()
            try await lookAtCalendars()
            if hasRunEnded || queuesAgain.map({ $0 <= now() }) == true {
                hasRunEnded = false
                try await releaseQueues()
            }
            late = dueNames(at: now())
            while !late.isEmpty, !Task.isCancelled {
                try await record(late, holds: true)
                late = dueNames(at: now())
            }
        } catch {
            // Nothing was recorded of what the engine refused, so it is decided again, with what came meanwhile. A stop is no fault.
            if !Task.isCancelled { logger.warning("schedules are late: the engine took nothing", metadata: ["error": "\(error)"]) }
            if !queues.isEmpty { queuesAgain = now() + Scheduler.retrySeconds }
            // What is due and was not even looked at, too: who asks when to come again would come at once.
            late += dueNames(at: now())
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

    /// Does `change` between two turns, when every time of these schedules up to a moment has its record. The change is as of that moment: a
    /// time that comes meanwhile is behind it.
    func whenRecorded<Value: Sendable>(_ names: [String], isClosing: Bool, _ change: (Instant) async throws -> Value) async throws -> Value {
        try await turns.take {
            while true {
                let at = now()
                let open = names.filter { hasCome($0, at, isClosing: isClosing) }
                guard !open.isEmpty else { return try await change(at) }
                try await record(open, isClosing: isClosing)
            }
        }
    }

    /// Whether the schedule has times that are not recorded at that moment.
    private func hasCome(_ name: String, _ at: Instant, isClosing: Bool) -> Bool {
        guard let entry = entries[name], let rule = entry.rule else { return false }
        let catchUp = CatchUp(rule: rule, spec: entry.row.spec, pause: entry.row.pause, restoredAt: restoredAt)
        return !catchUp.decided(after: entry.row.position, now: at, limit: 1, isClosing: isClosing).isEmpty
    }

    /// The clock was set back: schedules that are recorded up to a time to come would wait for it. What is due is worked out again from now
    /// on; of what has its record, times that led to a run keep it, and the others are decided again.
    private func lookAtClock() async throws {
        let now = now()
        if let at = restoredAt, at.seconds(since: now) > Scheduler.clockSeconds {
            // The clock was ahead when the backup came back: that was no later than now.
            try await schedules.keep(restoredAt: now)
            restoredAt = now
        }
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
    ///
    /// - Parameter holds: leaves times undecided for a fault of the moment. Else they are recorded with it: somebody changes the schedule.
    private func record(_ names: [String], isClosing: Bool = false, holds: Bool = false) async throws {
        var pending = ScheduleBatch()
        var index = 0
        while index < names.count {
            // What a stop breaks off is decided by the next engine.
            try Task.checkCancellation()
            let ready = pending
            async let written: Void = commit(ready)
            let next = try await gather(names[index...], isClosing: isClosing, holds: holds)
            try await written
            index += next.names.count
            pending = next
        }
        try await commit(pending)
    }

    /// What has come of the first of these schedules, as much as one transaction takes.
    private func gather(_ names: ArraySlice<String>, isClosing: Bool, holds: Bool) async throws -> ScheduleBatch {
        var batch = ScheduleBatch()
        let now = now()
        for name in names where batch.requests.count < Limits.occurrenceBatch {
            batch.names.append(name)
            guard let entry = entries[name], let rule = entry.rule else { continue }
            let catchUp = CatchUp(rule: rule, spec: entry.row.spec, pause: entry.row.pause, restoredAt: restoredAt)
            let room = Limits.occurrenceBatch - batch.requests.count
            let come = catchUp.decided(after: entry.row.position, now: now, limit: room, isClosing: isClosing)
            do {
                for occurrence in come {
                    let isAgain = entry.recorded.map { occurrence.position <= $0 } ?? false
                    let triedFor = holds ? triedFor(entry.held) : nil
                    batch.requests.append(try await request(for: occurrence, of: entry.row, takesSkipped: isAgain, triedFor: triedFor))
                    batch.positions[name] = occurrence.position
                }
            } catch {
                // The others go on.
                guard holds, !Task.isCancelled else { throw error }
                batch.held[name] = held(entry.held, error, name)
            }
        }
        return batch
    }

    private func commit(_ batch: ScheduleBatch) async throws {
        let positions = batch.positions.map { SchedulePosition(schedule: $0.key, at: $0.value.at, wall: $0.value.wall.minutes) }
        let rows = batch.requests.isEmpty ? [] : try await engine.record(batch.requests, positions: positions)
        enqueue(rows)
        for name in batch.names {
            guard var entry = entries[name] else { continue }
            if let position = batch.positions[name] { (entry.row.at, entry.row.wall) = (position.at, position.wall.minutes) }
            if let recorded = entry.recorded, entry.row.position >= recorded { entry.recorded = nil }
            entry.held = batch.held[name]
            entries[name] = entry
            if let due = entry.held.map({ nextTry($0) }) ?? nextDue(entry) { push(name, entry, due: due) }
        }
    }

    /// Takes those of the records that wait into their queues, each once: after the clock was set back a time is decided again.
    func enqueue(_ rows: [OccurrenceRow]) {
        for row in rows where row.state == .queued && queues[row.schedule]?.contains(where: { $0.key == row.key }) != true {
            queues[row.schedule, default: []].append(row)
        }
    }

    // MARK: - Requests

    /// What the engine is to do about one time. What speaks against its run becomes the record's reason.
    ///
    /// - Parameters:
    ///   - actor: who asks for it; nil for the schedule itself, as who wrote it.
    ///   - triedFor: for how long it has been tried in vain. A fault of the moment is thrown then; nil: it is the reason, too.
    func request(
        for occurrence: Occurrence, of row: ScheduleRow, nominal: String? = nil, overlap: ScheduleSpec.Overlap? = nil, by actor: Actor? = nil,
        takesSkipped: Bool = false, triedFor: Double? = nil
    ) async throws -> OccurrenceRequest {
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
            // Of what a stop broke off nobody can tell what it would have been.
            if Task.isCancelled { throw CancellationError() }
            if error is StoreError { throw error }
            if let triedFor, Scheduler.isPassing(error, triedFor: triedFor) { throw error }
            (record.state, record.reason, record.detail) = (.skipped, .refused, (error as? FlowError)?.message ?? "\(error)")
            return OccurrenceRequest(row: record, actor: row.actor, overlap: overlap)
        }
    }

    private func start(_ row: ScheduleRow, nominal: String?, by actor: Actor?) async throws -> StartRequest {
        var labels = row.spec.labels ?? [:]
        labels["schedule"] = row.name
        let opened = try await inputs.opened(row.spec.inputs, of: row.spec.flow)
        let start = Wire.Start(flow: row.spec.flow, inputs: opened, limit: row.spec.limit, labels: labels)
        let content: JSON = ["schedule": .string(row.name), "revision": .int(row.revision), "nominal": .string(nominal ?? "")]
        var request = try await preparation.prepare(start, key: nominal.map { StartRequest.ownKey("schedule", row.name, $0) }, content: content)
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
        queuesAgain = nil
        for name in queues.keys.sorted() {
            while let entry = entries[name], let (place, first) = nextQueued(entry) {
                guard let request = try await released(first, entry, orHeld: name) else { break }
                let state = try await engine.record([request]).first?.state
                if state == .queued { break }
                queues[name]?.remove(at: place)
                if state == .run { break }
            }
            if queues[name]?.isEmpty == true { queues[name] = nil }
        }
    }

    /// nil when it cannot be decided now: it goes on waiting, and the other queues go on.
    private func released(_ first: OccurrenceRow, _ entry: Entry, orHeld name: String) async throws -> OccurrenceRequest? {
        try Task.checkCancellation()
        do {
            let request = try await released(first, entry, triedFor: triedFor(heldQueues[name]))
            heldQueues[name] = nil
            return request
        } catch {
            guard !Task.isCancelled else { throw error }
            let held = held(heldQueues[name], error, name)
            heldQueues[name] = held
            queuesAgain = min(queuesAgain ?? nextTry(held), nextTry(held))
            return nil
        }
    }

    /// The oldest time that may start. A pause holds the schedule's own until it ends; who backfills has decided.
    private func nextQueued(_ entry: Entry) -> (Int, OccurrenceRow)? {
        guard let queue = queues[entry.row.name], let oldest = queue.first else { return nil }
        guard let pause = entry.row.pause, pause.covers(now()) else { return (0, oldest) }
        if let until = pause.until { queuesAgain = min(queuesAgain ?? until, until) }
        return queue.firstIndex { $0.askedBy != nil }.map { ($0, queue[$0]) }
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

    /// It was removed, and what waited has been recorded as skipped with it.
    func forget(_ name: String) {
        entries[name] = nil
        (queues[name], heldQueues[name]) = (nil, nil)
        (sortedNames, usedCalendars) = (nil, nil)
    }

    /// Seals what is secret in the inputs of the flow's schedules, as the flow is now.
    func seal(inputsOf flow: String, by actor: Actor) async throws {
        try await turns.take {
            guard let names = try await inputs.secrets(flow), !names.isEmpty else { return }
            let changed = try await schedules.seal(inputsOf: flow, by: actor.user, at: now(), inputs.sealing(names))
            for name in changed {
                if let spec = try await schedules.schedule(named: name)?.spec { entries[name]?.row.spec = spec }
            }
            StoredInputs.tell(changed.map { "schedule \($0)" }, flow, logger)
        }
    }

    // MARK: - Owners

    /// Users have changed: schedules of those who were removed have nobody from now on, whoever gets the name, and what stands still is told.
    package func ownersChanged(_ people: People) {
        for (name, entry) in entries {
            let standing = people.standing(of: entry.row.user)
            // Links were made or taken back: whose it is stays whose it is.
            if !entry.row.person.isEmpty { entries[name]?.row.person = standing?.person ?? "" }
            guard let fault = ownerFault(name, people), toldOwners[name] != fault.message else { continue }
            toldOwners[name] = fault.message
            logger.warning("\(fault.message)", metadata: ["schedule": "\(name)"])
        }
        toldOwners = toldOwners.filter { ownerFault($0.key, people) != nil }
    }

    /// What starts nothing, each with the reason.
    func standstills() -> [Standstills.Item] {
        let people = people()
        return entries.compactMap { name, entry in
            (entry.fault?.message ?? entry.row.owner.reason(people)).map { Standstills.Item(.schedule, name, reason: $0) }
        }
    }

    func ownerFault(_ name: String, _ people: People?) -> FlowError? {
        entries[name]?.row.owner.fault(people, what: "schedule '\(name)'")
    }

    /// Why a schedule stands still: it cannot be worked out, or nobody answers for it.
    func standstill(of entry: Entry) -> FlowError? { entry.fault ?? ownerFault(entry.row.name, people()) }

    /// Why it starts nothing now: it stands still, or its next time is tried in vain.
    func fault(of entry: Entry) -> FlowError? {
        if let fault = standstill(of: entry) { return fault }
        guard let held = entry.held ?? heldQueues[entry.row.name] else { return nil }
        let name = entry.row.name
        return FlowError(.storage, subject: name, "Schedule '\(name)' is late: since \(held.since) a time of it could not be decided: \(held.reason)")
    }

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
        entry.held = entries[row.name]?.held
        if entries.updateValue(entry, forKey: row.name) == nil { sortedNames = nil }
        usedCalendars = nil
        if let due = nextDue(entry) { push(row.name, entry, due: due) }
        bell.ring()
    }

    /// All names, in order.
    func names() -> [String] {
        let names = sortedNames ?? entries.keys.sorted()
        sortedNames = names
        return names
    }

    /// Those behind `name` in order of name, with what keeps each from starting anything.
    func page(after name: String?, limit: Int) -> [(entry: Entry, fault: FlowError?)] {
        let names = names()
        var (low, high) = (0, name == nil ? 0 : names.count)
        while let name, low < high {
            let middle = (low + high) / 2
            if names[middle] <= name { low = middle + 1 } else { high = middle }
        }
        return names[low...].prefix(limit).compactMap { entries[$0] }.map { ($0, fault(of: $0)) }
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
    /// Schedules of which a time could not be decided.
    var held: [String: Scheduler.Held] = [:]
    /// Schedules whose times have all been looked at as far as the batch reached.
    var names: [String] = []
}

extension ScheduleRow {
    var position: Occurrence.Position { Occurrence.Position(at: at, wall: WallTime(minutes: wall)) }

    /// Runs belong to the person who wrote the revision: rules about people count them as its requester.
    var actor: Actor { Actor(person: person, user: user, names: [user], roles: []) }

    var owner: RunOwner { RunOwner(user: user, person: person) }
}
