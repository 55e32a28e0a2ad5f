import FlowAPI
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
    /// Steps side by side.
    static let fails = Plan(flow: "fails", nodes: [shell("one"), shell("two")] + map(over: [0, 1]), dsl: "test")
    static let failsMuch = Plan(flow: "fails-much", nodes: map(over: (0..<APILimits.failuresShown + 5).map { .int($0) }), dsl: "test")
    static let undoes = Plan(
        flow: "undoes",
        nodes: [
            shell("vm"), Node(id: "vm/undo:back", name: "back", scope: "vm", part: .undo, kind: .shell(ShellSpec(source: .text("true")))),
        ], dsl: "test")
    static let all = [one, two, secret, gate, fails, failsMuch, undoes]

    /// All elements at once.
    private static func map(over elements: [JSON]) -> [Node] {
        let each = ShellSpec(source: .text("true"))
        return [
            Node(id: "map", name: "map", kind: .map(MapSpec(elements: .list(.literal(.array(elements))), width: elements.count))),
            Node(id: "map/each", name: "each", scope: "map", kind: .shell(each)),
        ]
    }

    static func shell(_ name: String, after needs: [String] = []) -> Node {
        Node(id: name, name: name, kind: .shell(ShellSpec(source: .text("true"))), needs: needs)
    }
}
