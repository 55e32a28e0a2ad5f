internal import FlowEngine
package import FlowModel
internal import GRDB

/// The schedules and what became of their times. Every change is written together with its audit row.
package struct Schedules: Sendable {
    private let store: SQLiteStore

    package init(_ store: SQLiteStore) { self.store = store }

    // MARK: - Reading

    /// By name.
    package func all() async throws(FlowError) -> [ScheduleRow] {
        try await store.read { database in
            let query = try Query(database, "schedule", "SELECT \(ScheduleRow.columns) FROM \(ScheduleRow.tables) ORDER BY name")
            var rows: [ScheduleRow] = []
            while try query.next() { rows.append(try ScheduleRow(query)) }
            return rows
        }
    }

    package func schedule(named name: String) async throws(FlowError) -> ScheduleRow? {
        try await store.read { try Schedules.row(name, $0) }
    }

    /// The revision that the schedule had at that moment, the first one for earlier moments; nil when it never existed.
    package func revision(of name: String, at instant: Instant) async throws(FlowError) -> ScheduleRow? {
        try await store.read { database in
            var query = try Query(
                database, "schedule_revision",
                """
                SELECT name, revision, spec, user, person, at, at, 0, NULL FROM schedule_revision WHERE name = ?
                ORDER BY at <= ? DESC, CASE WHEN at <= ? THEN -revision ELSE revision END LIMIT 1
                """)
            query.bind(name)
            query.bind(instant)
            query.bind(instant)
            return try query.next() ? try ScheduleRow(query) : nil
        }
    }

    /// When the revision after this one began; nil for the newest.
    package func nextChange(of name: String, after revision: Int) async throws(FlowError) -> Instant? {
        try await store.read { database in
            var query = try Query(
                database, "schedule_revision", "SELECT name, at FROM schedule_revision WHERE name = ? AND revision > ? ORDER BY revision LIMIT 1")
            query.bind(name)
            query.bind(revision)
            return try query.next() ? try query.instant(1) : nil
        }
    }

    /// Newest first, those due before `before`.
    package func occurrences(
        of name: String, before: Instant? = nil, since: Instant? = nil, states: Set<OccurrenceRow.State> = [], limit: Int
    ) async throws(FlowError) -> [OccurrenceRow] {
        let wanted = states.isEmpty ? OccurrenceRow.State.allCases : OccurrenceRow.State.allCases.filter(states.contains)
        let words = wanted.map { "'\($0.rawValue)'" }.joined(separator: ", ")
        return try await store.read { database in
            var query = try Query(
                database, "occurrence",
                """
                SELECT \(OccurrenceRow.columns) FROM occurrence WHERE schedule = ? AND at < ? AND at >= ? AND state IN (\(words))
                ORDER BY at DESC, wall DESC LIMIT ?
                """)
            query.bind(name)
            query.bind(before ?? Instant(milliseconds: Int64.max))
            query.bind(since ?? Instant(milliseconds: Int64.min))
            query.bind(min(limit, StoreLimits.pageRows))
            var rows: [OccurrenceRow] = []
            while try query.next() { rows.append(try OccurrenceRow(query)) }
            return rows
        }
    }

    /// Times that wait for the end of a run, oldest first; of all schedules when no name is given.
    package func queued(of name: String? = nil) async throws(FlowError) -> [OccurrenceRow] {
        try await store.read { database in
            var query = try Query(
                database, "occurrence",
                "SELECT \(OccurrenceRow.columns) FROM occurrence WHERE state = 'queued' AND (?1 IS NULL OR schedule = ?1) ORDER BY schedule, at, wall"
            )
            query.bind(name)
            var rows: [OccurrenceRow] = []
            while try query.next() { rows.append(try OccurrenceRow(query)) }
            return rows
        }
    }

    /// When the database came out of a backup the last time; nil when it never did, or a version before this one took it.
    package func restoredAt() async throws(FlowError) -> Instant? {
        try await store.read { database in
            try Int64.fetchOne(database, sql: "SELECT value FROM meta WHERE name = 'restoredAt'").map { Instant(milliseconds: $0) }
        }
    }

    package func keep(restoredAt: Instant) async throws(FlowError) {
        try await store.transaction { try SQLiteStore.keep(restoredAt: restoredAt, $0) }
    }

    /// The flows that revisions with inputs are of.
    package func flowsWithInputs() async throws(FlowError) -> Set<String> {
        try await store.read { try StoredSpec.flowsWithInputs(in: "schedule_revision", $0) }
    }

    // MARK: - Changing

    /// Has the inputs of every revision of the flow's schedules kept as `seal` gives them, and notes which schedules those were. Gives their names.
    package func seal(
        inputsOf flow: String, by user: String, at: Instant, _ seal: @escaping @Sendable ([String: JSON]) throws -> [String: JSON]?
    ) async throws(FlowError) -> [String] {
        try await store.transaction { database in
            var changed: [(name: String, revision: Int, spec: JSON)] = []
            try Schedules.forEachRevision(of: flow, database) { name, revision, spec in
                if let sealed = try StoredSpec.sealed(spec, of: flow, seal) { changed.append((name, revision, sealed)) }
            }
            for (name, revision, spec) in changed {
                var update = try Query(
                    database, "schedule_revision", "UPDATE schedule_revision SET spec = ? WHERE name = ? AND revision = ?")
                update.bind(spec.canonical)
                update.bind(name)
                update.bind(revision)
                try update.run()
            }
            let names = Set(changed.map(\.name)).sorted()
            for name in names {
                try AuditChain.append(
                    AuditEntry(at: at, actor: user, verb: "schedule.seal", subject: name, detail: ["flow": .string(flow)]), database)
            }
            return names
        }
    }

    private static func forEachRevision(of flow: String, _ database: Database, _ body: (String, Int, JSON) throws -> Void) throws {
        // The names of flows need no escapes in JSON.
        var query = try Query(
            database, "schedule_revision", "SELECT name, revision, spec FROM schedule_revision WHERE instr(spec, ?) AND instr(spec, ?)")
        query.bind("\"flow\":\"\(flow)\"")
        query.bind("\"inputs\":{\"")
        while try query.next() { try body(try query.text(0), try query.int(1), try query.json(2)) }
    }

    /// Gives each of the schedules a new revision, whose times begin after `at`: all of them or none. Names are distinct. Gives them in that order.
    package func put(
        _ items: [(name: String, spec: ScheduleSpec)], by actor: Actor, at: Instant
    ) async throws(FlowError) -> [ScheduleRow] {
        try await store.transaction { database in
            try Schedules.checkRoom(for: items.map(\.name), database)
            return try items.map { try Schedules.put($0.name, $0.spec, by: actor, at: at, database) }
        }
    }

    /// Refuses the first of these for which there is no room.
    private static func checkRoom(for names: [String], _ database: Database) throws {
        var room = Limits.schedules - (try Int.fetchOne(database, sql: "SELECT count(*) FROM schedule") ?? 0)
        for name in names where try String.fetchOne(database, sql: "SELECT name FROM schedule WHERE name = ?", arguments: [name]) == nil {
            room -= 1
            guard room >= 0 else {
                throw FlowError(
                    .tooLarge, subject: name, "Schedule '\(name)' was not added: \(Limits.schedules) exist, which is all there may be.")
            }
        }
    }

    private static func put(_ name: String, _ spec: ScheduleSpec, by actor: Actor, at: Instant, _ database: Database) throws -> ScheduleRow {
        let json = try JSON(encoding: spec)
        var query = try Query(
            database, "schedule_revision",
            """
            INSERT INTO schedule_revision SELECT ?1, coalesce(max(revision), 0) + 1, ?2, ?3, ?4, ?5 FROM schedule_revision WHERE name = ?1
            """)
        query.bind(name)
        query.bind(json.canonical)
        query.bind(actor.user)
        query.bind(actor.person)
        query.bind(at)
        try query.run()
        var place = try Query(
            database, "schedule",
            """
            INSERT INTO schedule SELECT ?1, max(revision), ?2, ?3, NULL FROM schedule_revision WHERE name = ?1
            ON CONFLICT (name) DO UPDATE SET revision = excluded.revision, at = excluded.at, wall = excluded.wall
            """)
        place.bind(name)
        place.bind(at)
        place.bind(Int.max)
        try place.run()
        try AuditChain.append(
            AuditEntry(at: at, actor: actor.user, verb: "schedule.put", subject: name, detail: SealedText.redacted(json)), database)
        try Standstills.forget(.schedule, name, database)
        guard let row = try Schedules.row(name, database) else { throw StoreError.fatal("schedule \(name) was not kept") }
        return row
    }

    /// Sets or lifts the pause; nil when there is no such schedule.
    package func pause(_ name: String, _ pause: ScheduleRow.Pause?, by actor: Actor, at: Instant) async throws(FlowError) -> ScheduleRow? {
        try await store.transaction { database in
            let json = try pause.map { try JSON(encoding: $0) }
            var query = try Query(database, "schedule", "UPDATE schedule SET pause = ? WHERE name = ?")
            query.bind(json?.canonical)
            query.bind(name)
            try query.run()
            guard let row = try Schedules.row(name, database) else { return nil }
            try AuditChain.append(
                AuditEntry(
                    at: at, actor: actor.user, verb: pause == nil ? "schedule.resume" : "schedule.pause", subject: name,
                    detail: json ?? .object([:])), database)
            return row
        }
    }

    /// The detail of a time that waited when its schedule was removed.
    package static let removedWhileWaiting = "the schedule was removed while it waited"

    /// Forgets the schedule; its revisions and records stay. What waits will not run, and its record says so, in the same transaction: a schedule
    /// that gets the name later would start it. False when there is none.
    package func remove(_ name: String, by actor: Actor, at: Instant) async throws(FlowError) -> Bool {
        try await store.transaction { database in
            try database.execute(sql: "DELETE FROM schedule WHERE name = ?", arguments: [name])
            guard database.changesCount > 0 else { return false }
            var waiting = try Query(
                database, "occurrence",
                "UPDATE occurrence SET state = 'skipped', detail = ?, recordedAt = ? WHERE schedule = ? AND state = 'queued'")
            waiting.bind(Schedules.removedWhileWaiting)
            waiting.bind(at)
            waiting.bind(name)
            try waiting.run()
            try Standstills.forget(.schedule, name, database)
            try AuditChain.append(AuditEntry(at: at, actor: actor.user, verb: "schedule.remove", subject: name), database)
            return true
        }
    }

    private static func row(_ name: String, _ database: Database) throws -> ScheduleRow? {
        var query = try Query(database, "schedule", "SELECT \(ScheduleRow.columns) FROM \(ScheduleRow.tables) WHERE schedule.name = ?")
        query.bind(name)
        return try query.next() ? try ScheduleRow(query) : nil
    }
}

extension ScheduleRow {
    fileprivate static let tables = "schedule JOIN schedule_revision AS revision USING (name, revision)"
    fileprivate static let columns =
        "name, revision, revision.spec, revision.user, revision.person, revision.at, schedule.at, schedule.wall, schedule.pause"

    fileprivate init(_ query: borrowing Query) throws {
        let spec = try query.json(2)
        let pause = try query.optionalJSON(8)
        do {
            self.init(
                name: try query.text(0), revision: try query.int(1), spec: try spec.decode(as: ScheduleSpec.self), user: try query.text(3),
                person: try query.text(4), changedAt: try query.instant(5), at: try query.instant(6), wall: try query.int(7),
                pause: try pause?.decode(as: Pause.self))
        } catch let error as StoreError {
            throw error
        } catch {
            throw query.corrupt(2, "cannot be read: \(error)")
        }
    }
}
