internal import FlowModel

/// What people decided.
public struct Decision: Codable, Hashable, Sendable {
    public var decision: String
    /// Who approved.
    public var by: [String]
    public var comment: String?
}

/// What people decided, and their answers to the gate's fields.
public struct Answered<Output: Decodable & Sendable>: Decodable, Sendable {
    public var decision: String
    /// Who approved.
    public var by: [String]
    public var comment: String?
    public var output: Output
}

/// Waits until people have approved. A rejection fails the step; so does the deadline, if one is given.
///
/// All rules must be met. Whoever started the run cannot approve it, unless `selfApproval` says so; nor can anybody by that person's
/// delegation. One person fills one place of all rules; with `distinct: false` one of each. A rejection by anybody who may vote ends it, or
/// only one by `veto`. `remind` is how often those who may vote are told again.
///
///     approval("go", "Release \($version)?", rules: [.role("ops", count: 2), .any(.role("dba"), .person("carol"))],
///         deadline: .hours(4), onDeadline: .escalate(to: [.role("director")], deadline: .hours(2)))
@discardableResult
public func approval(
    _ name: String, _ prompt: Text, rules: [ApprovalRule] = [.anyone], deadline: Duration? = nil, onDeadline: OnDeadline = .reject,
    remind: Duration? = nil, veto: ApprovalRule? = nil, distinct: Bool = true, selfApproval: Bool = false,
    onFailure: OnFailure = .stop, after: [any StepHandle] = [], file: String = #fileID, line: Int = #line
) -> Step<Decision> {
    let gate = Gate(rules: rules, deadline: deadline, end: onDeadline, remind: remind, veto: veto, distinct: distinct, selfApproval: selfApproval)
    return Step(id: gate.add(name, prompt, [], onFailure, after, Site(file, line)))
}

/// Waits until people have approved, and asks them for values, which later steps read as `output` of it.
///
///     struct Plan: Codable, Sendable { var minutes: Int; var size: String }
///     let go = approval("go", "How?", fields: [.int("minutes", default: 5), .choice("size", ["s", "m"])], output: Plan.self)
///     shell("wait", "sleep \(go.output.minutes)")
///
/// The first who approves answers, the others confirm those answers. A field without a default must be answered.
@discardableResult
public func approval<Output: Decodable & Sendable>(
    _ name: String, _ prompt: Text, fields: [FormField], output: Output.Type, rules: [ApprovalRule] = [.anyone],
    deadline: Duration? = nil, onDeadline: OnDeadline = .reject, remind: Duration? = nil, veto: ApprovalRule? = nil,
    distinct: Bool = true, selfApproval: Bool = false, onFailure: OnFailure = .stop, after: [any StepHandle] = [],
    file: String = #fileID, line: Int = #line
) -> Step<Answered<Output>> {
    let site = Site(file, line)
    FormField.check(fields, against: ShapeProbe.shape(of: output), step: name, site)
    let gate = Gate(rules: rules, deadline: deadline, end: onDeadline, remind: remind, veto: veto, distinct: distinct, selfApproval: selfApproval)
    return Step(id: gate.add(name, prompt, fields.map(\.parameter), onFailure, after, site))
}

/// What approvals have in common.
private struct Gate {
    var rules: [ApprovalRule]
    var deadline: Duration?
    var end: OnDeadline
    var remind: Duration?
    var veto: ApprovalRule?
    var distinct: Bool
    var selfApproval: Bool

    func add(
        _ name: String, _ prompt: Text, _ fields: [Parameter], _ onFailure: OnFailure, _ after: [any StepHandle], _ site: Site
    ) -> String {
        let spec = ApprovalSpec(
            prompt: prompt.expression, rules: rules.map(\.rule), deadlineSeconds: deadline?.inSeconds, selfApproval: selfApproval,
            veto: veto?.rule, isDistinct: distinct, escalations: end.escalations, onDeadline: end.answer, remindSeconds: remind?.inSeconds,
            fields: fields)
        return Recorder.add(
            "approval",
            Recorder.Entry(name: name, kind: .approval(spec), policy: Policy(nil, nil, onFailure), after: after, site: site))
    }
}
