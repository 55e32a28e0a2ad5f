/// What a schedule does when the wall's clock is put forward or back.
package struct ClockChange: Hashable, Sendable, Codable {
    /// A minute that the clock jumps over.
    package enum Gap: String, Hashable, Sendable, Codable, CaseIterable {
        /// Due at the first minute after the gap. Each minute stays an occurrence of its own.
        case shift
        /// Recorded as skipped.
        case skip
    }

    /// A minute that the clock shows twice.
    package enum Fold: String, Hashable, Sendable, Codable, CaseIterable {
        case first, last, both
    }

    package var gap: Gap
    package var fold: Fold

    package init(gap: Gap = .shift, fold: Fold = .first) {
        self.gap = gap
        self.fold = fold
    }
}
