internal import FlowEngine
internal import FlowModel

extension EveryTransition {
    private static func claim(_ kind: ClaimSpec.Kind, _ name: String) -> ClaimSpec { ClaimSpec(name: .literal(.string(name)), kind: kind) }

    /// Two runs of a flow that must not overlap, steps with a lock, slots and a rate, one that gives back what it waited for because its run is
    /// paused, another priority, and an engine that ends while a lock is held.
    mutating func claims() async throws {
        let policy = Policy(claims: [Self.claim(.exclusive, "db"), Self.claim(.slots(weight: 1, of: 2), "api")])
        let nodes = [Self.shell("migrate", policy: policy), Self.shell("after", needs: ["migrate"])]
        func start(_ key: String) async throws -> RunID {
            let request = Self.request("migrate", nodes, key: key, control: FlowControl(overlap: .queue))
            return try await driver.start(request, by: Self.alice)
        }
        let first = try await start("first of migrate")
        let second = try await start("second of migrate")
        let other = try await self.start(
            "reader", [Self.shell("read", policy: Policy(claims: [Self.claim(.shared, "db"), Self.claim(.rate(count: 1, seconds: 60), "r")]))])
        try await driver.perform(.reprioritise(9), on: other, by: Self.alice, message: "it is urgent")
        try await driver.place("migrate", first)
        try await restart()
        try await driver.perform(.pause, on: other, by: Self.alice)
        try await driver.succeed("migrate", first)
        try await driver.perform(.resume, on: other, by: Self.alice)
        try await driver.succeed("read", other)
        try await driver.perform(.pause, on: second, by: Self.alice)
        try await driver.succeed("after", first)
        try await driver.perform(.resume, on: second, by: Self.alice)
        try await driver.succeed("migrate", second)
        try await driver.succeed("after", second)
    }
}
