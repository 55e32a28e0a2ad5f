import FlowAPI
package import FlowEngine
package import FlowModel
package import FlowStoreSQLite
import Synchronization

/// Who is who, as the engine asks it with every decision: a snapshot, so that an answer takes no wait.
package final class PeopleBook: Sendable {
    /// Runs that look at their votes in one go.
    private static let page = 500

    private let accounts: Accounts
    private let reader: any JournalReader
    private let now: @Sendable () -> Instant
    /// One reading after the other, so that an older one does not replace a newer one.
    private let turns = Turns()
    private let known = Mutex(People([]))
    private let engine = Mutex<Engine?>(nil)
    /// Called with every change, after the engine was told: owners of schedules and hooks may have gone.
    private let listeners = Mutex<[@Sendable (People) async -> Void]>([])

    package init(store: SQLiteStore, now: @escaping @Sendable () -> Instant) {
        accounts = Accounts(store)
        reader = store
        self.now = now
    }

    package var people: People { known.withLock { $0 } }

    /// From here on open gates look at their votes with every change. What changed while nobody could tell them is looked at now.
    package func connect(_ engine: Engine) async throws {
        self.engine.withLock { $0 = engine }
        try await refresh()
    }

    package func listen(_ listener: @escaping @Sendable (People) async -> Void) { listeners.withLock { $0.append(listener) } }

    /// Reads who is who. When this returns the engine decides by it, and the votes on open gates were looked at.
    package func refresh() async throws {
        try await turns.take {
            let people = try await accounts.people(at: now())
            known.withLock { $0 = people }
            guard let engine = engine.withLock({ $0 }) else { return }
            var after: RunID?
            while true {
                let runs = try await reader.runsAwaitingVotes(after: after, limit: PeopleBook.page)
                engine.reviewVotes(of: runs)
                guard runs.count == PeopleBook.page, let last = runs.last else { break }
                after = last
            }
            try await engine.settle()
            for listener in listeners.withLock({ $0 }) { await listener(people) }
        }
    }
}
