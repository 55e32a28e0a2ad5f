package import FlowModel

/// What the log is told of a store that takes nothing: at once, then now and then, and when it is over.
package struct Refusals {
    private static let repeatSeconds = 60.0

    private var since: Instant?
    private var said: Instant?
    private var count = 0

    package init() {}

    /// One more commit was refused. What to log about it, if anything.
    package mutating func note(_ why: String, at now: Instant) -> String? {
        since = since ?? now
        count += 1
        if let said, now.seconds(since: said) < Refusals.repeatSeconds { return nil }
        said = now
        return count == 1 ? "nothing was committed: \(why)" : "nothing was committed, \(count) times now: \(why)"
    }

    /// A commit went through. What to log about the refusals before it, if there were any.
    package mutating func ended(at now: Instant) -> String? {
        guard let since else { return nil }
        defer { self = Refusals() }
        return "the journal is written again, after \(count) refusals in \(Int(now.seconds(since: since))) s"
    }
}
