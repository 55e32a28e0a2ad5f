internal import FlowEngine
package import FlowModel
internal import GRDB

/// One thing in the database that does not say what was written.
package struct Finding: Hashable, Sendable {
    /// The row, run or file.
    package var subject: String
    package var message: String

    /// What can be done about it.
    package enum Mend: Hashable, Sendable { case repair, storeAgain, restore }

    package var mend: Mend {
        if subject == Verifier.structure { return .repair }
        return subject.hasPrefix(Verifier.blob) ? .storeAgain : .restore
    }
}

extension SQLiteStore {
    /// Reads everything: SQLite's own check, the hash chain of every run and of the audit trail up to their heads, every blob.
    ///
    /// Empty when all is well; otherwise names rows, at most `StoreLimits.findings`. The engine may go on meanwhile. SQLite's
    /// check alone does not see a changed byte inside a row.
    package func verify() async throws(FlowError) -> [Finding] {
        do {
            return try await BackupThread.run { [self] in
                do {
                    return try pool.read { Verifier.findings($0, blobs: blobFiles) }
                } catch {
                    return [Finding(subject: "journal.db", message: "it cannot be read: \(StoreFailure.reading(error).reason)")]
                }
            }
        } catch {
            throw StoreFailure.told(error, path: directory + "/journal.db")
        }
    }
}

/// The look at everything that a database says.
struct Verifier {
    private(set) var findings: [Finding] = []

    /// What is wrong; each part is looked at whatever the others say.
    /// - Parameter blobs: where large blobs are; blobs are not looked at without it.
    static func findings(_ database: Database, blobs: BlobFiles?) -> [Finding] {
        var verifier = Verifier()
        verifier.run(database, blobs)
        return verifier.findings
    }

    mutating func note(_ subject: String, _ message: String) {
        if findings.count < StoreLimits.findings { findings.append(Finding(subject: subject, message: message)) }
    }

    /// Goes on after a finding: the next run may be sound.
    private mutating func attempt(_ subject: String, _ body: (inout Verifier) throws -> Void) {
        do {
            try body(&self)
        } catch {
            note(subject, StoreFailure.reading(error).reason)
        }
    }

    private mutating func run(_ database: Database, _ blobs: BlobFiles?) {
        attempt("journal.db") { try $0.checkStructure(database) }
        attempt("table journal") { try $0.checkRuns(database) }
        attempt("table journal") { try $0.checkStrays(database) }
        attempt("table audit") { me in
            for problem in try AuditChain.problems(database) { me.note("table audit", problem) }
        }
        guard let blobs else { return }
        attempt("blobs") { try $0.checkBlobs(blobs, database) }
    }

    /// SQLite's own check: pages, and each index against its table.
    private mutating func checkStructure(_ database: Database) throws {
        for line in try String.fetchAll(database, sql: "PRAGMA integrity_check(\(StoreLimits.findings))") where line != "ok" {
            // A heading comes before what it heads, in one line or in its own.
            note(Verifier.structure, line.split(separator: "\n").joined(separator: ": "))
        }
    }

    /// The subject of what SQLite itself finds.
    static let structure = "journal.db"
    /// How the subject of a damaged blob begins.
    static let blob = "blob row"

    private mutating func checkRuns(_ database: Database) throws {
        let runs = try Query(database, "run", "SELECT number, id FROM run ORDER BY number")
        while try runs.next() {
            let number = try runs.int(0)
            attempt("run number \(number)") { me in
                let id = try runs.runID(1)
                me.attempt("run \(id)") { try $0.checkChain(of: id, number, database) }
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

    private mutating func checkBlobs(_ blobs: BlobFiles, _ database: Database) throws {
        let rows = try Query(database, "blob", "SELECT number, digest FROM blob ORDER BY number")
        while try rows.next() {
            let number = try rows.int(0)
            attempt("\(Verifier.blob) \(number)") { _ in
                _ = try SQLiteStore.blobBytes(try rows.digest(1), blobs, database)
            }
        }
    }
}
