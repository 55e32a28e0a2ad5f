import FlowEngine
import FlowModel
import Testing

/// What a worker is told to mask: every secret that the run was ever given.
@Suite("Secrets of a run", .timeLimit(.minutes(10)))
struct RunSecretsTests {
    private static let parameters = [Parameter(name: "pw", kind: .string, isSecret: true), Parameter(name: "v", kind: .string)]

    private func orders(_ machine: MachineHarness) -> [AttemptOrder] {
        machine.actions.compactMap { if case .dispatch(let order) = $0 { order } else { nil } }
    }

    private func edit(_ inputs: [String: JSON]) -> RunCommand { .edit(InputEdit(inputs: inputs), isRetry: false, from: nil) }

    @Test func `every order has all secrets of its run, also those that an edit has replaced`() throws {
        var machine = try MachineHarness(
            [shell("a"), shell("b", needs: ["a"]), shell("c", needs: ["b"])],
            inputs: ["pw": .string("x\(SealedText.marker("AAAA"))y"), "v": "plain"], parameters: Self.parameters)
        #expect(orders(machine).map(\.secrets) == [["AAAA"]], "a step that does not take it masks it, too")
        try machine.command(edit(["pw": .string(SealedText.marker("BBBB"))]))
        try machine.succeed("a")
        #expect(orders(machine).map(\.secrets) == [["AAAA", "BBBB"]])
        try machine.command(edit(["v": "other"]))
        try machine.succeed("b")
        #expect(orders(machine).map(\.secrets) == [["AAAA", "BBBB"]])
    }

    @Test func `secrets are not replaced without end`() throws {
        func sealed(_ letter: Character) -> JSON { .string(SealedText.marker(String(repeating: letter, count: Limits.formerSecretBytes / 2))) }
        var machine = try MachineHarness([shell("a")], inputs: ["pw": sealed("A"), "v": "x"], parameters: Self.parameters)
        for letter in "BC" { try machine.command(edit(["pw": sealed(letter)])) }
        let error = #expect(throws: FlowError.self) { try machine.command(edit(["pw": sealed("D")])) }
        #expect(error?.code == .conflict && error?.message.contains("its secrets were replaced so often") == true)
        // One that it had, and what is no secret, add nothing.
        try machine.command(edit(["v": "y"]))
        #expect(machine.run.created.inputs["v"] == "y")
    }
}
