import FlowModel
import FlowStoreSQLite
import Workers

/// Artifacts as blobs: kept for as long as a journal names them.
struct StoredArtifacts: ArtifactStore {
    let blobs: BlobStore

    func keep(_ path: String, as digest: Digest) async throws { try await blobs.store(file: path, expecting: digest) }
    func size(of digest: Digest) async throws -> Int? { try await blobs.size(of: digest) }

    func read(_ digest: Digest) async throws -> [UInt8] {
        guard let bytes = try await blobs.read(digest) else {
            throw FlowError(.notFound, subject: digest.hex, "Blob \(digest) is not stored.", hint: "flowctl doctor")
        }
        return bytes
    }
}
