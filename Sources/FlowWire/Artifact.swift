package import FlowModel

extension Wire {
    /// A file that a step has fetched.
    package struct Artifact: Codable, Equatable, Sendable {
        package var step: StepPath
        package var name: String
        package var bytes: Int
        package var sha256: Digest
        /// The host that it is from; absent: the engine's machine.
        package var target: String?
        package var endedAt: Instant?

        package init(_ artifact: FlowModel.Artifact, of step: StepPath, target: String?, endedAt: Instant?) {
            self.step = step
            name = artifact.name
            bytes = artifact.bytes
            sha256 = artifact.digest
            self.target = target
            self.endedAt = endedAt
        }
    }
}
