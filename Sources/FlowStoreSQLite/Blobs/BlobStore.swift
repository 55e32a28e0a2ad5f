internal import FlowCrypto
internal import FlowEngine
package import FlowModel
internal import GRDB
internal import Synchronization

/// Plans, binaries and scripts by their SHA-256, for uploads and for whoever runs them.
///
/// When `store` returns, the bytes are durable and can be read by their digest. What is read has been checked.
package struct BlobStore: Sendable {
    private let store: SQLiteStore
    private let now: @Sendable () -> Instant

    package init(_ store: SQLiteStore, now: @escaping @Sendable () -> Instant) {
        self.store = store
        self.now = now
    }

    /// Stores the bytes and gives their digest.
    @discardableResult
    package func store(_ bytes: [UInt8]) async throws(FlowError) -> Digest {
        let digest = Digest(of: bytes)
        try await keep(digest, size: bytes.count, small: bytes) { [store] in
            try store.blobFiles.write(bytes, as: digest)
        }
        return digest
    }

    /// Stores what comes in, part by part, if it has the digest `expected` and at most `limit` bytes; holds one part in memory.
    ///
    /// Throws `tooLarge` or `inputs` and keeps nothing otherwise. Errors of the sequence are thrown as they are.
    package func store<Parts: AsyncSequence>(
        _ parts: Parts, expecting expected: Digest, limit: Int = Limits.blobBytes
    ) async throws where Parts.Element == [UInt8] {
        let files = store.blobFiles
        let upload = try await blocking { try BlobFiles.Upload(files) }
        var hash = RunningDigest()
        var size = 0
        var small: [UInt8]? = []
        for try await part in parts {
            size += part.count
            guard size <= limit else {
                throw FlowError(
                    .tooLarge, subject: expected.short, "The blob was not stored: it has more than \(limit) bytes.")
            }
            hash.update(part)
            small = size <= StoreLimits.blobRowBytes ? (small ?? []) + part : nil
            try await blocking { try upload.append(part) }
        }
        let found = hash.finish()
        guard found == expected else {
            throw FlowError(
                .inputs, subject: expected.short,
                "The blob was not stored: its SHA-256 is \(found), the name given is \(expected). It was changed or cut on the way."
            )
        }
        try await keep(expected, size: size, small: small) { try upload.finish(as: expected) }
    }

    /// The bytes, or nil when there are none under this digest.
    package func read(_ digest: Digest) async throws(FlowError) -> [UInt8]? {
        let store = store
        return try await store.read { try store.blobBytes(digest, $0) }
    }

    /// Whether the bytes are there, as they were stored.
    package func isSound(_ digest: Digest) async throws(FlowError) -> Bool {
        want([digest])
        let store = store
        return try await store.read { database in
            do {
                return try store.blobBytes(digest, database) != nil
            } catch StoreError.corrupt {
                return false
            }
        }
    }

    /// Keeps them for the time in which somebody who has them may name them in a run or a flow.
    package func want(_ digests: [Digest]) {
        let now = now()
        store.wantedBlobs.withLock { $0.note(digests, at: now) }
    }

    /// Whether the digest is known. It is kept for a while then, see `want`.
    package func contains(_ digest: Digest) async throws(FlowError) -> Bool {
        want([digest])
        return try await store.read { database in
            var query = try Query(database, "blob", "SELECT number FROM blob WHERE digest = ?")
            query.bind(digest)
            return try query.next()
        }
    }

    /// Writes the row, and before it the file of a large blob, in one turn of the writer: retention cannot come in between.
    private func keep(
        _ digest: Digest, size: Int, small: [UInt8]?, file: @escaping @Sendable () throws -> Void
    ) async throws(FlowError) {
        let bytes = size <= StoreLimits.blobRowBytes ? small : nil
        let at = now()
        try await store.transaction { database in
            if bytes == nil { try file() }
            try SQLiteStore.insertBlob(digest, size: size, bytes: bytes, at: at, database)
        }
    }

    private func blocking<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
        do {
            return try await Blocking.run(body)
        } catch {
            throw StoreFailure.told(error, path: store.directory + "/blobs")
        }
    }
}

/// When blobs were last asked for.
struct WantedBlobs {
    private var times: [Digest: Instant] = [:]
    /// All of them were, as far as is remembered.
    private var all: Instant?

    mutating func note(_ digests: [Digest], at now: Instant) {
        if times.count + digests.count > StoreLimits.wantedBlobs { (times, all) = ([:], now) }
        for digest in digests { times[digest] = now }
    }

    func contains(_ digest: Digest, since: Instant) -> Bool { [all, times[digest]].contains { $0.map { $0 >= since } ?? false } }
}
