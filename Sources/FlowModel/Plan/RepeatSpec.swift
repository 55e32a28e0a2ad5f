/// A body that is run again and again, one round after the other.
package struct RepeatSpec: Hashable, Sendable, Codable {
    /// Evaluated after each round, as a step of that round sees it; a value that is missing counts as false.
    package var until: Expression
    /// Seconds between the end of a round and the beginning of the next.
    package var intervalSeconds: Double
    /// Rounds, at least 1; when it does not hold after the last one, the step fails.
    package var maximum: Int

    package init(until: Expression, intervalSeconds: Double, maximum: Int) {
        self.until = until
        self.intervalSeconds = intervalSeconds
        self.maximum = maximum
    }
}
