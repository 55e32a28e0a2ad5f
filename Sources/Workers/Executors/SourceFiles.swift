import FlowModel

/// The files that steps may send: those of this machine that a command of the author could read, and artifacts.
struct SourceFiles: Sendable {
    /// What files may not be taken from, and as whom they are read.
    let reach: LaunchConfinement
    let artifacts: any ArtifactStore

    /// The mode of a new copy of an artifact, which has none of its own: nobody else is shown it unawares.
    private static let artifactMode = "600"

    /// Its length. Throws the failure when it is no file that can be sent.
    func size(_ path: String, for done: String = "copied") async throws(AttemptResult.Failure) -> Int {
        guard Artifact.isReference(path) else { return try await SourceFile.size(path, reach, for: done) }
        return try await artifact(path, for: done).bytes
    }

    /// - Parameter done: what is not done without it.
    func read(_ path: String, for done: String = "copied") async throws(AttemptResult.Failure) -> SourceFile {
        guard Artifact.isReference(path) else { return try await SourceFile.read(path, reach, for: done) }
        let digest = try await artifact(path, for: done).digest
        do {
            return SourceFile(bytes: try await artifacts.read(digest), digest: digest, mode: SourceFiles.artifactMode)
        } catch {
            throw AttemptResult.Failure(.infrastructure, "nothing was \(done): \(path) could not be read: \(error)")
        }
    }

    private func artifact(_ path: String, for done: String) async throws(AttemptResult.Failure) -> (digest: Digest, bytes: Int) {
        guard let digest = Artifact.digest(in: path) else {
            throw AttemptResult.Failure(.input, "nothing was \(done): '\(path)' names no artifact: that is 'artifact:' and a SHA-256")
        }
        let found: Int?
        do {
            found = try await artifacts.size(of: digest)
        } catch {
            throw AttemptResult.Failure(.infrastructure, "nothing was \(done): \(path) could not be read: \(error)")
        }
        guard let bytes = found else {
            throw AttemptResult.Failure(.input, "nothing was \(done): \(path) is not kept here: no step of a run that is still kept fetched it")
        }
        guard bytes <= Limits.copyBytes else {
            throw AttemptResult.Failure(.input, "nothing was \(done): \(path) has \(bytes) bytes; at most \(Limits.copyBytes) are \(done)")
        }
        return (digest, bytes)
    }
}
