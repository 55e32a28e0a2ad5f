import FlowModel
package import FlowWire

/// What a run would do, for people: inputs, hosts, and the steps in order with their commands and what decides about each.
package struct PlanText {
    private let preview: Wire.Preview
    private let style: Style
    /// With the inputs of the run; those of called flows are made while it runs.
    private let words: ExpressionText

    package init(_ preview: Wire.Preview, style: Style) {
        self.preview = preview
        self.style = style
        let secrets = Set(preview.plan.parameters.filter(\.isSecret).map(\.name))
        words = ExpressionText(inputs: (preview.inputs.objectValue ?? [:]).filter { !secrets.contains($0.key) })
    }

    package var lines: [String] {
        var lines = ["\(style.paint(preview.flow, .bold))  revision \(preview.revision.short)"]
        if let summary = preview.plan.summary { lines.append(summary.neutralised()) }
        lines += RunTables.inputs(preview.inputs).map { $0.neutralised() }
        for (selector, hosts) in preview.targets.sorted(by: { $0.key < $1.key }) {
            let shown = hosts.prefix(20).joined(separator: ", ") + (hosts.count > 20 ? " and \(hosts.count - 20) more" : "")
            lines.append("hosts     \(selector) → \(hosts.count): \(shown)".neutralised())
        }
        lines += ClaimText.lines(of: preview.plan)
        lines.append("steps")
        lines += steps(of: preview.plan, words)
        for called in preview.plan.withCalls.dropFirst() {
            lines.append("flow \(called.flow), which is called")
            lines += steps(of: called, ExpressionText())
        }
        lines += ForecastText.lines(preview)
        lines.append(style.paint("Nothing was started.", .dim))
        return lines
    }

    private func steps(of plan: Plan, _ words: ExpressionText) -> [String] {
        let shown = plan.nodes.filter { $0.kindName != "when" }
        let width = min(plan.nodes.map { depth(of: $0) * 2 + ($0.part.prefix + $0.name).displayWidth }.max() ?? 0, 40)
        let kindWidth = max(9, shown.map(\.kindName.count).max() ?? 0)
        return shown.flatMap {
            [line($0, width: width, kindWidth: kindWidth, in: plan, words)] + command($0, indent: width + 3, of: plan, words)
        }
    }

    private func depth(of node: Node) -> Int { 1 + node.id.filter { $0 == "/" }.count }

    private func line(_ node: Node, width: Int, kindWidth: Int, in plan: Plan, _ words: ExpressionText) -> String {
        let indent = String(repeating: "  ", count: depth(of: node))
        let name = (indent + node.part.prefix + node.name).padded(to: width + 2)
        let facts = [what(node, words), guards(node, in: plan), policy(node), node.isFinally ? "at the end, whatever happened" : nil].compactMap {
            $0
        }
        let place = node.location.map { "  \($0)" } ?? ""
        return "\(name) \(node.kindName.padded(to: kindWidth)) \(facts.joined(separator: "; "))".neutralised().trimmingTrailingSpaces
            + style.paint(place, .dim)
    }

    /// What a command or script does, beneath its step.
    private func command(_ node: Node, indent: Int, of plan: Plan, _ words: ExpressionText) -> [String] {
        if case .approval(let spec) = node.kind {
            return GateText.details(spec, preview.approvers).map { String(repeating: " ", count: indent) + style.paint($0.neutralised(), .dim) }
        }
        return (node.work?.details(in: plan, words) ?? []).map { String(repeating: " ", count: indent) + style.paint($0.neutralised(), .dim) }
    }

    private func what(_ node: Node, _ words: ExpressionText) -> String? {
        switch node.kind {
        case .work(let work): return work.spec.summary(words)
        case .approval(let spec): return GateText.summary(spec, words)
        case .sleepUntil(let moment): return "until \(words.text(moment))"
        case .waitFor(let spec): return "signal '\(spec.signal)'" + (spec.timeoutSeconds.map { ", \(JSON.double($0).text) s at most" } ?? "")
        case .repeatUntil(let spec):
            return "until \(ExpressionText.text(spec.until)), every \(JSON.double(spec.intervalSeconds).text) s, \(spec.maximum) times at most"
        case .sleep(let seconds): return "\(words.text(seconds)) s"
        case .choice(let condition): return ExpressionText.text(condition)
        case .map(let spec):
            switch spec.elements {
            case .hosts(let selector): return "each host of \(words.text(selector)), \(spec.width) at a time"
            case .list(let list): return "each of \(words.text(list)), \(spec.width) at a time"
            }
        case .rollout(let spec): return what(spec, words)
        case .call(let spec):
            let inputs = spec.inputs.sorted { $0.key < $1.key }.map { "\($0.key)=\(words.text($0.value))" }
            return "flow \(spec.flow)" + (inputs.isEmpty ? "" : " with " + inputs.joined(separator: " "))
        }
    }

    private func what(_ spec: RolloutSpec, _ words: ExpressionText) -> String {
        var parts = ["to \(words.text(spec.targets)) in batches of \(spec.batches.text)"]
        if spec.order != .inventory { parts.append("order \(spec.order.words)") }
        if let concurrency = spec.concurrency { parts.append("\(concurrency) of a batch at a time") }
        if let rate = spec.startRate { parts.append("at most \(rate.count) begin in \(durationText(rate.seconds))") }
        if let skipping = spec.skipping { parts.append("without hosts in state \(skipping.joined(separator: " or "))") }
        if spec.soakSeconds > 0 { parts.append("soak \(durationText(spec.soakSeconds))") }
        let whole = spec.budget.scope == .batch ? "of a batch" : "of all"
        let kind = spec.budget.counting == .both ? "failures" : "\(spec.budget.counting.rawValue) targets"
        parts.append("tolerates \(spec.budget.maxFailures) \(kind) \(whole), then \(spec.onBreach.rawValue)")
        return parts.joined(separator: ", ")
    }

    /// The branch that it stands in, in words of the condition.
    private func guards(_ node: Node, in plan: Plan) -> String? {
        let conditions = node.guards.map { branch in
            let choice = plan.nodes.first { $0.id == branch.choice }
            guard let choice, case .choice(let condition) = choice.kind else { return branch.choice }
            return (branch.answer ? "" : "not ") + ExpressionText.text(condition)
        }
        return conditions.isEmpty ? nil : "when " + conditions.joined(separator: " and ")
    }

    private func policy(_ node: Node) -> String? {
        var parts: [String] = []
        if let retry = node.policy.retry { parts.append("\(retry.attempts) attempts") }
        if let timeout = node.policy.timeoutSeconds { parts.append("at most \(durationText(timeout))") }
        if node.policy.onFailure != .stop { parts.append("on failure \(node.policy.onFailure.rawValue)") }
        parts += ClaimText.parts(of: node.policy)
        return parts.isEmpty ? nil : parts.joined(separator: ", ")
    }
}

extension RolloutOrder {
    fileprivate var words: String {
        switch self {
        case .inventory: "of the inventory"
        case .reverse: "reversed"
        case .name: "by name"
        case .rank(let label): "by label \(label)"
        case .shuffle: "by chance"
        case .spread(let label): "spread over label \(label)"
        }
    }
}
