package import FlowModel

/// All freezes and windows: says whether something may begin. A freeze beats a window; of several windows one is enough.
package struct ChangeRules: Sendable {
    package let rules: [ChangeRule]

    package init(_ rules: [ChangeRule] = []) { self.rules = rules }

    /// What keeps `subject` from beginning at `now`; nil when it may.
    package func closure(of subject: ChangeSubject, at now: Instant) -> ChangeClosure? {
        if rules.isEmpty { return nil }
        let holding = rules.filter { $0.holds(subject) }
        guard var closure = ChangeRules.closure(by: holding, at: now) else { return nil }
        closure.until = ChangeRules.opening(of: holding, after: closure)
        return closure
    }

    /// The first moment at which nothing known closes it any more; of endless chains as much as was looked at.
    private static func opening(of holding: [ChangeRule], after first: ChangeClosure) -> Instant? {
        var until = first.until
        for _ in 0..<ScheduleLimits.closureChain {
            guard let moment = until, let next = closure(by: holding, at: moment) else { break }
            until = next.until
        }
        return until
    }

    private static func closure(by holding: [ChangeRule], at moment: Instant) -> ChangeClosure? {
        freeze(holding, at: moment) ?? window(holding, at: moment)
    }

    /// Of the freezes that last, the one that ends last.
    private static func freeze(_ holding: [ChangeRule], at moment: Instant) -> ChangeClosure? {
        var found: ChangeClosure?
        for rule in holding where rule.kind == .freeze {
            let stretch = rule.stretch(at: moment)
            guard stretch.isWithin else { continue }
            guard let until = stretch.until else {
                return ChangeClosure(kind: .freeze, rule: rule.name, reason: rule.reason)
            }
            if let known = found?.until, known >= until { continue }
            found = ChangeClosure(kind: .freeze, rule: rule.name, reason: rule.reason, until: until)
        }
        return found
    }

    /// Of the windows that are closed, the one that opens first; nil when one is open or there is none.
    private static func window(_ holding: [ChangeRule], at moment: Instant) -> ChangeClosure? {
        var found: ChangeClosure?
        for rule in holding where rule.kind == .window {
            let stretch = rule.stretch(at: moment)
            if stretch.isWithin { return nil }
            let isSooner = stretch.until.map { until in found?.until.map { until < $0 } ?? true } ?? (found == nil)
            if isSooner { found = ChangeClosure(kind: .window, rule: rule.name, reason: rule.reason, until: stretch.until) }
        }
        return found
    }
}
