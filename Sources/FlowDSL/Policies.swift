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
    /// takes off up to the share `jitter`. `statuses`: the exit statuses worth another attempt, all but 0 unless given; where they
    /// are given nothing else is worth one, no time-out and no signal, but for an attempt that was lost.
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

/// What happens when nobody knows whether an attempt took effect: its host was lost while it ran.
public struct Effect: Sendable {
    let probe: Command?
    let isHere: Bool

    /// The step is `unknown` and waits for a person to say (`flowctl resolve`).
    public static var atMostOnce: Effect { Effect(probe: nil, isHere: false) }

    /// A command says: exit status 0 if it took effect, 1 if it did not (the step then runs again), anything else leaves it unknown.
    ///
    /// It runs where the step runs, as soon as that can be asked again; with `here`, on Flow's own machine.
    public static func probe(here: Bool = false, _ command: () -> Command) -> Effect { Effect(probe: command(), isHere: here) }
}

extension Policy {
    /// The policy of a command that may be asked about, with its probe.
    init(
        _ retry: RetryPolicy?, _ timeout: Duration?, _ onFailure: FlowDSL.OnFailure, _ effect: Effect, for spec: ShellSpec? = nil,
        named name: String, _ site: Site
    ) {
        self.init(retry, timeout, onFailure)
        guard let command = effect.probe else { return }
        if retry != nil {
            Recorder.complain(name, "a step has either 'retry:', which runs it at least once, or 'effect: .probe', not both", site)
        }
        var call = ShellCall(target: nil, account: nil, env: [:], workdir: nil).spec(of: command, named: name)
        if let spec {
            if !effect.isHere { (call.target, call.account) = (spec.target, spec.account) }
            call.environment = spec.environment
        }
        probe = Probe(command: call)
    }

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
