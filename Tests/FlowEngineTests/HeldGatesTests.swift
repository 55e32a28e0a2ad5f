import FlowEngine
import FlowModel
import Testing

/// A gate is decided by votes and nothing else, and what was approved is what runs.
@Suite("Gates that commands would pass by", .timeLimit(.minutes(10)))
struct HeldGatesTests {
    private static let rules: [ApprovalRule] = [.role("release-manager", count: 1)]

    private static func reading(_ id: String, _ step: String, needs: [String]) -> Node {
        let value = FlowModel.Expression.fallback(.output(node: step, path: ["stdout"]), .literal("none"))
        return Node(
            id: id, name: id, kind: .shell(ShellSpec(source: .text("true"), variables: [.init(name: "flow_1", value: value)])), needs: needs)
    }

    private func vote(_ machine: inout MachineHarness, _ path: String, _ choice: ApprovalRow.Vote.Decision) throws {
        try machine.command(.vote(StepPath(path), choice, digest: machine[path].approval?.digest), by: MachineHarness.bob)
    }

    private func refusal(_ machine: inout MachineHarness, _ command: RunCommand) -> String? {
        do throws(FlowError) {
            try machine.command(command)
            return nil
        } catch {
            return error.message
        }
    }

    @Test func `what holds an approval is neither skipped nor resolved while nobody has given it`() throws {
        var gate = approval("m/go", Self.rules)
        (gate.name, gate.scope) = ("go", "m")
        var machine = try MachineHarness([shell("z"), map("m", over: ["a", "b"], width: 1, needs: ["z"]), gate, shell("ship", needs: ["m"])])
        #expect(refusal(&machine, .skip(StepPath("m")))?.contains("step 'm' holds the approval 'm/go'") == true)
        try machine.succeed("z")
        try vote(&machine, "m[0]/go", .rejected)
        #expect(machine.run.state == .failed)
        #expect(refusal(&machine, .skip(StepPath("m")))?.contains("holds the approval") == true)
        #expect(machine["ship"].state == .pending)

        // Given to all its elements, it is a step as others are.
        var held = map("m", over: ["a"], width: 1)
        held.policy.onFailure = .hold
        var after = shell("m/after", needs: ["m/go"], scope: "m")
        after.name = "after"
        machine = try MachineHarness([held, gate, after, shell("ship", needs: ["m"])])
        try vote(&machine, "m[0]/go", .approved)
        try machine.fail("m[0]/after")
        #expect(refusal(&machine, .skip(StepPath("m"))) == nil && machine["ship"].state == .running)
    }

    @Test func `neither is the branch that leads to one, nor a flow that has one`() throws {
        var gate = approval("go", Self.rules, needs: ["p", "w"])
        gate.guards = [BranchGuard(choice: "w", answer: true)]
        let choice = Node(id: "w", name: "w", kind: .choice(.literal(true)), needs: ["p"])
        var machine = try MachineHarness([shell("p"), choice, gate, shell("ship", needs: ["go"])])
        #expect(refusal(&machine, .skip(StepPath("w")))?.contains("holds the approval 'go'") == true)

        let inner = Plan(flow: "inner", nodes: [approval("ok", Self.rules)], dsl: "0")
        let call = Node(id: "c", name: "c", kind: .call(CallSpec(flow: "inner", inputs: [:])), policy: Policy(onFailure: .hold))
        machine = try MachineHarness([call, shell("ship", needs: ["c"])], calls: [CalledFlow(plan: inner)])
        let id = CallID(run: machine.run.id, step: StepPath("c"), generation: 1)
        try machine.take(.callRefused(id, "no"))
        for command in [RunCommand.skip(StepPath("c")), .resolve(StepPath("c"), .succeeded(output: nil))] {
            #expect(refusal(&machine, command)?.contains("holds the approval 'ok' of flow 'inner'") == true)
        }
    }

    /// `a` beside the gate, `ship` behind it and made of `a`.
    private func beside() throws -> MachineHarness {
        try MachineHarness([shell("a"), shell("w"), approval("go", Self.rules, needs: ["w"]), Self.reading("ship", "a", needs: ["a", "go"])])
    }

    @Test func `what was approved is asked anew when something that it was made of is done again`() throws {
        var machine = try beside()
        try machine.succeed("a", ["exitStatus": 0, "stdout": "one", "changed": true])
        try machine.succeed("w")
        try vote(&machine, "go", .approved)
        try machine.fail("ship")
        // Nothing that it was made of changes.
        try machine.command(.retry(from: nil))
        #expect(machine["go"].state == .succeeded && machine.dispatched == ["ship"])
        try machine.fail("ship")
        try machine.command(.retry(from: StepPath("a")))
        #expect(machine["go"].state == .waiting && machine["go"].generation == 2 && machine.dispatched == ["a"])
        try machine.succeed("a", ["exitStatus": 0, "stdout": "two", "changed": true])
        #expect(machine["ship"].state == .pending)
        try vote(&machine, "go", .approved)
        #expect(machine.dispatched == ["ship"])
    }

    @Test func `an approval in a map or between batches stands when what failed behind it is retried`() throws {
        var gate = approval("m/go", Self.rules)
        (gate.name, gate.scope) = ("go", "m")
        var after = shell("m/after", needs: ["m/go"], scope: "m")
        after.name = "after"
        let beside = shell("m/beside", scope: "m")
        var machine = try MachineHarness([map("m", over: ["a"], width: 1), gate, after, beside])
        try vote(&machine, "m[0]/go", .approved)
        try machine.fail("m[0]/after")
        try machine.fail("m[0]/beside")
        try machine.command(.retry(from: nil))
        #expect(machine["m[0]/go"].state == .succeeded && Set(machine.dispatched) == ["m[0]/after", "m[0]/beside"])

        let spec = RolloutSpec(targets: .literal("all"), batches: try BatchSizes("1 *1"))
        let between = Node(
            id: "deploy/between:go", name: "go", scope: "deploy", part: .between,
            kind: .approval(ApprovalSpec(prompt: .literal("go on?"), rules: Self.rules)))
        machine = try MachineHarness(
            [Node(id: "deploy", name: "deploy", kind: .rollout(spec)), shell("deploy/switch", scope: "deploy"), between],
            targets: ["all": (1...2).map { Host(name: "web-\($0)", address: "10.0.0.\($0)") }])
        try machine.succeed("deploy[web-1]/switch")
        try vote(&machine, "deploy[batch 1]/between:go", .approved)
        try machine.fail("deploy[web-2]/switch")
        try machine.command(.retry(from: nil))
        #expect(machine["deploy[batch 1]/between:go"].state == .succeeded && machine.dispatched == ["deploy[web-2]/switch"])
    }

    @Test func `a gate that is open has another digest then, and its votes are void`() throws {
        var machine = try MachineHarness([
            shell("a"), shell("w"), approval("go", [.role("release-manager", count: 2)], needs: ["w"]),
            Self.reading("ship", "a", needs: ["a", "go"]),
            Node(id: "x", name: "x", kind: .shell(ShellSpec(source: .text("true"))), policy: Policy(onFailure: .hold)),
        ])
        try machine.succeed("a", ["exitStatus": 0, "stdout": "one", "changed": true])
        try machine.succeed("w")
        try vote(&machine, "go", .approved)
        let digest = machine["go"].approval?.digest
        try machine.command(.retry(from: StepPath("a")))
        #expect(machine["go"].approval?.digest != digest)
        #expect(machine["go"].approval?.votes.allSatisfy { $0.voided != nil } == true)
    }

    private static func gate(asking step: String, _ member: String) -> Node {
        let prompt = FlowModel.Expression.output(node: step, path: [member])
        return Node(id: "go", name: "go", kind: .approval(ApprovalSpec(prompt: prompt, rules: rules)), needs: [step])
    }

    @Test(arguments: ["it failed", "it was skipped"])
    func `a gate that has nothing to ask about fails, and what it holds back waits`(why: String) throws {
        let isSkipped = why == "it was skipped"
        let diff = Node(
            id: "diff", name: "diff", kind: .shell(ShellSpec(source: .text("true"))), policy: Policy(onFailure: isSkipped ? .hold : .ignore))
        var machine = try MachineHarness([diff, Self.gate(asking: "diff", "stdout"), shell("apply", needs: ["go"])])
        try machine.fail("diff")
        if isSkipped { try machine.command(.skip(StepPath("diff"))) }
        #expect(machine["go"].state == .failed)
        #expect(machine["go"].reason == "it reads the output of step 'diff', which has none: \(why)")
        #expect(machine["apply"].state == .pending && machine.dispatched.isEmpty && machine.run.state == .failed)
    }

    @Test(arguments: ["map", "branch", "call"])
    func `what holds an approval and cannot read what it needs fails, and what comes behind waits`(what: String) throws {
        let diff = Node(id: "diff", name: "diff", kind: .shell(ShellSpec(source: .text("true"))), policy: Policy(onFailure: .ignore))
        let said = FlowModel.Expression.output(node: "diff", path: ["stdout"])
        var gate = approval("m/go", Self.rules)
        (gate.name, gate.scope) = ("go", "m")
        let holder: [Node]
        switch what {
        case "map": holder = [Node(id: "m", name: "m", kind: .map(MapSpec(elements: .list(said), width: 1)), needs: ["diff"]), gate]
        case "branch":
            gate = approval("go", Self.rules, needs: ["m"])
            gate.guards = [BranchGuard(choice: "m", answer: true)]
            let isSo = FlowModel.Expression.compare(.equal, said, .literal("yes"))
            holder = [Node(id: "m", name: "m", kind: .choice(isSo), needs: ["diff"]), gate]
        default: holder = [Node(id: "m", name: "m", kind: .call(CallSpec(flow: "inner", inputs: ["text": said])), needs: ["diff"])]
        }
        let inner = Plan(flow: "inner", nodes: [approval("go", Self.rules)], dsl: "0")
        let last = what == "branch" ? "go" : "m"
        var machine = try MachineHarness([diff] + holder + [shell("deploy", needs: [last])], calls: [CalledFlow(plan: inner)])
        try machine.fail("diff")
        #expect(machine["m"].state == .failed && machine["deploy"].state == .pending && machine.run.state == .failed)
        #expect(machine.dispatched.isEmpty)
    }

    @Test func `what an open gate asks about is not done again under it`() throws {
        let failing = Node(
            id: "m", name: "m", kind: .map(MapSpec(elements: .list(.literal(["a", "b"])), width: 2, minSucceeded: .count(1))))
        var machine = try MachineHarness([
            failing, shell("m/do", scope: "m"), Self.gate(asking: "m", "0"), shell("deploy", needs: ["go"]),
        ])
        try machine.succeed("m[0]/do")
        try machine.fail("m[1]/do")
        try #require(machine["go"].state == .waiting && machine["m"].state == .succeeded)
        #expect(refusal(&machine, .retry(from: nil))?.contains("step 'go' waits for its votes") == true)
        #expect(machine["go"].approval?.state == .open && machine.dispatched.isEmpty)
        try vote(&machine, "go", .approved)
        #expect(machine.dispatched == ["deploy"])
    }

    @Test func `who says afterwards what a failed step gave cannot put that behind an approval that was given`() throws {
        let failing = Node(id: "a", name: "a", kind: .shell(ShellSpec(source: .text("true"))), policy: Policy(onFailure: .ignore))
        var machine = try MachineHarness([
            failing, Node(id: "w", name: "w", kind: .waitFor(SignalSpec(signal: "s")), needs: ["a"]), approval("go", Self.rules, needs: ["w"]),
            Self.reading("ship", "a", needs: ["go"]),
        ])
        try machine.fail("a")
        try machine.command(.signal("s", 1))
        try vote(&machine, "go", .approved)
        try machine.fail("ship")
        try machine.command(.resolve(StepPath("a"), .succeeded(output: nil)))
        try machine.command(.retry(from: nil))
        #expect(machine["go"].state == .waiting && machine["ship"].state != .running)
    }

    @Test func `a freeze keeps waiting neither what a finally calls nor what an undo does`() throws {
        let inner = Plan(flow: "inner", nodes: [shell("clean")], dsl: "0")
        let call = Node(id: "c", name: "c", isFinally: true, kind: .call(CallSpec(flow: "inner", inputs: [:])))
        var machine = try MachineHarness(
            [shell("a"), Node(id: "b", name: "b", kind: .call(CallSpec(flow: "inner", inputs: [:])), needs: ["a"]), call],
            calls: [CalledFlow(plan: inner)])
        func ordered() -> CallOrder? { machine.actions.compactMap { if case .call(let order) = $0 { order } else { nil } }.last }
        try machine.succeed("a")
        #expect(ordered()?.isUngated == nil)
        try machine.take(.callRefused(CallID(run: machine.run.id, step: StepPath("b"), generation: 1), "no"))
        #expect(ordered()?.isUngated == true)
        let created = Created(
            flow: "inner", revision: MachineHarness.digest, plan: MachineHarness.digest, binary: nil, inputs: [:], targets: [:], labels: [:],
            key: nil, user: "alice", person: "alice", isUngated: true)
        let entries: [Entry] = [.created(created)]
        #expect(try Entry.decode(Entry.encode(entries) { _ in MachineHarness.digest }) { _ in nil } == entries)
        var run = try #require(Run(id: machine.run.id, first: .created(created), at: machine.now, index: PlanIndex(inner)))
        let freeze = ChangeClosure(kind: .freeze, rule: "year-end", reason: "the books are closed")
        let context = RunMachine.Context(now: machine.now, epoch: 1, chance: 0, closure: { _ in freeze }, hash: { _ in MachineHarness.digest })
        let decision = try RunMachine.decide(.begin, on: &run, in: context)
        #expect(decision.actions.contains { if case .dispatch = $0 { true } else { false } })
    }

    @Test func `batches are changed while people are asked between them, who are asked anew, and not by who votes`() throws {
        let spec = RolloutSpec(targets: .literal("all"), batches: try BatchSizes("1 *1"))
        let gate = Node(
            id: "deploy/between:go", name: "go", scope: "deploy", part: .between,
            kind: .approval(ApprovalSpec(prompt: .literal("go on?"), rules: Self.rules)))
        var machine = try MachineHarness(
            [Node(id: "deploy", name: "deploy", kind: .rollout(spec)), shell("deploy/switch", scope: "deploy"), gate],
            targets: ["all": (1...3).map { Host(name: "web-\($0)", address: "10.0.0.\($0)") }])
        let path = "deploy[batch 1]/between:go"
        let all = RunCommand.adjust(StepPath("deploy"), RolloutAdjustment(batches: try BatchSizes("100%")))
        #expect(refusal(&machine, all)?.contains("none of these approvals is open") == true)
        try machine.succeed("deploy[web-1]/switch")
        let before = machine[path].approval?.digest
        try machine.command(all, by: MachineHarness.bob)
        #expect(machine[path].approval?.digest != before)
        #expect(throws: FlowError.self) { try machine.command(.vote(StepPath(path), .approved, digest: before), by: MachineHarness.carol) }
        #expect(refusal(&machine, .vote(StepPath(path), .approved, digest: machine[path].approval?.digest)) != nil, "alice has started it")
        let error = #expect(throws: FlowError.self) { try self.vote(&machine, path, .approved) }
        #expect(error?.message.contains("adjusted the rollout 'deploy'") == true, "\(error?.message ?? "")")
        try machine.command(.vote(StepPath(path), .approved, digest: machine[path].approval?.digest), by: MachineHarness.carol)
        #expect(Set(machine.dispatched) == ["deploy[web-2]/switch", "deploy[web-3]/switch"])
    }

    @Test func `inputs are not edited behind an approval that was given in a flow that was called`() throws {
        let inner = Plan(flow: "inner", nodes: [approval("ok", Self.rules)], dsl: "0")
        var machine = try MachineHarness(
            [
                Node(id: "c", name: "c", kind: .call(CallSpec(flow: "inner", inputs: [:]))),
                Node(id: "z", name: "z", kind: .sleep(.literal(60)), needs: ["c"]), shell("ship", needs: ["z"]),
            ], inputs: ["v": "good"], calls: [CalledFlow(plan: inner)])
        let id = CallID(run: machine.run.id, step: StepPath("c"), generation: 1)
        let child = RunID(at: machine.now, random: [UInt8](repeating: 9, count: 10))
        try machine.take(.callBegan(id, child))
        let edit = RunCommand.edit(InputEdit(inputs: ["v": "EVIL"], targets: [:]), isRetry: false, from: nil)
        #expect(refusal(&machine, edit)?.contains("has asked for the approval 'ok' of flow 'inner'") == true)
        try machine.take(.callEnded(id, child, .succeeded, reason: nil, value: .null))
        #expect(refusal(&machine, edit)?.contains("has asked for the approval") == true)
    }

    @Test func `an edit does not reach into a step that has begun`() throws {
        func command(_ text: String) -> ShellSpec {
            ShellSpec(source: .text(text), variables: [.init(name: "flow_1", value: .parameter("v"))])
        }
        func given(_ machine: MachineHarness) -> String? {
            machine.actions.compactMap {
                if case .dispatch(let order) = $0, let work = order.work as? ShellWork { work.variables.first?.value } else { nil }
            }
            .last
        }
        let policy = Policy(probe: Probe(command: command("asked")))
        var machine = try MachineHarness(
            [Node(id: "book", name: "book", kind: .shell(command("true")), policy: policy), Self.plain("after", needs: ["book"])],
            inputs: ["v": "one"])
        try machine.report("book", .placed(Place(bootID: "b", spoolID: "s")))
        try machine.report("book", .started(containment: .session))
        try machine.command(.edit(InputEdit(inputs: ["v": "two"], targets: [:]), isRetry: false, from: nil))
        try machine.report("book", .ended(AttemptResult(outcome: .lost("the host was rebooted"))))
        #expect(given(machine) == "one", "the probe asks about what was begun")
        try machine.fail("book")
        #expect(given(machine) == "one", "another attempt does the same again")
        try machine.succeed("book")
        #expect(given(machine) == "two", "what begins from here on has the new inputs")
    }

    private static func plain(_ id: String, needs: [String]) -> Node {
        Node(
            id: id, name: id,
            kind: .shell(ShellSpec(source: .text("true"), variables: [.init(name: "flow_1", value: .parameter("v"))])), needs: needs)
    }

    @Test func `a run keeps the name of the lock that it has, and waits for another under the new name`() throws {
        let control = FlowControl(claims: [ClaimSpec(name: .parameter("env"), kind: .exclusive)])
        var machine = try MachineHarness([shell("a"), shell("b", needs: ["a"])], inputs: ["env": "test"], control: control)
        let edit = RunCommand.edit(InputEdit(inputs: ["env": "prod"], targets: [:]), isRetry: false, from: nil)
        try machine.command(edit)
        #expect(machine.run.claims[Run.ownPath]?.demands.map(\.name) == ["prod"], "it had not got the first one yet")
        try machine.take(.granted(Run.ownPath))
        let back = RunCommand.edit(InputEdit(inputs: ["env": "test"], targets: [:]), isRetry: false, from: nil)
        #expect(refusal(&machine, back)?.contains("it has lock 'prod' for itself") == true, "\(refusal(&machine, back) ?? "")")
    }

    @Test func `an edit does not take a run past a freeze`() throws {
        var machine = try MachineHarness(
            [shell("a"), shell("b", needs: ["a"])], targets: ["web-1": [Host(name: "web-1", address: "10.0.0.1")]], inputs: ["host": "web-1"])
        machine.closure = ChangeClosure(kind: .freeze, rule: "year-end", reason: "the books are closed")
        let targets = ["web-2": [Host(name: "web-2", address: "10.0.0.2")]]
        let edit = RunCommand.edit(InputEdit(inputs: ["host": "web-2"], targets: targets), isRetry: false, from: nil)
        #expect(refusal(&machine, edit)?.contains("freeze year-end keeps changes from hosts that the new inputs name") == true)
        machine.closure = nil
        #expect(refusal(&machine, edit) == nil)
        // One that has ended asks when it is taken up, with the hosts that it has by then.
        try machine.fail("a")
        machine.closure = ChangeClosure(kind: .freeze, rule: "year-end", reason: "the books are closed")
        machine.closedHost = "web-3"
        let more = InputEdit(inputs: ["host": "web-3"], targets: ["web-3": [Host(name: "web-3", address: "10.0.0.3")]])
        try machine.command(.edit(more, isRetry: true, from: nil))
        #expect(machine.run.gate != nil && machine.dispatched.isEmpty)
    }

    // MARK: - Approvals that were not needed

    private static let gate = Node.Kind.approval(ApprovalSpec(prompt: .literal("Go?"), rules: [.role("release-manager", count: 1)]))

    private func edit(_ machine: inout MachineHarness, _ inputs: [String: JSON], from: String? = nil) -> String? {
        refusal(&machine, .edit(InputEdit(inputs: inputs), isRetry: from != nil, from: from.flatMap { $0.isEmpty ? nil : StepPath($0) }))
    }

    @Test func `an approval that the old inputs did not need is not passed by with new ones`() throws {
        var machine = try MachineHarness(
            [
                Node(id: "when-1", name: "when-1", kind: .choice(.compare(.equal, .parameter("env"), .literal("prod")))),
                Node(
                    id: "go", name: "go", kind: Self.gate, needs: ["when-1"], guards: [BranchGuard(choice: "when-1", answer: true)]),
                shell("deploy", needs: ["go"]),
            ], inputs: ["env": "dev"], parameters: [Parameter(name: "env", kind: .string)])
        #expect(machine["go"].state == .skipped && machine.dispatched == ["deploy"])
        #expect(edit(&machine, ["env": "prod"])?.contains("step 'when-1', which decided whom to ask") == true)
        try machine.fail("deploy")
        #expect(edit(&machine, ["env": "prod"], from: "")?.contains("'when-1'") == true)
        #expect(edit(&machine, ["env": "prod"], from: "deploy")?.contains("'when-1'") == true)
        // The same answer is no other decision.
        #expect(edit(&machine, ["env": "test"], from: "deploy") == nil)
        try machine.fail("deploy")
        #expect(edit(&machine, ["env": "prod"], from: "when-1") == nil)
        #expect(machine["go"].approval?.state == .open && machine.dispatched.isEmpty)
    }

    @Test func `nor are those of a map whose list was empty`() throws {
        var machine = try MachineHarness(
            [
                Node(id: "ask", name: "ask", kind: .map(MapSpec(elements: .list(.parameter("names")), width: 1))),
                Node(id: "ask/go", name: "go", scope: "ask", kind: Self.gate), shell("deploy", needs: ["ask"]),
            ], inputs: ["names": []], parameters: [Parameter(name: "names", kind: .list(.string))])
        #expect(machine.dispatched == ["deploy"])
        #expect(edit(&machine, ["names": ["a"]])?.contains("step 'ask'") == true)
    }

    @Test func `nor are those of a map that runs and keeps its list`() throws {
        var machine = try MachineHarness(
            [
                Node(id: "ask", name: "ask", kind: .map(MapSpec(elements: .list(.parameter("names")), width: 1))),
                Node(id: "ask/go", name: "go", scope: "ask", kind: Self.gate), shell("deploy", needs: ["ask"]),
            ], inputs: ["names": ["a"], "n": 1],
            parameters: [Parameter(name: "names", kind: .list(.string)), Parameter(name: "n", kind: .int)])
        #expect(machine["ask[0]/go"].approval?.state == .open)
        #expect(edit(&machine, ["names": ["a", "b"]])?.contains("step 'ask'") == true)
        #expect(edit(&machine, ["n": 2]) == nil)
    }

    @Test func `a called run keeps what it was given`() throws {
        let parent = CallID(run: RunID(at: Instant(milliseconds: 1), random: [UInt8](repeating: 9, count: 10)), step: StepPath("dep"), generation: 1)
        var machine = try MachineHarness([shell("a")], inputs: ["v": "1"], parameters: [Parameter(name: "v", kind: .string)], parent: parent)
        #expect(edit(&machine, ["v": "evil"])?.contains("its inputs are what step 'dep' of run \(parent.run) gave it") == true)
        try machine.fail("a")
        #expect(edit(&machine, ["v": "evil"], from: "a") != nil)
        try machine.command(.retry(from: nil))
    }

    @Test func `who retries a run that cleaned up is kept from frozen hosts like everybody`() throws {
        let closure = ChangeClosure(kind: .freeze, rule: "books", reason: "closed")
        var machine = try MachineHarness([shell("a")], closedBy: closure, isUngated: true)
        #expect(machine.dispatched == ["a"])
        try machine.fail("a")
        try machine.command(.retry(from: nil))
        #expect(machine.dispatched.isEmpty && machine.run.gate != nil)
    }
}
