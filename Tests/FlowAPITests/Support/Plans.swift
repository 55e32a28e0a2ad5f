import FlowModel

/// The flows that the tests start.
enum Plans {
    static let one = Plan(flow: "one", nodes: [shell("hello")], dsl: "test")
    static let two = Plan(flow: "two", nodes: [shell("first"), shell("second", after: ["first"])], dsl: "test")
    static let secret = Plan(
        flow: "secret", parameters: [Parameter(name: "password", kind: .string, isSecret: true)], nodes: [shell("hello")],
        dsl: "test")
    static let gate = Plan(
        flow: "gate",
        nodes: [
            Node(
                id: "go", name: "go",
                kind: .approval(
                    ApprovalSpec(prompt: .literal("Go?"), rules: [.role("manager", count: 2)]))),
            shell("after", after: ["go"]),
        ], dsl: "test")
    static let all = [one, two, secret, gate]

    static func shell(_ name: String, after needs: [String] = []) -> Node {
        Node(id: name, name: name, kind: .shell(ShellSpec(source: .text("true"))), needs: needs)
    }
}
