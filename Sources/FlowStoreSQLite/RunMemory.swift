internal import FlowModel

/// What the writer remembers of runs, so that a step's end need not look its run up.
///
/// Only ever a copy of what is committed: forgotten as a whole when a transaction fails or too many runs are in it.
struct RunMemory {
    /// A run's row number, and those of its values that are indexed or seldom change.
    struct Entry {
        let number: Int
        var state: RunState
        var isLive: Bool
        var startedAt: Instant?
        var endedAt: Instant?

        func agrees(with row: RunRow) -> Bool {
            state == row.state && isLive == row.isLive && startedAt == row.startedAt && endedAt == row.endedAt
        }
    }

    private var entries: [RunID: Entry] = [:]

    subscript(run: RunID) -> Entry? {
        get { entries[run] }
        set {
            if entries.count >= StoreLimits.rememberedRuns { entries.removeAll(keepingCapacity: true) }
            entries[run] = newValue
        }
    }
}
