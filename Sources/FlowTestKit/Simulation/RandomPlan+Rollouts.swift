import FlowModel

extension RandomPlan {
    /// The selector that rollouts name, and its hosts.
    static let targets = ["all": Array(inventory.prefix(7))]

    /// What selectors that steps make find hosts in.
    static let inventory = (0..<10).map {
        Host(name: "h\($0)", address: "10.0.0.\($0)", labels: ["zone": "z\($0 % 2)", "state": $0 % 3 == 1 ? "maintenance" : "live"])
    }

    mutating func rollout() -> RolloutSpec {
        let sizes = ["1 2", "50%", "1 *2", "1 +1", "100%"].compactMap { try? BatchSizes($0) }
        return RolloutSpec(
            targets: .literal("all"), batches: random.pick(sizes),
            order: random.pick([.inventory, .reverse, .shuffle, .spread("zone"), .rank("zone"), .name]),
            concurrency: random.pick([nil, .count(1), .count(2), .percent(50)]), soakSeconds: random.pick([0, 0, 30]),
            budget: FailureBudget(
                maxFailures: random.pick([.count(0), .count(1), .percent(40)]), scope: random.pick([.batch, .rollout]),
                counting: random.pick([.both, .failed, .unreachable])),
            onBreach: random.pick([.stopNew, .hold, .undo]), startRate: random.pick([nil, nil, StartRate(count: 2, seconds: 20)]),
            skipping: random.pick([nil, nil, ["maintenance"], ["maintenance", "live"]]))
    }

    /// The steps of a rollout's targets, those that undo them, and those between batches. Either it says how targets are undone, or its steps may.
    mutating func addTargets(of id: String, _ rollout: RolloutSpec, _ place: Place) {
        let isUndone = rollout.onBreach == .undo || random.chance(0.5)
        var targets = place.inside(id, host: .element(map: id, path: ["name"]))
        if isUndone { targets.mayBeUndone = false }
        addSteps(random.int(1...3), targets, depth: place.depth + 1)
        if isUndone { addSteps(random.int(1...2), place.inside(id, .undo, host: targets.host), depth: place.depth + 1) }
        if random.chance(0.4) { addSteps(1, place.inside(id, .between), depth: place.depth + 1) }
    }
}
