package import FlowModel

/// A time zone: from each moment on an offset to UTC. Made from the bytes of a TZif file (RFC 9636), which the caller reads.
package struct Zone: Hashable, Sendable {
    /// A moment, in seconds since 1970 UTC, from which an offset holds.
    struct Transition: Hashable, Sendable {
        var at: Int
        var offset: Int
    }

    /// A stretch of time with one offset; the end is outside.
    struct Span: Hashable {
        var start: Int
        var end: Int
        var offset: Int
    }

    /// One of the moments at which a wall clock shows a minute.
    struct Reading: Hashable {
        var seconds: Int
        var offset: Int
    }

    /// Beyond every moment that is asked about, with room to add to.
    static let everLater = Int.max / 8
    static let everEarlier = -everLater
    /// Offsets that a zone may have (RFC 9636 §3.2).
    static let offsets = -25 * 3_600 + 1...26 * 3_600 - 1
    /// No two offsets of one zone are further apart than this.
    static let reachSeconds = 51 * 3_600

    package let name: String
    let firstOffset: Int
    /// In order of time.
    let transitions: [Transition]
    /// What holds after the last transition.
    let tail: ZoneRule?

    package static let utc = Zone(name: "UTC", firstOffset: 0, transitions: [], tail: nil)

    init(name: String, firstOffset: Int, transitions: [Transition], tail: ZoneRule?) {
        self.name = name
        self.firstOffset = firstOffset
        self.transitions = transitions
        self.tail = tail
    }

    /// Seconds to add to UTC for the time on the wall.
    package func offset(at instant: Instant) -> Int { span(at: Int(instant.milliseconds).floorDivided(by: 1_000)).offset }

    /// The minute that a clock on the wall shows then.
    package func wallTime(at instant: Instant) -> WallTime {
        let seconds = Int(instant.milliseconds).floorDivided(by: 1_000)
        return WallTime(minutes: (seconds + span(at: seconds).offset).floorDivided(by: 60))
    }

    /// The stretch with one offset that holds this moment.
    func span(at seconds: Int) -> Span {
        let next = firstIndex(after: seconds)
        guard next == transitions.count else { return Span(start: start(next), end: transitions[next].at, offset: offset(before: next)) }
        return tailSpan(at: seconds, in: Span(start: start(next), end: Zone.everLater, offset: offset(before: next)))
    }

    /// All moments at which a clock on the wall shows that minute, soonest first: none in a gap, two in a fold.
    func readings(of wall: WallTime) -> [Reading] {
        let local = wall.minutes * 60
        var found: [Reading] = []
        var span = span(at: local - Zone.reachSeconds)
        while true {
            let seconds = local - span.offset
            if seconds >= span.start, seconds < span.end { found.append(Reading(seconds: seconds, offset: span.offset)) }
            guard span.end <= local + Zone.reachSeconds else { return found }
            span = self.span(at: span.end)
        }
    }

    // MARK: -

    private func firstIndex(after seconds: Int) -> Int {
        var (low, high) = (0, transitions.count)
        while low < high {
            let middle = (low + high) / 2
            if transitions[middle].at <= seconds { low = middle + 1 } else { high = middle }
        }
        return low
    }

    private func start(_ next: Int) -> Int { next == 0 ? Zone.everEarlier : transitions[next - 1].at }
    private func offset(before next: Int) -> Int { next == 0 ? firstOffset : transitions[next - 1].offset }

    /// The part of the last span that the rule leaves round this moment.
    private func tailSpan(at seconds: Int, in last: Span) -> Span {
        var span = last
        guard let tail else { return span }
        for transition in tail.transitions(around: seconds) where transition.at > last.start {
            if transition.at > seconds {
                span.end = transition.at
                return span
            }
            span.start = transition.at
            span.offset = transition.offset
        }
        return span
    }
}
