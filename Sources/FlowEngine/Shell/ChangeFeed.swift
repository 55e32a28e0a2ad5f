package import FlowModel
internal import Synchronization

/// A run has a new journal record: a wake-up, the journal has the truth.
package struct RunChange: Hashable, Sendable {
    package var run: RunID
    package var sequence: Int
    package var state: RunState
    /// It put messages into the outbox.
    package var hasMessages: Bool

    package init(run: RunID, sequence: Int, state: RunState, hasMessages: Bool) {
        self.run = run
        self.sequence = sequence
        self.state = state
        self.hasMessages = hasMessages
    }
}

/// Tells those who listen about new records. A slow listener misses the oldest, never holds the writer up.
final class ChangeFeed: Sendable {
    private struct Listeners {
        var next = 0
        var continuations: [Int: AsyncStream<RunChange>.Continuation] = [:]
        var isClosed = false
    }

    static let buffered = 1_024
    private let listeners = Mutex(Listeners())

    func subscribe() -> AsyncStream<RunChange> {
        let (stream, continuation) = AsyncStream.makeStream(
            of: RunChange.self, bufferingPolicy: .bufferingNewest(ChangeFeed.buffered))
        let id = listeners.withLock { listeners -> Int? in
            guard !listeners.isClosed else { return nil }
            listeners.next += 1
            listeners.continuations[listeners.next] = continuation
            return listeners.next
        }
        guard let id else {
            continuation.finish()
            return stream
        }
        continuation.onTermination = { [weak self] _ in
            _ = self?.listeners.withLock { $0.continuations.removeValue(forKey: id) }
        }
        return stream
    }

    func send(_ change: RunChange) {
        let continuations = listeners.withLock { Array($0.continuations.values) }
        for continuation in continuations { continuation.yield(change) }
    }

    func close() {
        let continuations = listeners.withLock { listeners in
            listeners.isClosed = true
            defer { listeners.continuations = [:] }
            return Array(listeners.continuations.values)
        }
        for continuation in continuations { continuation.finish() }
    }
}
