internal import FlowEngine
internal import FlowModel
internal import FlowSchedules

// Freezes and windows that come and go.
extension RunSimulation {
    /// When the window of now opens; it is closed in the first seconds of every hundred.
    private var opening: Int { now / 100 * 100 + options.closedSeconds }

    /// What the real rules keep from beginning now.
    var closures: @Sendable (ChangeSubject) -> ChangeClosure? {
        var rules: [ChangeRule] = []
        if isFrozen { rules.append(rule(.freeze, "by-hand", from: -1_000_000_000, until: nil, host: nil)) }
        if now < healsAt, options.closedSeconds > 0 {
            rules.append(rule(.window, "hourly", from: opening, until: now / 100 * 100 + 100, host: options.closedHost))
        }
        let (all, moment) = (ChangeRules(rules), wall)
        return { all.closure(of: $0, at: moment) }
    }

    /// The same, said in words of its own: a freeze by hand holds everything, a window what touches its host.
    var closuresByDefinition: @Sendable (ChangeSubject) -> ChangeClosure? {
        let (isFrozen, host, isClosed) = (isFrozen, options.closedHost, now < healsAt && now < opening)
        let until = Instant(milliseconds: Int64(opening) * 1_000)
        return { subject in
            if isFrozen { return ChangeClosure(kind: .freeze, rule: "by-hand", reason: "it is told") }
            guard isClosed, host.map(subject.hosts.contains) ?? true else { return nil }
            return ChangeClosure(kind: .window, rule: "hourly", reason: "it is told", until: until)
        }
    }

    private func rule(_ kind: ChangeRuleKind, _ name: String, from: Int, until: Int?, host: String?) -> ChangeRule {
        var spec = ChangeRuleSpec(reason: "it is told")
        spec.from = Instant(milliseconds: Int64(from) * 1_000)
        spec.until = until.map { Instant(milliseconds: Int64($0) * 1_000) }
        spec.hosts = host
        let row = ChangeRuleRow(kind: kind, name: name, revision: 1, spec: spec, user: "alice", changedAt: Instant(milliseconds: 0))
        do throws(FlowError) {
            return try ChangeRule(row, hosts: host.map { [$0] }) { name throws(FlowError) in
                throw FlowError(.usage, subject: name, "There is no zone.")
            }
        } catch {
            preconditionFailure("a rule without a recurrence needs no zone: \(error)")
        }
    }

    mutating func freeze(_ isFrozen: Bool) throws(Violation) {
        self.isFrozen = isFrozen
        try decide(.gates)
    }

    /// The run's own gate looks again when its time is over.
    mutating func passTime(to moment: Int) throws(Violation) -> Bool {
        now = max(now, moment)
        let before = run.gate
        let engine = epoch
        try decide(.timer(Run.gatePath))
        if let before, run.gate == before, epoch == engine { throw violation("the timer of the run's gate fires for ever") }
        return true
    }
}
