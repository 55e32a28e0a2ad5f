import FlowModel

/// How often, and how long, something that broke off is taken up again.
///
/// What counts is progress: a server that answers at once and gives nothing new is met with longer and longer pauses, and given up
/// after `CommandLimits.reconnectSeconds`, like one that is not there.
struct Patience {
    private static let longestPause = 5.0
    private static let firstPause = 0.1

    private var since: Instant?
    private(set) var tries = 0
    /// Whether it is time to look whether the run has ended meanwhile: some seconds after the first try, when an engine that was left behind
    /// would be there, and then now and again.
    var isTimeToLook: Bool { tries >= 6 && tries.isMultiple(of: 2) }

    /// Something new came.
    mutating func progressed() { self = Patience() }

    /// One more try came to nothing. Seconds to wait before the next one; nil when it is time to give up.
    mutating func pause(at now: Instant) -> Double? {
        let since = since ?? now
        self.since = since
        tries += 1
        guard now.seconds(since: since) < CommandLimits.reconnectSeconds else { return nil }
        return min(Patience.longestPause, Patience.firstPause * Double(1 << min(tries, 6)))
    }
}
