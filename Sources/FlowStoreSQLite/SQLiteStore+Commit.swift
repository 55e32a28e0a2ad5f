package import FlowEngine
internal import FlowModel
internal import GRDB
internal import Synchronization

extension SQLiteStore {
    package func beginEpoch() throws(StoreError) -> Int {
        try transaction { database in
            var query = try Query(database, "meta", "UPDATE meta SET value = value + 1 WHERE name = 'epoch'")
            try query.run()
            return try SQLiteStore.epoch(database)
        }
    }

    package func commit(_ batch: CommitBatch) throws(StoreError) {
        // Taken out, so that changing it copies nothing; a transaction that fails leaves the memory empty.
        var working = memory.withLock { memory in
            defer { memory = RunMemory() }
            return memory
        }
        try transaction(before: { _ in
            // Before the transaction: once it is committed, every digest in it can be read.
            for blob in batch.blobs where blob.bytes.count > StoreLimits.blobRowBytes {
                try blobFiles.write(blob.bytes, as: blob.digest)
            }
        }) { database in
            try SQLiteStore.check(batch.epoch, database)
            try SQLiteStore.writeBlobs(batch, database)
            try SQLiteStore.writeRuns(batch, database, &working)
            try SQLiteStore.writeJournal(batch, database, &working)
            try SQLiteStore.writeSteps(batch, database, &working)
            try SQLiteStore.writeGates(batch, database, &working)
            try SQLiteStore.writeClaims(batch, database, &working)
            try SQLiteStore.writeOutbox(batch, database, &working)
            try SQLiteStore.writeOccurrences(batch, database)
            for entry in batch.audit { try AuditChain.append(entry, database) }
        }
        memory.withLock { $0 = working }
    }

    static func epoch(_ database: Database) throws -> Int {
        let query = try Query(database, "meta", "SELECT name, value FROM meta WHERE name = 'epoch'")
        guard try query.next() else { throw StoreError.fatal("table meta has no epoch") }
        return try query.int(1)
    }

    private static func check(_ mine: Int, _ database: Database) throws {
        let current = try epoch(database)
        guard mine == current else {
            throw StoreError.fatal("this engine's epoch \(mine) is over, the database is in epoch \(current)")
        }
    }

    static func number(of run: RunID, _ database: Database, _ memory: inout RunMemory) throws -> Int {
        guard let entry = try RunWriter.entry(of: run, database, &memory) else {
            throw StoreError.fatal("run \(run) was written to without ever having been created")
        }
        return entry.number
    }
}

/// The longer statements, put together once.
private enum CommitSQL {
    static let step = "INSERT OR REPLACE INTO step (\(StepRow.columns)) VALUES (\(marks(27)))"
    static let target = "INSERT OR REPLACE INTO target (\(TargetRow.columns)) VALUES (\(marks(11)))"
    static let attempt = "INSERT OR REPLACE INTO attempt (run, path, \(AttemptRow.columns)) VALUES (\(marks(15)))"
    static let approval = "INSERT OR REPLACE INTO approval (\(ApprovalRow.columns)) VALUES (\(marks(14)))"

    private static func marks(_ count: Int) -> String { Array(repeating: "?", count: count).joined(separator: ", ") }
}

// MARK: - Table by table. Each takes its statement once and binds every row to it.

extension SQLiteStore {
    private static func writeBlobs(_ batch: CommitBatch, _ database: Database) throws {
        guard !batch.blobs.isEmpty else { return }
        for blob in batch.blobs {
            try insertBlob(
                blob.digest, size: blob.bytes.count,
                bytes: blob.bytes.count > StoreLimits.blobRowBytes ? nil : blob.bytes, database)
        }
    }

    /// Stored unless it is there already, as it should be.
    static func insertBlob(_ digest: Digest, size: Int, bytes: [UInt8]?, at: Instant = Instant(milliseconds: 0), _ database: Database) throws {
        var query = try Query(
            database, "blob",
            """
            INSERT INTO blob (digest, size, bytes, at) VALUES (?, ?, ?, ?) ON CONFLICT (digest)
            DO UPDATE SET bytes = excluded.bytes, size = excluded.size, at = max(at, excluded.at)
            WHERE bytes IS NOT excluded.bytes OR size <> excluded.size OR at < excluded.at
            """)
        query.bind(digest)
        query.bind(size)
        query.bind(bytes)
        query.bind(at)
        try query.run()
    }

    private static func writeRuns(_ batch: CommitBatch, _ database: Database, _ memory: inout RunMemory) throws {
        guard !batch.runs.isEmpty else { return }
        var writer = try RunWriter(database)
        for row in batch.runs { try writer.write(row, fingerprint: batch.fingerprints[row.id], &memory) }
        for (run, inputs) in batch.editedInputs {
            var query = try Query(database, "run", "UPDATE run SET inputs = ? WHERE number = ?")
            query.bind(inputs.canonical)
            query.bind(try number(of: run, database, &memory))
            try query.run()
        }
    }

    private static func writeJournal(_ batch: CommitBatch, _ database: Database, _ memory: inout RunMemory) throws {
        guard !batch.records.isEmpty else { return }
        var query = try Query(database, "journal", "INSERT INTO journal VALUES (?, ?, ?, ?, ?)")
        for record in batch.records {
            query.bind(record.sequence)
            query.bind(try number(of: record.run, database, &memory))
            query.bind(record.at)
            query.bind(record.hash)
            query.bind(record.bytes)
            try query.run()
        }
    }

    private static func writeSteps(_ batch: CommitBatch, _ database: Database, _ memory: inout RunMemory) throws {
        if !batch.steps.isEmpty {
            var query = try Query(database, "step", CommitSQL.step)
            for row in batch.steps {
                guard row.index < 1 << StoreLimits.stepIndexBits else {
                    throw StoreError.refused("run \(row.run) has more than \(1 << StoreLimits.stepIndexBits) steps")
                }
                row.bind(to: &query, run: try number(of: row.run, database, &memory))
                try query.run()
            }
        }
        if !batch.targets.isEmpty {
            var query = try Query(database, "target", CommitSQL.target)
            for row in batch.targets {
                row.bind(to: &query, run: try number(of: row.run, database, &memory))
                try query.run()
            }
        }
        if !batch.attempts.isEmpty {
            var query = try Query(database, "attempt", CommitSQL.attempt)
            for (run, step, attempt) in batch.attempts {
                query.bind(try number(of: run, database, &memory))
                query.bind(step.text)
                attempt.bind(to: &query)
                try query.run()
            }
        }
    }

    private static func writeGates(_ batch: CommitBatch, _ database: Database, _ memory: inout RunMemory) throws {
        if !batch.approvals.isEmpty {
            var query = try Query(database, "approval", CommitSQL.approval)
            for row in batch.approvals {
                try row.bind(to: &query, run: try number(of: row.run, database, &memory))
                try query.run()
            }
        }
        if !batch.removeTimers.isEmpty {
            var query = try Query(database, "timer", "DELETE FROM timer WHERE run = ? AND path = ?")
            for id in batch.removeTimers {
                query.bind(try number(of: id.run, database, &memory))
                query.bind(id.step.text)
                try query.run()
            }
        }
        if !batch.setTimers.isEmpty {
            var query = try Query(database, "timer", "INSERT OR REPLACE INTO timer VALUES (?, ?, ?, ?)")
            for row in batch.setTimers {
                query.bind(try number(of: row.id.run, database, &memory))
                query.bind(row.id.step.text)
                query.bind(row.due)
                query.bind(row.isOfDay)
                try query.run()
            }
        }
    }

    private static func writeOutbox(_ batch: CommitBatch, _ database: Database, _ memory: inout RunMemory) throws {
        if !batch.addOutbox.isEmpty {
            var query = try Query(database, "outbox", "INSERT INTO outbox (id, run, kind, body) VALUES (?, ?, ?, ?)")
            for row in batch.addOutbox {
                query.bind(row.id)
                query.bind(try number(of: row.run, database, &memory))
                query.bind(row.kind)
                query.bind(row.body.canonical)
                try query.run()
            }
        }
        if !batch.removeOutbox.isEmpty {
            var query = try Query(database, "outbox", "DELETE FROM outbox WHERE id = ?")
            for id in batch.removeOutbox {
                query.bind(id)
                try query.run()
            }
        }
    }
}
