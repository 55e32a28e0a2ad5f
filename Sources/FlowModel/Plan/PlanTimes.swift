/// Checks of every span of time that a step names. Plans from flow files and plans in JSON come through here; what was kept before is held
/// within bounds by `Instant`, whose sums end at its last year.
package enum PlanTimes {
    /// What is wrong with them, for the author; empty when nothing is.
    package static func faults(of node: Node) -> [String] {
        var faults = ownFaults(of: node.kind)
        if let timeout = node.policy.timeoutSeconds { faults += wait("its time-out", timeout) }
        if let probe = node.policy.probe { faults += wait("the time-out of its probe", probe.timeoutSeconds) }
        if let retry = node.policy.retry { faults += self.faults(of: retry) }
        return faults
    }

    private static func ownFaults(of kind: Node.Kind) -> [String] {
        switch kind {
        case .approval(let spec):
            let deadlines = [spec.deadlineSeconds] + spec.escalations.map(\.deadlineSeconds)
            return deadlines.flatMap { $0.map { wait("its deadline", $0) } ?? [] } + (spec.remindSeconds.map(reminder) ?? [])
        case .waitFor(let spec): return spec.timeoutSeconds.map { wait("its time-out", $0) } ?? []
        case .rollout(let spec): return pause("its soak", spec.soakSeconds)
        case .repeatUntil(let spec): return pause("its interval", spec.intervalSeconds)
        case .sleep(.literal(let value)): return sleep(value).map { [$0] } ?? []
        case .work, .sleep, .sleepUntil, .choice, .map, .call: return []
        }
    }

    /// Why a step cannot sleep for that long; nil when it can.
    package static func sleep(_ value: JSON) -> String? {
        if let seconds = value.doubleValue, (0...Limits.waitSeconds).contains(seconds) { return nil }
        return "a sleep takes 0 seconds to a hundred years, found \(value.text)"
    }

    private static func faults(of retry: Retry) -> [String] {
        var faults: [String] = []
        for (name, seconds) in [("its first delay", retry.delaySeconds), ("its longest delay", retry.maxDelaySeconds)]
        where !(0...Limits.waitSeconds).contains(seconds) {
            faults.append("\(name) between attempts must be 0 seconds to a hundred years, found \(seconds)")
        }
        if !(1...Limits.retryFactor).contains(retry.factor) {
            faults.append("the factor of its delays must be 1 to \(Int(Limits.retryFactor)), found \(retry.factor)")
        }
        if !(0...1).contains(retry.jitter) { faults.append("the jitter of its delays must be 0 to 1, found \(retry.jitter)") }
        if let elapsed = retry.maxElapsedSeconds { faults += wait("the time in which it is tried again", elapsed) }
        return faults
    }

    private static func reminder(_ seconds: Double) -> [String] {
        if (Limits.reminderSeconds...Limits.waitSeconds).contains(seconds) { return [] }
        return ["it reminds after \(Int(Limits.reminderSeconds)) seconds or more, at most a hundred years, found \(seconds)"]
    }

    private static func wait(_ what: String, _ seconds: Double) -> [String] {
        if seconds > 0, seconds <= Limits.waitSeconds { return [] }
        return ["\(what) must be more than 0 seconds and at most a hundred years, found \(seconds)"]
    }

    private static func pause(_ what: String, _ seconds: Double) -> [String] {
        (0...Limits.soakSeconds).contains(seconds) ? [] : ["\(what) must be 0 seconds to a year, found \(seconds)"]
    }
}
