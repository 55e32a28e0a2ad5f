internal import Synchronization

/// How long a host is waited for: one that says nothing, or takes nothing of what it is sent, is given up.
///
/// One look at the clock now and then for a whole conversation: a deadline for each frame would cost a timer for each.
final class HostPatience: Sendable {
    private struct State {
        /// Since when something is waited for; nil while the host is not what it depends on.
        var since: ContinuousClock.Instant?
        var isOver = false
    }

    private let seconds: Double
    private let state = Mutex(State())

    init(seconds: Double) { self.seconds = seconds }

    /// Waits for one thing of the host. Throws what happened instead, and that it did not happen.
    func wait<Value: Sendable>(_ what: String, _ work: () async throws -> Value) async throws -> Value {
        state.withLock { $0.since = .now }
        defer { state.withLock { $0.since = nil } }
        do {
            let value = try await work()
            try check(what)
            return value
        } catch {
            try check(what)
            throw error
        }
    }

    private func check(_ what: String) throws {
        guard state.withLock({ $0.isOver }) else { return }
        throw TransportError(.stream, "\(what) for \(seconds.formatted) s", mayHaveRun: true)
    }

    /// Runs `body`, and closes the channel when patience is at its end.
    func watching<Value: Sendable>(_ channel: any TransportChannel, _ body: () async throws -> Value) async throws -> Value {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await self.watch(channel) }
            defer { group.cancelAll() }
            return try await body()
        }
    }

    private func watch(_ channel: any TransportChannel) async {
        while true {
            do {
                try await Task.sleep(for: .seconds(seconds / 8))
            } catch {
                // The conversation is over.
                return
            }
            let isOver = state.withLock { state in
                guard let since = state.since, ContinuousClock.now - since >= .seconds(seconds) else { return false }
                state.isOver = true
                return true
            }
            if isOver { return channel.close() }
        }
    }
}

extension Double {
    fileprivate var formatted: String { self == rounded() ? String(Int(self)) : String(self) }
}
