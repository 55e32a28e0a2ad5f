package import FlowModel

/// A time in which nothing is due: once, or again and again.
package enum Blackout: Hashable, Sendable {
    /// The end is outside.
    case range(from: Instant, until: Instant)
    /// Begins at each time of the recurrence and lasts so many minutes of elapsed time.
    case window(Recurrence, minutes: Int)

    func covers(_ instant: Instant) -> Bool {
        switch self {
        case .range(let from, let until): return from <= instant && instant < until
        case .window(let recurrence, let minutes):
            let earliest = instant + -Double(minutes * 60)
            return !recurrence.occurrences(after: .init(after: earliest), until: instant, limit: 1).isEmpty
        }
    }
}
