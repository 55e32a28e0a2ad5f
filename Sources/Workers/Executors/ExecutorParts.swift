import FlowModel
import Logging

/// What executors are made of.
package struct ExecutorParts: Sendable {
    /// `$FLOW_HOME`: for records of their own.
    let home: String
    /// The record of a host; nil is this machine.
    let hosts: @Sendable (Host?) -> any HostRecording
    let transports: @Sendable (Host?) -> any Transport
    let outputs: OutputStore
    let blobs: BlobSource
    let open: SecretOpener
    /// What code of flows may not reach on this machine.
    let confinement: LaunchConfinement
    let files: SourceFiles
    let http: HTTPAccess
    let logger: Logger
    /// Takes what outlives an attempt, such as a process that is kept for the next one; false when the workers end.
    let keep: @Sendable (@escaping @Sendable () async -> Void) -> Bool
}
