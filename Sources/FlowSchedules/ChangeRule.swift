package import FlowModel

/// A freeze or window, worked out: what it holds, and the stretches of time that it covers.
package struct ChangeRule: Hashable, Sendable {
    package enum Times: Hashable, Sendable {
        /// The end is outside; nil is for ever.
        case once(from: Instant, until: Instant?)
        /// From each time of the recurrence on, so many minutes of elapsed time.
        case recurring(Recurrence, minutes: Int)
    }

    package let kind: ChangeRuleKind
    package let name: String
    package let reason: String
    package let times: Times
    private let flows: [Glob]
    private let labels: [String: Glob]
    /// nil: whatever the hosts.
    private let hosts: Set<String>?
    /// Its selector cannot be resolved: better too much is held than too little.
    private let holdsEveryHost: Bool

    /// - Parameter hosts: the names that the spec's selector means now; nil when it cannot be resolved.
    package init(
        _ row: ChangeRuleRow, hosts: Set<String>?, zone: (String) throws(FlowError) -> Zone
    ) throws(FlowError) {
        let spec = row.spec
        (kind, name, reason) = (row.kind, row.name, spec.reason)
        flows = (spec.flows ?? []).map(Glob.init)
        labels = (spec.labels ?? [:]).mapValues(Glob.init)
        holdsEveryHost = spec.hosts != nil && hosts == nil
        self.hosts = spec.hosts == nil ? nil : hosts
        times = try ChangeRule.times(of: row, zone)
    }

    /// A rule that cannot be worked out and holds what it names: a freeze that lasts, a window that stays closed.
    package init(holding row: ChangeRuleRow, hosts: Set<String>?) {
        let spec = row.spec
        (kind, name, reason) = (row.kind, row.name, spec.reason + " (its times cannot be worked out)")
        flows = (spec.flows ?? []).map(Glob.init)
        labels = (spec.labels ?? [:]).mapValues(Glob.init)
        holdsEveryHost = spec.hosts != nil && hosts == nil
        self.hosts = spec.hosts == nil ? nil : hosts
        times = .once(from: row.changedAt, until: row.kind == .freeze ? nil : row.changedAt)
    }

    private static func times(of row: ChangeRuleRow, _ zone: (String) throws(FlowError) -> Zone) throws(FlowError) -> Times {
        let spec = row.spec
        guard let cron = spec.cron else {
            let from = spec.from ?? row.changedAt
            guard spec.minutes == nil, spec.timeZone == nil else { throw refusal(row, "'minutes' and 'timeZone' go with 'cron' only") }
            if let until = spec.until, until <= from { throw refusal(row, "it ends at \(until), before it begins") }
            return .once(from: from, until: spec.until)
        }
        guard spec.from == nil, spec.until == nil, let minutes = spec.minutes else {
            throw refusal(row, "it takes either 'from' and 'until' or 'cron' and 'minutes'")
        }
        guard (1...ScheduleLimits.blackoutMinutes).contains(minutes) else {
            throw refusal(row, "it has \(minutes) minutes; allowed are 1-\(ScheduleLimits.blackoutMinutes)")
        }
        return .recurring(Recurrence(.cron(try CronExpression(cron)), in: try zone(spec.timeZone ?? "UTC")), minutes: minutes)
    }

    private static func refusal(_ row: ChangeRuleRow, _ why: String) -> FlowError {
        FlowError(.usage, subject: row.name, "The \(row.kind.rawValue) '\(row.name)' was not taken: \(why).")
    }

    /// Whether it has a say in this.
    package func holds(_ subject: ChangeSubject) -> Bool {
        guard flows.isEmpty || flows.contains(where: { $0.matches(subject.flow) }) else { return false }
        guard labels.allSatisfy({ key, pattern in subject.labels[key].map(pattern.matches) ?? false }) else { return false }
        if holdsEveryHost { return !subject.hosts.isEmpty }
        guard let hosts else { return true }
        return subject.hosts.contains { hosts.contains($0) }
    }

    /// Whether `instant` is within it, and until when, as far as one stretch says. Another may follow at once.
    package func stretch(at instant: Instant) -> (isWithin: Bool, until: Instant?) {
        switch times {
        case .once(let from, let until):
            if let until, until <= from { return (false, nil) }
            if instant < from { return (false, from) }
            if let until { return instant < until ? (true, until) : (false, nil) }
            return (true, nil)
        case .recurring(let recurrence, let minutes):
            let seconds = Double(minutes * 60)
            let begun = recurrence.occurrences(after: .init(after: instant + -seconds), until: instant, limit: 1).first
            if let begun { return (true, begun.at + seconds) }
            return (false, recurrence.occurrences(after: .init(after: instant), limit: 1).first?.at)
        }
    }

    /// It is over and does not come again.
    package func isOver(at instant: Instant) -> Bool {
        let now = stretch(at: instant)
        return !now.isWithin && now.until == nil
    }
}
