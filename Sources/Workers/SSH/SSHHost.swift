import FlowThreads

/// The connections with one host and the commands that wait for one.
///
/// Commands go to sessions that are up; for those left over, as many sessions are opened as they need, within the bounds.
final class SSHHost: Timed {
    let endpoint: Endpoint
    var armedFor: Tick?
    private let reactor: SSHReactor
    private var waiting: [OpenRequest] = []
    private var connections: [SSHConnection] = []
    /// After a failure beside sessions that work: no new ones before this.
    private var restUntil = Tick(nanoseconds: 0)

    init(_ endpoint: Endpoint, reactor: SSHReactor) {
        self.endpoint = endpoint
        self.reactor = reactor
    }

    private var limits: SSHLimits { reactor.limits }

    // MARK: Commands

    func accept(_ request: OpenRequest) {
        guard waiting.count < limits.waitingCommands else {
            let error = TransportError(.channel, "\(endpoint): \(waiting.count) commands wait for it already, the bound")
            return answer(request, .failure(error))
        }
        waiting.append(request)
        drain()
    }

    /// Takes a request back that found no channel, before all others.
    func takeBack(_ request: OpenRequest) {
        waiting.insert(request, at: 0)
        reactor.atEndOfTurn { self.drain() }
    }

    func withdraw(_ order: OpenOrder) {
        if let index = waiting.firstIndex(where: { $0.order.reply === order.reply }) {
            answer(waiting.remove(at: index), .failure(CancellationError()))
        } else {
            for connection in connections { connection.withdraw(order) }
        }
    }

    /// Gives waiting commands to sessions, and opens sessions for the rest.
    func drain() {
        while let request = waiting.first, let connection = connections.first(where: \.hasRoom) {
            waiting.removeFirst()
            connection.run(request)
        }
        openSessions()
        if let first = waiting.first { reactor.arm(self, at: first.arrived + limits.waiting) }
    }

    private func openSessions() {
        guard reactor.now >= restUntil else { return reactor.arm(self, at: restUntil) }
        let coming = connections.count { $0.isComing }
        var wanted = (waiting.count + limits.channelsPerSession - 1) / limits.channelsPerSession - coming
        wanted = min(wanted, limits.handshakesPerHost - coming, limits.sessionsPerHost - connections.count)
        for _ in 0..<max(0, wanted) {
            let connection = SSHConnection(host: self, reactor: reactor)
            connections.append(connection)
            connection.start()
        }
    }

    func tick(_ now: Tick) {
        while let first = waiting.first, now >= first.arrived + limits.waiting {
            waiting.removeFirst()
            let error = TransportError(.channel, "\(endpoint): no session had room for the command within \(limits.waiting)")
            answer(first, .failure(error))
        }
        drain()
    }

    func answer(_ request: OpenRequest, _ result: Result<SSHChannel, any Error>) {
        let reply = request.order.reply
        reactor.atEndOfTurn { reply.settle(result) }
    }

    // MARK: Connections

    /// A connection did not come about. Its error is everybody's unless another session may still serve them.
    func failed(_ connection: SSHConnection, _ error: TransportError) {
        remove(connection)
        if error.isTransient, !connections.isEmpty {
            restUntil = reactor.now + .seconds(1)
        } else {
            let refused = waiting
            waiting = []
            for request in refused { answer(request, .failure(error)) }
        }
        drain()
        forgetIfUnused()
    }

    /// A session ended after it had been up.
    func ended(_ connection: SSHConnection) {
        remove(connection)
        drain()
        forgetIfUnused()
    }

    func shutDown(_ error: TransportError) {
        let refused = waiting
        waiting = []
        for request in refused { answer(request, .failure(error)) }
        for connection in connections { connection.shutDown(error) }
    }

    private func remove(_ connection: SSHConnection) { connections.removeAll { $0 === connection } }

    private func forgetIfUnused() {
        if waiting.isEmpty, connections.isEmpty { reactor.forget(self) }
    }
}
