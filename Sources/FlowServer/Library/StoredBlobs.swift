import FlowAPI
import FlowModel
import FlowStoreSQLite
import NIOCore

/// Blobs of the API, kept in the store's blob store.
struct StoredBlobs: BlobVault {
    let blobs: BlobStore

    /// One that was damaged is not: whoever asks stores it again.
    func contains(_ digest: Digest) async throws -> Bool { try await blobs.isSound(digest) }

    func put(_ digest: Digest, next: @Sendable () async throws -> ByteBuffer?) async throws {
        try await withoutActuallyEscaping(next) { next in
            try await blobs.store(Pieces(next: next), expecting: digest)
        }
    }

    func read(_ digest: Digest, from offset: Int, limit: Int) async throws -> [UInt8]? {
        try await blobs.read(digest, from: offset, limit: limit)
    }

    /// The pieces as they arrive.
    private struct Pieces: AsyncSequence, AsyncIteratorProtocol {
        let next: @Sendable () async throws -> ByteBuffer?
        func makeAsyncIterator() -> Pieces { self }
        func next() async throws -> [UInt8]? { try await next().map { Array($0.readableBytesView) } }
    }
}
