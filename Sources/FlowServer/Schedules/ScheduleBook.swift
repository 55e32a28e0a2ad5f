package import FlowAPI
package import FlowModel
import FlowSchedules
import FlowStoreSQLite
package import FlowWire

/// The routes about schedules.
package struct ScheduleBook: ScheduleDirectory {
    let scheduler: Scheduler
    let plans: any RunPreparation

    package init(scheduler: Scheduler, plans: any RunPreparation) {
        self.scheduler = scheduler
        self.plans = plans
    }

    private var schedules: Schedules { scheduler.schedules }

    package func schedules(after name: String?, limit: Int) async throws -> [Wire.Schedule] {
        var shown: [Wire.Schedule] = []
        var gone: [String: Bool] = [:]
        for (entry, fault) in await scheduler.page(after: name, limit: limit) {
            let flow = entry.row.spec.flow
            if fault == nil, gone[flow] == nil { gone[flow] = try await isGone(flow) }
            shown.append(Wire.Schedule(entry, fault: fault ?? (gone[flow] == true ? ScheduleBook.noFlow(flow) : nil)))
        }
        return shown
    }

    private func isGone(_ flow: String) async throws -> Bool { try await scheduler.inputs.secrets(flow) == nil }

    private static func noFlow(_ flow: String) -> FlowError {
        FlowError(.notFound, subject: flow, "no flow '\(flow)' is registered; to register it again: flowctl flow add FILE")
    }

    package func names() async throws -> [String] { await scheduler.names() }

    package func schedule(_ name: String) async throws -> Wire.Schedule? {
        guard let entry = await scheduler.entry(name) else { return nil }
        let flow = entry.row.spec.flow
        var fault = await scheduler.fault(of: entry)
        if fault == nil, try await isGone(flow) { fault = ScheduleBook.noFlow(flow) }
        return Wire.Schedule(entry, fault: fault)
    }

    // MARK: - Changing

    package func put(_ name: String, _ spec: ScheduleSpec, by actor: Actor) async throws -> Wire.Schedule {
        try await check(name, spec)
        guard let kept = try await keep([(name, spec)], by: actor).first else { throw ScheduleBook.unknown(name) }
        return kept
    }

    /// Refuses everything that a start would refuse: now, and not at night.
    func check(_ name: String, _ spec: ScheduleSpec) async throws {
        try ScheduleBook.checkName(name)
        try RunLabels.check(spec.labels, "Schedule '\(name)' was not taken")
        try StoredSize.check(spec, name, "Schedule '\(name)'")
        try await scheduler.lookAtCalendars(and: spec.calendars ?? [])
        let rule = try await scheduler.rule(name, spec)
        guard !rule.nextOccurrences(after: .init(after: scheduler.now()), limit: 1).isEmpty else {
            throw FlowError(.usage, subject: name, "Schedule '\(name)' was not taken: \(rule.recurrence.timing) does not come any more.")
        }
        do {
            _ = try await plans.preview(Wire.Start(flow: spec.flow, inputs: spec.inputs, limit: spec.limit, labels: spec.labels))
        } catch let error as FlowError {
            throw error.saying("Schedule '\(name)' was not taken")
        }
    }

    /// All of them or none.
    ///
    /// - Parameter replacing: the revisions that are there, 0 for none, of those that may replace no other.
    func keep(
        _ items: [(name: String, spec: ScheduleSpec)], replacing revisions: [String: Int] = [:], by actor: Actor
    ) async throws -> [Wire.Schedule] {
        try await scheduler.whenRecorded(items.map(\.name), isClosing: true) { at in
            try await requireUnchanged(revisions)
            // In the same turn: a new revision of the flow, in which more may be secret, has what is kept sealed in a turn of its own.
            var sealed: [(name: String, spec: ScheduleSpec)] = []
            for item in items {
                var kept = item.spec
                kept.inputs = try await scheduler.inputs.sealed(item.spec.inputs, of: item.spec.flow, for: "Schedule '\(item.name)'")
                sealed.append((item.name, kept))
            }
            var kept: [Wire.Schedule] = []
            for row in try await schedules.put(sealed, by: actor, at: at) {
                await scheduler.take(row)
                kept.append(try await shown(row.name))
            }
            return kept
        }
    }

    /// Refuses where another revision is there than somebody has seen; 0: none.
    func requireUnchanged(_ revisions: [String: Int]) async throws {
        for (name, revision) in revisions.sorted(by: { $0.key < $1.key }) {
            let there = await scheduler.entry(name)?.row.revision ?? 0
            guard there == revision else { throw ScheduleBook.changed(name, there, revision) }
        }
    }

    package func seal(inputsOf flow: String, by actor: Actor) async throws { try await scheduler.seal(inputsOf: flow, by: actor) }

    package func adopt(_ triggers: [TriggerSpec], of flow: String, by actor: Actor) async throws {
        var wanted: [String: ScheduleSpec] = [:]
        for trigger in triggers { wanted["\(flow).\(trigger.name)"] = trigger.schedule }
        for entry in await scheduler.all() where entry.row.spec.isTrigger == true && entry.row.spec.flow == flow {
            if wanted[entry.row.name] == nil { try await remove(schedule: entry.row.name, by: actor) }
        }
        var faults: [FlowError.Detail] = []
        for (name, spec) in wanted.sorted(by: { $0.key < $1.key }) where await scheduler.entry(name)?.row.spec != spec {
            do {
                // One that comes once stands in the file for longer than its time.
                if spec.at != nil, try await scheduler.rule(name, spec).nextOccurrences(after: .init(after: scheduler.now()), limit: 1).isEmpty {
                    continue
                }
                _ = try await put(name, spec, by: actor)
            } catch let error as FlowError {
                let kept = await scheduler.entry(name) == nil ? "" : " It stays as it was before."
                faults.append(FlowError.Detail(subject: name, message: error.inOneLine + kept))
            }
        }
        guard !faults.isEmpty else { return }
        let which = wanted.count == 1 ? "its trigger was" : "\(faults.count) of its \(wanted.count) triggers \(faults.count == 1 ? "was" : "were")"
        throw FlowError(
            .usage, subject: flow, "Flow '\(flow)' is registered, but \(which) not taken\(faults.count < wanted.count ? "; the others are" : "").",
            hint: "correct the file, then: flowctl flow add FILE", errors: faults)
    }

    package func remove(schedule name: String, by actor: Actor) async throws {
        let isGone = try await scheduler.whenRecorded([name], isClosing: true) { at in
            let isGone = try await schedules.remove(name, by: actor, at: at)
            await scheduler.forget(name)
            return isGone
        }
        if !isGone { throw ScheduleBook.unknown(name) }
    }

    package func pause(_ name: String, _ request: Wire.SchedulePause, by actor: Actor) async throws -> Wire.Schedule {
        guard !request.reason.isEmpty, request.reason.utf8.count <= Limits.textBytes else {
            throw FlowError(.usage, subject: "reason", "Schedule '\(name)' was not paused: give a reason of 1-\(Limits.textBytes) bytes.")
        }
        let now = scheduler.now()
        if let until = request.until, until <= now {
            throw FlowError(.usage, subject: "until", "Schedule '\(name)' was not paused: \(until) is over.")
        }
        return try await setPause(name, ScheduleRow.Pause(reason: request.reason, since: now, until: request.until, user: actor.user), actor)
    }

    package func resume(_ name: String, by actor: Actor) async throws -> Wire.Schedule { try await setPause(name, nil, actor) }

    private func setPause(_ name: String, _ pause: ScheduleRow.Pause?, _ actor: Actor) async throws -> Wire.Schedule {
        try await scheduler.whenRecorded([name], isClosing: false) { at in
            var pause = pause
            pause?.since = at
            guard let row = try await schedules.pause(name, pause, by: actor, at: at) else { throw ScheduleBook.unknown(name) }
            await scheduler.take(row)
            // What waited for the end of a pause: there may be none now, or another one.
            await scheduler.runEnded()
            return try await shown(name)
        }
    }

    // MARK: - Times

    package func next(_ name: String, limit: Int) async throws -> [Wire.Occurrence] {
        try await scheduler.lookAtCalendars()
        guard let entry = await scheduler.entry(name) else { throw ScheduleBook.unknown(name) }
        if let fault = entry.fault { throw fault }
        let hasOwner = await scheduler.standstill(of: entry) == nil
        let now = Occurrence.Position(after: scheduler.now())
        // A position of a time to come is of a clock that was set back.
        let from = entry.row.position.at.seconds(since: scheduler.now()) > Scheduler.clockSeconds ? now : max(entry.row.position, now)
        return (entry.rule?.nextOccurrences(after: from, limit: limit) ?? []).map { found in
            let reason = found.skipped ?? (entry.row.pause?.covers(found.at) == true ? .paused : hasOwner ? nil : .owner)
            return Wire.Occurrence(nominal: found.nominal, at: found.at, reason: reason, revision: entry.row.revision)
        }
    }

    package func occurrences(of name: String, isMissed: Bool, before: Instant?, limit: Int) async throws -> [Wire.Occurrence] {
        let rows = try await schedules.occurrences(of: name, before: before, states: isMissed ? [.skipped] : [], limit: limit)
        if rows.isEmpty, await scheduler.entry(name) == nil { throw ScheduleBook.unknown(name) }
        return rows.map { Wire.Occurrence($0) }
    }

    package func backfill(_ name: String, _ request: Wire.Backfill, by actor: Actor) async throws -> [Wire.Occurrence] {
        guard request.from <= request.until, request.until <= scheduler.now() else {
            throw FlowError(.usage, subject: "until", "Nothing was started: 'until' must lie between 'from' and now.")
        }
        guard await scheduler.entry(name) != nil else { throw ScheduleBook.unknown(name) }
        let times = try await scheduler.open(name, from: request.from, until: request.until)
        if request.dryRun == true {
            return times.map { Wire.Occurrence(nominal: $0.1.nominal, at: $0.1.at, revision: $0.0.revision) }
        }
        return try await scheduler.backfill(times, overlap: request.overlap, by: actor).map { Wire.Occurrence($0) }
    }

    package func runNow(_ name: String, by actor: Actor) async throws -> RunID {
        let run = try await scheduler.startNow(name, by: actor)
        guard let run else { throw ScheduleBook.unknown(name) }
        return run
    }

    package func faults(ofFlow flow: String?) async throws -> [FlowError.Detail] {
        var faults: [FlowError.Detail] = []
        for entry in await scheduler.all().filter({ flow == nil || $0.row.spec.flow == flow }).prefix(Limits.schedulesChecked) {
            let subject = "schedule \(entry.row.name)"
            if let fault = await scheduler.fault(of: entry) {
                faults.append(FlowError.Detail(subject: subject, message: fault.message))
                continue
            }
            let spec = entry.row.spec
            do {
                let inputs = try await scheduler.inputs.opened(spec.inputs, of: spec.flow)
                _ = try await plans.preview(Wire.Start(flow: spec.flow, inputs: inputs, limit: spec.limit, labels: spec.labels))
            } catch let error as FlowError {
                faults.append(FlowError.Detail(subject: subject, message: error.inOneLine))
            }
        }
        return faults
    }

    // MARK: -

    private func shown(_ name: String) async throws -> Wire.Schedule {
        guard let schedule = try await schedule(name) else { throw ScheduleBook.unknown(name) }
        return schedule
    }

    private static func unknown(_ name: String) -> FlowError {
        FlowError(.notFound, subject: name, "There is no schedule '\(name)'.", hint: "flowctl schedule list")
    }

    private static func changed(_ name: String, _ there: Int, _ expected: Int) -> FlowError {
        let found = there == 0 ? "it is gone" : expected == 0 ? "somebody has made it" : "it has revision \(there) by now, not \(expected)"
        return FlowError(
            .conflict, subject: name, "Nothing was added: schedule '\(name)' was changed meanwhile: \(found).", hint: "flowctl schedule show \(name)")
    }

    private static func checkName(_ name: String) throws(FlowError) {
        let isPlain = name.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x7A).contains($0) || [0x2D, 0x2E, 0x5F].contains($0) }
        guard isPlain, (1...100).contains(name.utf8.count) else {
            throw FlowError(.usage, subject: name, "'\(name)' is no name for a schedule: 1-100 of a-z, 0-9, '-', '_' and '.'.")
        }
    }
}

extension Wire.Schedule {
    init(_ entry: Scheduler.Entry, fault: FlowError?) {
        var row = entry.row
        row.spec.inputs = StoredInputs.shown(row.spec.inputs)
        self.init(
            name: row.name, revision: row.revision, spec: row.spec, changedAt: row.changedAt, changedBy: row.user,
            pause: row.pause.map { Pause(reason: $0.reason, sinceAt: $0.since, untilAt: $0.until, by: $0.user) },
            nextAt: fault == nil ? entry.nextRun : nil, fault: fault?.message)
    }
}

extension Scheduler.Entry {
    /// How far it is looked ahead past times at which nothing runs, such as those of a closed day.
    private static let timesLookedAt = 20_000
    private static let timesAtOnce = 200

    /// The first time at which something runs as things are; nil when none is known.
    fileprivate var nextRun: Instant? {
        guard let rule else { return nil }
        var position = row.position
        if let pause = row.pause {
            guard let until = pause.until else { return nil }
            position = max(position, .init(after: until + -0.001))
        }
        for _ in 0..<Self.timesLookedAt / Self.timesAtOnce {
            // The first time nearly always is one.
            let times = rule.nextOccurrences(after: position, limit: position == row.position ? 1 : Self.timesAtOnce)
            if let found = times.first(where: { $0.skipped == nil }) { return found.at }
            guard let last = times.last else { return nil }
            position = last.position
        }
        return nil
    }
}

extension Wire.Occurrence {
    init(_ row: OccurrenceRow) {
        self.init(
            nominal: row.nominal, at: row.at, state: row.state, reason: row.reason, detail: row.detail, run: row.run, revision: row.revision)
    }
}
