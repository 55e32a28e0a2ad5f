internal import FlowEngine
internal import FlowModel
internal import GRDB

/// A run is two rows: `run` with what seldom changes or is indexed, `run_now` with what changes with every step.
extension RunRow {
    /// With a bound, inputs beyond it are never taken apart: their length stands in their place.
    static func columns(inputsUpTo bytes: Int?) -> String {
        let length = "length(CAST(inputs AS BLOB))"
        let inputs = bytes.map { "CASE WHEN \(length) > \($0) THEN \(length) ELSE inputs END" } ?? "inputs"
        return """
            run.number, run.id, flow, revision, \(inputs), labels, actor, person, run.key, createdAt, state, isLive, startedAt, endedAt, \
            reason, waiting, counts, headSequence, headHash, priority, isRegistered
            """
    }
    static let tables = "run JOIN run_now ON run_now.run = run.number"

    /// The columns of `columns`, in that order.
    init(_ query: borrowing Query, isBounded: Bool) throws(StoreError) {
        let left = isBounded && query.isWholeNumber(4) ? try query.int(4) : nil
        self.init(
            id: try query.runID(1), flow: try query.text(2), revision: try query.digest(3),
            state: try query.value(10, as: RunState.self), reason: try query.optionalText(14),
            waitingFor: try RunRow.waiting(query, 15), inputs: left == nil ? try query.json(4) : .object([:]), labels: try RunRow.labels(query, 5),
            actor: try query.text(6), person: try query.text(7), key: try query.optionalText(8),
            createdAt: try query.instant(9), startedAt: try query.optionalInstant(12),
            endedAt: try query.optionalInstant(13), counts: try RunRow.counts(query, 16), isLive: try query.bool(11),
            head: JournalHead(sequence: try query.int(17), hash: try query.digest(18)),
            priority: try query.int(19), isRegistered: query.isNull(20) ? nil : try query.bool(20))
        inputBytes = left
    }

    private static func waiting(_ query: borrowing Query, _ column: CInt) throws(StoreError) -> [Waiting] {
        guard let json = try query.optionalJSON(column) else { return [] }
        var waits: [Waiting] = []
        for element in json.arrayValue ?? [.null] {
            guard let wait = Waiting(json: element) else { throw query.corrupt(column, "is not a list of waits") }
            waits.append(wait)
        }
        return waits
    }

    private static func labels(_ query: borrowing Query, _ column: CInt) throws(StoreError) -> [String: String] {
        var labels: [String: String] = [:]
        for (name, value) in try query.json(column).objectValue ?? ["": .null] {
            guard let text = value.stringValue else { throw query.corrupt(column, "is not an object of texts") }
            labels[name] = text
        }
        return labels
    }

    private static func counts(_ query: borrowing Query, _ column: CInt) throws(StoreError) -> [StepState: Int] {
        var counts: [StepState: Int] = [:]
        for part in try query.text(column).split(separator: " ") {
            let words = part.split(separator: ":")
            guard words.count == 2, let state = StepState(rawValue: String(words[0])), let count = Int(words[1]) else {
                throw query.corrupt(column, "'\(part)' is not STATE:COUNT")
            }
            counts[state] = count
        }
        return counts
    }

    /// `running:1 succeeded:12`, in the order of the states.
    var countsText: String {
        var text = ""
        for state in StepState.allCases {
            guard let count = counts[state] else { continue }
            if !text.isEmpty { text += " " }
            text += state.rawValue
            text += ":"
            text += String(count)
        }
        return text
    }
}

/// Writes the rows of runs within one transaction.
struct RunWriter: ~Copyable {
    private let database: Database
    private var current: Query

    init(_ database: Database) throws {
        self.database = database
        current = try Query(database, "run_now", "INSERT OR REPLACE INTO run_now VALUES (?, ?, ?, ?, ?, ?, ?)")
    }

    /// Writes a run; `fingerprint` for a new one.
    mutating func write(_ row: RunRow, fingerprint: Digest?, _ memory: inout RunMemory) throws {
        var entry: RunMemory.Entry
        if let fingerprint {
            entry = try insert(row, fingerprint)
        } else {
            guard let known = try RunWriter.entry(of: row.id, database, &memory) else {
                throw StoreError.fatal("run \(row.id) was written without ever having been created")
            }
            entry = known
            if !entry.agrees(with: row) { try update(row, entry.number) }
        }
        entry.state = row.state
        entry.isLive = row.isLive
        entry.startedAt = row.startedAt
        entry.endedAt = row.endedAt
        memory[row.id] = entry
        current.bind(entry.number)
        current.bind(row.reason)
        current.bind(row.waitingFor.isEmpty ? nil : JSON.array(row.waitingFor.map(\.json)).canonical)
        current.bind(row.countsText)
        current.bind(row.head.sequence)
        current.bind(row.head.hash)
        current.bind(row.priority)
        try current.run()
    }

    private func insert(_ row: RunRow, _ fingerprint: Digest) throws -> RunMemory.Entry {
        var query = try Query(
            database, "run",
            """
            INSERT INTO run (id, flow, revision, inputs, labels, actor, person, key, fingerprint, createdAt, state, isLive,
            startedAt, endedAt, isRegistered) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """)
        query.bind(row.id.text)
        query.bind(row.flow)
        query.bind(row.revision)
        query.bind(row.inputs.canonical)
        query.bind(JSON.object(row.labels.mapValues(JSON.string)).canonical)
        query.bind(row.actor)
        query.bind(row.person)
        query.bind(row.key)
        query.bind(fingerprint)
        query.bind(row.createdAt)
        query.bind(row.state.rawValue)
        query.bind(row.isLive)
        query.bind(row.startedAt)
        query.bind(row.endedAt)
        query.bind(row.isRegistered)
        try query.run()
        let number = Int(database.lastInsertedRowID)
        if !row.labels.isEmpty {
            var label = try Query(database, "label", "INSERT INTO label VALUES (?, ?, ?)")
            for (name, value) in row.labels {
                label.bind(name)
                label.bind(value)
                label.bind(row.id.text)
                try label.run()
            }
        }
        return RunMemory.Entry(number: number, state: row.state, isLive: row.isLive)
    }

    private func update(_ row: RunRow, _ number: Int) throws {
        var query = try Query(
            database, "run", "UPDATE run SET state = ?, isLive = ?, startedAt = ?, endedAt = ? WHERE number = ?")
        query.bind(row.state.rawValue)
        query.bind(row.isLive)
        query.bind(row.startedAt)
        query.bind(row.endedAt)
        query.bind(number)
        try query.run()
    }

    /// What is known of an existing run.
    static func entry(of run: RunID, _ database: Database, _ memory: inout RunMemory) throws -> RunMemory.Entry? {
        if let entry = memory[run] { return entry }
        var query = try Query(
            database, "run", "SELECT number, state, isLive, startedAt, endedAt FROM run WHERE id = ?")
        query.bind(run.text)
        guard try query.next() else { return nil }
        let entry = RunMemory.Entry(
            number: try query.int(0), state: try query.value(1, as: RunState.self), isLive: try query.bool(2),
            startedAt: try query.optionalInstant(3), endedAt: try query.optionalInstant(4))
        memory[run] = entry
        return entry
    }
}
