internal import FlowCrypto
internal import FlowEngine
package import FlowModel
internal import GRDB
internal import Glibc
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
        // Aside: a long file must not keep the writer waiting for the disk.
        try await blocking { try upload.synchronize() }
        try await keep(expected, size: size, small: small) { try upload.finish(as: expected) }
    }

    /// Stores a file of this machine in the same way, if it is there and has this digest.
    package func store(file path: String, expecting expected: Digest, limit: Int = Limits.blobBytes) async throws {
        try await store(FileParts(path: path), expecting: expected, limit: limit)
    }

    /// The bytes, or nil when there are none under this digest.
    package func read(_ digest: Digest) async throws(FlowError) -> [UInt8]? {
        let store = store
        return try await store.read { try store.blobBytes(digest, $0) }
    }

    /// How many bytes there are under this digest; nil when it is not known.
    package func size(of digest: Digest) async throws(FlowError) -> Int? {
        try await store.read { try BlobStore.row(digest, $0)?.size }
    }

    /// At most `limit` bytes from `offset`, as they are: whoever takes all of them compares the digest. Nil when it is not known.
    package func read(_ digest: Digest, from offset: Int, limit: Int) async throws -> [UInt8]? {
        guard let row = try await store.read({ try BlobStore.row(digest, $0) }) else { return nil }
        let (from, count) = (min(max(0, offset), row.size), max(0, limit))
        if let bytes = row.bytes { return Array(bytes.dropFirst(from).prefix(count)) }
        let files = store.blobFiles
        return try await blocking { try files.read(digest, from: from, limit: min(count, row.size - from)) }
    }

    /// The bytes are nil where they are in a file.
    private static func row(_ digest: Digest, _ database: Database) throws -> (size: Int, bytes: [UInt8]?)? {
        var query = try Query(database, "blob", "SELECT size, bytes FROM blob WHERE digest = ?")
        query.bind(digest)
        guard try query.next() else { return nil }
        return (try query.int(0), query.isNull(1) ? nil : try query.bytes(1))
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

/// A file, part by part.
private struct FileParts: AsyncSequence, AsyncIteratorProtocol {
    let path: String
    private var offset = 0

    init(path: String) { self.path = path }

    func makeAsyncIterator() -> FileParts { self }

    mutating func next() async throws -> [UInt8]? {
        let (path, offset) = (path, offset)
        let part = try await Blocking.run {
            try Files.Descriptor(opening: path, O_RDONLY).read(StoreLimits.blobPieceBytes, at: offset)
        }
        self.offset += part.count
        return part.isEmpty ? nil : part
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
