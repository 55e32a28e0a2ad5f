package import FlowModel

/// Where the files that attempts bring in are kept with their runs, by SHA-256.
package protocol ArtifactStore: Sendable {
    /// Keeps the file at `path`, whose digest this is. Returns when it is durable. Throws `FlowError` `storage` where there is no room.
    func keep(_ path: String, as digest: Digest) async throws
    /// nil when it is not there.
    func size(of digest: Digest) async throws -> Int?
    func read(_ digest: Digest) async throws -> [UInt8]
}
