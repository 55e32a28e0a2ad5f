internal import FlowEngine
package import FlowModel
internal import GRDB

/// One thing in the database that does not say what was written.
package struct Finding: Hashable, Sendable {
    /// The row, run or file.
    package var subject: String
    package var message: String
}

extension SQLiteStore {
    /// Reads everything: SQLite's own check, the hash chain of every run and of the audit trail up to their heads, every blob.
    ///
    /// Empty when all is well; otherwise names rows, at most `StoreLimits.findings`. The engine may go on meanwhile. SQLite's
    /// check alone does not see a changed byte inside a row.
    package func verify() async throws(FlowError) -> [Finding] {
        do {
            return try await BackupThread.run { [self] in
                var verifier = Verifier(store: self)
                do {
                    try pool.read { try verifier.run($0) }
                } catch {
                    verifier.note("journal.db", "the check ended early: \(StoreFailure.reading(error))")
                }
                return verifier.findings
            }
        } catch {
            throw StoreFailure.told(error, path: directory + "/journal.db")
        }
    }
}

private struct Verifier {
    let store: SQLiteStore
    private(set) var findings: [Finding] = []

    init(store: SQLiteStore) { self.store = store }

    mutating func note(_ subject: String, _ message: String) {
        if findings.count < StoreLimits.findings { findings.append(Finding(subject: subject, message: message)) }
    }

    /// Goes on after a finding: the next run may be sound.
    private mutating func attempt(_ subject: String, _ body: (inout Verifier) throws -> Void) throws {
        do {
            try body(&self)
        } catch let error as StoreError {
            note(subject, "\(error.reason)")
        } catch let error as DatabaseError {
            note(subject, SQLiteFault(error).reason)
        } catch let fault as SQLiteFault {
            note(subject, fault.reason)
        }
    }

    mutating func run(_ database: Database) throws {
        try attempt("journal.db") { me in
            for line in try String.fetchAll(database, sql: "PRAGMA integrity_check(\(StoreLimits.findings))") where line != "ok" {
                me.note("journal.db", line)
            }
        }
        try attempt("table journal") { try $0.checkRuns(database) }
        try attempt("table journal") { try $0.checkStrays(database) }
        try attempt("table audit") { me in
            for problem in try AuditChain.problems(database) { me.note("table audit", problem) }
        }
        try attempt("blobs") { try $0.checkBlobs(database) }
    }

    private mutating func checkRuns(_ database: Database) throws {
        let runs = try Query(database, "run", "SELECT number, id FROM run ORDER BY number")
        while try runs.next() {
            let number = try runs.int(0)
            try attempt("run number \(number)") { me in
                let id = try runs.runID(1)
                try me.attempt("run \(id)") { try $0.checkChain(of: id, number, database) }
            }
        }
    }

    /// Follows the chain of one run, one record in memory at a time, to the head that its row names.
    private mutating func checkChain(of run: RunID, _ number: Int, _ database: Database) throws {
        var rows = try Query(
            database, "journal", "SELECT \(JournalRecord.columns) FROM journal WHERE run = ? ORDER BY sequence")
        rows.bind(number)
        var head = JournalHead(sequence: 0, hash: JournalRecord.chainStart)
        while try rows.next() {
            let record = try JournalRecord(rows, run: run)
            guard record.hash == record.expectedHash(after: head.hash) else {
                return note(
                    "journal row \(record.sequence)", "run \(run): its hash does not follow from the record before it")
            }
            head = JournalHead(sequence: record.sequence, hash: record.hash)
        }
        guard let row = try SQLiteStore.run(run, database) else {
            return note("run \(run)", "its row in table run_now is missing")
        }
        guard row.head == head else {
            return note(
                "run \(run)",
                "its journal ends at record \(head.sequence), its row says \(row.head.sequence), or their hashes differ")
        }
        try checkRows(of: run, number, database)
    }

    /// The projections can be read.
    private func checkRows(of run: RunID, _ number: Int, _ database: Database) throws {
        var steps = try Query(database, "step", "SELECT \(StepRow.columns) FROM step WHERE number >= ? AND number < ?")
        steps.bind(StepRow.number(run: number, index: 0))
        steps.bind(StepRow.number(run: number + 1, index: 0))
        while try steps.next() { _ = try StepRow(steps, run: run) }
        var targets = try Query(database, "target", "SELECT \(TargetRow.columns) FROM target WHERE run = ?")
        targets.bind(number)
        while try targets.next() { _ = try TargetRow(targets, run: run) }
        var approvals = try Query(database, "approval", "SELECT \(ApprovalRow.columns) FROM approval WHERE run = ?")
        approvals.bind(number)
        while try approvals.next() { _ = try ApprovalRow(approvals) }
    }

    /// Records that belong to no run.
    private mutating func checkStrays(_ database: Database) throws {
        let rows = try Query(
            database, "journal",
            """
            SELECT sequence, run FROM journal WHERE run NOT IN (SELECT number FROM run)
            AND run NOT IN (SELECT number FROM deleted_run) ORDER BY sequence LIMIT \(StoreLimits.findings)
            """)
        while try rows.next() {
            note("journal row \(try rows.int(0))", "belongs to run number \(try rows.int(1)), which does not exist")
        }
    }

    private mutating func checkBlobs(_ database: Database) throws {
        let rows = try Query(database, "blob", "SELECT number, digest FROM blob ORDER BY number")
        while try rows.next() {
            let number = try rows.int(0)
            try attempt("blob row \(number)") { me in
                _ = try me.store.blobBytes(try rows.digest(1), database)
            }
        }
    }
}
