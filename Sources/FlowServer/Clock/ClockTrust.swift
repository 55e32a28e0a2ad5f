package import FlowModel

/// What became of the clock on the wall: how it was set, and whether it can be believed as far as deleting goes.
///
/// It is compared with a clock that nobody sets. Over a restart there is none; then the time at which the engine last lived must do.
package struct ClockTrust: Sendable {
    /// Somebody set the clock.
    package struct Jump: Hashable, Sendable {
        /// What it would have shown.
        package var from: Instant
        package var to: Instant

        package init(from: Instant, to: Instant) {
            self.from = from
            self.to = to
        }

        package var seconds: Double { to.seconds(since: from) }
    }

    /// A change of less is what keeping a clock right takes.
    package static let jumpSeconds = 1.0
    /// Further ahead than this, since it was last believed, it is doubted: nobody restarts an engine, or sets a clock, over so long every day.
    package static let doubtedSeconds = 7.0 * 86_400
    /// It is believed when it has stood by that for so long.
    package static let doubtSeconds = 86_400.0

    private var last: (wall: Instant, elapsed: Int64)
    private var base: (wall: Instant, elapsed: Int64)
    /// What it showed when it was first doubted.
    package private(set) var doubted: Instant?

    /// The last time that was believed.
    package var believed: Instant { base.wall }

    /// - Parameters:
    ///   - seen: when the engine last lived, by the clock as it was believed then; nil when nobody knows.
    ///   - doubted: what the clock showed when an earlier engine began to doubt it.
    package init(wall: Instant, elapsed: Int64, seen: Instant?, doubted: Instant? = nil) {
        // Set back while no engine lived: that is the first jump.
        let isBack = seen.map { wall.seconds(since: $0) <= -ClockTrust.jumpSeconds } ?? false
        last = (isBack ? seen ?? wall : wall, elapsed)
        base = (seen ?? wall, elapsed)
        self.doubted = doubted
    }

    /// Looks at both clocks. Gives the jump since it last did, if there was one.
    package mutating func look(wall: Instant, elapsed: Int64) -> Jump? {
        let expected = Instant(milliseconds: last.wall.milliseconds + (elapsed - last.elapsed))
        last = (wall, elapsed)
        trust(wall, elapsed)
        let jump = Jump(from: expected, to: wall)
        return abs(jump.seconds) >= ClockTrust.jumpSeconds ? jump : nil
    }

    private mutating func trust(_ wall: Instant, _ elapsed: Int64) {
        let expected = Instant(milliseconds: base.wall.milliseconds + (elapsed - base.elapsed))
        if wall.seconds(since: expected) > ClockTrust.doubtedSeconds {
            let since = doubted.map { min($0, wall) } ?? wall
            doubted = since
            guard wall.seconds(since: since) >= ClockTrust.doubtSeconds else { return }
        }
        base = (wall, elapsed)
        doubted = nil
    }
}
