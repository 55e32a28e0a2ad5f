internal import FlowModel

/// Who may open a gate, and how many of them must: a tree. One person counts once.
public struct ApprovalRule: Sendable {
    let rule: FlowModel.ApprovalRule

    public static func role(_ role: String, count: Int = 1) -> ApprovalRule { ApprovalRule(rule: .role(role, count: count)) }
    /// The person with this user name, by whichever of their users.
    public static func person(_ name: String) -> ApprovalRule { ApprovalRule(rule: .user(name)) }
    /// The same as `person`.
    public static func user(_ name: String) -> ApprovalRule { person(name) }
    public static func anyone(count: Int = 1) -> ApprovalRule { ApprovalRule(rule: .anyone(count: count)) }
    public static var anyone: ApprovalRule { .anyone() }

    /// Every one of these.
    public static func all(_ rules: ApprovalRule...) -> ApprovalRule { all(rules) }
    public static func all(_ rules: [ApprovalRule]) -> ApprovalRule { ApprovalRule(rule: .all(rules.map(\.rule))) }
    /// One of these, or `count` of them.
    public static func any(_ rules: ApprovalRule..., count: Int = 1) -> ApprovalRule { any(rules, count: count) }
    public static func any(_ rules: [ApprovalRule], count: Int = 1) -> ApprovalRule {
        ApprovalRule(rule: .any(rules.map(\.rule), count: count))
    }
}

/// What the deadline of a gate leads to.
public struct OnDeadline: Sendable {
    let escalations: [ApprovalSpec.Escalation]
    let answer: ApprovalSpec.DeadlineAnswer

    /// The step fails.
    public static let reject = OnDeadline(escalations: [], answer: .reject)
    /// The step succeeds; its fields have their defaults.
    public static let approve = OnDeadline(escalations: [], answer: .approve)

    /// These rules apply from then on. Votes that were given count for them too.
    public static func escalate(to rules: [ApprovalRule], deadline: Duration? = nil, then: OnDeadline = .reject) -> OnDeadline {
        let next = ApprovalSpec.Escalation(rules: rules.map(\.rule), deadlineSeconds: deadline?.inSeconds)
        return OnDeadline(escalations: [next] + then.escalations, answer: then.answer)
    }
}

/// A value that a gate asks for.
public struct FormField: Sendable {
    let parameter: Parameter

    private init(_ name: String, _ help: String, _ kind: Parameter.Kind, _ fallback: JSON?, pattern: String? = nil, choices: [String] = []) {
        parameter = Parameter(
            name: name, help: help, kind: kind, fallback: fallback, pattern: pattern, choices: choices.map(JSON.string))
    }

    /// A text; `pattern` is a regular expression for all of it.
    public static func string(_ name: String, _ help: String = "", default fallback: String? = nil, pattern: String? = nil) -> FormField {
        FormField(name, help, .string, fallback.map(JSON.string), pattern: pattern)
    }

    public static func int(_ name: String, _ help: String = "", default fallback: Int? = nil) -> FormField {
        FormField(name, help, .int, fallback.map(JSON.int))
    }

    public static func double(_ name: String, _ help: String = "", default fallback: Double? = nil) -> FormField {
        FormField(name, help, .double, fallback.map(JSON.double))
    }

    public static func bool(_ name: String, _ help: String = "", default fallback: Bool? = nil) -> FormField {
        FormField(name, help, .bool, fallback.map(JSON.bool))
    }

    /// One of these texts.
    public static func choice(_ name: String, _ choices: [String], _ help: String = "", default fallback: String? = nil) -> FormField {
        FormField(name, help, .string, fallback.map(JSON.string), choices: choices)
    }

    /// Complains where the answers would not make a value of the declared type.
    static func check(_ fields: [FormField], against shape: TypeShape, step: String, _ site: Site) {
        for field in fields.map(\.parameter) {
            guard let pattern = field.pattern, let fault = Pattern.fault(in: pattern) else { continue }
            Recorder.complain(step, "its field '\(field.name)' has a pattern that is not one, \(pattern): \(fault)", site)
        }
        guard case .object(let members) = shape else {
            if shape != .any { Recorder.complain(step, "output: takes a struct with a property for each field, found \(shape)", site) }
            return
        }
        for member in members {
            var (wanted, isOptional) = (member.shape, false)
            if case .optional(let inner) = wanted { (wanted, isOptional) = (inner, true) }
            guard let field = fields.first(where: { $0.parameter.name == member.name }) else {
                if !isOptional { Recorder.complain(step, "its output has '\(member.name)', which is not among its fields", site) }
                continue
            }
            if wanted != .any, wanted != field.parameter.kind.shape {
                Recorder.complain(step, "its field '\(member.name)' is \(field.parameter.kind.shape), its output has \(wanted) there", site)
            }
        }
    }
}
