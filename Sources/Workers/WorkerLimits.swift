/// The bounds of this room, by name. Every one is in `docs/reference/limits.md`.
package enum WorkerLimits {
    /// Attempts carried out on hosts at once, unless configured; others wait for a place.
    package static let places = 64
    /// Attempts carried out on this machine at once: so many for each core, at least so many, and no more than there are places.
    package static let placesHerePerCore = 4
    package static let placesHere = 16
    /// Attempts that only wait and have given their place to others. Each has a process, here or on its host.
    static let waits = 256
    /// How long a port or a machine may take to answer until it counts as silent.
    static let answerSeconds = 5
    /// How long a host may take to answer until its attempt lends its place out, and how many do so at once; others keep theirs. An attempt of
    /// before a restart gives its place back then.
    static let connectMilliseconds = 500
    static let slowConnects = 256
    /// Attempts of before a restart that are asked about at once. They have places of their own: a dead host must not keep new work
    /// from starting.
    package static let attaches = 256
    /// Bytes of files that are in memory to be copied, all copies together; never less than one `Limits.copyBytes`.
    package static let copyMemoryBytes = 256 << 20
    /// Bytes of a fetched file that are in memory at once, when it is read to be kept.
    static let fetchPieceBytes = 256 << 10
    /// Seconds that a copy may take to find out whether the file is there already; after that it is sent.
    static let compareSeconds = 60.0
    /// Bytes read from a pipe at once.
    static let chunkBytes = 64 << 10
    /// Bytes at the end of a stream in which its last line is looked for, and characters of it that are kept.
    static let lastLineBytes = 4 << 10
    static let lastLineCharacters = 200
    /// Bytes that one read of captured output gives at most.
    static let outputReadBytes = 1 << 20
    /// Bytes of a file of the engine's own bookkeeping, such as the record of a Swift step's start. One that is longer is not ours.
    static let smallFileBytes = 4 << 20
    /// Threads for reading and writing files, and for starting processes.
    static let fileThreads = 4
    static let spawnThreads = 2
    /// Threads that work out in which forms secrets may turn up.
    static let patternThreads = 1
    /// Times that an `http` step asks within one attempt, where for certain nothing was done.
    package static let httpTries = 4
    /// Seconds until it asks again, where the other side does not say.
    static let httpFirstPauseSeconds = 2.0
    /// The longest that another side's `Retry-After` is waited for within an attempt.
    static let httpPauseSeconds = 120.0
    /// Bytes of an answer that was not expected that are shown.
    static let httpShownBytes = 4 << 10
    /// Descriptors that programs and connections do not get, for the engine's own files; a quarter where the limit is low.
    package static let reservedDescriptors = 128
    /// How long the start of a program waits where the machine has no process, memory or descriptor left, and for how long it rests between
    /// two tries: at first, and at most.
    package static let shortageSeconds = 300.0
    static let shortagePauseSeconds = 0.05
    static let longestShortagePauseSeconds = 2.0
    /// Bytes of one answer of a flow host.
    static let hostFrameBytes = 8 << 20
    /// Different sets of secrets that one flow host is given: all of them are masked in what it prints. Then another takes its place.
    package static let hostSecretSets = 64
    /// Bytes of all these secrets: what finds them in output takes far more memory.
    package static let hostSecretBytes = 64 << 10
    /// Bytes of the sets of secrets of which the forms are kept ready for the next attempt of a run; the newest set whatever its size.
    static let keptSecretBytes = 16 << 10
    /// Flow hosts that stay without a step, and for how many seconds.
    static let idleHosts = 16
    static let hostIdleSeconds = 300.0
    /// Seconds that a step which ignores its cancellation may share its process with others before the process is killed.
    static let stubbornSeconds = 60.0
    /// How often the record of a step that a former engine started is looked at.
    static let formerHostMilliseconds = 100
    /// Host records that are removed at once, and that wait to be; beyond it a record stays until it is too old.
    static let forgets = 16
    static let waitingForgets = 65_536
    /// Seconds that a stop waits until the records of ended attempts are removed.
    static let forgetSeconds = 3.0
}
