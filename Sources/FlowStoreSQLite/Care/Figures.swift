internal import CFlowShims
package import FlowModel
internal import GRDB

/// What is in the database, in numbers.
package struct StoreFigures: Sendable {
    /// By state; all that have any.
    package var runs: [RunState: Int] = [:]
    package var openApprovals = 0
    /// When the gate that has waited for longest began to wait.
    package var oldestApproval: Instant?
    /// Steps of open runs whose outcome is unknown.
    package var unknownSteps = 0
    /// Of the database and its log.
    package var bytes = 0
    /// When somebody last took a backup, as the audit trail has it.
    package var lastBackup: Instant?
}

extension SQLiteStore {
    /// Counted on a reading connection, along indexes.
    package func figures() async throws(FlowError) -> StoreFigures {
        var figures = try await read { database in
            var figures = StoreFigures()
            try SQLiteStore.countRuns(&figures, database)
            try SQLiteStore.countApprovals(&figures, database)
            try SQLiteStore.countUnknown(&figures, database)
            let query = try Query(database, "audit", "SELECT number, at FROM audit WHERE verb = 'backup' ORDER BY number DESC LIMIT 1")
            if try query.next() { figures.lastBackup = try query.instant(1) }
            return figures
        }
        for name in ["/journal.db", "/journal.db-wal"] {
            var facts = flow_file_facts()
            if flow_facts_of_path(directory + name, &facts) == 0 { figures.bytes += Int(facts.size) }
        }
        return figures
    }

    private static func countRuns(_ figures: inout StoreFigures, _ database: Database) throws {
        let query = try Query(database, "run", "SELECT state, count(*) FROM run GROUP BY state")
        while try query.next() { figures.runs[try query.value(0, as: RunState.self)] = try query.int(1) }
    }

    private static func countApprovals(_ figures: inout StoreFigures, _ database: Database) throws {
        let query = try Query(database, "approval", "SELECT count(*), min(since) FROM approval WHERE state = 'open'")
        guard try query.next() else { return }
        figures.openApprovals = try query.int(0)
        figures.oldestApproval = try query.optionalInstant(1)
    }

    private static func countUnknown(_ figures: inout StoreFigures, _ database: Database) throws {
        let query = try Query(
            database, "run_now",
            """
            SELECT run, counts FROM run JOIN run_now ON run_now.run = run.number
            WHERE state NOT IN ('succeeded', 'failed', 'cancelled') AND counts LIKE '%unknown:%'
            """)
        while try query.next() {
            for part in try query.text(1).split(separator: " ") where part.hasPrefix("unknown:") {
                figures.unknownSteps += Int(part.dropFirst(8)) ?? 0
            }
        }
    }
}
