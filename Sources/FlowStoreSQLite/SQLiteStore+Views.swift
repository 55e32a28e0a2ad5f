package import FlowEngine
package import FlowModel
internal import GRDB

// What views read, on the reading connections.
extension SQLiteStore: JournalReader {
    package func run(_ id: RunID) async throws -> RunRow? {
        try await view { try SQLiteStore.run(id, $0) }
    }

    package func run(_ id: RunID, inputsUpTo bytes: Int) async throws -> RunRow? {
        try await view { try SQLiteStore.run(id, inputsUpTo: bytes, $0) }
    }

    package func runIDs(startingWith prefix: String) async throws -> [RunID] {
        let prefix = prefix.lowercased()
        guard prefix.utf8.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x66).contains($0) || $0 == 0x2D }) else {
            return []
        }
        return try await view { database in
            // "g" comes after every character of an id.
            var query = try Query(
                database, "run", "SELECT number, id FROM run WHERE id >= ? AND id < ? ORDER BY id LIMIT 2")
            query.bind(prefix)
            query.bind(prefix + "g")
            var ids: [RunID] = []
            while try query.next() { ids.append(try query.runID(1)) }
            return ids
        }
    }

    package func runs(_ query: RunQuery) async throws -> [RunRow] {
        try await view { try RunSearch(query).rows($0) }
    }

    package func steps(of run: RunID, kinds: [String], after index: Int?, limit: Int) async throws -> [StepRow] {
        try await view { database in
            guard let number = try SQLiteStore.number(of: run, database) else { return [] }
            let filter = kinds.isEmpty ? "" : "AND kind IN (\(kinds.map { _ in "?" }.joined(separator: ", ")))"
            var query = try Query(
                database, "step",
                "SELECT \(StepRow.columns) FROM step WHERE number > ? AND number < ? \(filter) ORDER BY number LIMIT ?")
            // An index that no step can have would be a step of another run.
            let behind = min(max(index ?? -1, -1), StepRow.lastIndex)
            query.bind(StepRow.number(run: number, index: 0) + behind)
            query.bind(StepRow.number(run: number + 1, index: 0))
            for kind in kinds { query.bind(kind) }
            query.bind(min(limit, StoreLimits.pageRows))
            var rows: [StepRow] = []
            while try query.next() { rows.append(try StepRow(query, run: run)) }
            return rows
        }
    }

    package func step(of run: RunID, at path: StepPath) async throws -> StepRow? {
        try await view { database in
            guard let number = try SQLiteStore.number(of: run, database) else { return nil }
            // A walk over the run's own steps: an index by path would cost every step that ends more than it saves here.
            var query = try Query(
                database, "step", "SELECT \(StepRow.columns) FROM step WHERE number >= ? AND number < ? AND path = ?")
            query.bind(StepRow.number(run: number, index: 0))
            query.bind(StepRow.number(run: number + 1, index: 0))
            query.bind(path.text)
            return try query.next() ? try StepRow(query, run: run) : nil
        }
    }

    package func targets(
        of run: RunID, step: Int, outcomes: Set<TargetOutcome>, after position: Int?, limit: Int
    ) async throws -> [TargetRow] {
        try await view { database in
            guard let number = try SQLiteStore.number(of: run, database) else { return [] }
            // At most as many texts as there are sets of outcomes that somebody asks for.
            let names = outcomes.map { "'\($0.rawValue)'" }.sorted().joined(separator: ", ")
            let filter = outcomes.isEmpty ? "" : "AND outcome IN (\(names))"
            var query = try Query(
                database, "target",
                "SELECT \(TargetRow.columns) FROM target WHERE run = ? AND step = ? AND position > ? \(filter) ORDER BY position LIMIT ?")
            query.bind(number)
            query.bind(step)
            query.bind(position ?? -1)
            query.bind(min(limit, StoreLimits.pageRows))
            var rows: [TargetRow] = []
            while try query.next() { rows.append(try TargetRow(query, run: run)) }
            return rows
        }
    }

    package func olderAttempts(of run: RunID, at path: StepPath, limit: Int) async throws -> [AttemptRow] {
        try await view { database in
            guard let number = try SQLiteStore.number(of: run, database) else { return [] }
            var query = try Query(
                database, "attempt",
                "SELECT run, \(AttemptRow.columns) FROM attempt WHERE run = ? AND path = ? ORDER BY attempt DESC LIMIT ?")
            query.bind(number)
            query.bind(path.text)
            query.bind(min(limit, StoreLimits.pageRows))
            var rows: [AttemptRow] = []
            while try query.next() { rows.append(try AttemptRow(query, from: 1)) }
            return rows
        }
    }

    package func approvals(
        state: ApprovalRow.State?, run: RunID?, after place: ApprovalRow.Place?, limit: Int
    ) async throws -> [ApprovalRow] {
        try await view { database in
            var conditions: [String] = []
            if state != nil { conditions.append("state = ?") }
            if run != nil { conditions.append("run = (SELECT number FROM run WHERE id = ?)") }
            if place != nil { conditions.append("(since, runID, path, generation) < (?, ?, ?, ?)") }
            let filter = conditions.isEmpty ? "" : "WHERE " + conditions.joined(separator: " AND ")
            var query = try Query(
                database, "approval",
                """
                SELECT \(ApprovalRow.columns) FROM approval \(filter)
                ORDER BY since DESC, runID DESC, path DESC, generation DESC LIMIT ?
                """)
            if let state { query.bind(state.rawValue) }
            if let run { query.bind(run.text) }
            if let place {
                query.bind(place.since)
                query.bind(place.run.text)
                query.bind(place.step.text)
                query.bind(place.generation)
            }
            query.bind(min(limit, StoreLimits.pageRows))
            var rows: [ApprovalRow] = []
            while try query.next() { rows.append(try ApprovalRow(query)) }
            return rows
        }
    }

    package func approval(_ id: ApprovalRow.ID) async throws -> ApprovalRow? {
        try await view { database in
            guard let number = try SQLiteStore.number(of: id.run, database) else { return nil }
            var query = try Query(
                database, "approval", "SELECT \(ApprovalRow.columns) FROM approval WHERE run = ? AND path = ? AND generation = ?")
            query.bind(number)
            query.bind(id.step.text)
            query.bind(id.generation)
            return try query.next() ? try ApprovalRow(query) : nil
        }
    }

    package func runsAtGates(after run: RunID?, limit: Int) async throws -> [RunID] {
        try await view { database in
            // Closed gates are the first of a run's waits, and canonical JSON has the kind in one form only.
            var query = try Query(
                database, "run",
                """
                SELECT run.number, run.id FROM \(RunRow.tables)
                WHERE state NOT IN ('succeeded', 'failed', 'cancelled') AND run.id > ?
                AND (waiting LIKE '%"kind":"freeze"%' OR waiting LIKE '%"kind":"window"%') ORDER BY run.id LIMIT ?
                """)
            query.bind(run?.text ?? "")
            query.bind(min(limit, StoreLimits.pageRows))
            var ids: [RunID] = []
            while try query.next() { ids.append(try query.runID(1)) }
            return ids
        }
    }

    package func runsAwaitingVotes(after run: RunID?, limit: Int) async throws -> [RunID] {
        try await view { database in
            var query = try Query(
                database, "approval",
                "SELECT DISTINCT 0, runID FROM approval WHERE state = 'open' AND votes <> '[]' AND runID > ? ORDER BY runID LIMIT ?")
            query.bind(run?.text ?? "")
            query.bind(min(limit, StoreLimits.pageRows))
            var ids: [RunID] = []
            while try query.next() { ids.append(try query.runID(1)) }
            return ids
        }
    }

    package func journal(of run: RunID, after sequence: Int, limit: Int) async throws -> [JournalRecord] {
        try await view { database in
            try SQLiteStore.records(of: run, after: sequence, limit: min(limit, StoreLimits.pageRows), database)
        }
    }

    package func blob(_ digest: Digest) async throws -> [UInt8]? {
        try await view { try self.blobBytes(digest, $0) }
    }

    private func view<Result: Sendable>(_ body: @escaping @Sendable (Database) throws -> Result) async throws -> Result {
        do {
            return try await pool.read(body)
        } catch let error as CancellationError {
            throw error
        } catch {
            throw StoreFailure.reading(error)
        }
    }
}

/// Finds runs newest first, each search a walk along one index: that of a label where one is asked for, else by flow, else by state.
private struct RunSearch {
    let query: RunQuery
    private let limit: Int

    init(_ query: RunQuery) {
        self.query = query
        limit = max(0, min(query.limit, StoreLimits.pageRows))
    }

    func rows(_ database: Database) throws -> [RunRow] {
        let states = query.states.sorted { $0.rawValue < $1.rawValue }
        if query.labels.isEmpty, query.flow == nil, states.isEmpty { return try walk("", [], database) }
        // The newest of each state, then the newest of all: no index has several states in order of age.
        var found: [RunRow] = []
        if !query.labels.isEmpty {
            for state in states.isEmpty ? [nil] : states.map(Optional.some) { found += try labelled(state, database) }
        } else {
            for state in states.isEmpty ? RunState.allCases : states {
                if let flow = query.flow {
                    found += try walk("AND flow = ? AND state = ?", [flow, state.rawValue], database)
                } else {
                    found += try walk("AND state = ?", [state.rawValue], database)
                }
            }
        }
        return Array(found.sorted { $0.id > $1.id }.prefix(limit))
    }

    /// Along the runs of the first label, each of which is looked up where the other conditions hold: in an index that has them all where there is
    /// one, so that runs that do not meet them are not read.
    private func labelled(_ state: RunState?, _ database: Database) throws -> [RunRow] {
        let labels = query.labels.sorted { $0.key < $1.key }
        var conditions: [(text: String, value: String)] = []
        var tables = "label AS label0"
        for number in labels.indices {
            if number > 0 { tables += " CROSS JOIN label AS label\(number) ON label\(number).run = +label0.run" }
            conditions.append(("label\(number).name = ?", labels[number].key))
            conditions.append(("label\(number).value = ?", labels[number].value))
        }
        // A plus keeps a condition from choosing another index, or from standing for one that is less than equality.
        let index = state == nil ? "" : query.flow == nil ? "INDEXED BY run_state" : "INDEXED BY run_flow"
        tables += " CROSS JOIN run \(index) ON run.id = +label0.run CROSS JOIN run_now ON run_now.run = run.number"
        if let flow = query.flow { conditions.append((state == nil ? "+run.flow = ?" : "run.flow = ?", flow)) }
        if let state { conditions.append(("run.state = ?", state.rawValue)) }
        // "g" comes after every id.
        conditions.append(("label0.run < ?", query.before?.text ?? "g"))
        let filter = conditions.map(\.text).joined(separator: " AND ")
        return try rows(
            "SELECT \(RunRow.columns(inputsUpTo: query.inputsUpTo)) FROM \(tables) WHERE \(filter) ORDER BY label0.run DESC LIMIT ?",
            conditions.map(\.value), database)
    }

    private func walk(_ filter: String, _ values: [String], _ database: Database) throws -> [RunRow] {
        try rows(
            "SELECT \(RunRow.columns(inputsUpTo: query.inputsUpTo)) FROM \(RunRow.tables) WHERE run.id < ? \(filter) ORDER BY run.id DESC LIMIT ?",
            [query.before?.text ?? "g"] + values, database)
    }

    private func rows(_ sql: String, _ values: [String], _ database: Database) throws -> [RunRow] {
        var statement = try Query(database, "run", sql)
        for value in values { statement.bind(value) }
        statement.bind(limit)
        var rows: [RunRow] = []
        while try statement.next() { rows.append(try RunRow(statement, isBounded: query.inputsUpTo != nil)) }
        return rows
    }
}
