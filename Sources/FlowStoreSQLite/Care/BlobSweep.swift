package import FlowEngine
package import FlowModel
internal import GRDB
internal import Synchronization

// Blobs that nothing names: binaries and plans of flows that were edited since, uploads that were never used.
extension SQLiteStore {
    /// The blobs that were stored before `cutoff`, that nobody has asked for since, and that no flow, schedule, hook, run or plan of
    /// theirs names: candidates for `removeBlobs`.
    ///
    /// Runs name blobs in their journals, in hexadecimal, and plans name theirs. So every such word is looked for, whatever it is
    /// there for: what is not understood is kept. Reads beside the writer, a page at a time; throws when something cannot be read.
    ///
    /// A plan that was stored since may name what has been there for long: every start stores its plan anew, and not its scripts.
    package func unusedBlobs(storedBefore cutoff: Instant) async throws(FlowError) -> UnusedBlobs {
        let (end, candidates) = try await read { database in
            let end = try Int.fetchOne(database, sql: "SELECT coalesce(max(sequence), 0) FROM journal") ?? 0
            let rows = try Row.fetchAll(
                database,
                sql: """
                    SELECT digest FROM blob WHERE at < ? AND NOT EXISTS (SELECT 1 FROM step WHERE outputDigest = digest)
                    AND NOT EXISTS (SELECT 1 FROM flow WHERE plan = digest OR binary = digest)
                    """, arguments: [cutoff.milliseconds])
            return (end, Set(rows.compactMap { [UInt8].fromBlob($0[0]) }.filter { $0.count == 32 }.map { Digest(bytes: $0) }))
        }
        var search = DigestSearch(candidates)
        var plans: [Digest] = try await read { try SQLiteStore.plansNoCandidates($0, storedSince: cutoff) }
        var last = 0
        while last < end, !search.missing.isEmpty {
            let (from, known) = (last, search)
            (last, search) = try await read { database in
                var search = known
                return (try SQLiteStore.look(for: &search, inJournalAfter: from, limit: StoreLimits.pageRows, database) ?? end, search)
            }
        }
        search = try await look(for: search)
        // What a plan in use, or in its own grace, names is in use, and so on.
        plans += search.found
        while let next = plans.popLast() {
            let known = search
            let (after, found) = try await read { database in
                var search = known
                let bytes = try self.blobBytes(next, database) ?? []
                // A plan is an object; a script or a binary may say what it likes.
                if bytes.first == UInt8(ascii: "{") { search.look(in: bytes) }
                return (search, Array(search.found.subtracting(known.found)))
            }
            search = after
            plans += found
        }
        return UnusedBlobs(digests: search.missing, journal: end)
    }

    /// Removes those that still nothing names; on the writer's thread. Gives how many bytes they had.
    package func removeBlobs(_ unused: UnusedBlobs, storedBefore cutoff: Instant) throws(StoreError) -> Int {
        // A backup may be about to read them.
        guard backups.load(ordering: .sequentiallyConsistent) == 0 else { return 0 }
        let wanted = wantedBlobs.withLock { $0 }
        let (files, bytes) = try transaction { database in
            var search = DigestSearch(unused.digests)
            var last: Int? = unused.journal
            while let from = last { last = try SQLiteStore.look(for: &search, inJournalAfter: from, limit: StoreLimits.pageRows, database) }
            try SQLiteStore.look(for: &search, database)
            var files: [Digest] = []
            var bytes = 0
            for digest in search.missing where !wanted.contains(digest, since: cutoff) {
                var query = try Query(
                    database, "blob",
                    """
                    DELETE FROM blob WHERE digest = ?1 AND at < ?2 AND NOT EXISTS (SELECT 1 FROM step WHERE outputDigest = ?1)
                    AND NOT EXISTS (SELECT 1 FROM flow WHERE plan = ?1 OR binary = ?1) RETURNING size
                    """)
                query.bind(digest)
                query.bind(cutoff)
                let size = try query.next() ? try query.int(0) : nil
                guard let size else { continue }
                bytes += size
                if size > StoreLimits.blobRowBytes { files.append(digest) }
            }
            return (files, bytes)
        }
        for digest in files { blobFiles.remove(digest) }
        return bytes
    }

    /// When blobs were last looked through, and that they are now: once a day is enough, however often an engine starts.
    package func isBlobSweepDue(now: Instant) throws(StoreError) -> Bool {
        try transaction { database in
            let last = try Int64.fetchOne(database, sql: "SELECT value FROM meta WHERE name = 'blobSweep'")
            // A time to come is one of a clock that was wrong.
            if let last, last <= now.milliseconds, now < Instant(milliseconds: last) + StoreLimits.blobGraceSeconds { return false }
            try database.execute(sql: "INSERT OR REPLACE INTO meta VALUES ('blobSweep', ?)", arguments: [now.milliseconds])
            return true
        }
    }

    private func look(for search: DigestSearch) async throws(FlowError) -> DigestSearch {
        try await read { database in
            var search = search
            try SQLiteStore.look(for: &search, database)
            return search
        }
    }

    /// What may be a plan in use and is no candidate itself, and so is not found as one: those of flows, those in their grace (whether a run
    /// names them already or not), and those that are the output of a step, too. Outputs alone are stored without a time.
    private static func plansNoCandidates(_ database: Database, storedSince cutoff: Instant) throws -> [Digest] {
        var query = try Query(
            database, "blob",
            """
            SELECT digest FROM blob WHERE (bytes IS NULL OR substr(bytes, 1, 1) = x'7B') AND (at >= ?1
            OR at > 0 AND EXISTS (SELECT 1 FROM step WHERE outputDigest = digest) OR EXISTS (SELECT 1 FROM flow WHERE plan = digest))
            """)
        query.bind(cutoff)
        var digests: [Digest] = []
        while try query.next() { digests.append(try query.digest(0)) }
        return digests
    }

    /// Looks through a page of the journal; gives the last sequence of it, nil when it was the last page.
    private static func look(for search: inout DigestSearch, inJournalAfter sequence: Int, limit: Int, _ database: Database) throws -> Int? {
        var rows = try Query(database, "journal", "SELECT sequence, bytes FROM journal WHERE sequence > ? ORDER BY sequence LIMIT ?")
        rows.bind(sequence)
        rows.bind(limit)
        var (count, last) = (0, sequence)
        while try rows.next() {
            search.look(in: try rows.bytes(1))
            (count, last) = (count + 1, try rows.int(0))
        }
        return count < limit ? nil : last
    }

    /// Looks through the small tables whose rows may name a blob.
    private static func look(for search: inout DigestSearch, _ database: Database) throws {
        for sql in ["SELECT spec FROM schedule_revision", "SELECT spec FROM hook", "SELECT body FROM outbox"] {
            let rows = try String.fetchCursor(database, sql: sql)
            while let text = try rows.next() { search.look(in: Array(text.utf8)) }
        }
    }
}

/// What `unusedBlobs` found, and how far it had read the journal.
package struct UnusedBlobs: Sendable {
    package let digests: Set<Digest>
    fileprivate let journal: Int
}

/// Looks for digests, in hexadecimal, in bytes of any kind.
private struct DigestSearch: Sendable {
    private(set) var missing: Set<Digest>
    private(set) var found: Set<Digest> = []

    init(_ digests: Set<Digest>) { missing = digests }

    mutating func look(in bytes: [UInt8]) {
        guard !missing.isEmpty else { return }
        var start = 0
        while start + 64 <= bytes.count {
            // From the back: a byte that is no digit ends every word that would hold it.
            if let stop = (start..<start + 64).last(where: { !DigestSearch.isDigit(bytes[$0]) }) {
                start = stop + 1
                continue
            }
            if let digest = Digest(hex: String(decoding: bytes[start..<start + 64], as: UTF8.self)), missing.remove(digest) != nil {
                found.insert(digest)
            }
            start += 1
        }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte) }
}
