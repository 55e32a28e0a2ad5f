/// Looks again, at least at every second heartbeat, at who has a stream open: whether the token still counts, the user is still there, and the
/// route still for them. For one stream, used by one task at a time.
struct StandingCaller {
    private let call: Call
    private var seen = ContinuousClock.now

    init(_ call: Call) { self.call = call }

    /// Throws when the stream is to end: what made its first answer is no longer so, or cannot be looked at.
    mutating func check() async throws {
        let now = ContinuousClock.now
        guard now - seen >= .seconds(call.api.hub.heartbeatSeconds / 2) else { return }
        seen = now
        try await call.readmit()
    }
}
