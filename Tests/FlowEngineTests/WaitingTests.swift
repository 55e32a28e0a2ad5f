import FlowEngine
import FlowModel
import Testing

@Suite("Rounds, signals, breakpoints, probes and edits", .timeLimit(.minutes(10)))
struct WaitingTests {
    @Test func `the run's moment is one for all of it, whatever it waits for first`() throws {
        let fact = FlowModel.Expression.run(.startedAt)
        let command = ShellSpec(source: .text("true"), variables: [.init(name: "flow_1", value: fact)])
        var machine = try MachineHarness([
            Node(id: "go", name: "go", kind: .approval(ApprovalSpec(prompt: fact, rules: [.anyone(count: 1)]))),
            Node(id: "x", name: "x", kind: .shell(command), needs: ["go"]), Node(id: "y", name: "y", kind: .shell(command), needs: ["x"]),
        ])
        func given() -> String? {
            machine.actions.compactMap {
                if case .dispatch(let order) = $0, let work = order.work as? ShellWork { work.variables.first?.value } else { nil }
            }
            .last
        }
        let asked = machine["go"].approval?.prompt
        machine.now = machine.now + 60
        try machine.command(.vote(StepPath("go"), .approved, digest: machine["go"].approval?.digest), by: MachineHarness.bob)
        #expect(given() == asked)
        machine.now = machine.now + 60
        try machine.succeed("x")
        #expect(given() == asked && asked == machine.run.createdAt.description)
    }

    private func stdout(_ text: String) -> JSON { ["exitStatus": 0, "stdout": .string(text), "changed": false] }

    // MARK: - repeatUntil

    private func poll(_ maximum: Int, every seconds: Double = 10, onFailure: Policy.OnFailure = .stop) throws -> MachineHarness {
        let until = Expression.compare(.equal, .output(node: "poll/ask", path: ["stdout"]), .literal("up"))
        let spec = RepeatSpec(until: until, value: .output(node: "poll/ask", path: ["stdout"]), intervalSeconds: seconds, maximum: maximum)
        return try MachineHarness([
            Node(id: "poll", name: "poll", kind: .repeatUntil(spec)), shell("poll/ask", scope: "poll", policy: Policy(onFailure: onFailure)),
        ])
    }

    @Test func `rounds follow one another with a pause between, until the condition holds`() throws {
        var machine = try poll(5)
        try machine.succeed("poll[1]/ask", stdout("down"))
        #expect(machine["poll"].state == .waiting && machine.run.state == .waiting)
        try machine.pass(seconds: 9)
        #expect(machine["poll"].state == .waiting)
        try machine.pass(seconds: 1)
        #expect(machine.dispatched == ["poll[2]/ask"])
        try machine.succeed("poll[2]/ask", stdout("up"))
        #expect(machine["poll"].value == "up")
        #expect(machine.run.state == .succeeded)
    }

    @Test func `a condition that never holds fails the step, and a retry gives it as many rounds again`() throws {
        var machine = try poll(2, every: 0)
        try machine.succeed("poll[1]/ask", stdout("down"))
        try machine.succeed("poll[2]/ask", stdout("down"))
        #expect(machine["poll"].reason == "its condition did not hold after 2 rounds")
        try machine.command(.retry(from: nil))
        #expect(machine.dispatched == ["poll[3]/ask"])
        try machine.succeed("poll[3]/ask", stdout("up"))
        #expect(machine.run.state == .succeeded)
    }

    @Test func `a round that failed and was ignored has not met the condition; one that was not stops it all`() throws {
        var ignored = try poll(3, every: 0, onFailure: .ignore)
        try ignored.fail("poll[1]/ask")
        #expect(ignored.dispatched == ["poll[2]/ask"])
        var strict = try poll(3, every: 0)
        try strict.fail("poll[1]/ask")
        #expect(strict.run.state == .failed && strict.run.positions[StepPath("poll[2]/ask")] == nil)
        try strict.command(.retry(from: nil))
        #expect(strict.dispatched == ["poll[1]/ask"], "the round that failed is taken up again")
    }

    @Test func `a pause holds the next round back, and a cancel ends the wait`() throws {
        var machine = try poll(3)
        try machine.succeed("poll[1]/ask", stdout("down"))
        try machine.command(.pause)
        try machine.pass(seconds: 20)
        #expect(machine.dispatched.isEmpty)
        try machine.command(.resume)
        #expect(machine.dispatched == ["poll[2]/ask"])
        try machine.succeed("poll[2]/ask", stdout("down"))
        try machine.command(.cancel)
        #expect(machine.run.state == .cancelled)
    }

    // MARK: - Signals

    private func receiver(_ id: String, needs: [String] = [], timeout: Double? = nil, shape: TypeShape? = nil) -> Node {
        Node(id: id, name: id, kind: .waitFor(SignalSpec(signal: "paid", timeoutSeconds: timeout)), needs: needs, output: shape)
    }

    @Test func `messages that come early are kept, in order, and each goes to one step`() throws {
        var machine = try MachineHarness([shell("first"), receiver("one", needs: ["first"]), receiver("two", needs: ["one"])])
        try machine.command(.signal("paid", 1))
        try machine.command(.signal("paid", 2))
        try machine.succeed("first")
        #expect(machine["one"].value == 1 && machine["two"].value == 2)
        #expect(machine.run.state == .succeeded)
    }

    @Test func `an edit of a run that has ended is refused with what does it`() throws {
        for (hasFailed, from) in [(true, ""), (false, " --from STEP")] {
            var machine = try MachineHarness([shell("one")], inputs: ["n": 1])
            if hasFailed { try machine.fail("one") } else { try machine.succeed("one") }
            let edit = RunCommand.edit(InputEdit(inputs: ["n": 2]), isRetry: false, from: nil)
            let error = #expect(throws: FlowError.self) { try machine.command(edit) }
            #expect(error?.hint == "flowctl retry \(machine.run.id)\(from) -p NAME=VALUE")
        }
    }

    @Test func `a message that is sent again under its key is the one that came, also when the run is over`() throws {
        var machine = try MachineHarness([shell("first"), receiver("one", needs: ["first"]), receiver("two", needs: ["one"])])
        try machine.command(.signal("paid", 1, key: "a"))
        let entries = machine.entries.count
        try machine.command(.signal("paid", 1, key: "a"))
        #expect(machine.entries.count == entries)
        for other: RunCommand in [.signal("paid", 2, key: "a"), .signal("payed", 1, key: "a")] {
            let error = #expect(throws: FlowError.self) { try machine.command(other) }
            #expect(error?.code == .keyReused)
        }
        try machine.command(.signal("paid", 1, key: "b"))
        try machine.succeed("first")
        #expect(machine["one"].value == 1 && machine["two"].value == 1)
        #expect(machine.run.state == .succeeded)
        let end = machine.entries.count
        try machine.command(.signal("paid", 1, key: "b"))
        #expect(machine.entries.count == end)
        #expect(throws: FlowError.self) { try machine.command(.signal("paid", 1, key: "c")) }
    }

    @Test func `a message of the wrong type or name is refused, and none in time fails the step`() throws {
        var machine = try MachineHarness([receiver("one", timeout: 60, shape: .int)])
        #expect(throws: FlowError.self) { try machine.command(.signal("paid", "much")) }
        #expect(throws: FlowError.self) { try machine.command(.signal("payed", 1)) }
        #expect(machine["one"].state == .waiting)
        try machine.pass(seconds: 60)
        #expect(machine["one"].reason == "no signal 'paid' within 60.0 s")
        #expect(machine.run.state == .failed)
    }

    // MARK: - Breakpoints

    @Test func `a run stops before a step until it is released, once for each generation`() throws {
        var machine = try MachineHarness([shell("a"), shell("b", needs: ["a"])])
        try machine.command(.hold(before: "b", isSet: true))
        try machine.succeed("a")
        #expect(machine["b"].waiting?.kind == .breakpoint && machine.run.state == .waiting)
        try machine.command(.release(StepPath("b")))
        #expect(machine.dispatched == ["b"])
        try machine.fail("b")
        try machine.command(.retry(from: nil))
        #expect(machine["b"].waiting?.kind == .breakpoint)
        try machine.command(.hold(before: "b", isSet: false))
        try machine.command(.release(StepPath("b")))
        try machine.succeed("b")
        #expect(machine.run.state == .succeeded)
        #expect(throws: FlowError.self) { try machine.command(.hold(before: "b", isSet: true)) }
    }

    @Test func `a sleep and a back-off can be ended before their time`() throws {
        let moment = Node(id: "nap", name: "nap", kind: .sleepUntil(.literal("2030-01-01T00:00:00Z")))
        var machine = try MachineHarness([moment, shell("flaky", policy: Policy(retry: Retry(attempts: 2, delaySeconds: 100)))])
        #expect(machine["nap"].due == Instant("2030-01-01T00:00:00Z"))
        try machine.fail("flaky")
        try machine.command(.release(StepPath("flaky")))
        #expect(machine.dispatched == ["flaky"])
        try machine.command(.release(StepPath("nap")))
        #expect(machine["nap"].state == .succeeded)
        #expect(throws: FlowError.self) { try machine.command(.release(StepPath("nap"))) }
    }

    // MARK: - Probes

    private var probed: Policy { Policy(probe: Probe(command: ShellSpec(source: .text("ask")))) }

    private func lose(_ machine: inout MachineHarness, _ path: String) throws {
        try machine.report(path, .ended(AttemptResult(outcome: .lost("the host was rebooted"))))
    }

    @Test func `a probe decides what became of a lost attempt`() throws {
        var happened = try MachineHarness([shell("pay", policy: probed)])
        try lose(&happened, "pay")
        #expect(happened.dispatched == ["pay"] && happened["pay"].attempt?.isProbe == true)
        try happened.succeed("pay")
        #expect(happened.run.state == .succeeded && happened["pay"].reason == "its probe says that it took effect")

        var did = try MachineHarness([shell("pay", policy: probed)])
        try lose(&did, "pay")
        try did.fail("pay", exitStatus: 1)
        #expect(did.dispatched == ["pay"] && did["pay"].attempt?.isProbe == false, "it did not: it has its turn again")
        try did.succeed("pay")
        #expect(did.run.state == .succeeded)
    }

    @Test func `a probe that says nothing, or is lost itself, leaves it to a person`() throws {
        for lost in [true, false] {
            var machine = try MachineHarness([shell("pay", policy: probed)])
            try lose(&machine, "pay")
            if lost { try lose(&machine, "pay") } else { try machine.fail("pay", exitStatus: 2) }
            #expect(machine["pay"].state == .unknown && machine.dispatched.isEmpty)
            try machine.command(.resolve(StepPath("pay"), .failed))
            #expect(machine.run.state == .failed)
        }
    }

    // MARK: - Inputs

    private func greeting(_ id: String, needs: [String] = []) -> Node {
        let spec = ShellSpec(source: .text("echo"), variables: [.init(name: "flow_1", value: .parameter("name"))])
        return Node(id: id, name: id, kind: .shell(spec), needs: needs)
    }

    private func variables(_ machine: MachineHarness) -> [String] {
        machine.actions.compactMap { action in
            guard case .dispatch(let order) = action, let work = order.work as? ShellWork else { return nil }
            return work.variables.first?.value
        }
    }

    @Test func `an edited input is seen by what starts from then on, and by what is retried`() throws {
        var machine = try MachineHarness([greeting("a"), greeting("b", needs: ["a"])], inputs: ["name": "old"])
        #expect(variables(machine) == ["old"])
        try machine.command(.edit(InputEdit(inputs: ["name": "new"]), isRetry: false, from: nil))
        try machine.succeed("a")
        #expect(variables(machine) == ["new"])
        try machine.fail("b")
        try machine.command(.edit(InputEdit(inputs: ["name": "newer"]), isRetry: true, from: nil))
        #expect(variables(machine) == ["newer"])
        #expect(machine["a"].generation == 1)
        let said = machine.entries.compactMap { if case .commanded(let command) = $0 { command.message } else { nil } }
        #expect(said == [#"name: "old" -> "new""#, #"name: "new" -> "newer""#], "who changed what is on record")
    }

    @Test func `votes are for what was asked: an edit makes a gate ask anew`() throws {
        var machine = try MachineHarness([approval("go", [.anyone(count: 2)])], inputs: ["name": "old"])
        let digest = try #require(machine["go"].approval?.digest)
        try machine.command(.vote(StepPath("go"), .approved, digest: digest), by: MachineHarness.bob)
        try machine.command(.edit(InputEdit(inputs: ["name": "new"]), isRetry: false, from: nil))
        #expect(machine["go"].approval?.standing.isEmpty == true)
        #expect(throws: FlowError.self) { try machine.command(.vote(StepPath("go"), .approved, digest: digest), by: MachineHarness.carol) }
        let anew = try #require(machine["go"].approval?.digest)
        try machine.command(.vote(StepPath("go"), .approved, digest: anew), by: MachineHarness.carol)
        #expect(machine["go"].state == .waiting)
        try machine.command(.vote(StepPath("go"), .approved, digest: anew), by: MachineHarness.bob)
        #expect(machine.run.state == .succeeded)
    }

    // MARK: - Maps and outputs

    @Test func `a map with a minimum goes on after failures, and stops when it cannot be reached`() throws {
        let spec = MapSpec(elements: .list(.literal([0, 1, 2, 3])), width: 1, minSucceeded: .count(3))
        let nodes = [Node(id: "work", name: "work", kind: .map(spec)), shell("work/do", scope: "work")]
        var enough = try MachineHarness(nodes)
        try enough.fail("work[0]/do")
        for element in 1...3 { try enough.succeed("work[\(element)]/do", stdout("\(element)")) }
        #expect(enough.run.state == .succeeded)
        #expect(enough["work"].value?.arrayValue?.map { $0["stdout"] } == [nil, "1", "2", "3"])
        var few = try MachineHarness(nodes)
        try few.fail("work[0]/do")
        try few.fail("work[1]/do")
        #expect(few.run.state == .failed && few.run.positions[StepPath("work[2]/do")] == nil)
    }

    @Test func `a person can give a failed step its output`() throws {
        var machine = try MachineHarness([shell("a"), shell("b", needs: ["a"])])
        try machine.fail("a")
        try machine.command(.resolve(StepPath("a"), .succeeded(output: nil)))
        #expect(machine["a"].state == .succeeded && machine.dispatched == ["b"])
    }

    @Test func `a cancelling run is not taken up again by an output that a person gives`() throws {
        var machine = try MachineHarness([shell("a"), shell("b")])
        try machine.fail("a")
        try machine.command(.cancel)
        #expect(machine.run.state == .cancelling)
        #expect(throws: FlowError.self) { try machine.command(.resolve(StepPath("a"), .succeeded(output: nil))) }
        #expect(machine.run.state == .cancelling && machine["a"].state == .failed)
    }
}
