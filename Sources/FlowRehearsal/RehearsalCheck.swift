import FlowInventory
import FlowModel

extension RehearsalScript {
    /// Refuses what names no step, host or signal of the flow, or gives what it does not take; all of it at once.
    func check(against plan: Plan, _ inventory: Inventory) throws(FlowError) {
        var check = ScriptCheck(plan: plan, inventory: inventory)
        for rule in faults { check.failure(rule) }
        for rule in seconds { check.steps(rule.steps, rule.source, "takes time of its own", { $0.isWork || $0.isAnswered }) }
        for rule in outputs { check.output(rule) }
        for rule in verdicts { check.verdict(rule) }
        for rule in remedies { check.steps(rule.steps, rule.source, "waits for a person", { $0.kindName != "approval" }) }
        for host in unreachable { check.host(host) }
        for name in signals.keys.sorted() { check.signal(name, signals[name] ?? .null) }
        try check.finish()
    }
}

/// Collects what is wrong with a script.
private struct ScriptCheck {
    let plan: Plan
    let inventory: Inventory
    private let nodes: [Node]
    private var faults: [FlowError.Detail] = []

    init(plan: Plan, inventory: Inventory) {
        self.plan = plan
        self.inventory = inventory
        nodes = plan.withCalls.flatMap(\.nodes)
    }

    func finish() throws(FlowError) {
        guard !faults.isEmpty else { return }
        let what = faults.count == 1 ? "an option does" : "\(faults.count) options do"
        throw FlowError(
            .usage, subject: faults[0].subject, "Nothing was rehearsed: \(what) not fit flow '\(plan.flow)'.", hint: "flowctl plan FILE",
            errors: faults)
    }

    private mutating func fault(_ source: String, _ message: String) { faults.append(.init(subject: source, message: message)) }

    /// The steps that are meant and of which this can be said.
    @discardableResult
    mutating func steps(_ pattern: StepPattern, _ source: String, _ what: String, _ isMeant: (Node) -> Bool) -> [Node] {
        let named = nodes.filter(pattern.names)
        let meant = named.filter(isMeant)
        if named.isEmpty {
            let ids = nodes.filter { $0.kindName != "when" }.map(\.id)
            let near = nearestNames(to: pattern.description, in: Set(ids + ids.map { String($0.split(separator: "/").last ?? "") }).sorted())
            let advice = near.isEmpty ? "it has: \(shown(ids))" : "did you mean \(near.map { "'\($0)'" }.joined(separator: " or "))?"
            fault(source, "no step of the flow is called '\(pattern)'; \(advice)")
        } else if meant.isEmpty, let node = named.first {
            let inside = nodes.first { $0.id.hasPrefix(node.id + "/") && isMeant($0) }
            let advice = inside.map { "; a step in it does, such as '\(String($0.id))'" } ?? ""
            fault(source, "step '\(node.id)' is a \(node.kindName): none that \(what)\(advice)")
        }
        return meant
    }

    private func shown(_ names: [String]) -> String {
        names.prefix(20).joined(separator: ", ") + (names.count > 20 ? " and \(names.count - 20) more" : "")
    }

    mutating func failure(_ rule: RehearsalScript.Rule<RehearsalScript.Fault>) {
        let meant = steps(rule.steps, rule.source, "does work", \.isWork)
        switch rule.value.failure {
        case .status(let status?):
            for node in meant {
                if let why = node.work?.rehearsedStatusFault(status) { fault(rule.source, "step '\(node.id)' \(why)") }
            }
        case .timeout:
            if let first = meant.first, !meant.contains(where: \.hasTimeOut) { fault(rule.source, "step '\(first.id)' has no time-out") }
        case .status(nil), .lost: break
        }
    }

    mutating func output(_ rule: RehearsalScript.Rule<JSON>) {
        for node in steps(rule.steps, rule.source, "hands something out", \.isWork) {
            guard let work = node.work else { continue }
            do throws(FlowError) {
                _ = try InventedOutputs.given(rule.value, for: node, work)
            } catch {
                let details = error.errors.map { $0.subject.isEmpty ? $0.message : "\($0.subject): \($0.message)" }
                let shape = (work.givenShape(declared: node.output) ?? work.outputShape(declared: node.output)).map { "\($0)" } ?? "nothing"
                fault(rule.source, "step '\(node.id)' hands out \(shape)" + (details.isEmpty ? "" : ": \(details.joined(separator: "; "))"))
            }
        }
    }

    mutating func verdict(_ rule: RehearsalScript.Rule<RehearsalScript.Verdict>) {
        let isExpiry = rule.value == .expire
        let what = isExpiry ? "waits for people or a message" : "is an approval"
        for node in steps(rule.steps, rule.source, what, { $0.isGate || isExpiry && $0.isAnswered }) {
            guard case .approval(let spec) = node.kind, case .approve(let given) = rule.value else { continue }
            do throws(FlowError) {
                _ = try InputValidation.answers(spec.fields, given: spec.rehearsedAnswers(given), to: node.id)
            } catch {
                for detail in error.errors { fault(rule.source, "\(detail.subject): \(detail.message)") }
            }
        }
    }

    mutating func host(_ name: String) {
        guard inventory.host(named: name) == nil else { return }
        let near = nearestNames(to: name, in: inventory.hosts.map(\.name))
        fault(
            "--unreachable \(name)",
            "is no host of the inventory"
                + (near.isEmpty ? ", which has \(inventory.hosts.count)" : "; did you mean \(near.map { "'\($0)'" }.joined(separator: " or "))?"))
    }

    mutating func signal(_ name: String, _ value: JSON) {
        let receivers = nodes.filter { if case .waitFor(let spec) = $0.kind { spec.signal == name } else { false } }
        guard !receivers.isEmpty else {
            let known = Set(nodes.compactMap { if case .waitFor(let spec) = $0.kind { spec.signal } else { nil } }).sorted()
            return fault("--signal \(name)", "no step waits for it; they wait for: \(known.isEmpty ? "none" : shown(known))")
        }
        for case (let node, let shape?) in receivers.map({ ($0, $0.output) }) {
            for detail in shape.faults(in: value) {
                fault("--signal \(name)", "step '\(node.id)' takes \(shape): \(detail.subject.isEmpty ? "" : "\(detail.subject): ")\(detail.message)")
            }
        }
    }
}

extension Node {
    fileprivate var isWork: Bool { work != nil }
    fileprivate var hasTimeOut: Bool { policy.timeoutSeconds != nil || work?.ownSeconds != nil || work?.longestSeconds != nil }
    fileprivate var isGate: Bool { if case .approval = kind { true } else { false } }
    /// People or a message answer it.
    fileprivate var isAnswered: Bool {
        switch kind {
        case .approval, .waitFor: true
        default: false
        }
    }
}
