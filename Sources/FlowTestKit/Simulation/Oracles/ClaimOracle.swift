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
        /// Places round the steps that called its run, and those that called these: what is held there is held for it, too.
        var lenders: Set<String>

        func isInside(_ other: Holder) -> Bool { lenders.contains(other.place) }
    }

    /// What is wrong; nil when nothing is.
    func fault() -> String? {
        var holders: [String: [Holder]] = [:]
        for run in runs {
            var places: Set<String> = []
            let lenders = lenders(of: run)
            for step in run.steps.indices where isOut(step, run) {
                for (place, specs) in claims(round: step, run) where places.insert(place).inserted {
                    for spec in specs { holders[key(spec), default: []].append(Holder(place: place, kind: spec.kind, lenders: lenders)) }
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

    private func lenders(of run: Run) -> Set<String> {
        guard let parent = run.created.parent, let caller = runs.first(where: { $0.id == parent.run }), let step = caller.positions[parent.step]
        else { return [] }
        return lenders(of: caller).union(claims(round: step, caller).map(\.place))
    }

    private func fault(of key: String, _ holders: [Holder]) -> String? {
        for holder in holders where holder.kind == .exclusive || holder.kind == .overlap {
            let stranger = holders.first { $0.place != holder.place && !$0.isInside(holder) && !holder.isInside($0) }
            if let stranger { return "\(key) is alone at '\(holder.place)', and '\(stranger.place)' works with it too" }
        }
        // What a called run has out of what is held for it counts once: neither those outside nor those furthest in have too much.
        let outermost = holders.filter { holder in !holders.contains { holder.isInside($0) } }
        let innermost = holders.filter { holder in !holders.contains { $0.isInside(holder) } }
        let weight = [outermost, innermost].map { $0.reduce(0) { if case .slots(let weight, _) = $1.kind { $0 + weight } else { $0 } } }.max() ?? 0
        return weight > 4 ? "\(weight) of the 4 slots of \(key) are taken by those that work" : nil
    }
}
