/// The bounds of a rehearsal.
package enum RehearsalLimits {
    /// What the engine is told in one rehearsal: ends of attempts, votes, messages, moments. A flow that takes more is stopped there, and that is said.
    package static let turns = 100_000
    /// Times that the engine looks at the clock at one moment until all that is due has fired.
    static let looks = 1_000
    /// Hosts that are taken where a selector is invented.
    static let inventedHosts = 2
    /// Seconds that an attempt takes, a person until the vote, a message until it arrives.
    static let usualSeconds = 1.0
    /// Seconds until a host counts as unreachable.
    static let unreachableSeconds = 10.0
    /// Seconds that `--take` may say: a hundred years.
    static let takeSeconds = 3_155_760_000.0
    /// Hosts of a rollout or map that are told one by one at the end, and of each outcome where there are more.
    static let targetsShown = 20
    /// Waits that are told when a run does not end.
    static let waitsShown = 10
}
