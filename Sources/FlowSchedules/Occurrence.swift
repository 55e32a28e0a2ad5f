package import FlowModel

/// One nominal time of a schedule: the minute on the wall that the schedule names, and the moment at which it is due.
package struct Occurrence: Hashable, Sendable {
    /// Where a search stands: occurrences are ordered by moment, those of one moment (after a gap) by the minute they stand for.
    package struct Position: Hashable, Sendable, Comparable {
        package var at: Instant
        package var wall: WallTime

        package init(at: Instant, wall: WallTime) {
            self.at = at
            self.wall = wall
        }

        /// Behind everything that is due at this moment.
        package init(after instant: Instant) { self.init(at: instant, wall: WallTime(minutes: Int.max)) }

        package static func < (one: Position, other: Position) -> Bool { (one.at, one.wall) < (other.at, other.wall) }
    }

    package var wall: WallTime
    /// The offset by which the nominal time is told apart from the same minute shown again; in a gap the one before it.
    package var offset: Int
    package var zone: String
    package var at: Instant
    /// Why nothing runs; nil when it is to run.
    package var skipped: SkipReason?

    package init(wall: WallTime, offset: Int, zone: String, at: Instant, skipped: SkipReason? = nil) {
        self.wall = wall
        self.offset = offset
        self.zone = zone
        self.at = at
        self.skipped = skipped
    }

    package var position: Position { Position(at: at, wall: wall) }

    /// The name of the nominal time, the same for ever (RFC 9557): `2026-10-25T02:30+02:00[Europe/Berlin]`.
    package var nominal: String {
        let size = abs(offset)
        let seconds = size % 60 == 0 ? "" : ":\((size % 60).padded(2))"
        return "\(wall)\(offset < 0 ? "-" : "+")\((size / 3_600).padded(2)):\((size / 60 % 60).padded(2))\(seconds)[\(zone)]"
    }
}
