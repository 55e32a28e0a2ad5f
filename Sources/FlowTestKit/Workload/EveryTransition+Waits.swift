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
        try await lateHosts()
        try await elements()
    }

    /// An element of a map that is none any more, and comes back.
    private mutating func elements() async throws {
        let list = Expression.output(node: "list", path: ["value"])
        let run = try await start(
            "elements",
            [
                Self.shell("list"), Node(id: "each", name: "each", kind: .map(MapSpec(elements: .list(list), width: 2)), needs: ["list"]),
                Self.shell("each/do", scope: "each"), Self.shell("last", needs: ["each"]),
            ])
        for elements: [JSON] in [["a", "b"], ["a"], ["a", "b"]] {
            try await driver.succeed("list", run, ["stdout": "", "value": .array(elements)])
            for number in elements.indices { try await driver.succeed("each[\(number)]/do", run) }
            try await driver.fail("last", run)
            try await driver.perform(.retry(from: StepPath("list")), on: run, by: Self.alice)
        }
        try await driver.perform(.cancel, on: run, by: Self.alice)
        try await driver.report("list", run, .ended(AttemptResult(outcome: .cancelled)))
    }

    /// A selector that a step makes.
    private mutating func lateHosts() async throws {
        let made = Expression.output(node: "choose", path: ["stdout"])
        let run = try await start(
            "late-hosts",
            [
                Self.shell("choose"),
                Node(id: "each", name: "each", kind: .map(MapSpec(elements: .hosts(made), width: 2)), needs: ["choose"]),
                Self.shell("each/patch", scope: "each"),
            ])
        try await driver.succeed("choose", run, ["stdout": "web-*"])
        let search = HostSearch(id: CallID(run: run, step: StepPath("each"), generation: 1), selector: "web-*", limit: nil)
        try await driver.find(search, [Host(name: "web-1", address: "10.0.0.1")])
        try await driver.succeed("each[web-1]/patch", run)
    }
}
