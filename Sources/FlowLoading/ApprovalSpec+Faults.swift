import FlowModel

extension ApprovalSpec {
    /// What makes no sense in it.
    var faults: [String] {
        var faults = ApprovalSpec.faults(of: rules)
        for escalation in escalations { faults += ApprovalSpec.faults(of: escalation.rules).map { "an escalation: \($0)" } }
        if let veto { faults += ApprovalSpec.faults(of: [veto]).map { "its veto: \($0)" } }
        return faults + deadlineFaults + fieldFaults
    }

    private static func faults(of rules: [ApprovalRule]) -> [String] {
        let whole = ApprovalRule.all(rules)
        var faults: [String] = []
        if rules.isEmpty { faults.append("it needs at least one rule") }
        if whole.depth > Limits.approvalDepth + 1 {
            return ["its rules are \(whole.depth - 1) deep; at most \(Limits.approvalDepth) are allowed"]
        }
        check(whole, isTop: true, &faults)
        guard faults.isEmpty else { return faults }
        if whole.leaves.count > Limits.approvalRules {
            return ["it has \(whole.leaves.count) rules; at most \(Limits.approvalRules) are allowed"]
        }
        if whole.wayCount(limit: Limits.approvalWays + 1) > Limits.approvalWays {
            return ["its rules can be met in more than \(Limits.approvalWays) ways; name groups by a role instead"]
        }
        return []
    }

    private static func check(_ rule: ApprovalRule, isTop: Bool = false, _ faults: inout [String]) {
        switch rule {
        case .role(let name, let count):
            if name.isEmpty { faults.append("a rule names no role") }
            checkCount(count, &faults)
        case .anyone(let count): checkCount(count, &faults)
        case .user(let name): if name.isEmpty { faults.append("a rule names no user") }
        case .all(let rules):
            if rules.isEmpty, !isTop { faults.append("an 'all' has no rules") }
            for rule in rules { check(rule, &faults) }
        case .any(let rules, let count):
            if !(1...max(1, rules.count)).contains(count) || rules.isEmpty {
                faults.append("an 'any' of \(rules.count) rules must take 1 to \(max(1, rules.count)) of them, found \(count)")
            }
            for rule in rules { check(rule, &faults) }
        }
    }

    private static func checkCount(_ count: Int, _ faults: inout [String]) {
        if count < 1 { faults.append("a rule must take at least one person") }
        if count > Limits.approvalPeople { faults.append("a rule takes \(count) people; at most \(Limits.approvalPeople) are allowed") }
    }

    private var deadlineFaults: [String] {
        var faults: [String] = []
        if escalations.count > Limits.approvalEscalations {
            faults.append("it has \(escalations.count) escalations; at most \(Limits.approvalEscalations) are allowed")
        }
        let deadlines = [deadlineSeconds] + escalations.map(\.deadlineSeconds)
        if deadlines.dropLast().contains(where: { $0 == nil }) { faults.append("it escalates after something that has no deadline") }
        if onDeadline == .approve, deadlines.last == .some(nil) { faults.append("its deadline approves, but it has none") }
        return faults
    }

    private var fieldFaults: [String] {
        var faults: [String] = []
        if fields.count > Limits.approvalFields {
            faults.append("it has \(fields.count) fields; at most \(Limits.approvalFields) are allowed")
        }
        for field in fields {
            func fault(_ message: String) { faults.append("its field '\(field.name)' \(message)") }
            if !field.name.isVariableName { fault("is not a name: letters, digits and _, not beginning with a digit") }
            if fields.count(where: { $0.name == field.name }) > 1 { fault("is there twice") }
            if field.isSecret { fault("is secret; answers are shown to all who decide") }
            if field.kind == .selector { fault("is a selector; hosts are frozen when a run starts") }
            if let pattern = field.pattern {
                if let message = Pattern.fault(in: pattern) { fault("has a pattern that is not one, \(pattern): \(message)") }
                if pattern.count > LoadLimits.patternCharacters { fault("has a pattern of more than \(LoadLimits.patternCharacters) characters") }
            }
            if let fallback = field.fallback {
                for message in InputValidation.faults(of: fallback, for: field) { fault("has a default that \(message)") }
            } else if onDeadline == .approve {
                fault("has no default, which the deadline would take")
            }
        }
        return faults
    }
}
