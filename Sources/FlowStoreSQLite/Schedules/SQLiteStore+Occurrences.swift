package import FlowEngine
package import FlowModel
internal import GRDB

// The writer's side of the ledger.
extension SQLiteStore {
    package func occurrence(_ key: OccurrenceRow.Key) throws(StoreError) -> OccurrenceRow? {
        try reading { database in
            var query = try Query(
                database, "occurrence", "SELECT \(OccurrenceRow.columns) FROM occurrence WHERE schedule = ? AND nominal = ?")
            query.bind(key.schedule)
            query.bind(key.nominal)
            return try query.next() ? try OccurrenceRow(query) : nil
        }
    }

    package func openRuns(ofSchedule name: String) throws(StoreError) -> [RunID] {
        try reading { database in
            // The states by name: each is one look into the index, however many runs have ended.
            let open = RunState.allCases.filter { !$0.isTerminal }.map { "'\($0.rawValue)'" }.joined(separator: ", ")
            var query = try Query(database, "run", "SELECT number, id FROM run WHERE schedule = ? AND state IN (\(open)) ORDER BY id")
            query.bind(name)
            var runs: [RunID] = []
            while try query.next() { runs.append(try query.runID(1)) }
            return runs
        }
    }

    static func writeOccurrences(_ batch: CommitBatch, _ database: Database) throws {
        if !batch.occurrences.isEmpty {
            var query = try Query(database, "occurrence", "INSERT OR REPLACE INTO occurrence VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
            var owner = try Query(database, "run", "UPDATE run SET schedule = ? WHERE id = ?")
            for row in batch.occurrences {
                row.bind(to: &query)
                try query.run()
                guard let run = row.run else { continue }
                owner.bind(row.schedule)
                owner.bind(run.text)
                try owner.run()
            }
        }
        if !batch.schedulePositions.isEmpty {
            var query = try Query(database, "schedule", "UPDATE schedule SET at = ?, wall = ? WHERE name = ?")
            for position in batch.schedulePositions {
                query.bind(position.at)
                query.bind(position.wall)
                query.bind(position.schedule)
                try query.run()
            }
        }
    }
}

extension OccurrenceRow {
    static let columns = "schedule, nominal, at, wall, revision, state, reason, detail, run, recordedAt, askedBy"

    init(_ query: borrowing Query) throws(StoreError) {
        self.init(
            schedule: try query.text(0), nominal: try query.text(1), at: try query.instant(2), wall: try query.int(3),
            revision: try query.int(4), state: try query.value(5, as: State.self),
            reason: query.isNull(6) ? nil : try query.value(6, as: SkipReason.self), detail: try query.optionalText(7),
            run: query.isNull(8) ? nil : try query.runID(8), recordedAt: try query.instant(9), askedBy: try query.optionalText(10))
    }

    func bind(to query: inout Query) {
        query.bind(schedule)
        query.bind(nominal)
        query.bind(at)
        query.bind(wall)
        query.bind(revision)
        query.bind(state.rawValue)
        query.bind(reason?.rawValue)
        query.bind(detail)
        query.bind(run?.text)
        query.bind(recordedAt)
        query.bind(askedBy)
    }
}
