package import FlowEngine
package import FlowModel
internal import GRDB
internal import Synchronization

extension SQLiteStore {
    /// What one call of `deleteRuns` did.
    package struct Deletion: Hashable, Sendable {
        /// Runs that are gone from every view.
        package var runs: Int
        /// Whether more is to be done now: call again.
        package var hasMore: Bool

        package init(runs: Int, hasMore: Bool) {
            self.runs = runs
            self.hasMore = hasMore
        }
    }

    /// Deletes up to `limit` runs that ended before `cutoff`, oldest first, and some of their rows; on the writer's thread.
    ///
    /// A run disappears as a whole; its rows follow, at most `StoreLimits.deletedRows` in one call, so that no call holds the
    /// writer up for long. Runs that have not ended and the audit trail are never touched. Does nothing during a backup.
    ///
    /// Large values stay: another run may have been given one, and only its journal says so. `unusedBlobs` reads journals.
    package func deleteRuns(
        _ runs: RetainedRuns = .all, endedBefore cutoff: Instant, limit: Int
    ) throws(StoreError) -> Deletion {
        guard backups.load(ordering: .sequentiallyConsistent) == 0 else { return Deletion(runs: 0, hasMore: false) }
        let deletion = try transaction { database in
            try database.execute(
                sql: """
                    UPDATE meta SET value = max(value, (SELECT coalesce(max(sequence), 0) FROM journal))
                    WHERE name = 'deletedSequence'
                    """)
            let hidden = try SQLiteStore.hide(runs, endedBefore: cutoff, limit: limit, database)
            let isPurged = try SQLiteStore.purge(database)
            return Deletion(runs: hidden, hasMore: hidden == limit || !isPurged)
        }
        memory.withLock { $0 = RunMemory() }
        return deletion
    }

    /// How many blob files no row names.
    package func unnamedBlobFiles() async throws -> Int {
        // The files first: a row that comes meanwhile makes none of them an orphan.
        let files = try await Blocking.run { self.blobFiles.all() }
        return try await read { database in
            var count = 0
            for digest in files {
                var query = try Query(database, "blob", "SELECT number FROM blob WHERE digest = ?")
                query.bind(digest)
                if !(try query.next()) { count += 1 }
            }
            return count
        }
    }

    /// When the `count`-th newest of these runs has ended; nil while there are no more of them.
    package func end(ofNewest count: Int, of runs: RetainedRuns) async throws(FlowError) -> Instant? {
        try await read { database in
            let (condition, values) = runs.condition
            let end = try Int64.fetchOne(
                database,
                sql: """
                    SELECT endedAt FROM run WHERE endedAt IS NOT NULL AND +state IN ('succeeded', 'failed', 'cancelled') AND \(condition)
                    ORDER BY endedAt DESC LIMIT 1 OFFSET ?
                    """, arguments: StatementArguments(values) + [max(count - 1, 0)])
            return end.map { Instant(milliseconds: $0) }
        }
    }

    /// Takes the rows that views start from, and notes the run numbers whose other rows are to go.
    private static func hide(_ runs: RetainedRuns, endedBefore cutoff: Instant, limit: Int, _ database: Database) throws -> Int {
        let (condition, values) = runs.condition
        let terminal = RunState.allCases.filter(\.isTerminal).map(\.rawValue)
        let rows = try Row.fetchAll(
            database,
            sql: """
                SELECT number, id FROM run WHERE endedAt IS NOT NULL AND endedAt < ?
                AND +state IN (?, ?, ?) AND +isLive = 0 AND \(condition) ORDER BY endedAt LIMIT ?
                """, arguments: [cutoff.milliseconds, terminal[0], terminal[1], terminal[2]] + StatementArguments(values) + [limit])
        for row in rows {
            let number = Int.fromDatabaseValue(row[0])
            let id = String.fromDatabaseValue(row[1])
            try database.execute(sql: "INSERT INTO deleted_run VALUES (?)", arguments: [number])
            let labels = try String.fetchOne(database, sql: "SELECT labels FROM run WHERE number = ?", arguments: [number])
            for (name, value) in (try labels.map { try JSON.parse($0) })?.objectValue ?? [:] {
                try database.execute(
                    sql: "DELETE FROM label WHERE name = ? AND value = ? AND run = ?",
                    arguments: [name, value.stringValue, id])
            }
            for table in ["approval", "timer", "claim", "outbox", "run_now"] {
                try database.execute(sql: "DELETE FROM \(table) WHERE run = ?", arguments: [number])
            }
            try database.execute(sql: "DELETE FROM run WHERE number = ?", arguments: [number])
        }
        return rows.count
    }

    /// Removes rows of deleted runs up to the bound; true when none is left.
    private static func purge(_ database: Database) throws -> Bool {
        var left = StoreLimits.deletedRows
        while left > 0 {
            guard let run = try Int.fetchOne(database, sql: "SELECT number FROM deleted_run ORDER BY number LIMIT 1") else { return true }
            let before = left
            let steps = [StepRow.number(run: run, index: 0), StepRow.number(run: run + 1, index: 0)]
            left -= try delete("step", "number", "number >= \(steps[0]) AND number < \(steps[1])", left, database)
            left -= try delete("journal", "sequence", "run = \(run)", left, database)
            if left == before {
                for table in ["attempt", "target"] {
                    try database.execute(sql: "DELETE FROM \(table) WHERE run = ?", arguments: [run])
                }
                try database.execute(sql: "DELETE FROM deleted_run WHERE number = ?", arguments: [run])
                left -= 1
            }
        }
        return false
    }

    private static func delete(
        _ table: String, _ key: String, _ condition: String, _ limit: Int, _ database: Database
    ) throws -> Int {
        guard limit > 0 else { return 0 }
        try database.execute(
            sql:
                "DELETE FROM \(table) WHERE \(key) IN (SELECT \(key) FROM \(table) WHERE \(condition) ORDER BY \(key) LIMIT \(limit))"
        )
        return database.changesCount
    }
}
