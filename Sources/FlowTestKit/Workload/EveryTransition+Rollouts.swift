internal import FlowModel

extension EveryTransition {
    /// Four hosts in three batches: a soak that is cut short and one that passes, a gate between batches, a budget that is breached and
    /// widened, a redo, and an undo that does not succeed everywhere and is brought to its end by hand.
    mutating func rollouts() async throws {
        let deploy = StepPath("deploy")
        let run = try await canary()
        try await driver.succeed("deploy[web-1]/switch", run)
        try await driver.perform(.release(deploy), on: run, by: Self.bob, message: "it looks well")
        try await driver.succeed("deploy[batch 1]/between:check", run)
        try await restart()
        try await driver.fail("deploy[web-2]/switch", run)
        let wider = RolloutAdjustment(maxFailures: .count(1), concurrency: .count(2), batches: nil, pauseAfterBatch: nil)
        try await driver.perform(.adjust(deploy, wider), on: run, by: Self.bob, message: "one is tolerable")
        try await driver.perform(.release(deploy), on: run, by: Self.bob)
        try await driver.pass(seconds: 31)
        try await driver.succeed("deploy[batch 2]/between:check", run)
        for host in ["web-3", "web-4"] { try await driver.succeed("deploy[\(host)]/switch", run) }
        try await driver.perform(.redo(rollout: deploy, .outcomes([.failed]), from: nil), on: run, by: Self.alice)
        let strict = RolloutAdjustment(maxFailures: .count(0), concurrency: nil, batches: nil, pauseAfterBatch: nil)
        try await driver.perform(.adjust(deploy, strict), on: run, by: Self.bob, message: "not this one")
        try await driver.fail("deploy[web-2]/switch", run)
        try await driver.perform(.undo(deploy), on: run, by: Self.alice, message: "it was the wrong version")
        for host in ["web-4", "web-3"] { try await driver.succeed("deploy[\(host)]/undo:back", run) }
        try await driver.fail("deploy[web-1]/undo:back", run)
        try await driver.perform(
            .resolve(StepPath("deploy[web-1]/undo:back"), .succeeded(output: nil)), on: run, by: Self.alice, message: "taken back by hand")
        try await paced()
    }

    /// Three hosts, of which one is left out and the others begin one after the other; the engine ends in between.
    private mutating func paced() async throws {
        let spec = RolloutSpec(
            targets: .literal("all"), batches: .all, startRate: StartRate(count: 1, seconds: 60), skipping: ["maintenance"])
        let hosts = (1...3).map { Host(name: "web-\($0)", address: "10.0.0.\($0)", labels: $0 == 1 ? ["state": "maintenance"] : [:]) }
        let run = try await start(
            "paced", [Node(id: "deploy", name: "deploy", kind: .rollout(spec)), Self.shell("deploy/switch", scope: "deploy")],
            targets: ["all": hosts])
        try await driver.succeed("deploy[web-2]/switch", run)
        try await restart()
        try await driver.pass(seconds: 61)
        try await driver.succeed("deploy[web-3]/switch", run)
    }

    private mutating func canary() async throws -> RunID {
        let spec = RolloutSpec(
            targets: .literal("all"), batches: try BatchSizes("1 1 2"), soakSeconds: 30, budget: FailureBudget(maxFailures: .count(0)),
            onBreach: .hold)
        let hosts = (1...4).map { Host(name: "web-\($0)", address: "10.0.0.\($0)") }
        return try await start(
            "canary",
            [
                Node(id: "deploy", name: "deploy", kind: .rollout(spec)),
                Self.shell("deploy/switch", scope: "deploy"),
                Self.shell("deploy/undo:back", scope: "deploy", part: .undo),
                Self.shell("deploy/between:check", scope: "deploy", part: .between),
            ], targets: ["all": hosts])
    }
}
