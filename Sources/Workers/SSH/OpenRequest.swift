import FlowThreads

/// A task's wish to run a command, as it travels to the loop.
struct OpenOrder: Sendable {
    var endpoint: Endpoint
    var command: String
    var reply: Reply<SSHChannel>
}

/// A command on its way to a running channel. Belongs to the loop.
final class OpenRequest {
    let order: OpenOrder
    /// Until when it may wait for its turn.
    let arrived: Tick
    /// How often a session that had no other command refused it a channel, or a session broke before the command was sent.
    var refusals = 0
    var losses = 0

    init(_ order: OpenOrder, at now: Tick) {
        self.order = order
        arrived = now
    }
}
