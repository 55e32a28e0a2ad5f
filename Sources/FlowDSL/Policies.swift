internal import FlowModel

extension Duration {
    public static func minutes(_ minutes: Double) -> Duration { .seconds(minutes * 60) }
    public static func hours(_ hours: Double) -> Duration { .seconds(hours * 3600) }
    public static func days(_ days: Double) -> Duration { .seconds(days * 86_400) }

    var inSeconds: Double {
        let (seconds, attoseconds) = components
        return Double(seconds) + Double(attoseconds) / 1e18
    }
}

/// What happens when a step has failed for good.
public enum OnFailure: Sendable {
    /// Nothing new starts; the run fails.
    case stop
    /// Noted; what follows goes on.
    case ignore
    /// The step waits until an operator retries, skips or resolves it.
    case hold
}

/// Further attempts after a failed, timed out or lost one. Giving one makes the step run at least once instead of at most
/// once: use it where doing it twice does no harm.
public struct RetryPolicy: Sendable {
    let retry: Retry

    /// `count` attempts in all. The delay before an attempt starts at `delay`, grows by `factor` up to `maxDelay`, and chance
    /// takes off up to the share `jitter`. `statuses`: the exit statuses worth another attempt, all but 0 unless given.
    public static func attempts(
        _ count: Int, delay: Duration = .seconds(1), factor: Double = 2, maxDelay: Duration = .minutes(5),
        jitter: Double = 0.2, maxElapsed: Duration? = nil, on statuses: [Int]? = nil
    ) -> RetryPolicy {
        RetryPolicy(
            retry: Retry(
                attempts: count, delaySeconds: delay.inSeconds, factor: factor, maxDelaySeconds: maxDelay.inSeconds,
                jitter: jitter, maxElapsedSeconds: maxElapsed?.inSeconds, exitStatuses: statuses))
    }
}

extension Policy {
    init(_ retry: RetryPolicy?, _ timeout: Duration?, _ onFailure: FlowDSL.OnFailure) {
        let onFailure: Policy.OnFailure =
            switch onFailure {
            case .stop: .stop
            case .ignore: .ignore
            case .hold: .hold
            }
        self.init(retry: retry?.retry, timeoutSeconds: timeout?.inSeconds, onFailure: onFailure)
    }
}
