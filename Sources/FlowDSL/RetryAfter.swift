/// Thrown by a Swift step that has failed and knows when trying again makes sense: a service said `Retry-After`.
///
///     guard response.status != 429 else { throw RetryAfter(seconds: response.retryAfter, "the service is busy") }
///
/// The next attempt, if the step's `retry:` allows one, comes no sooner; an hour at most is waited for that.
public struct RetryAfter: Error, Sendable, CustomStringConvertible {
    public let seconds: Double
    public let description: String

    public init(seconds: Double, _ message: String = "try again later") {
        self.seconds = seconds
        description = message
    }
}
