package import FlowEngine
internal import FlowModel
internal import GRDB

// Who has and who waits for what.
extension SQLiteStore {
    package func claims() throws(StoreError) -> [ClaimRow] {
        try reading { try SQLiteStore.claims(after: nil, limit: Int.max, where: "run.state NOT IN ('succeeded', 'failed', 'cancelled')", $0) }
    }

    package func claims(after id: ClaimRow.ID?, limit: Int) async throws -> [ClaimRow] {
        try await read { try SQLiteStore.claims(after: id, limit: min(limit, StoreLimits.pageRows), $0) }
    }

    private static func claims(after id: ClaimRow.ID?, limit: Int, where condition: String = "1", _ database: Database) throws -> [ClaimRow] {
        var query = try Query(
            database, "claim",
            """
            SELECT claim.run, run.id, path, flow, claim.priority, demands, since, grantedAt, callers FROM claim JOIN run ON run.number = claim.run
            WHERE (run.id, path) > (?, ?) AND \(condition) ORDER BY run.id, path LIMIT ?
            """)
        query.bind(id?.run.text ?? "")
        query.bind(id?.step.text ?? "")
        query.bind(limit)
        var rows: [ClaimRow] = []
        while try query.next() {
            guard let demands = [Demand](json: try query.json(5)) else { throw query.corrupt(5, "is not a list of claims") }
            let callers = try query.optionalText(8) == nil ? [] : [ClaimRow.ID](json: try query.json(8))
            guard let callers else { throw query.corrupt(8, "is not a list of steps") }
            rows.append(
                ClaimRow(
                    id: ClaimRow.ID(run: try query.runID(1), step: StepPath(try query.text(2))), flow: try query.text(3),
                    priority: try query.int(4), demands: demands, since: try query.instant(6), grantedAt: try query.optionalInstant(7),
                    callers: callers))
        }
        return rows
    }

    package func rates() throws(StoreError) -> [RateRow] {
        try reading { database in
            let query = try Query(database, "rate", "SELECT name, milliseconds, starts FROM rate ORDER BY name")
            var rows: [RateRow] = []
            while try query.next() {
                let starts = (try query.json(2)).arrayValue?.compactMap(\.intValue) ?? []
                rows.append(
                    RateRow(
                        name: try query.text(0), seconds: Double(try query.int(1)) / 1_000, starts: starts.map { Instant(milliseconds: Int64($0)) }))
            }
            return rows
        }
    }

    static func writeClaims(_ batch: CommitBatch, _ database: Database, _ memory: inout RunMemory) throws {
        if !batch.removeClaims.isEmpty {
            var query = try Query(database, "claim", "DELETE FROM claim WHERE run = ? AND path = ?")
            for id in batch.removeClaims {
                query.bind(try number(of: id.run, database, &memory))
                query.bind(id.step.text)
                try query.run()
            }
        }
        if !batch.setClaims.isEmpty {
            var query = try Query(database, "claim", "INSERT OR REPLACE INTO claim VALUES (?, ?, ?, ?, ?, ?, ?)")
            for row in batch.setClaims {
                query.bind(try number(of: row.id.run, database, &memory))
                query.bind(row.id.step.text)
                query.bind(row.priority)
                query.bind(JSON.array(row.demands.map(\.json)).canonical)
                query.bind(row.since)
                query.bind(row.grantedAt)
                query.bind(row.callers.isEmpty ? nil : row.callers.json.canonical)
                try query.run()
            }
        }
        for row in batch.rates {
            var query = try Query(
                database, "rate", row.starts.isEmpty ? "DELETE FROM rate WHERE name = ?" : "INSERT OR REPLACE INTO rate VALUES (?, ?, ?)")
            query.bind(row.name)
            if !row.starts.isEmpty {
                query.bind(Int(row.seconds * 1_000))
                query.bind(JSON.array(row.starts.map { .int(Int($0.milliseconds)) }).canonical)
            }
            try query.run()
        }
    }
}

extension [ClaimRow.ID] {
    fileprivate var json: JSON { .array(map { [.string($0.run.text), .string($0.step.text)] }) }

    /// nil when one of them cannot be read.
    fileprivate init?(json: JSON) {
        var ids: [ClaimRow.ID] = []
        for element in json.arrayValue ?? [] {
            guard let parts = element.arrayValue, parts.count == 2, let run = parts[0].stringValue.flatMap({ RunID($0) }),
                let step = parts[1].stringValue
            else { return nil }
            ids.append(ClaimRow.ID(run: run, step: StepPath(step)))
        }
        self = ids
    }
}
