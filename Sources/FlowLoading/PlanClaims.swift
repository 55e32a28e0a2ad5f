import FlowModel

/// Checks of what a plan wants to itself: numbers that make sense, and nobody who waits for what is held around it.
enum PlanClaims {
    /// Something that is claimed, where, and by whom it is held while others inside run.
    private struct Place {
        var subject: String
        var location: SourceLocation?
        var claims: [ClaimSpec]
    }

    static func faults(in plan: Plan) -> [FlowError.Detail] {
        var faults: [FlowError.Detail] = []
        func fault(_ place: Place, _ message: String) {
            faults.append(.init(subject: place.subject, message: message, location: place.location?.description))
        }
        let places = places(in: plan)
        for place in places {
            for message in self.faults(of: place.claims, in: plan) { fault(place, message) }
        }
        var known: [String: ClaimSpec.Kind] = [:]
        for place in places {
            for claim in place.claims {
                guard let demand = claim.constant, demand.measure != nil else { continue }
                let first = known[demand.key]
                known[demand.key] = first ?? demand.kind
                guard let first, Demand(name: demand.name, kind: first).measure != demand.measure else { continue }
                fault(place, "it says \(demand.words), and another step says \(Demand(name: demand.name, kind: first).words): a limit has one size")
            }
        }
        // Where there are too many they are not held against each other.
        guard places.allSatisfy({ $0.claims.count <= 2 * Limits.claims }) else { return faults }
        let held = Held(plan)
        for node in plan.nodes {
            let place = Place(subject: node.name, location: node.location, claims: node.policy.claims ?? [])
            for message in held.faults(of: node) { fault(place, message) }
            if !node.mayClaim, node.policy.claims != nil { fault(place, "it has nothing to itself: \(node.kindName) steps do not") }
            if !node.hasElements, node.policy.elementClaims != nil { fault(place, "only maps and rollouts have elements") }
        }
        return faults + flowFaults(plan).map { .init(subject: plan.flow, message: $0) }
    }

    private static func places(in plan: Plan) -> [Place] {
        [Place(subject: plan.flow, location: nil, claims: plan.control?.claims ?? [])]
            + plan.nodes.map { Place(subject: $0.name, location: $0.location, claims: ($0.policy.claims ?? []) + ($0.policy.elementClaims ?? [])) }
    }

    private static func faults(of claims: [ClaimSpec], in plan: Plan) -> [String] {
        var faults: [String] = []
        if claims.count > Limits.claims { faults.append("it asks for \(claims.count) locks and limits; at most \(Limits.claims) are allowed") }
        for claim in claims {
            switch claim.kind {
            case .slots(let weight, let of):
                if !(1...Limits.slots).contains(of) { faults.append("a limit has 1 to \(Limits.slots) slots, found \(of)") }
                if !(1...max(of, 1)).contains(weight) { faults.append("its weight must be 1 to the \(of) slots that there are, found \(weight)") }
            case .rate(let count, let seconds):
                if !(1...Limits.rateStarts).contains(count) { faults.append("a rate has 1 to \(Limits.rateStarts) starts, found \(count)") }
                if !(seconds > 0 && seconds <= Limits.rateSeconds) { faults.append("a rate counts in at most a day, found \(seconds) seconds") }
            case .overlap: faults.append("'overlap' is what a flow says, and no step")
            case .exclusive, .shared: break
            }
            if let name = claim.constant?.name, !(1...Limits.claimNameBytes).contains(name.utf8.count) {
                faults.append("the name of a lock or limit has 1 to \(Limits.claimNameBytes) bytes, found '\(name.prefix(40))'")
            }
            claim.name.forEach { part in
                guard case .parameter(let name) = part, plan.parameters.contains(where: { $0.name == name && $0.isSecret }) else { return }
                faults.append("the name of a lock reads the secret '\(name)', and everybody could see it")
            }
        }
        return faults
    }

    // MARK: - What is held around it

    /// What steps have while others inside them run. The plan's order is sound: every step stands after those around it.
    private struct Held {
        private var flow: [Demand] = []
        private var steps: [String: Node] = [:]

        init(_ plan: Plan) {
            flow = (plan.control?.claims ?? []).compactMap(\.constant)
            for node in plan.nodes { steps[node.id] = node }
        }

        func faults(of node: Node) -> [String] {
            let mine = (node.policy.claims ?? []).compactMap(\.constant)
            guard !mine.isEmpty else { return [] }
            var around = [("the flow", flow)]
            var (inner, isAfter) = (node, false)
            while let outer = inner.scope.flatMap({ steps[$0] }), around.count <= Limits.planScopes + 1 {
                // What undoes a step runs when that is over, and all around it: of them only what an element has to itself is had again.
                isAfter = isAfter || inner.part == .undo && !outer.isRollout
                let own = isAfter ? nil : outer.policy.claims
                let elements = inner.part == .body || inner.part == .undo && outer.isRollout ? outer.policy.elementClaims : nil
                around.append(("step '\(outer.id)' around it", ((own ?? []) + (elements ?? [])).compactMap(\.constant)))
                inner = outer
            }
            return mine.compactMap { mine in
                for (holder, demands) in around {
                    if demands.contains(where: { $0.key == mine.key && !mine.goes(beside: $0) }) {
                        return "it asks for \(mine.words), which \(holder) has: it would wait for ever"
                    }
                }
                return nil
            }
        }
    }

    // MARK: - The flow's own

    private static func flowFaults(_ plan: Plan) -> [String] {
        guard let control = plan.control else { return [] }
        var faults: [String] = []
        if let priority = control.priority, !Priority.all.contains(priority) { faults.append("its priority must be 0 to 9, found \(priority)") }
        if let budget = control.retryBudget, !(0...Limits.retryBudget).contains(budget) {
            faults.append("its retry budget must be 0 to \(Limits.retryBudget), found \(budget)")
        }
        for claim in control.claims ?? [] {
            claim.name.forEach { part in
                switch part {
                case .output, .element, .run(.outcome): faults.append("the name of its lock reads what is not known when a run begins")
                case .parameter(let name) where !plan.parameters.contains { $0.name == name }:
                    faults.append("the name of its lock reads parameter '\(name)', which the flow does not have")
                default: break
                }
            }
        }
        return faults
    }
}

extension ClaimSpec {
    /// nil when its name is known in a run only.
    fileprivate var constant: Demand? {
        switch name {
        case .literal(let value): return Demand(name: value.text, kind: kind)
        case .text(let parts):
            var text = ""
            for part in parts {
                guard case .literal(let value) = part else { return nil }
                text += value.text
            }
            return Demand(name: text, kind: kind)
        default: return nil
        }
    }
}

extension Demand {
    /// What has to be the same wherever it is named.
    fileprivate var measure: [Double]? {
        switch kind {
        case .slots(_, let of): [Double(of)]
        case .rate(let count, let seconds): [Double(count), seconds]
        case .exclusive, .shared, .overlap: nil
        }
    }

    /// Whether one can be had while the other is held.
    fileprivate func goes(beside held: Demand) -> Bool {
        switch (kind, held.kind) {
        case (.shared, .shared), (.rate, _): true
        // The numbers may be any: what is wrong with them is a fault of its own.
        case (.slots(let weight, let of), .slots(let taken, _)): !weight.addingReportingOverflow(taken).overflow && weight &+ taken <= of
        default: false
        }
    }
}

extension Node {
    fileprivate var isRollout: Bool { if case .rollout = kind { true } else { false } }

    fileprivate var hasElements: Bool {
        switch kind {
        case .map, .rollout: true
        case .work, .approval, .sleep, .sleepUntil, .waitFor, .choice, .repeatUntil, .call: false
        }
    }

    /// Steps that only wait hold nothing meanwhile.
    fileprivate var mayClaim: Bool {
        switch kind {
        case .work, .map, .rollout, .repeatUntil: true
        case .approval, .sleep, .sleepUntil, .waitFor, .choice, .call: false
        }
    }
}
