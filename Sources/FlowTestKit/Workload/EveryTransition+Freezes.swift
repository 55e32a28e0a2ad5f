internal import FlowModel

extension EveryTransition {
    /// The flow that a freeze keeps from beginning, for ever.
    static let frozenFlow = "frozen"

    /// A run waits for a freeze, and somebody else than who started it breaks the glass.
    mutating func freezes() async throws {
        let run = try await start(Self.frozenFlow, [Self.shell("only")])
        let admin = Actor(person: "dora", user: "dora", names: ["dora"], roles: ["admin"])
        try await driver.perform(.breakGlass(nil), on: run, by: admin, message: "the site is down")
        try await driver.succeed("only", run)
    }
}
