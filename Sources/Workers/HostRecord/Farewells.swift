internal import FlowModel
internal import Synchronization

/// Connections of ended attempts, which wait for the word that the outcome is journaled.
final class Farewells: Sendable {
    private struct Kept {
        var conversations: [AttemptID: HostDialogue] = [:]
        /// Oldest first.
        var order: [(id: AttemptID, since: ContinuousClock.Instant)] = []
    }

    private let kept = Mutex(Kept())

    func keep(_ conversation: HostDialogue, for id: AttemptID) {
        let others = kept.withLock { kept -> [HostDialogue?] in
            kept.order.removeAll { $0.id == id }
            let former = kept.conversations.updateValue(conversation, forKey: id)
            kept.order.append((id, .now))
            guard kept.order.count > HostRecordLimits.farewells else { return [former] }
            return [former, kept.conversations.removeValue(forKey: kept.order.removeFirst().id)]
        }
        // Their records are forgotten on a connection of their own.
        for other in others { other?.close() }
    }

    func take(_ id: AttemptID) -> HostDialogue? {
        kept.withLock { kept in
            kept.order.removeAll { $0.id == id }
            return kept.conversations.removeValue(forKey: id)
        }
    }

    /// Closes those that have waited for so long.
    func close(olderThan seconds: Double) {
        let now = ContinuousClock.now
        let old = kept.withLock { kept in
            let old = kept.order.prefix { now - $0.since >= .seconds(seconds) }
            kept.order.removeFirst(old.count)
            return old.compactMap { kept.conversations.removeValue(forKey: $0.id) }
        }
        for conversation in old { conversation.close() }
    }
}
