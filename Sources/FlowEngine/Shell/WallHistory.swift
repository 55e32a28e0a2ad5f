package import FlowModel

/// How the clock on the wall was set while this engine lives: how long ago it was that it showed some time.
package struct WallHistory {
    /// Jumps that are remembered.
    private static let kept = 20
    /// Milliseconds that the two clocks go apart without a jump: they are read one after the other, and time servers slow one of them down.
    private static let slack: Int64 = 1_000

    /// Where each stretch without a jump begins. It ends where the next one begins, by the clock that nobody sets.
    private var stretches: [Moment]

    package init(_ now: Moment) { stretches = [now] }

    /// To be told of each moment at which something is decided. Milliseconds by which the clock was set since the last one, 0 when it was not.
    @discardableResult
    package mutating func note(_ now: Moment) -> Int64 {
        guard let last = stretches.last else { return 0 }
        let drift = now.wall.milliseconds.subtractingClamped(last.wall.milliseconds).subtractingClamped(now.elapsed.subtractingClamped(last.elapsed))
        guard drift.magnitude > UInt64(WallHistory.slack) else { return 0 }
        stretches = (stretches + [now]).suffix(WallHistory.kept)
        return drift
    }

    /// Seconds that have certainly passed since the clock showed that time. Where it did so twice, since the second time. For times from
    /// before this engine only the wall tells.
    package func seconds(since wall: Instant, at now: Moment) -> Double {
        var end = now.elapsed
        for begin in stretches.reversed() {
            let shown = wall.milliseconds.subtractingClamped(begin.wall.milliseconds)
            if shown >= 0, shown <= end.subtractingClamped(begin.elapsed) {
                return seconds(from: begin.elapsed.addingClamped(shown), to: now.elapsed)
            }
            end = begin.elapsed
        }
        guard let first = stretches.first else { return 0 }
        return max(0, first.wall.seconds(since: wall)) + seconds(from: first.elapsed, to: now.elapsed)
    }

    private func seconds(from: Int64, to: Int64) -> Double { Double(to.subtractingClamped(from)) / 1_000 }
}
