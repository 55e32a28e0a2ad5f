import FlowLoading
import FlowModel
import Testing

@Suite("Locks in a plan", .timeLimit(.minutes(10)))
struct PlanClaimTests {
    private static let db = ClaimSpec(name: .literal("db"), kind: .exclusive)

    private func shell(_ id: String, _ scope: String? = nil, _ part: Node.Part = .body, claims: [ClaimSpec]? = nil) -> Node {
        Node(
            id: id, name: String(id.split(whereSeparator: { $0 == "/" || $0 == ":" }).last ?? ""), scope: scope, part: part,
            kind: .shell(ShellSpec(source: .text("true"))), policy: Policy(claims: claims))
    }

    private func rollout(claims: [ClaimSpec]? = nil, elementClaims: [ClaimSpec]? = nil) -> Node {
        Node(
            id: "r", name: "r", kind: .rollout(RolloutSpec(targets: .literal("all"), batches: .all)),
            policy: Policy(claims: claims, elementClaims: elementClaims))
    }

    private func faults(_ nodes: [Node], control: FlowControl? = nil) -> [String] {
        let plan = Plan(flow: "test", nodes: nodes, dsl: "0", control: control)
        #expect(PlanValidation.faults(in: plan) == [])
        return PlanDetails.faults(in: plan).map(\.message)
    }

    @Test func `what undoes a step can have the lock that the step had`() {
        let step = shell("a", claims: [Self.db])
        #expect(faults([step, shell("a/undo:b", "a", .undo, claims: [Self.db])]) == [])
        // And that of a map around it, which is over then.
        let map = Node(
            id: "m", name: "m", kind: .map(MapSpec(elements: .list(.literal(["x"])), width: 1)), policy: Policy(claims: [Self.db]))
        #expect(faults([map, shell("m/a", "m"), shell("m/a/undo:b", "m/a", .undo, claims: [Self.db])]) == [])
        // What the flow has, and what an element has, it has while it is undone, too.
        let held = faults([step, shell("a/undo:b", "a", .undo, claims: [Self.db])], control: FlowControl(claims: [Self.db]))
        #expect(held.contains { $0.contains("which the flow has: it would wait for ever") })
        var each = map
        each.policy = Policy(elementClaims: [Self.db])
        let element = faults([each, shell("m/a", "m"), shell("m/a/undo:b", "m/a", .undo, claims: [Self.db])])
        #expect(element == ["it asks for lock 'db', which step 'm' around it has: it would wait for ever"])
    }

    @Test func `between the batches nobody has what a host has to itself`() {
        let between = shell("r/between:c", "r", .between, claims: [Self.db])
        #expect(faults([rollout(elementClaims: [Self.db]), shell("r/a", "r"), between]) == [])
        #expect(faults([rollout(claims: [Self.db]), shell("r/a", "r"), between]).count == 1)
        // A host is undone with what it has, and on breach inside the rollout.
        let undo = shell("r/undo:b", "r", .undo, claims: [Self.db])
        #expect(faults([rollout(elementClaims: [Self.db]), shell("r/a", "r"), undo]).count == 1)
        #expect(faults([rollout(claims: [Self.db]), shell("r/a", "r"), undo]).count == 1)
    }

    @Test func `a step around has it while those in its body run`() {
        let inner = shell("r/a", "r", claims: [Self.db])
        #expect(faults([rollout(claims: [Self.db]), inner]).count == 1)
        #expect(faults([rollout(elementClaims: [Self.db]), inner]).count == 1)
    }
}
