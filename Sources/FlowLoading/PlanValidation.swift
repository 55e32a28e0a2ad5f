package import FlowModel

/// Checks that a plan makes sense, wherever it came from. The engine relies on what is checked here.
///
/// Whoever may look at a plan may send one, so the time and memory that this takes are bounded for every plan.
package struct PlanValidation {
    private let plan: Plan
    private var faults: [FlowError.Detail] = []
    /// The steps so far, by id: of several with one id the first. What a step names as its scope is here and stands before it, or it is taken as
    /// if it had none: so every way outwards ends.
    private var nodes: [String: Node] = [:]
    /// Their positions in the plan, and in how many scopes they stand.
    private var order: [String: Int] = [:]
    private var depths: [String: Int] = [:]
    /// For each position so far, the steps that have settled when the one there begins.
    private var settled: [PositionSet] = []
    /// The positions of the steps in each scope, and the scopes that have steps which undo them.
    private let inside: [String: [Int]]
    private let undone: Set<String>

    /// What is wrong with the plan, in the order of its steps, at most `Limits.planFaults` of it; empty when nothing is.
    package static func faults(in plan: Plan) -> [FlowError.Detail] {
        var validation = PlanValidation(plan: plan)
        guard validation.checkPlan() else { return validation.faults }
        for parameter in plan.parameters { validation.check(parameter) }
        for (position, node) in plan.nodes.enumerated() where !validation.isFull { validation.check(node, at: position) }
        if !validation.isFull { validation.checkBodies() }
        for called in plan.calls ?? [] where !validation.isFull {
            validation.faults += faults(in: called.plan).prefix(Limits.planFaults - validation.faults.count).map {
                FlowError.Detail(subject: "\(called.plan.flow)/\($0.subject)", message: $0.message, location: $0.location)
            }
        }
        return validation.faults
    }

    private init(plan: Plan) {
        self.plan = plan
        var inside: [String: [Int]] = [:]
        for (position, node) in plan.nodes.enumerated() {
            if let scope = node.scope { inside[scope, default: []].append(position) }
        }
        self.inside = inside
        undone = Set(plan.nodes.filter { $0.part == .undo }.compactMap(\.scope))
    }

    private var isFull: Bool { faults.count >= Limits.planFaults }

    private mutating func fault(_ subject: String, _ message: String, _ location: SourceLocation? = nil) {
        if !isFull { faults.append(.init(subject: subject, message: message, location: location?.description)) }
    }

    // MARK: - Plan and parameters

    /// False for a plan that is too large to be looked at step by step.
    private mutating func checkPlan() -> Bool {
        if !plan.flow.isStepName { fault(plan.flow, "is not a flow name: \(String.stepNameRule)") }
        if plan.nodes.isEmpty { fault(plan.flow, "has no steps") }
        if plan.nodes.count > Limits.planNodes { fault(plan.flow, "has \(plan.nodes.count) steps; at most \(Limits.planNodes) are allowed") }
        if plan.parameters.count > Limits.parameters {
            fault(plan.flow, "has \(plan.parameters.count) parameters; at most \(Limits.parameters) are allowed")
        }
        let all = plan.withCalls.reduce(0) { $0 + $1.nodes.count }
        if all > Limits.calledNodes {
            fault(plan.flow, "has \(all) steps with those of the flows that it calls; at most \(Limits.calledNodes) are allowed")
        }
        return plan.nodes.count <= Limits.planNodes && plan.parameters.count <= Limits.parameters && all <= Limits.calledNodes
    }

    private mutating func check(_ parameter: Parameter) {
        if plan.parameters.count(where: { $0.name == parameter.name }) > 1 { fault(parameter.name, "there are two parameters of this name") }
        if let pattern = parameter.pattern, let message = Pattern.fault(in: pattern) {
            fault(parameter.name, "its pattern \(pattern) is not one: \(message)")
            return
        }
        for choice in parameter.choices where !parameter.kind.acceptsElement(choice) {
            fault(parameter.name, "its choice \(choice.canonical) is not \(parameter.kind.words)")
        }
        guard let fallback = parameter.fallback else { return }
        for message in InputValidation.faults(of: fallback, for: parameter) { fault(parameter.name, "its default \(message)") }
    }

    // MARK: - Steps

    private mutating func check(_ node: Node, at position: Int) {
        checkName(node)
        checkScope(node)
        checkNeeds(node)
        checkPolicy(node)
        let before = before(node.needs)
        for expression in node.expressions where !isFull { check(expression, in: node, after: before) }
        checkKind(node)
        settled.append(before)
        take(node, at: position)
    }

    /// Makes the step known to those after it.
    private mutating func take(_ node: Node, at position: Int) {
        guard nodes[node.id] == nil else { return }
        var known = node
        let depth = node.scope.flatMap { depths[$0] }.map { $0 + 1 } ?? 0
        if depth == 0 || depth > Limits.planScopes { known.scope = nil }
        if depth > Limits.planScopes {
            fault(node.name, "it stands in \(depth) maps, rollouts or rounds; at most \(Limits.planScopes) in each other are allowed", node.location)
        }
        nodes[node.id] = known
        order[node.id] = position
        depths[node.id] = known.scope == nil ? 0 : depth
    }

    /// The steps that have settled when one with these needs begins: those, and theirs.
    private func before(_ needs: some Sequence<String>) -> PositionSet {
        var found = PositionSet()
        for need in needs {
            guard let position = order[need], !found.contains(position) else { continue }
            found.insert(position)
            found.formUnion(settled[position])
        }
        return found
    }

    private mutating func checkName(_ node: Node) {
        if !node.name.isStepName { fault(node.name, "is not a step name: \(String.stepNameRule)", node.location) }
        let expected = node.scope.map { "\($0)/\(node.part.prefix)\(node.name)" } ?? node.name
        if node.id != expected { fault(node.name, "its id must be '\(expected)', found '\(node.id)'", node.location) }
        if let other = nodes[node.id] {
            let place = other.location.map { " (the other is at \($0))" } ?? ""
            fault(node.name, "there are two steps of this name in one scope\(place)", node.location)
        }
    }

    private mutating func checkScope(_ node: Node) {
        guard let scope = node.scope else {
            if node.part != .body { fault(node.name, "its part is '\(node.part.rawValue)', but it stands in no rollout", node.location) }
            return
        }
        guard let map = nodes[scope] else {
            return fault(node.name, "its scope '\(scope)' is not a map or rollout that stands before it", node.location)
        }
        if node.part == .undo, map.canBeUndone {
            return checkUndo(node, of: map)
        }
        guard map.hasBody else {
            return fault(node.name, "its scope '\(scope)' is not a map or rollout, it is a \(map.kindName)", node.location)
        }
        if node.part != .body, case .map = map.kind {
            fault(node.name, "its part is '\(node.part.rawValue)', but its scope '\(scope)' is a map; only rollouts have one", node.location)
        }
        if map.isFinally != node.isFinally { fault(node.name, "it and its map must both be in 'finally', or neither", node.location) }
    }

    private mutating func checkUndo(_ node: Node, of step: Node) {
        var around: Node? = step
        while let here = around {
            let outer = here.scope.flatMap { nodes[$0] }
            if here.part == .undo { return fault(node.name, "it undoes '\(step.id)', which itself undoes something", node.location) }
            if here.part == .between {
                return fault(step.name, "it stands between the batches of a rollout, where nothing is undone, but has an 'undo:'", step.location)
            }
            if let outer, undone.contains(outer.id) {
                return fault(
                    step.name, "it has an 'undo:' of its own, but rollout '\(outer.id)' around it says already how its targets are undone",
                    step.location)
            }
            around = outer
        }
        if step.isFinally { fault(step.name, "it stands in 'finally', which is never undone, but has an 'undo:'", step.location) }
    }

    private mutating func checkNeeds(_ node: Node) {
        for need in node.needs where !isFull {
            guard let other = nodes[need] else {
                // Who has that many faults looks at the first ones first.
                let near = faults.count < Limits.failuresNamed ? nearestNames(to: need, in: nodes.keys.sorted()) : []
                let hint = near.isEmpty ? "" : "; did you mean \(near.map { "'\($0)'" }.joined(separator: " or "))?"
                fault(node.name, "it needs '\(need)', which is not a step that stands before it\(hint)", node.location)
                continue
            }
            if other.scope != node.scope || other.part != node.part || other.isFinally != node.isFinally {
                fault(node.name, "it needs '\(need)', which is not in its scope", node.location)
            }
        }
        let before = before(node.needs)
        for condition in node.guards where !isFull {
            guard case .choice? = nodes[condition.choice]?.kind else {
                fault(node.name, "its condition '\(condition.choice)' is not a 'when' that stands before it", node.location)
                continue
            }
            // A branch inside a map may hang on a condition outside, which is decided before the map starts.
            if nodes[condition.choice]?.scope == node.scope, order[condition.choice].map(before.contains) != true {
                fault(node.name, "it must need its condition, directly or through others: '\(condition.choice)'", node.location)
            }
        }
    }

    private mutating func checkPolicy(_ node: Node) {
        for message in PlanTimes.faults(of: node) { fault(node.name, message, node.location) }
        if let probe = node.policy.probe {
            if node.work?.canBeProbed == true {
                for message in probe.command.faults(in: plan, of: "probe's ") { fault(node.name, message, node.location) }
            } else {
                fault(node.name, "it has a probe, which \(node.kindName) steps do not have", node.location)
            }
        }
        guard let retry = node.policy.retry else { return }
        if !(1...Limits.attempts).contains(retry.attempts) {
            fault(node.name, "its retry must have 1 to \(Limits.attempts) attempts, found \(retry.attempts)", node.location)
        }
    }

    private mutating func checkKind(_ node: Node) {
        switch node.kind {
        case .map(let map):
            if map.width < 1 { fault(node.name, "its width must be at least 1, found \(map.width)", node.location) }
            if let message = map.minSucceeded?.fault { fault(node.name, "its minSucceeded \(message)", node.location) }
        case .approval(let approval): for message in approval.faults { fault(node.name, message, node.location) }
        case .work(let work): for message in work.spec.faults(in: plan) { fault(node.name, message, node.location) }
        case .rollout(let rollout): for message in rollout.faults { fault(node.name, message, node.location) }
        case .repeatUntil(let spec): checkRounds(spec, node)
        case .waitFor(let spec):
            if !spec.signal.isStepName { fault(node.name, "its signal '\(spec.signal)' is not a name: \(String.stepNameRule)", node.location) }
        case .call(let spec): checkCall(spec, node)
        case .sleep, .sleepUntil, .choice: break
        }
    }

    /// A registered flow is looked at when it is pinned.
    private mutating func checkCall(_ spec: CallSpec, _ node: Node) {
        guard let called = plan.calls?.first(where: { $0.plan.flow == spec.flow })?.plan else { return }
        // That there are too many of them is said of the called plan itself.
        guard called.parameters.count <= Limits.parameters else { return }
        let names = called.parameters.prefix(Limits.membersNamed).map { $0.name.prefix(Limits.titleCharacters) }
        let known = names.isEmpty ? "it has none" : names.joined(separator: ", ")
        for name in spec.inputs.keys.sorted() where !isFull && !called.parameters.contains(where: { $0.name == name }) {
            fault(node.name, "flow '\(spec.flow)', which it calls, has no parameter '\(name)': \(known)", node.location)
        }
        for parameter in called.parameters where !isFull && parameter.fallback == nil && spec.inputs[parameter.name] == nil {
            fault(node.name, "flow '\(spec.flow)', which it calls, needs parameter '\(parameter.name)'", node.location)
        }
        let secrets = Set(plan.parameters.filter(\.isSecret).map(\.name))
        guard !secrets.isEmpty else { return }
        for parameter in called.parameters where !isFull && !parameter.isSecret {
            guard let secret = spec.inputs[parameter.name]?.parameters.first(where: secrets.contains) else { continue }
            let what = "it gives the secret '\(secret)' to parameter '\(parameter.name)' of flow '\(spec.flow)'"
            fault(node.name, "\(what), which is not secret: everybody could see it. Declare that one with 'secret: true'", node.location)
        }
    }

    private mutating func checkRounds(_ spec: RepeatSpec, _ node: Node) {
        if !(1...Limits.rounds).contains(spec.maximum) {
            fault(node.name, "it must have 1 to \(Limits.rounds) rounds, found \(spec.maximum)", node.location)
        }
    }

    // MARK: - Expressions

    private mutating func check(_ expression: Expression, in node: Node, after before: PositionSet) {
        var found: [String] = []
        let scopes = scopes(around: node)
        expression.forEach { part in
            guard found.count < Limits.planFaults else { return }
            switch part {
            case .parameter(let name):
                if !plan.parameters.contains(where: { $0.name == name }) {
                    found.append("it reads parameter '\(name)', which the flow does not have")
                }
            case .output(let other, _):
                if let message = outputFault(other, node, before, scopes) { found.append(message) }
            case .element(let map, _):
                if !scopes.contains(map) { found.append("it reads the element of map '\(map)', which it is not in") }
            default: break
            }
        }
        for message in found { fault(node.name, message, node.location) }
    }

    private func outputFault(_ id: String, _ node: Node, _ before: PositionSet, _ scopes: [String]) -> String? {
        guard let other = nodes[id] else { return "it reads the output of '\(id)', which is not a step that stands before it" }
        if let scope = other.scope, !scopes.contains(scope) {
            return "it reads the output of '\(id)', which is inside a map or rollout; read that one's output instead"
        }
        if other.scope != nil, other.scope == node.scope, other.part != node.part {
            return "it reads the output of '\(id)', which stands in another part of the rollout"
        }
        if other.isFinally, !node.isFinally { return "it reads the output of '\(id)', which runs in 'finally'" }
        // What it reads must have settled: a need of its own, or of a map around it, directly or through others.
        if other.isFinally == node.isFinally, !settlesBefore(other, node, before) {
            return "it reads the output of '\(id)', which may still run then: it must need it"
        }
        return nil
    }

    private func settlesBefore(_ other: Node, _ node: Node, _ before: PositionSet) -> Bool {
        var around: Node? = node
        var before = before
        while let here = around {
            if here.scope == other.scope, here.part == other.part { return order[other.id].map(before.contains) ?? false }
            around = here.scope.flatMap { nodes[$0] }
            // What undoes a step comes after it.
            if here.part == .undo, around?.id == other.id, other.canBeUndone { return true }
            if let outer = around.flatMap({ order[$0.id] }) { before = settled[outer] }
        }
        return false
    }

    private func scopes(around node: Node) -> [String] {
        var scopes: [String] = []
        var scope = node.scope
        while let map = scope {
            scopes.append(map)
            scope = nodes[map]?.scope
        }
        return scopes
    }

    /// What a `repeatUntil` evaluates reads what the steps of its body, which stand after it, hand out.
    private mutating func checkRound(_ spec: RepeatSpec, of node: Node) {
        let body = (inside[node.id] ?? []).map { plan.nodes[$0] }
        guard let last = body.last else { return }
        let before = before(body.lazy.map(\.id))
        check(spec.until, in: last, after: before)
        if let value = spec.value { check(value, in: last, after: before) }
    }

    private mutating func checkBodies() {
        let scopes = Set(plan.nodes.filter { $0.part == .body }.compactMap(\.scope))
        for (position, node) in plan.nodes.enumerated() where !isFull {
            // Of several steps with one id the first has the body.
            let isFirst = order[node.id] == position
            if isFirst, case .repeatUntil(let spec) = node.kind { checkRound(spec, of: node) }
            // Known where the steps of an element are.
            if isFirst, let claims = node.policy.elementClaims, let first = inside[node.id]?.first {
                for claim in claims where !isFull { check(claim.name, in: plan.nodes[first], after: settled[first]) }
            }
            if node.hasBody, !scopes.contains(node.id) { fault(node.name, "its body has no steps", node.location) }
        }
    }
}

extension RolloutSpec {
    /// What makes no sense in it.
    fileprivate var faults: [String] {
        var faults: [String] = []
        if let fault = concurrency?.fault {
            faults.append("its concurrency \(fault)")
        } else if let concurrency, concurrency.of(1_000_000) < 1 {
            faults.append("its concurrency must be at least 1, found \(concurrency)")
        }
        if let fault = budget.maxFailures.fault { faults.append("its maxFailures \(fault)") }
        if let fault = startRate?.fault { faults.append("its startRate \(fault)") }
        if let skipping,
            !(1...Limits.skippedStates).contains(skipping.count) || !skipping.allSatisfy({ (1...Limits.textBytes).contains($0.utf8.count) })
        {
            faults.append("its skipping names 1 to \(Limits.skippedStates) states of hosts")
        }
        return faults
    }
}

extension Parameter.Kind {
    fileprivate func acceptsElement(_ value: JSON) -> Bool {
        if case .list(let element) = self { return element.accepts(value) }
        return accepts(value)
    }
}
