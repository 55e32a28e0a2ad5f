/// A gate that people open.
package struct ApprovalSpec: Hashable, Sendable {
    /// What they are asked, as a text expression.
    package var prompt: Expression
    /// All must be met.
    package var rules: [ApprovalRule]
    /// Seconds until `escalations` or `onDeadline` come; nil waits for ever.
    package var deadlineSeconds: Double?
    /// Whether the person who started the run may approve.
    package var selfApproval: Bool
    /// Whose rejection ends it at once; nil: that of everybody who may vote. Others' rejections are noted and fill no place.
    package var veto: ApprovalRule?
    /// One person fills one place of all the rules; else one of each.
    package var isDistinct: Bool
    /// The rules that take over, one after the other, whenever a deadline passes.
    package var escalations: [Escalation]
    /// What the last deadline means.
    package var onDeadline: DeadlineAnswer
    /// Seconds between messages to those who may vote; nil: they are told once.
    package var remindSeconds: Double?
    /// What the first who approves answers, and the others confirm; the step's output.
    package var fields: [Parameter]

    package init(
        prompt: Expression, rules: [ApprovalRule], deadlineSeconds: Double? = nil, selfApproval: Bool = false, veto: ApprovalRule? = nil,
        isDistinct: Bool = true, escalations: [Escalation] = [], onDeadline: DeadlineAnswer = .reject, remindSeconds: Double? = nil,
        fields: [Parameter] = []
    ) {
        self.prompt = prompt
        self.rules = rules
        self.deadlineSeconds = deadlineSeconds
        self.selfApproval = selfApproval
        self.veto = veto
        self.isDistinct = isDistinct
        self.escalations = escalations
        self.onDeadline = onDeadline
        self.remindSeconds = remindSeconds
        self.fields = fields
    }

    /// What becomes of a gate that nobody decides in time.
    package enum DeadlineAnswer: String, Hashable, Sendable, Codable, CaseIterable {
        case reject
        /// It opens; its fields have their defaults.
        case approve
    }

    package struct Escalation: Hashable, Sendable, Codable {
        package var rules: [ApprovalRule]
        /// From when it takes over; nil waits for ever, and no other one follows.
        package var deadlineSeconds: Double?

        package init(rules: [ApprovalRule], deadlineSeconds: Double? = nil) {
            self.rules = rules
            self.deadlineSeconds = deadlineSeconds
        }
    }

    /// The rules after so many escalations.
    package func rules(at level: Int) -> [ApprovalRule] {
        level == 0 ? rules : escalations.indices.contains(level - 1) ? escalations[level - 1].rules : []
    }

    /// What the deadline of that level leads to.
    package func outlook(at level: Int) -> ApprovalRow.Outlook {
        guard escalations.indices.contains(level) else { return onDeadline == .approve ? .approve : .reject }
        return .escalate(escalations[level])
    }
}

extension ApprovalSpec: Codable {
    private enum CodingKeys: String, CodingKey {
        case prompt, rules, deadlineSeconds, selfApproval, veto, isDistinct, escalations, onDeadline, remindSeconds, fields
    }

    package func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(prompt, forKey: .prompt)
        try values.encode(rules, forKey: .rules)
        try values.encodeIfPresent(deadlineSeconds, forKey: .deadlineSeconds)
        try values.encode(selfApproval, forKey: .selfApproval, unless: false)
        try values.encodeIfPresent(veto, forKey: .veto)
        try values.encode(isDistinct, forKey: .isDistinct, unless: true)
        try values.encode(escalations, forKey: .escalations, unless: [])
        try values.encode(onDeadline, forKey: .onDeadline, unless: .reject)
        try values.encodeIfPresent(remindSeconds, forKey: .remindSeconds)
        try values.encode(fields, forKey: .fields, unless: [])
    }

    package init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            prompt: try values.decode(Expression.self, forKey: .prompt), rules: try values.decode([ApprovalRule].self, forKey: .rules),
            deadlineSeconds: try values.decodeIfPresent(Double.self, forKey: .deadlineSeconds),
            selfApproval: try values.decode(.selfApproval, unlessAbsent: false),
            veto: try values.decodeIfPresent(ApprovalRule.self, forKey: .veto),
            isDistinct: try values.decode(.isDistinct, unlessAbsent: true),
            escalations: try values.decode(.escalations, unlessAbsent: []),
            onDeadline: try values.decode(.onDeadline, unlessAbsent: .reject),
            remindSeconds: try values.decodeIfPresent(Double.self, forKey: .remindSeconds),
            fields: try values.decode(.fields, unlessAbsent: []))
    }
}
