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
        for rule in remedies { check.remedy(rule) }
        for host in unreachable { check.host(host) }
        for name in signals.keys.sorted() { check.signal(name, signals[name] ?? .null) }
        try check.finish()
    }
}

/// Collects what is wrong with a script.
private struct ScriptCheck {
    let plan: Plan
    let inventory: Inventory
    /// With the steps of the flows that it calls.
    private let known: PlanSteps
    private var nodes: [Node] { known.all }
    private var faults: [FlowError.Detail] = []

    init(plan: Plan, inventory: Inventory) {
        self.plan = plan
        self.inventory = inventory
        known = PlanSteps(of: plan)
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
        let named = known.named(by: pattern)
        let meant = named.map(\.node).filter(isMeant)
        if named.isEmpty {
            let ids = known.names
            let near = nearestNames(to: pattern.description, in: Set(ids + ids.map { String($0.split(separator: "/").last ?? "") }).sorted())
            let advice = near.isEmpty ? "it has: \(ids.shown)" : "did you mean \(near.map { "'\($0)'" }.joined(separator: " or "))?"
            fault(source, "no step of the flow is called '\(pattern)'; \(advice)")
        } else if let fault = named.compactMap({ KeyCheck(inventory: inventory, plan: $0.plan).fault(pattern, $0.node) }).shared(by: named.count) {
            self.fault(source, fault)
        } else if meant.isEmpty, let node = named.first?.node {
            let inside = nodes.first { $0.id.hasPrefix(node.id + "/") && isMeant($0) }
            let advice = inside.map { "; a step in it does, such as '\(String($0.id))'" } ?? ""
            fault(source, "step '\(node.id)' is a \(node.kindName): none that \(what)\(advice)")
        }
        return meant
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

    mutating func remedy(_ rule: RehearsalScript.Rule<RehearsalScript.Remedy>) {
        let meant = steps(rule.steps, rule.source, "waits for a person", { !$0.remedies(isUndone: true).isEmpty })
        let allowed = meant.map { node in node.remedies(isUndone: nodes.contains { $0.scope == node.id && $0.part == .undo }) }
        guard let first = meant.first, !allowed.contains(where: { $0.contains(rule.value) }) else { return }
        let words = allowed[0].map { "=\($0.rawValue)" }.joined(separator: ", ")
        fault(rule.source, "step '\(first.id)' is a \(first.kindName), with which a person does one of \(words)")
    }

    mutating func host(_ name: String) {
        guard inventory.host(named: name) == nil else { return }
        fault("--unreachable \(name)", "is no host of the inventory\(inventory.advice(on: name))")
    }

    mutating func signal(_ name: String, _ value: JSON) {
        let receivers = nodes.filter { if case .waitFor(let spec) = $0.kind { spec.signal == name } else { false } }
        guard !receivers.isEmpty else {
            let known = Set(nodes.compactMap { if case .waitFor(let spec) = $0.kind { spec.signal } else { nil } }).sorted()
            return fault("--signal \(name)", "no step waits for it; they wait for: \(known.isEmpty ? "none" : known.shown)")
        }
        for case (let node, let shape?) in receivers.map({ ($0, $0.output) }) {
            for detail in shape.faults(in: value) {
                fault("--signal \(name)", "step '\(node.id)' takes \(shape): \(detail.subject.isEmpty ? "" : "\(detail.subject): ")\(detail.message)")
            }
        }
    }
}

extension [String] {
    /// For people: not all of many.
    var shown: String { prefix(20).joined(separator: ", ") + (count > 20 ? " and \(count - 20) more" : "") }

    /// The first, if as many say the same as there are.
    fileprivate func shared(by count: Int) -> String? { self.count == count ? first : nil }
}

extension Inventory {
    /// What its hosts are called, behind a name that none has.
    func advice(on name: String) -> String {
        let near = nearestNames(to: name, in: hosts.map(\.name))
        if !near.isEmpty { return "; did you mean \(near.map { "'\($0)'" }.joined(separator: " or "))?" }
        return hosts.isEmpty ? ", which has none" : ", which has: \(hosts.map(\.name).shown)"
    }
}

extension Node {
    /// What a person can do with it when it waits for one; nothing where it never does.
    /// - Parameter isUndone: it says how it is undone.
    func remedies(isUndone: Bool) -> [RehearsalScript.Remedy] {
        switch kind {
        case .rollout(let spec):
            guard spec.onBreach == .hold || policy.onFailure == .hold else { return [] }
            return [.retry, .skip, .succeeded, .failed, .release] + (isUndone ? [.undo] : [])
        case .approval: return policy.onFailure == .hold ? [.retry, .failed] : []
        // Of work nobody may know whether it took effect.
        case .work: return [.retry, .skip, .succeeded, .failed]
        case .sleep, .sleepUntil, .waitFor, .choice, .map, .repeatUntil, .call:
            return policy.onFailure == .hold ? [.retry, .skip, .succeeded, .failed] : []
        }
    }

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
