internal import FlowEngine
internal import FlowModel

/// Who may work at the same time, by what the plans say round each step that is out: neither the table of leases nor the claims of runs are
/// asked.
struct ClaimOracle {
    let runs: [Run]

    /// Somebody that works, what for, and what that takes.
    private struct Holder {
        var place: String
        var kind: ClaimSpec.Kind
    }

    /// What is wrong; nil when nothing is.
    func fault() -> String? {
        var holders: [String: [Holder]] = [:]
        for run in runs {
            var places: Set<String> = []
            for step in run.steps.indices where isOut(step, run) {
                for (place, specs) in claims(round: step, run) where places.insert(place).inserted {
                    for spec in specs { holders[key(spec), default: []].append(Holder(place: place, kind: spec.kind)) }
                }
            }
        }
        return holders.keys.sorted().lazy.compactMap { fault(of: $0, holders[$0] ?? []) }.first
    }

    /// It runs, or nobody knows whether it does.
    private func isOut(_ step: Int, _ run: Run) -> Bool {
        run.steps[step].state == .unknown || run.steps[step].state == .running && run.steps[step].elements == nil
    }

    private func key(_ spec: ClaimSpec) -> String {
        guard case .literal(let name) = spec.name else { return "" }
        return Demand(name: name.text, kind: spec.kind).key
    }

    /// What the step, the elements and maps that it stands in, and the run have to themselves.
    private func claims(round step: Int, _ run: Run) -> [(place: String, specs: [ClaimSpec])] {
        var flow = run.plan.control?.claims ?? []
        if run.plan.control?.overlap == .queue { flow.append(ClaimSpec(name: .literal(.string(run.plan.flow)), kind: .overlap)) }
        var found = [("\(run.id)", flow), ("\(run.id) \(run.steps[step].path)", run.nodeOf(step).policy.claims ?? [])]
        var scope = run.steps[step].scope
        /// The step whose undo it is part of: what undoes different steps of an element has its claims one after the other.
        var undone = ""
        while let map = run.scopes[scope].map {
            let (part, element) = (run.scopes[scope].part, run.scopes[scope].element)
            if part == .undo { undone = run.steps[map].path.text }
            if part != .between {
                found.append(("\(run.id) \(run.steps[map].path)[\(element)] \(undone)", run.nodeOf(map).policy.elementClaims ?? []))
            }
            if run.steps[map].state == .running, run.steps[map].elements != nil {
                found.append(("\(run.id) \(run.steps[map].path)", run.nodeOf(map).policy.claims ?? []))
            }
            scope = run.steps[map].scope
        }
        return found
    }

    private func fault(of key: String, _ holders: [Holder]) -> String? {
        let alone = holders.filter { $0.kind == .exclusive || $0.kind == .overlap }
        if let first = alone.first, let other = holders.first(where: { $0.place != first.place }) {
            return "\(key) is alone at '\(first.place)', and '\(other.place)' works with it too"
        }
        var weight = 0
        for holder in holders { if case .slots(let taken, _) = holder.kind { weight += taken } }
        return weight > 4 ? "\(weight) of the 4 slots of \(key) are taken by those that work" : nil
    }
}
