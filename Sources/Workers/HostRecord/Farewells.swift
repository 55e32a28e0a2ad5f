internal import FlowModel
internal import Synchronization

/// Connections of ended attempts, which wait for the word that the outcome is journaled.
final class Farewells: Sendable {
    private struct Kept {
        var conversations: [AttemptID: HostDialogue] = [:]
        var order: [AttemptID] = []
    }

    private let kept = Mutex(Kept())

    func keep(_ conversation: HostDialogue, for id: AttemptID) {
        let oldest = kept.withLock { kept -> HostDialogue? in
            kept.conversations[id] = conversation
            kept.order.append(id)
            guard kept.order.count > HostRecordLimits.farewells else { return nil }
            return kept.conversations.removeValue(forKey: kept.order.removeFirst())
        }
        // Its record is forgotten on a connection of its own.
        oldest?.close()
    }

    func take(_ id: AttemptID) -> HostDialogue? {
        kept.withLock { kept in
            kept.order.removeAll { $0 == id }
            return kept.conversations.removeValue(forKey: id)
        }
    }
}
