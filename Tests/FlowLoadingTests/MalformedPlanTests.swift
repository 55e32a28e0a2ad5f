import FlowLoading
import FlowModel
import FlowTestKit
import Testing

/// Plans that no program of ours would make: whoever may look at a plan may send one. Every check ends, and says so much and no more.
@Suite("Malformed plans", .timeLimit(.minutes(2)))
struct MalformedPlanTests {
    private func shell(_ id: String, scope: String? = nil, part: Node.Part = .body, needs: [String] = [], reads: [String] = []) -> Node {
        let variables = reads.enumerated().map { ShellSpec.Variable(name: "v\($0.offset)", value: .output(node: $0.element, path: ["stdout"])) }
        let name = id.split(separator: "/").last.map { String($0.split(separator: ":").last ?? $0) } ?? id
        return Node(
            id: id, name: name, scope: scope, part: part, kind: .shell(ShellSpec(source: .text("true"), variables: variables)), needs: needs)
    }

    private func rounds(_ id: String, scope: String? = nil, of inner: String) -> Node {
        let spec = RepeatSpec(
            until: .compare(.equal, .output(node: inner, path: ["stdout"]), .literal("yes")), value: .output(node: inner, path: ["stdout"]),
            intervalSeconds: 1, maximum: 3)
        return Node(id: id, name: String(id.split(separator: "/").last ?? ""), scope: scope, kind: .repeatUntil(spec))
    }

    private func faults(_ nodes: [Node]) -> [FlowError.Detail] { PlanValidation.faults(in: Plan(flow: "test", nodes: nodes, dsl: "0")) }

    @Test func `a step that stands in itself, or in one that stands in it, is a fault and no loop`() {
        // Its twin in the place of its own scope.
        let twin = [rounds("rep", of: "rep/c"), shell("rep", scope: "rep")]
        #expect(faults(twin).contains { $0.message.contains("there are two steps of this name in one scope") })
        let own = [rounds("rep", scope: "rep", of: "rep/c"), shell("rep/c", scope: "rep", reads: ["rep"])]
        #expect(faults(own).contains { $0.message == "its scope 'rep' is not a map or rollout that stands before it" })
        let circle = [rounds("a", scope: "b", of: "c"), rounds("b", scope: "a", of: "c"), shell("c", scope: "b", part: .undo, reads: ["a"])]
        #expect(!faults(circle).isEmpty)
        let undo = [shell("u", scope: "u", part: .undo), shell("u", scope: "u", part: .undo), shell("u/undo:v", scope: "u", part: .undo)]
        #expect(!faults(undo).isEmpty)
    }

    @Test func `what is wrong is told up to a bound, and a plan that is too large is not looked at step by step`() {
        let many = faults((0..<1_000).map { shell("s\($0)", needs: ["x", "y", "z"]) })
        #expect(many.count == Limits.planFaults)
        let large = faults((0...Limits.planNodes).map { shell("s\($0)", needs: ["x"]) })
        #expect(large.map(\.message) == ["has \(Limits.planNodes + 1) steps; at most \(Limits.planNodes) are allowed"])
        var plan = Plan(flow: "leaf", nodes: (0..<Limits.planNodes).map { shell("s\($0)") }, dsl: "0")
        plan.calls = (0..<Limits.calledNodes / Limits.planNodes).map { number in
            var called = plan
            called.flow = "leaf\(number)"
            return CalledFlow(plan: called)
        }
        let all = Limits.calledNodes + Limits.planNodes
        #expect(
            PlanValidation.faults(in: plan).map(\.message)
                == ["has \(all) steps with those of the flows that it calls; at most \(Limits.calledNodes) are allowed"])
    }

    @Test func `scopes in each other have a bound`() {
        func nested(_ depth: Int) -> [Node] {
            var nodes: [Node] = []
            var id = "m"
            for level in 0..<depth {
                nodes.append(
                    Node(
                        id: id, name: "m", scope: level == 0 ? nil : nodes[level - 1].id,
                        kind: .map(MapSpec(elements: .list(.literal([])), width: 1))))
                id += "/m"
            }
            return nodes + [shell(id.dropLast(1) + "x", scope: nodes.last?.id)]
        }
        #expect(faults(nested(Limits.planScopes)).isEmpty)
        #expect(faults(nested(Limits.planScopes + 1)).contains { $0.message.contains("at most \(Limits.planScopes) in each other are allowed") })
    }

    @Test func `what comes before a step is found through many needs, each looked at once`() {
        var nodes = [shell("s0")]
        for number in 1..<2_000 { nodes.append(shell("s\(number)", needs: (max(0, number - 50)..<number).map { "s\($0)" }, reads: ["s0", "s0"])) }
        #expect(faults(nodes).isEmpty)
        nodes[1_000].needs = []
        #expect(faults(nodes).map(\.subject) == ["s1000", "s1000"])
    }

    /// Everything that steps name each other by.
    private var sound: Plan {
        let text = Expression.parameter("text")
        let called = Plan(flow: "called", parameters: [Parameter(name: "text", kind: .string)], nodes: [shell("nap")], dsl: "0")
        return Plan(
            flow: "test", parameters: [Parameter(name: "text", kind: .string)],
            nodes: [
                shell("a"), shell("a/undo:back", scope: "a", part: .undo, reads: ["a"]),
                Node(id: "if", name: "if", kind: .choice(.compare(.equal, text, .literal("a"))), needs: ["a"]),
                Node(
                    id: "roll", name: "roll", kind: .rollout(RolloutSpec(targets: .literal("all"), batches: .all)), needs: ["if"],
                    guards: [BranchGuard(choice: "if", answer: true)]),
                shell("roll/in", scope: "roll", reads: ["a"]), shell("roll/between:look", scope: "roll", part: .between),
                shell("roll/undo:back", scope: "roll", part: .undo),
                Node(id: "each", name: "each", kind: .map(MapSpec(elements: .list(.literal(["a"])), width: 1)), needs: ["roll"]),
                rounds("each/rep", scope: "each", of: "each/rep/c"), shell("each/rep/c", scope: "each/rep", reads: ["a"]),
                Node(id: "sub", name: "sub", kind: .call(CallSpec(flow: "called", inputs: ["text": text])), needs: ["each"]),
                shell("last", needs: ["sub"], reads: ["sub"]),
            ], dsl: "0", calls: [CalledFlow(plan: called)])
    }

    private func mutate(_ plan: inout Plan, _ random: inout SeededRandom) {
        let ids = plan.nodes.map(\.id) + ["nothing", ""]
        let index = random.int(0...plan.nodes.count - 1)
        switch random.int(0...12) {
        case 0: plan.nodes[index].id = random.pick(ids)
        case 1...3: plan.nodes[index].scope = random.chance(0.2) ? nil : random.pick(ids)
        case 4: plan.nodes[index].scope = plan.nodes[index].id
        case 5: plan.nodes[index].needs.append(random.pick(ids))
        case 6: plan.nodes[index].part = random.pick(Node.Part.allCases)
        case 7: plan.nodes.insert(plan.nodes[index], at: random.int(0...plan.nodes.count))
        case 8: plan.nodes.swapAt(index, random.int(0...plan.nodes.count - 1))
        case 9: plan.nodes[index].kind = plan.nodes[random.int(0...plan.nodes.count - 1)].kind
        case 11:
            let extremes = [Int.min, -1, 0, 1, Limits.slots, Int.max]
            let kinds: [ClaimSpec.Kind] = [
                .slots(weight: random.pick(extremes), of: random.pick(extremes)),
                .rate(count: random.pick(extremes), seconds: random.pick([-1, 0, 1, .infinity, .greatestFiniteMagnitude])), .exclusive, .overlap,
            ]
            let claim = ClaimSpec(name: .literal("x"), kind: random.pick(kinds))
            if random.chance(0.5) { plan.nodes[index].policy.claims = [claim] } else { plan.control = FlowControl(claims: [claim]) }
        case 10: plan.nodes[index].guards.append(BranchGuard(choice: random.pick(ids), answer: true))
        default:
            var inner = plan
            inner.calls = nil
            inner.flow = random.pick(["test", "called", "other"])
            plan.calls = (plan.calls ?? []) + [CalledFlow(plan: inner)]
        }
    }

    @Test func `however a plan is turned round, it is judged; one that is taken has no circle in it`() {
        #expect(PlanValidation.faults(in: sound).isEmpty)
        var taken = 0
        for seed in 0..<4_000 {
            var random = SeededRandom(seed: UInt64(seed))
            var plan = sound
            for _ in 0...random.int(0...5) { mutate(&plan, &random) }
            let faults = PlanValidation.faults(in: plan)
            #expect(faults.count <= Limits.planFaults)
            let details = PlanDetails.faults(in: plan)
            #expect(details.count <= Limits.planFaults)
            guard faults.isEmpty else { continue }
            taken += 1
            var seen: Set<String> = []
            for node in plan.nodes {
                #expect(!seen.contains(node.id) && node.scope.map(seen.contains) != false && node.needs.allSatisfy(seen.contains), "seed \(seed)")
                seen.insert(node.id)
            }
        }
        #expect(taken > 50, "the world is not so far off that nothing is sound")
    }
}
