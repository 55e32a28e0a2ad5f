import FlowCrypto
import FlowLoading
import FlowModel
import Testing

@Suite("Plan validation", .timeLimit(.minutes(10)))
struct PlanValidationTests {
    private func shell(_ id: String, needs: [String] = [], scope: String? = nil, reads: [Expression] = []) -> Node {
        let variables = reads.enumerated().map { ShellSpec.Variable(name: "flow_\($0.offset)", value: $0.element) }
        return Node(
            id: id, name: String(id.split(separator: "/").last ?? ""), scope: scope,
            kind: .shell(ShellSpec(source: .text("true"), variables: variables)), needs: needs,
            location: SourceLocation(file: "f.swift", line: 7))
    }

    private func faults(_ nodes: [Node], parameters: [Parameter] = []) -> [String] {
        PlanValidation.faults(in: Plan(flow: "test", parameters: parameters, nodes: nodes, dsl: "0")).map(\.message)
    }

    @Test func `a sound plan has no faults`() {
        let map = Node(id: "m", name: "m", kind: .map(MapSpec(elements: .list(.output(node: "a", path: [])), width: 1)), needs: ["a"])
        let inner = shell("m/x", scope: "m", reads: [.output(node: "a", path: []), .element(map: "m", path: [])])
        #expect(faults([shell("a"), map, inner, shell("b", needs: ["m"], reads: [.output(node: "a", path: [])])]).isEmpty)
    }

    /// The rule by hand: `other` settles before `node` when a way of needs leads there.
    @Test(arguments: 1...20)
    func `what comes before what is told as a walk along the needs tells it`(_ seed: UInt64) {
        var state = seed &* 0x9E37_79B9_7F4A_7C15
        func random(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        let count = 150
        let needs = (0..<count).map { number in number == 0 ? [] : (0..<random(3)).map { _ in random(number) } }
        var before: [Set<Int>] = []
        for number in 0..<count { before.append(needs[number].reduce(into: Set()) { $0.formUnion(before[$1].union([$1])) }) }
        var nodes: [Node] = []
        var expected: Set<String> = []
        for number in 0..<count {
            let reads = (0..<3).map { _ in random(max(number, 1)) }.filter { $0 != number }
            for read in reads where !before[number].contains(read) { expected.insert("s\(number) s\(read)") }
            nodes.append(
                shell("s\(number)", needs: needs[number].map { "s\($0)" }, reads: reads.map { .output(node: "s\($0)", path: []) }))
        }
        let found = PlanValidation.faults(in: Plan(flow: "test", nodes: nodes, dsl: "0")).map { fault in
            "\(fault.subject) \(fault.message.split(separator: "'")[1])"
        }
        #expect(found.count < Limits.planFaults ? Set(found) == expected : Set(found).isSubset(of: expected))
    }

    /// An empty one would say that the step took effect.
    @Test func `what asks whether a step took effect is a command like any other`() {
        func probed(_ spec: ShellSpec) -> [String] {
            var node = shell("a")
            node.policy = Policy(probe: Probe(command: spec))
            return faults([node])
        }
        #expect(probed(ShellSpec(source: .text("test -e /done"))) == [])
        var empty = shell("a")
        empty.policy = Policy(probe: Probe(command: ShellSpec(source: .text(" \n"))))
        #expect(PlanDetails.faults(in: Plan(flow: "test", nodes: [empty], dsl: "0")).map(\.message) == ["its probe's command is empty"])
        #expect(probed(ShellSpec(source: .text("a\0"))) == ["its probe's command has a NUL character"])
        #expect(probed(ShellSpec(source: .asset(Digest(of: [1])))).first?.contains("is not among the plan's assets") == true)
        #expect(probed(ShellSpec(source: .text("true"), environment: ["FLOW_RUN": .literal("x")])).count == 1)
        var gate = Node(id: "g", name: "g", kind: .sleep(.literal(1)))
        gate.policy = Policy(probe: Probe(command: ShellSpec(source: .text("true"))))
        #expect(faults([gate]) == ["it has a probe, which sleep steps do not have"])
    }

    @Test func `two steps of one name in a scope are a fault at their line`() {
        let found = PlanValidation.faults(in: Plan(flow: "test", nodes: [shell("a"), shell("a")], dsl: "0"))
        #expect(found.first?.location == "f.swift:7")
        #expect(found.first?.message == "there are two steps of this name in one scope (the other is at f.swift:7)")
    }

    @Test func `a step cannot need one that stands after it, so there are no cycles`() {
        #expect(faults([shell("a", needs: ["b"]), shell("b", needs: ["a"])]).count == 1)
    }

    @Test func `reading an output that may still be coming is a fault`() {
        let found = faults([shell("a"), shell("b", reads: [.output(node: "a", path: [])])])
        #expect(found == ["it reads the output of 'a', which may still run then: it must need it"])
    }

    @Test func `reading into a map from outside is a fault`() {
        let map = Node(id: "m", name: "m", kind: .map(MapSpec(elements: .list(.literal([])), width: 1)))
        let found = faults([map, shell("m/x", scope: "m"), shell("b", needs: ["m"], reads: [.output(node: "m/x", path: [])])])
        #expect(found == ["it reads the output of 'm/x', which is inside a map or rollout; read that one's output instead"])
    }

    @Test func `what stands between batches cannot say how it is undone, since nothing undoes it`() throws {
        let rollout = Node(id: "r", name: "r", kind: .rollout(RolloutSpec(targets: .literal("all"), batches: .all)))
        func part(_ id: String, _ name: String, _ scope: String, _ part: Node.Part) -> Node {
            Node(id: id, name: name, scope: scope, part: part, kind: .shell(ShellSpec(source: .text("true"))))
        }
        let nodes = [
            rollout, shell("r/x", scope: "r"), part("r/between:smoke", "smoke", "r", .between),
            part("r/between:smoke/undo:back", "back", "r/between:smoke", .undo),
        ]
        #expect(faults(nodes).contains("it stands between the batches of a rollout, where nothing is undone, but has an 'undo:'"))
        #expect(!faults(Array(nodes.dropLast())).contains { $0.contains("undone") })
    }

    @Test(arguments: [1e17, 1e300, -1, .nan, .infinity])
    func `every span of time that a step names has a bound`(_ seconds: Double) {
        let approval = ApprovalSpec(
            prompt: .literal("go?"), rules: [.anyone(count: 1)], deadlineSeconds: seconds,
            escalations: [.init(rules: [.anyone(count: 1)], deadlineSeconds: seconds)], remindSeconds: seconds)
        let probe = Probe(command: ShellSpec(source: .text("true")), timeoutSeconds: seconds)
        let retry = Retry(attempts: 2, delaySeconds: seconds, factor: seconds, maxDelaySeconds: seconds, jitter: seconds, maxElapsedSeconds: seconds)
        let kinds: [(Node.Kind, Policy, Int)] = [
            (.approval(approval), Policy(), 3), (.waitFor(SignalSpec(signal: "s", timeoutSeconds: seconds)), Policy(), 1),
            (.sleep(.literal(.double(seconds))), Policy(), 1), (.shell(ShellSpec(source: .text("true"))), Policy(timeoutSeconds: seconds), 1),
            (.shell(ShellSpec(source: .text("true"))), Policy(probe: probe), 1), (.shell(ShellSpec(source: .text("true"))), Policy(retry: retry), 5),
        ]
        for (kind, policy, count) in kinds {
            let found = faults([Node(id: "a", name: "a", kind: kind, policy: policy)])
            #expect(found.count == count && found.allSatisfy { $0.contains("found") }, "\(kind): \(found)")
        }
        let rollout = RolloutSpec(
            targets: .literal("all"), batches: .all, concurrency: .percent(seconds), soakSeconds: seconds,
            budget: .init(maxFailures: .percent(seconds)))
        let bodies: [(Node.Kind, Int)] = [
            (.rollout(rollout), 3), (.repeatUntil(RepeatSpec(until: .literal(true), intervalSeconds: seconds, maximum: 1)), 1),
            (.map(MapSpec(elements: .list(.literal([])), width: 1, minSucceeded: .percent(seconds))), 1),
        ]
        for (kind, count) in bodies {
            let found = faults([Node(id: "m", name: "m", kind: kind), shell("m/x", scope: "m")])
            #expect(found.count == count, "\(kind): \(found)")
        }
    }

    @Test func `unknown parameters, bad names, widths and policies are faults`() {
        var odd = shell("Bad Name", reads: [.parameter("nothing")])
        odd.policy = Policy(retry: Retry(attempts: 0), timeoutSeconds: -1)
        let empty = Node(id: "m", name: "m", kind: .map(MapSpec(elements: .list(.literal([])), width: 0)))
        #expect(faults([odd, empty]).count == 6)
    }

    @Test func `a secret is given to secret parameters of called flows only`() {
        func found(_ isSecret: Bool, _ input: Expression) -> [String] {
            let called = Plan(flow: "called", parameters: [Parameter(name: "v", kind: .string, isSecret: isSecret)], nodes: [shell("a")], dsl: "0")
            let call = Node(id: "c", name: "c", kind: .call(CallSpec(flow: "called", inputs: ["v": input])))
            let parameters = [Parameter(name: "pw", kind: .string, isSecret: true), Parameter(name: "user", kind: .string)]
            return PlanValidation.faults(in: Plan(flow: "test", parameters: parameters, nodes: [call], dsl: "0", calls: [CalledFlow(plan: called)]))
                .map(\.message)
        }
        let joined = Expression.text([.literal("Basic "), .parameter("pw")])
        #expect(found(true, joined).isEmpty && found(false, .parameter("user")).isEmpty)
        for input in [joined, .parameter("pw"), .fallback(.parameter("user"), .parameter("pw"))] {
            let faults = found(false, input)
            #expect(faults.count == 1 && faults[0].hasPrefix("it gives the secret 'pw' to parameter 'v' of flow 'called', which is not secret"))
        }
    }

    @Test func `a default must fit its parameter`() {
        let parameter = Parameter(name: "n", kind: .int, fallback: "x")
        #expect(faults([shell("a")], parameters: [parameter]) == ["its default must be a whole number, found a String: \"x\""])
    }

    private func gateFaults(_ rules: [ApprovalRule], _ change: (inout ApprovalSpec) -> Void = { _ in }) -> [String] {
        var spec = ApprovalSpec(prompt: .literal("?"), rules: rules)
        change(&spec)
        return faults([Node(id: "go", name: "go", kind: .approval(spec))])
    }

    @Test func `a gate that nobody could open, or that has no bounds, is a fault`() {
        #expect(gateFaults([.any([.role("a", count: 2), .all([.user("b"), .anyone(count: 1)])], count: 1)]).isEmpty)
        #expect(gateFaults([]) == ["it needs at least one rule"])
        #expect(gateFaults([.role("a", count: 0)]) == ["a rule must take at least one person"])
        #expect(gateFaults([.any([.user("a"), .user("b")], count: 3)]) == ["an 'any' of 2 rules must take 1 to 2 of them, found 3"])
        #expect(gateFaults([.any([.all([])], count: 1)]) == ["an 'all' has no rules"])
        #expect(gateFaults([.role("a", count: 101)]) == ["a rule takes 101 people; at most 100 are allowed"])
        let pair = ApprovalRule.any([.user("a"), .user("b")], count: 1)
        #expect(gateFaults(Array(repeating: pair, count: 9)) == ["its rules can be met in more than 256 ways; name groups by a role instead"])
        #expect(gateFaults((0..<9).reduce([.user("a")]) { rules, _ in [.all(rules)] }) == ["its rules are 10 deep; at most 8 are allowed"])
    }

    @Test func `deadlines, escalations and fields of a gate must fit together`() {
        let rules: [ApprovalRule] = [.anyone(count: 1)]
        #expect(gateFaults(rules) { $0.escalations = [.init(rules: rules)] } == ["it escalates after something that has no deadline"])
        #expect(gateFaults(rules) { $0.onDeadline = .approve } == ["its deadline approves, but it has none"])
        #expect(gateFaults(rules) { $0.remindSeconds = 1 } == ["it reminds after 60 seconds or more, at most a hundred years, found 1.0"])
        let found = gateFaults(rules) {
            ($0.deadlineSeconds, $0.onDeadline) = (60, .approve)
            $0.fields = [
                Parameter(name: "n", kind: .int), Parameter(name: "s", kind: .string, fallback: "x", choices: ["a"]),
                Parameter(name: "p", kind: .string, fallback: "", isSecret: true), Parameter(name: "h", kind: .selector, fallback: "a"),
            ]
        }
        #expect(
            found == [
                "its field 'n' has no default, which the deadline would take", "its field 's' has a default that must be one of a, found \"x\"",
                "its field 'p' is secret; answers are shown to all who decide", "its field 'h' is a selector; hosts are frozen when a run starts",
            ])
    }
}
