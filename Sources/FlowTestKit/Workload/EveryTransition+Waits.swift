internal import FlowModel

extension EveryTransition {
    /// A signal, rounds with a pause between them, a breakpoint, and inputs that are edited at it.
    mutating func waits() async throws {
        let until = Expression.compare(.equal, .output(node: "again/try", path: ["stdout"]), .literal("x"))
        let run = try await start(
            "waits",
            [
                Self.shell("first"),
                Node(id: "word", name: "word", kind: .waitFor(SignalSpec(signal: "word")), needs: ["first"]),
                Node(
                    id: "again", name: "again", kind: .repeatUntil(RepeatSpec(until: until, intervalSeconds: 5, maximum: 3)), needs: ["word"]),
                Self.shell("again/try", scope: "again"),
                Self.shell("last", needs: ["again"]),
            ])
        try await driver.perform(.hold(before: "last", isSet: true), on: run, by: Self.bob)
        try await driver.succeed("first", run)
        try await driver.perform(.signal("word", "go", key: "word-1"), on: run, by: Self.carol)
        try await driver.succeed("again[1]/try", run, ["stdout": "not yet"])
        try await driver.pass(seconds: 6)
        try await driver.succeed("again[2]/try", run, ["stdout": "x"])
        try await driver.perform(.edit(InputEdit(inputs: ["version": "1.4.3"]), isRetry: false, from: nil), on: run, by: Self.alice)
        try await driver.perform(.release(StepPath("last")), on: run, by: Self.bob)
        try await driver.succeed("last", run)
    }
}
