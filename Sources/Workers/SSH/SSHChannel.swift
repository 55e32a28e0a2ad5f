import FlowThreads

/// A command that runs on a host, as tasks see it.
///
/// Tasks talk to the loop by messages; only the output comes by a bounded inbox. When it is let go of without `close`, the channel
/// is closed then; what the command left running on the host goes on in both cases.
final class SSHChannel: TransportChannel {
    private let id: UInt64
    private let inbox: ChannelInbox
    private let mailbox: Mailbox

    init(id: UInt64, inbox: ChannelInbox, mailbox: Mailbox) {
        self.id = id
        self.inbox = inbox
        self.mailbox = mailbox
    }

    deinit { end() }

    func write(_ bytes: [UInt8]) async throws {
        guard !bytes.isEmpty else { return }
        try await ask { command, reply in command.write(bytes, reply: reply) }
    }

    func finishInput() async throws {
        do {
            try await ask { command, reply in command.finishInput(reply) }
        } catch is TransportError {
            // The command has ended, and its input with it. How it ended is told to who reads.
        }
    }

    func next() async throws -> TransportEvent? {
        try await inbox.next {
            let id = id
            // A loop that has ended has ended the inbox too.
            _ = mailbox.send { reactor in reactor.command(id)?.act { _ in } }
        }
    }

    func close() { end() }

    private func end() {
        let id = id
        // A loop that has ended has closed it.
        _ = mailbox.send { reactor in reactor.command(id)?.act { $0.end() } }
    }

    /// Has the loop do something with the command and waits until it is done.
    private func ask(_ work: @escaping @Sendable (SSHCommand, Reply<Void>) -> Void) async throws {
        let (id, mailbox, reply) = (id, mailbox, Reply<Void>())
        let gone = TransportError(.stream, "the command had ended before it took all of its input", mayHaveRun: true)
        let isSent = mailbox.send { reactor in
            guard let command = reactor.command(id) else { return reply.settle(.failure(gone)) }
            command.act { work($0, reply) }
        }
        if !isSent { reply.settle(.failure(gone)) }
        try await reply.value {
            _ = mailbox.send { reactor in reactor.command(id)?.act { $0.withdrawWrite(reply) } }
        }
    }
}
