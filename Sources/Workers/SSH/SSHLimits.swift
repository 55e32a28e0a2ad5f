/// The bounds of the SSH transport. The defaults suit production; tests shorten some.
package struct SSHLimits: Hashable, Sendable {
    // A deadline for each phase, and one for a connection from its first phase to the command's start.
    package var resolve = Duration.seconds(10)
    package var connect = Duration.seconds(10)
    package var keyExchange = Duration.seconds(10)
    package var authenticate = Duration.seconds(10)
    package var channel = Duration.seconds(10)
    package var exec = Duration.seconds(10)
    package var total = Duration.seconds(30)

    /// How long a command may wait here for its turn: a free channel, or leave to connect.
    package var waiting = Duration.seconds(300)
    /// Commands that may wait for one host.
    package var waitingCommands = 10_000

    /// Connections that may be in their handshake at once, over all hosts. One that has been silent for `handshakeSlot` no
    /// longer counts, so that hosts which hang do not keep the others waiting.
    package var concurrentHandshakes = 64
    package var handshakeSlot = Duration.milliseconds(250)
    /// Handshakes at once with one host; OpenSSH drops connections at random from the tenth (`MaxStartups 10:30:100`).
    package var handshakesPerHost = 4
    /// Sessions kept with one host, and commands at once on one session (OpenSSH's `MaxSessions` is 10).
    package var sessionsPerHost = 16
    package var channelsPerSession = 10

    /// Back-off of a connection that the server dropped before it said anything: doubled each time, with jitter, tried until the
    /// connect deadline.
    package var backoff = Duration.milliseconds(100)
    package var longestBackoff = Duration.seconds(2)

    /// A session without a command is closed after `idle`; of more than `idleSessions` the longest idle goes first.
    package var idle = Duration.seconds(120)
    package var idleSessions = 512
    /// A server that sent nothing for `keepalive` is asked; one that then stays silent for `keepaliveAnswer` is lost.
    package var keepalive = Duration.seconds(15)
    package var keepaliveAnswer = Duration.seconds(30)
    /// How long output may still come once the command's exit status is known (a child of it may hold the stream open).
    package var drain = Duration.seconds(5)

    /// Output kept for a reader that is slower than the command, for each command.
    package var bufferedOutputBytes = 256 << 10
    /// Bytes that a server may send before its client is authenticated, and that may pile up beyond the window it was given.
    package var handshakeBytes = 256 << 10
    package var ignoredWindowBytes = 4 << 20
    /// Bytes of a private key file.
    package var identityBytes = 64 << 10
    /// Threads for name lookups, as many for the agent, and those for key files.
    package var blockingThreads = 16
    package var keyFileThreads = 4

    package init() {}
}
