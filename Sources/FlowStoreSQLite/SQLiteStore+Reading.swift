internal import FlowCrypto
package import FlowEngine
package import FlowModel
internal import GRDB

// What the engine's writer reads, on its own connection.
extension SQLiteStore: JournalStore {
    package func lastSequence() throws(StoreError) -> Int {
        try reading { database in
            // Numbers of deleted records are not given out again.
            let query = try Query(
                database, "journal",
                "SELECT max((SELECT coalesce(max(sequence), 0) FROM journal), value) FROM meta WHERE name = 'deletedSequence'")
            return try query.next() ? try query.int(0) : 0
        }
    }

    /// Checks the chain up to the run's head: a record that was changed, removed or added is `corrupt`.
    package func journalPage(of run: RunID, after sequence: Int, limit: Int) throws(StoreError) -> [JournalRecord]? {
        try reading { database in
            guard let number = try SQLiteStore.number(of: run, database) else { return nil }
            let records = try SQLiteStore.records(of: run, after: sequence, limit: limit, database)
            guard records.count < limit, let row = try SQLiteStore.run(run, database) else { return records }
            let hash = try records.last?.hash ?? SQLiteStore.hash(before: sequence, run: number, database)
            let head = JournalHead(sequence: records.last?.sequence ?? sequence, hash: hash)
            guard head == row.head else {
                throw StoreError.corrupt(
                    "run \(run): its journal ends at \(head.sequence), its row says \(row.head.sequence), or their hashes differ")
            }
            return records
        }
    }

    package func run(_ id: RunID) throws(StoreError) -> RunRow? {
        try reading { try SQLiteStore.run(id, $0) }
    }

    package func run(key: String) throws(StoreError) -> (id: RunID, fingerprint: Digest)? {
        try reading { database in
            var query = try Query(database, "run", "SELECT number, id, fingerprint FROM run WHERE key = ?")
            query.bind(key)
            return try query.next() ? (try query.runID(1), try query.digest(2)) : nil
        }
    }

    package func liveRuns() throws(StoreError) -> [RunID] {
        try reading { database in
            let query = try Query(database, "run", "SELECT number, id FROM run WHERE isLive = 1 ORDER BY id")
            var runs: [RunID] = []
            while try query.next() { runs.append(try query.runID(1)) }
            return runs
        }
    }

    package func timers() throws(StoreError) -> [TimerRow] {
        try reading { database in
            let query = try Query(
                database, "timer",
                "SELECT timer.run, id, path, due, isOfDay FROM timer JOIN run ON run.number = timer.run ORDER BY due, id, path")
            var rows: [TimerRow] = []
            while try query.next() {
                let id = TimerRow.ID(run: try query.runID(1), step: StepPath(try query.text(2)))
                rows.append(TimerRow(id: id, due: try query.instant(3), isOfDay: try query.bool(4)))
            }
            return rows
        }
    }

    package func outbox(after id: Int, limit: Int) throws(StoreError) -> [OutboxRow] {
        try reading { database in
            var query = try Query(
                database, "outbox",
                """
                SELECT outbox.id, run.id, kind, body FROM outbox JOIN run ON run.number = outbox.run
                WHERE outbox.id > ? ORDER BY outbox.id, outbox.number LIMIT ?
                """)
            query.bind(id)
            query.bind(limit)
            var rows: [OutboxRow] = []
            while try query.next() {
                rows.append(
                    OutboxRow(id: try query.int(0), run: try query.runID(1), kind: try query.text(2), body: try query.json(3)))
            }
            return rows
        }
    }

    package func blob(_ digest: Digest) throws(StoreError) -> [UInt8]? {
        try reading { try self.blobBytes(digest, $0) }
    }
}

// MARK: - What both sides read

extension SQLiteStore {
    static func run(_ id: RunID, inputsUpTo bytes: Int? = nil, _ database: Database) throws -> RunRow? {
        var query = try Query(database, "run", "SELECT \(RunRow.columns(inputsUpTo: bytes)) FROM \(RunRow.tables) WHERE run.id = ?")
        query.bind(id.text)
        return try query.next() ? try RunRow(query, isBounded: bytes != nil) : nil
    }

    /// A run's row number.
    static func number(of run: RunID, _ database: Database) throws -> Int? {
        var query = try Query(database, "run", "SELECT number FROM run WHERE id = ?")
        query.bind(run.text)
        return try query.next() ? try query.int(0) : nil
    }

    /// The run's records after `sequence`, each checked against the one before it.
    static func records(of run: RunID, after sequence: Int, limit: Int, _ database: Database) throws -> [JournalRecord] {
        guard let number = try number(of: run, database) else { return [] }
        var previous = try hash(before: sequence, run: number, database)
        var query = try Query(
            database, "journal",
            "SELECT \(JournalRecord.columns) FROM journal WHERE run = ? AND sequence > ? ORDER BY sequence LIMIT ?")
        query.bind(number)
        query.bind(sequence)
        query.bind(limit)
        var records: [JournalRecord] = []
        while try query.next() {
            let record = try JournalRecord(query, run: run)
            guard record.hash == record.expectedHash(after: previous) else {
                throw StoreError.corrupt(
                    "table journal, row \(record.sequence) (run \(run)): its hash does not follow from the record before it")
            }
            previous = record.hash
            records.append(record)
        }
        return records
    }

    /// The hash of the run's last record up to `sequence`.
    private static func hash(before sequence: Int, run: Int, _ database: Database) throws -> Digest {
        guard sequence > 0 else { return JournalRecord.chainStart }
        var query = try Query(
            database, "journal",
            "SELECT sequence, hash FROM journal WHERE run = ? AND sequence <= ? ORDER BY sequence DESC LIMIT 1")
        query.bind(run)
        query.bind(sequence)
        return try query.next() ? try query.digest(1) : JournalRecord.chainStart
    }

    /// The stored bytes, checked against their name; nil when there are none.
    func blobBytes(_ digest: Digest, _ database: Database) throws -> [UInt8]? {
        try SQLiteStore.blobBytes(digest, blobFiles, database)
    }

    static func blobBytes(_ digest: Digest, _ blobFiles: BlobFiles, _ database: Database) throws -> [UInt8]? {
        var query = try Query(database, "blob", "SELECT number, size, bytes FROM blob WHERE digest = ?")
        query.bind(digest)
        guard try query.next() else { return nil }
        let bytes = query.isNull(2) ? try blobFiles.read(digest, size: try query.int(1)) : try query.bytes(2)
        guard Digest(of: bytes) == digest else {
            throw StoreError.corrupt("blob \(digest.short): its bytes have another digest")
        }
        return bytes
    }
}
