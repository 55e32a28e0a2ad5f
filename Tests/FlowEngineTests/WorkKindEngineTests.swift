import FlowEngine
import FlowModel
import Testing

/// What the engine asks of a kind of work: what a gate is bound to, and what a step hands out that nobody carried out here.
@Suite("Kinds of work in the engine", .timeLimit(.minutes(10)))
struct WorkKindEngineTests {
    private static let read = FlowModel.Expression.output(node: "a", path: ["stdout"])
    private static let rules: [ApprovalRule] = [.role("release-manager", count: 1)]

    /// The digest of a gate between `a`, which says `stdout`, and this step.
    private func digest(before kind: Node.Kind, stdout: String, calls: [CalledFlow]? = nil) throws -> Digest? {
        let held = Node(id: "b", name: "b", kind: kind, needs: ["go"])
        let body: [Node] = held.hasBody ? [shell("b/x", scope: "b")] : []
        var machine = try MachineHarness([shell("a"), approval("go", Self.rules, needs: ["a"]), held] + body, calls: calls)
        try machine.succeed("a", ["exitStatus": 0, "stdout": .string(stdout), "changed": true])
        #expect(machine["go"].state == .waiting)
        return machine["go"].approval?.digest
    }

    @Test func `votes are bound to every value of what is behind them, whatever its kind`() throws {
        let (read, fixed) = (Self.read, FlowModel.Expression.literal("/x"))
        let called = [CalledFlow(plan: Plan(flow: "inner", nodes: [shell("build")], dsl: "0"))]
        let kinds: [Node.Kind] = [
            .shell(ShellSpec(source: .text("true"), variables: [.init(name: "flow_1", value: read)])),
            .shell(ShellSpec(source: .text("true"), environment: ["A": read])), .shell(ShellSpec(source: .text("true"), arguments: [read])),
            .shell(ShellSpec(source: .text("true"), workdir: read)), .shell(ShellSpec(source: .text("true"), account: read)),
            .copy(CopySpec(from: read, to: fixed)), .copy(CopySpec(from: fixed, to: read)),
            .copy(CopySpec(from: fixed, to: fixed, account: read)), .step(SwiftStepSpec(inputs: [fixed, read])),
            .call(CallSpec(flow: "inner", inputs: ["version": read])), .choice(.compare(.equal, read, .literal("one"))),
            .map(MapSpec(elements: .list(.list([read])), width: 1)),
        ]
        for kind in kinds {
            let one = try digest(before: kind, stdout: "one", calls: called)
            #expect(one != nil)
            #expect(try digest(before: kind, stdout: "one", calls: called) == one)
            #expect(try digest(before: kind, stdout: "other", calls: called) != one, "\(kind)")
        }
        let unbound = try digest(before: .sleep(.literal(1)), stdout: "one")
        #expect(try digest(before: .sleep(.literal(1)), stdout: "other") == unbound, "nothing there depends on it")
    }

    // MARK: - Lost attempts

    /// A kind that the engine has never heard of.
    private struct Look: WorkSpec {
        static let kind = "look"
        var isRepeatable: Bool
        var longestSeconds: Double? { 90 }
        var expressions: [FlowModel.Expression] { [] }

        func order(_ values: WorkValues) throws(EvaluationError) -> any WorkOrder { Order() }
        func outputShape(declared: TypeShape?) -> TypeShape? { nil }
        func summary(_ words: any ExpressionWords) -> String? { nil }

        struct Order: WorkOrder {
            func mapTexts<Failure: Error>(_ change: (String) throws(Failure) -> String) throws(Failure) -> Order { self }
        }
    }

    private func losing(_ isRepeatable: Bool, times: Int, budget: Int? = nil) throws -> MachineHarness {
        let control = budget.map { FlowControl(retryBudget: $0) }
        var machine = try MachineHarness([Node(id: "a", name: "a", kind: .work(Work(Look(isRepeatable: isRepeatable))))], control: control)
        for _ in 0..<times {
            guard machine["a"].state == .running else { break }
            try machine.report("a", .placed(Place(bootID: "b", spoolID: "s")))
            try machine.report("a", .started(containment: .session))
            try machine.report("a", .ended(AttemptResult(outcome: .lost("the host was rebooted"))))
            if machine["a"].state == .backingOff { try machine.pass(seconds: 3600) }
        }
        return machine
    }

    @Test func `a lost attempt is repeated where its kind changes nothing, and only there`() throws {
        #expect(try losing(false, times: 1)["a"].state == .unknown)
        let machine = try losing(true, times: 2)
        #expect(machine["a"].state == .running && machine["a"].attempt?.row.number == 3)
        #expect(try losing(true, times: 100)["a"].state == .unknown, "not for ever")
        #expect(try losing(true, times: 100, budget: 2)["a"].attempt?.row.number == 3, "the run has a bound of its own")
        expectRefold(machine)
    }

    @Test func `a step without a time-out has that of its kind, so that a silent host does not keep it for ever`() throws {
        let machine = try MachineHarness([Node(id: "a", name: "a", kind: .work(Work(Look(isRepeatable: true))))])
        guard case .dispatch(let order)? = machine.actions.first else { return #expect(Bool(false), "nothing was handed out") }
        #expect(order.timeoutSeconds == 90)
        let own = Node(id: "a", name: "a", kind: .work(Work(Look(isRepeatable: true))), policy: Policy(timeoutSeconds: 5))
        guard case .dispatch(let other)? = try MachineHarness([own]).actions.first else { return #expect(Bool(false), "nothing was handed out") }
        #expect(other.timeoutSeconds == 5)
    }

    // MARK: - Outputs that nobody saw

    private func copied(reading path: [String]?) throws -> MachineHarness {
        let copy = Node(id: "c", name: "c", kind: .copy(CopySpec(from: .literal("/a"), to: .literal("/b"))), policy: Policy(onFailure: .hold))
        let values = path.map { [ShellSpec.Variable(name: "flow_1", value: .output(node: "c", path: $0))] } ?? []
        let reader = Node(id: "r", name: "r", kind: .shell(ShellSpec(source: .text("true"), variables: values)), needs: ["c"])
        var machine = try MachineHarness([copy, reader])
        try machine.fail("c")
        #expect(machine["c"].state == .held)
        return machine
    }

    private func refusal(_ machine: inout MachineHarness, _ output: JSON?) -> FlowError? {
        do throws(FlowError) {
            try machine.command(.resolve(StepPath("c"), .succeeded(output: output)))
            return nil
        } catch {
            return error
        }
    }

    @Test func `who resolves a step says what others read of it, in its own shape`() throws {
        var machine = try copied(reading: ["sha256"])
        let error = refusal(&machine, nil)
        #expect(error?.message.contains("other steps read 'sha256' of step 'c'") == true, "\(String(describing: error))")
        #expect(error?.hint?.contains("--output JSON") == true)
        #expect(machine["c"].state == .held)
        #expect(refusal(&machine, ["changed": true])?.code == .inputs, "half of it is none")
        #expect(refusal(&machine, ["changed": true, "sha256": "ab", "bytes": 2]) == nil)
        #expect(machine["r"].state == .running)

        machine = try copied(reading: [])
        #expect(refusal(&machine, nil)?.message.contains("other steps read 'sha256' and 'bytes' of step 'c'") == true)
    }

    @Test func `what nobody reads need not be said`() throws {
        var machine = try copied(reading: nil)
        #expect(refusal(&machine, nil) == nil)
        #expect(machine["c"].value == ["changed": true])
        machine = try copied(reading: ["changed"])
        #expect(refusal(&machine, nil) == nil)
        #expect(machine["r"].state == .running)
    }
}
