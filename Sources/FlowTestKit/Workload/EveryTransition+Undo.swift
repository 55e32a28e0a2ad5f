internal import FlowModel

extension EveryTransition {
    /// A run calls another flow; afterwards it is undone, with a restart and a failure in it, and the rest is taken back by hand.
    mutating func undo() async throws {
        let run = try await start("service", calling())
        try await driver.succeed("network", run)
        let call = CallID(run: run, step: StepPath("machine"), generation: 1)
        try await restart()
        try await driver.call(call, Self.request("make-machine", [Self.shell("create")], labels: [CallOrder.parentLabel: run.text]), by: Self.alice)
        try await restart()
        try await driver.succeedChild("create", of: run)
        try await driver.succeed("register", run)
        try await driver.perform(.undo(nil), on: run, by: Self.bob, message: "not wanted")
        try await driver.succeed("register/undo:back", run)
        try await restart()
        try await driver.succeed("machine/undo:back", run)
        try await driver.fail("network/undo:back", run)
        try await driver.perform(.skip(StepPath("network/undo:back")), on: run, by: Self.bob, message: "deleted by hand")
    }

    private func calling() -> [Node] {
        func undo(_ step: String) -> Node { Self.shell("\(step)/undo:back", scope: step, part: .undo) }
        return [
            Self.shell("network"), undo("network"),
            Node(id: "machine", name: "machine", kind: .call(CallSpec(flow: "make-machine", inputs: [:])), needs: ["network"]),
            undo("machine"), Self.shell("register", needs: ["machine"]), undo("register"),
        ]
    }
}
