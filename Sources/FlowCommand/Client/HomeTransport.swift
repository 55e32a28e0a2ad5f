import Synchronization

/// Requests to the engine of a home, which may end between two of them: it belongs to another command, and that one is done.
///
/// Then the home is reached again, and the request sent again if it cannot have been taken, or does no harm when it is taken twice.
final class HomeTransport: HTTPTransport {
    private static let tries = 5

    private let base: any HTTPTransport
    /// Reaches the home's engine again; false when there is no other that could be reached.
    private let reach = Mutex<(@Sendable () async throws -> Bool)?>(nil)

    init(_ base: any HTTPTransport) { self.base = base }

    func whenLost(_ reach: @escaping @Sendable () async throws -> Bool) { self.reach.withLock { $0 = reach } }

    func send(_ call: HTTPCall, receive: (HTTPHead, [UInt8]) async throws -> Void) async throws -> HTTPHead {
        var tries = 0
        while true {
            var hasBegun = false
            do {
                return try await base.send(call) { head, bytes in
                    hasBegun = true
                    try await receive(head, bytes)
                }
            } catch let failure as TransportFailure {
                tries += 1
                guard !hasBegun, tries < HomeTransport.tries, call.canBeRepeated(after: failure),
                    let reach = reach.withLock({ $0 }), try await reach()
                else { throw failure }
            }
        }
    }
}

extension HTTPCall {
    fileprivate func canBeRepeated(after failure: TransportFailure) -> Bool {
        // Who follows a stream takes it up where it broke off.
        guard deadlineSeconds != nil else { return false }
        switch failure.kind {
        case .nobody: return true
        case .lost: return ["GET", "HEAD", "PUT"].contains(method) || headers["idempotency-key"] != nil
        case .denied, .timedOut, .other: return false
        }
    }
}
