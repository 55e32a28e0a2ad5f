import FlowModel
import FlowWire

/// A registered flow, for people.
enum FlowText {
    /// A trigger with the name of its schedule.
    static func trigger(_ trigger: TriggerSpec, of flow: String) -> String {
        "\(ScheduleText.timing(trigger.schedule)), \(trigger.schedule.timeZone ?? "UTC") (schedule '\(flow).\(trigger.name)')"
    }

    /// What was read into the plan beside the flow file, and goes with it to the server: a line for each file.
    static func embedded(_ plan: Plan) -> [String] {
        embeddedNames(plan).map { "Embedded, and readable by whoever may see the flow: \($0)".neutralised() }
    }

    /// The embedded files of the plan and of the flows in it, as the flow file names them.
    static func embeddedNames(_ plan: Plan) -> [String] { Set(plan.withCalls.flatMap(\.assets).map(\.name)).sorted() }

    static func lines(_ flow: Wire.Flow, style: Style) -> [String] {
        var lines = [
            "\(style.paint(flow.name, .bold))  revision \(flow.revision.short), added \(momentText(flow.addedAt)) by \(flow.addedBy)"
        ]
        if let source = flow.source { lines.append("source    \(source)".neutralised()) }
        if !flow.parameters.isEmpty {
            var table = Table("parameter", "type", "default", "what for")
            for parameter in flow.parameters {
                let fallback = parameter.isSecret ? "<secret>" : parameter.fallback?.canonical ?? "required"
                let choices =
                    parameter.choices.isEmpty ? "" : " (one of \(parameter.choices.map(\.text).joined(separator: ", ")))"
                let pattern = parameter.pattern.map { " (matches \($0))" } ?? ""
                table.add(
                    .init(parameter.name), .init(parameter.kind.text), .init(fallback),
                    .init(parameter.help + choices + pattern))
            }
            lines += table.lines(style: style)
        }
        for trigger in flow.plan?.triggers ?? [] { lines.append("starts    \(self.trigger(trigger, of: flow.name))".neutralised()) }
        if let plan = flow.plan {
            let preview = Wire.Preview(flow: flow.name, revision: flow.revision, plan: plan, inputs: .object([:]), targets: [:])
            lines += PlanText(preview, style: style).lines.dropFirst().dropLast()
        }
        return lines
    }
}

extension Parameter.Kind {
    var text: String {
        switch self {
        case .string: "String"
        case .int: "Int"
        case .double: "Double"
        case .bool: "Bool"
        case .selector: "Selector"
        case .list(let element): "[\(element.text)]"
        }
    }
}
