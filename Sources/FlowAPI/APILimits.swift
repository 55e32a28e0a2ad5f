/// The bounds of the HTTP edge, by name. Every one is in `docs/reference/limits.md`.
package enum APILimits {
    /// Bytes of all header fields of a request, of one of them, and how many there may be.
    package static let headerBytes = 32 << 10
    package static let headerFieldBytes = 16 << 10
    package static let headerFields = 100
    /// Seconds that a connection may be idle, or take for a request's header; fewer until it has shown a credential that is accepted.
    package static let idleSeconds = 60
    package static let headerSeconds: Int64 = 10
    /// Connections at once on one listener, those of one address that have shown no credential, and descriptors that are left to the engine.
    package static let connections = 2_048
    package static let strangersOfAddress = 256
    package static let reservedDescriptors = 512
    /// Seconds that a connection may be silent until it makes room for another one where there are too many.
    package static let silentSeconds = 1.0
    /// Requests of one person that have not come to their end; of more the oldest makes room where there are too many connections.
    package static let arrivalsOfPerson = 32
    /// Seconds that a JSON body may take to arrive.
    package static let bodySeconds = 30.0
    /// Seconds that a blob may take to arrive.
    package static let blobSeconds = 1_800.0
    /// Seconds that a client may take to read what was written to it.
    package static let writeSeconds = 60.0
    /// Seconds that an error answer has to be read while the client still sends, before the connection is closed.
    package static let lingerSeconds: Int64 = 5
    /// Event streams and followed outputs at once, and those of one person.
    package static let streams = 1_024
    package static let streamsOfPerson = 256
    /// Seconds between two looks at the news of a run that is followed, and reads for streams at once: commands come first.
    package static let streamPauseSeconds = 0.05
    package static let streamReads = 2
    /// Pages of messages, and their bytes, that are kept for the followers of one run; the newest is always kept.
    package static let streamCachePages = 64
    package static let streamCacheBytes = 256 << 10
    /// Bytes of a member of an event that a stream shows.
    package static let eventValueBytes = 4 << 10
    /// Seconds between the comments that keep an event stream alive.
    package static let heartbeatSeconds = 15.0
    /// Labels that a list of runs can ask for.
    package static let filterLabels = 16
    /// The last place in a list of steps or targets that a page can begin behind.
    package static let listPosition = 16_777_215
    /// Seconds between two looks at an output that is followed.
    package static let followSeconds = 0.25
    /// Journal records read at once for an event stream.
    package static let streamPage = 64
    /// Bytes of output sent at once.
    package static let outputChunkBytes = 64 << 10
    /// Items of a page: unless asked otherwise, and at most.
    package static let page = 50
    package static let maxPage = 1_000
    /// Bytes of a page; it ends early, and `next` goes on.
    package static let pageBytes = 4 << 20
    /// Bytes of a run's inputs, and of an approval, that lists show.
    package static let listedInputBytes = 2 << 10
    package static let listedApprovalBytes = 16 << 10
    /// Approvals that are read at once for a page: what they ask may be long.
    package static let approvalsAtOnce = 20
    /// Steps shown with a single run, attempts shown with a step.
    package static let stepsShown = 200
    package static let attemptsShown = 5
    /// Seconds after which `/healthz` may be asked again while it is degraded.
    package static let degradedSeconds = 5
    /// Steps that `why` names of a run that did not succeed.
    package static let failuresShown = 20
    /// Bytes of an Idempotency-Key.
    package static let keyBytes = 256
}
