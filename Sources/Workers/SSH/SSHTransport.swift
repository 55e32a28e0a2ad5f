import FlowModel
import FlowThreads

/// Runs commands on one host over SSH.
///
/// The host's key is compared with the inventory before anything else is sent, and nothing turns that off. Every phase has a
/// deadline (`SSHLimits`); errors name the phase and the host.
package struct SSHTransport: Transport {
    private let host: Host
    private let pool: SSHPool

    init(host: Host, pool: SSHPool) {
        self.host = host
        self.pool = pool
    }

    /// Starts a command on a session that is there, or on a new one.
    ///
    /// Throws `TransportError`, with `mayHaveRun` once the host had been asked to start it; `CancellationError` when the task was
    /// cancelled before that.
    package func open(_ command: String) async throws -> any TransportChannel {
        // On the bytes themselves: the runner's text is long, and this is asked for every command.
        let hasNUL = command.utf8.withContiguousStorageIfAvailable { $0.contains(0) } ?? command.utf8.contains(0)
        guard !hasNUL else {
            throw TransportError(.exec, "the command was not sent: it contains a NUL byte", isTransient: false)
        }
        let (mailbox, reply) = (pool.mailbox, Reply<SSHChannel>())
        let order = OpenOrder(endpoint: try Endpoint(host), command: command, reply: reply)
        guard mailbox.send({ reactor in reactor.run(order) }) else {
            throw TransportError(.connect, "the SSH connections were shut down")
        }
        return try await reply.value {
            // A loop that has ended has answered.
            _ = mailbox.send { reactor in reactor.withdraw(order) }
        }
    }
}
