import FlowEngine
import FlowInventory
import FlowModel
import FlowWire

/// What a run would meet if it began now, as far as that is known before it: batches, freezes and windows, what it would take to itself, and
/// flows that it calls and that could not begin.
struct PlanForecast {
    /// Something that is wanted, and by whom.
    struct Wanted {
        var flow: String
        var step: String?
        var demand: Demand
    }

    let inventory: Inventory
    let limit: HostLimit?
    let labels: [String: String]
    let closure: (ChangeSubject) -> ChangeClosure?
    /// Complete, typed inputs from those given.
    let complete: ([Parameter], [String: JSON]) throws(FlowError) -> [String: JSON]

    private(set) var rollouts: [Wire.PlannedRollout] = []
    private(set) var closed: [Wire.PlannedClosure] = []
    private(set) var demands: [Wanted] = []
    private(set) var problems: [FlowError.Detail] = []
    /// Steps whose hosts another step chooses, each once; of a called flow with its name.
    private(set) var late: [String] = []

    init(
        inventory: Inventory, limit: HostLimit?, labels: [String: String], closure: @escaping (ChangeSubject) -> ChangeClosure?,
        complete: @escaping ([Parameter], [String: JSON]) throws(FlowError) -> [String: JSON]
    ) {
        self.inventory = inventory
        self.limit = limit
        self.labels = labels
        self.closure = closure
        self.complete = complete
    }

    /// Flows that were looked into: a plan of a few lines can call others, and these others, more often than anybody can count.
    private var flows = 0

    mutating func add(_ plan: Plan, inputs: [String: JSON], targets: [String: [Host]]) {
        guard flows < Limits.forecastFlows else { return }
        let isCalled = flows > 0
        flows += 1
        let scope = StartScope(inputs: inputs)
        let hosts = targets.keys.sorted().flatMap { targets[$0]?.map(\.name) ?? [] }
        if let closure = closure(subject(plan, hosts)) { note(Wire.PlannedClosure(flow: plan.flow, closure)) }
        want(PlanIndex(plan).claims, of: plan, nil, scope)
        for node in plan.nodes {
            want(node.policy.claims ?? [], of: plan, node.id, scope)
            if node.hosts?.selector.readsOutput == true { note(late: isCalled ? "\(node.id) of flow \(plan.flow)" : node.id) }
            switch node.kind {
            case .rollout(let spec): add(node, spec, of: plan, scope, targets)
            case .map(let spec):
                guard case .hosts(let selector) = spec.elements, let text = try? selector.evaluate(in: scope).text else { continue }
                wantEach(node, of: plan, targets[text] ?? [], inputs)
            case .call(let spec): add(spec, node, of: plan, scope)
            case .work, .approval, .sleep, .sleepUntil, .waitFor, .choice, .repeatUntil: continue
            }
        }
    }

    private func subject(_ plan: Plan, _ hosts: [String]) -> ChangeSubject { ChangeSubject(flow: plan.flow, labels: labels, hosts: hosts) }

    private mutating func note(late step: String) {
        if late.count < Limits.plannedShown, !late.contains(step) { late.append(step) }
    }

    private mutating func note(_ closure: Wire.PlannedClosure) {
        if closed.count < Limits.plannedShown { closed.append(closure) }
    }

    // MARK: - Rollouts

    private mutating func add(_ node: Node, _ spec: RolloutSpec, of plan: Plan, _ scope: StartScope, _ targets: [String: [Host]]) {
        guard let selector = try? spec.targets.evaluate(in: scope).text, let hosts = targets[selector] else { return }
        let (turns, leftOut) = spec.arranged(hosts, seed: 0)
        let ends = spec.batches.ends(of: turns.count)
        let batches = zip([0] + ends, ends).map { turns[$0..<$1].map(\.name) }
        if rollouts.count < Limits.plannedShown {
            rollouts.append(
                Wire.PlannedRollout(
                    flow: plan.flow, step: node.id, selector: selector, batches: batches, isByChance: spec.order == .shuffle ? true : nil,
                    leftOut: leftOut.isEmpty ? nil : leftOut.map { Wire.LeftOut(host: $0.host.name, reason: $0.reason) }))
        }
        for (number, batch) in batches.enumerated() {
            guard let closure = closure(subject(plan, batch)) else { continue }
            note(Wire.PlannedClosure(flow: plan.flow, step: node.id, batch: number + 1, closure))
        }
        wantEach(node, of: plan, turns, scope.inputs)
    }

    // MARK: - What it takes to itself

    private mutating func wantEach(_ node: Node, of plan: Plan, _ hosts: [Host], _ inputs: [String: JSON]) {
        guard let claims = node.policy.elementClaims else { return }
        for host in hosts where demands.count < Limits.forecastDemands {
            want(claims, of: plan, "\(node.id)[\(host.name)]", StartScope(inputs: inputs, element: (node.id, host.value)))
        }
    }

    /// What has a name that is known only in the run is left out.
    private mutating func want(_ claims: [ClaimSpec], of plan: Plan, _ step: String?, _ scope: StartScope) {
        for claim in claims where demands.count < Limits.forecastDemands {
            guard let name = try? claim.name.evaluate(in: scope).text else { continue }
            demands.append(Wanted(flow: plan.flow, step: step, demand: Demand(name: name, kind: claim.kind)))
        }
    }

    // MARK: - Calls

    /// Looks into the called flow where its inputs are known. One that is called in every run, and could not begin, is a problem of this one.
    private mutating func add(_ spec: CallSpec, _ node: Node, of plan: Plan, _ scope: StartScope) {
        guard flows < Limits.forecastFlows, let called = plan.calls?.first(where: { $0.plan.flow == spec.flow })?.plan,
            let given = try? spec.inputs.mapValues({ try $0.evaluate(in: scope) })
        else { return }
        do throws(FlowError) {
            let inputs = try complete(called.parameters, given)
            let needs = TargetResolver.needs(of: called, inputs: inputs)
            let targets = needs.isEmpty ? [:] : try TargetResolver.targets(of: needs, in: inventory, within: limit)
            add(called, inputs: inputs, targets: targets)
        } catch {
            guard node.guards.isEmpty, node.scope == nil, problems.count < Limits.plannedShown else { return }
            let details = error.errors.isEmpty ? [error.message] : error.errors.map { "\($0.subject): \($0.message)" }
            problems += details.map { FlowError.Detail(subject: node.id, message: "flow '\(called.flow)' could not begin: \($0)") }
        }
    }
}

extension Expression {
    /// A step makes it, or a part of it.
    fileprivate var readsOutput: Bool {
        var isMade = false
        forEach { if case .output = $0 { isMade = true } }
        return isMade
    }
}

extension Wire.PlannedLock {
    /// nil when it is free.
    init?(_ wanted: PlanForecast.Wanted, _ obstacles: LeaseTable.Obstacles) {
        guard !obstacles.holders.isEmpty || obstacles.waiting > 0 else { return nil }
        self.init(
            flow: wanted.flow, step: wanted.step, what: wanted.demand.words,
            holders: obstacles.holders.prefix(Limits.locksShown).map { row in
                Wire.Claim(
                    run: row.id.run, flow: row.flow, step: row.id.step == Run.ownPath ? nil : row.id.step,
                    what: row.demands.filter { $0.key == wanted.demand.key }.words, priority: row.priority, since: row.grantedAt ?? row.since)
            }, waiting: obstacles.waiting)
    }
}

extension Sequence {
    /// For what is left out when there is none of it.
    var nilIfEmpty: [Element]? {
        let elements = Array(self)
        return elements.isEmpty ? nil : elements
    }
}
