package import FlowModel

// Gates in words, the same wherever they are shown.

extension Wire.Rule {
    /// `2 of role release-manager and (user bob or user carol)`.
    package var text: String { ApprovalRule(self).text }
}

extension ApprovalRule {
    /// Whom a rule without parts is about: `role release-manager`.
    package var who: String {
        switch self {
        case .role(let role, _): "role \(role)"
        case .user(let user): "user \(user)"
        case .anyone: "anyone"
        case .all, .any: text
        }
    }

    fileprivate init(_ rule: Wire.Rule) {
        if let role = rule.role {
            self = .role(role, count: rule.count)
        } else if let user = rule.user {
            self = .user(user)
        } else if let all = rule.all {
            self = .all(all.map { ApprovalRule($0) })
        } else if let any = rule.any {
            self = .any(any.map { ApprovalRule($0) }, count: rule.count)
        } else {
            self = .anyone(count: rule.count)
        }
    }
}

extension Wire.Missing {
    /// `1 of role release-manager (carol, dave)`.
    package var text: String {
        let what = rule.user == nil ? "\(count) of \(ApprovalRule(rule).who)" : ApprovalRule(rule).who
        guard let candidates, rule.user == nil || candidates.isEmpty else { return what }
        return "\(what) (\(candidates.isEmpty ? "nobody could now" : candidates.joined(separator: ", ")))"
    }
}

extension Wire.Approval {
    /// Ways to open it that are shown.
    private static let waysShown = 3

    /// The rules that apply.
    package var rulesText: String { rules.map { rules.count > 1 && $0.any != nil ? "(\($0.text))" : $0.text }.joined(separator: " and ") }

    /// `needs 1 of role release-manager (carol, dave)`; nil when it is not open.
    package var missingText: String? {
        guard let missing, let first = missing.first else { return nil }
        if first.isEmpty { return nil }
        let ways = missing.prefix(Self.waysShown).map { $0.map(\.text).joined(separator: " and ") }
        let more = missing.count - ways.count
        return "needs " + ways.joined(separator: ", or ") + (more > 0 ? ", or \(more) other ways" : "")
    }

    /// What the deadline leads to.
    package var deadlineText: String? {
        guard deadlineAt != nil else { return nil }
        switch onDeadline {
        case "escalate":
            return "asks " + (escalatesTo ?? []).map(\.text).joined(separator: " and ")
        case "approve": return "approves by itself"
        default: return "rejects"
        }
    }

    /// What is missing, and what the deadline leads to.
    package var standing: String { [missingText ?? "is decided", deadlineText].compactMap { $0 }.joined(separator: "; at the deadline it ") }
}
