import FlowThreads

/// Asks a server for its host keys without logging in, for a person to compare and accept.
package struct HostKeyScan: Sendable {
    private let pool: SSHPool

    package init(pool: SSHPool) { self.pool = pool }

    /// The keys that the server at `address` shows, one for each type that it has; each one proved by its signature.
    ///
    /// Throws `TransportError` when it cannot be reached or has no key of a type that Flow accepts.
    package func keys(address: String, port: Int = 22) async throws -> [HostKey] {
        let endpoint = try Endpoint(address: address, port: port)
        var found: [HostKey] = []
        var refusal: TransportError?
        // One after the other: a server that counts unauthenticated connections shall not take this for an attack.
        for (_, algorithms) in HostKey.supported {
            do {
                found.append(try await key(of: endpoint, algorithms: algorithms))
            } catch let error as TransportError where error.phase == .hostKey {
                refusal = error
            }
        }
        if found.isEmpty, let refusal { throw refusal }
        return found
    }

    private func key(of endpoint: Endpoint, algorithms: String) async throws -> HostKey {
        let (mailbox, reply) = (pool.mailbox, Reply<HostKey>())
        let isSent = mailbox.send { reactor in
            _ = reactor.dial(endpoint, algorithms: algorithms) { result in
                let key = result.flatMap { dialled in
                    reactor.forget(dialled.socket, isOpen: dialled.session.isOpen)
                    return dialled.session.shownKey.map(Result.success)
                        ?? .failure(TransportError(.hostKey, "\(endpoint) showed no host key", isTransient: false))
                }
                reply.settle(key.mapError { $0 })
            }
        }
        guard isSent else { throw TransportError(.connect, "the SSH connections were shut down") }
        // A cancelled scan ends by its deadlines, a few seconds later.
        return try await reply.value(onCancel: {})
    }
}
