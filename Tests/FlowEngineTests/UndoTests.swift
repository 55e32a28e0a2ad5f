import FlowEngine
import FlowModel
import FlowTestKit
import Testing

@Suite("Undo", .timeLimit(.minutes(10)))
struct UndoTests {
    private func undo(_ step: String, _ name: String = "back", policy: Policy = Policy()) -> Node {
        Node(
            id: "\(step)/undo:\(name)", name: name, scope: step, part: .undo, kind: .shell(ShellSpec(source: .text("true"))), policy: policy)
    }

    /// network → (disk, address) → vm, a map over two, then a step that nothing undoes.
    private func machine(policy: Policy = Policy()) throws -> MachineHarness {
        try MachineHarness([
            shell("network"), undo("network"), shell("disk", needs: ["network"]), undo("disk"),
            shell("address", needs: ["network"]), undo("address"), shell("vm", needs: ["disk", "address"]), undo("vm", policy: policy),
            map("mount", over: ["a", "b"], width: 2, needs: ["vm"]), shell("mount/attach", scope: "mount"), undo("mount/attach"),
            shell("check", needs: ["mount"]),
        ])
    }

    @Test func `what was done again since is not left to undo`() throws {
        var machine = try machine()
        try run(&machine)
        try machine.command(.undo(StepPath("vm")))
        for number in [0, 1] { try machine.succeed("mount[\(number)]/attach/undo:back") }
        try machine.fail("vm/undo:back")
        try machine.command(.retry(from: nil))
        try machine.fail("vm")
        #expect(machine.run.state == .failed && machine.undoOutcome.left == 0)
    }

    private func run(_ machine: inout MachineHarness, failing: String? = nil) throws {
        for path in ["network", "disk", "address", "vm", "mount[0]/attach", "mount[1]/attach", "check"] {
            if path == failing { try machine.fail(path) } else { try machine.succeed(path) }
        }
    }

    @Test func `what a run did is taken back in the reverse order of needs, what does not depend on each other together`() throws {
        var machine = try machine()
        try run(&machine)
        #expect(machine.run.state == .succeeded)
        #expect(machine.run.staysWhenUndone == ["check"])
        try machine.command(.undo(nil))
        #expect(machine.run.state == .undoing)
        #expect(Set(machine.dispatched) == ["mount[0]/attach/undo:back", "mount[1]/attach/undo:back"])
        try machine.succeed("mount[1]/attach/undo:back")
        #expect(machine.dispatched.isEmpty, "the stage is not over")
        try machine.succeed("mount[0]/attach/undo:back")
        #expect(machine.dispatched == ["vm/undo:back"])
        try machine.succeed("vm/undo:back")
        #expect(Set(machine.dispatched) == ["disk/undo:back", "address/undo:back"])
        try machine.succeed("disk/undo:back")
        try machine.succeed("address/undo:back")
        #expect(machine.dispatched == ["network/undo:back"])
        try machine.succeed("network/undo:back")
        #expect(machine.run.state == .cancelled)
        #expect(machine.run.reason == "undone by alice; 6 of 6 undone")
        #expect(machine["vm"].state == .succeeded, "that it was done stays true")
        #expect(throws: FlowError.self) { try machine.command(.undo(nil)) }
        expectRefold(machine)
    }

    private static func command(_ reading: FlowModel.Expression) -> Node.Kind {
        .shell(ShellSpec(source: .text("true"), variables: [.init(name: "flow_1", value: reading)]))
    }

    /// The value that the newest order of a step was given.
    private func given(_ machine: MachineHarness, _ path: String) -> String? {
        machine.actions.compactMap { action in
            if case .dispatch(let order) = action, order.id.step.text == path, let work = order.work as? ShellWork {
                work.variables.first?.value
            } else {
                nil
            }
        }.last
    }

    @Test func `what was done before a retry stands until it is undone, however far the retry came`() throws {
        var machine = try machine()
        try run(&machine, failing: "check")
        try machine.command(.retry(from: StepPath("network")))
        try machine.fail("network")
        #expect(machine.run.state == .failed && machine["vm"].state == .pending)
        try machine.command(.undo(nil))
        var undone: [String] = []
        while let next = machine.dispatched.first ?? machine.run.steps.first(where: { $0.state == .running && $0.elements == nil })?.path.text {
            undone.append(next)
            try machine.succeed(next)
        }
        let order = ["mount[0]/attach", "mount[1]/attach", "vm", "address", "disk", "network"].map { "\($0)/undo:back" }
        #expect(Set(undone) == Set(order) && undone.last == "network/undo:back" && undone[2] == "vm/undo:back", "\(undone)")
        #expect(machine.run.reason == "undone by alice; 6 of 6 undone")
        #expect(throws: FlowError.self, "nothing of it stands") { try machine.command(.undo(nil)) }
        expectRefold(machine)
    }

    /// `attach` was done with what `alloc` had said, and is taken back with that, whatever a retry of `alloc` says.
    @Test(arguments: [true, false]) func `an undo reads of other steps what they had said then`(allocFails: Bool) throws {
        let detach = Node(
            id: "attach/undo:back", name: "back", scope: "attach", part: .undo, kind: Self.command(.output(node: "alloc", path: ["stdout"])))
        var machine = try MachineHarness([shell("alloc"), shell("attach", needs: ["alloc"]), detach, shell("b", needs: ["attach"])])
        try machine.succeed("alloc", ["exitStatus": 0, "stdout": "a", "changed": true])
        try machine.succeed("attach")
        try machine.fail("b")
        try machine.command(.retry(from: StepPath("alloc")))
        if allocFails {
            try machine.fail("alloc")
        } else {
            try machine.succeed("alloc", ["exitStatus": 0, "stdout": "b", "changed": true])
            try machine.fail("attach")
        }
        try machine.command(.undo(nil))
        #expect(given(machine, "attach/undo:back") == "a")
        try machine.succeed("attach/undo:back")
        #expect(machine.run.reason == "undone by alice; 1 of 1 undone")
        expectRefold(machine)
    }

    @Test func `a target is undone with what other steps had said when it was done`() throws {
        let spec = RolloutSpec(targets: .literal("all"), batches: try BatchSizes("2"))
        let back = Node(
            id: "deploy/undo:back", name: "back", scope: "deploy", part: .undo, kind: Self.command(.output(node: "alloc", path: ["stdout"])))
        var machine = try MachineHarness(
            [
                shell("alloc"), Node(id: "deploy", name: "deploy", kind: .rollout(spec), needs: ["alloc"]), shell("deploy/switch", scope: "deploy"),
                back, shell("b", needs: ["deploy"]),
            ],
            targets: ["all": (1...2).map { Host(name: "web-\($0)", address: "10.0.0.\($0)") }])
        try machine.succeed("alloc", ["exitStatus": 0, "stdout": "a", "changed": true])
        for host in 1...2 { try machine.succeed("deploy[web-\(host)]/switch") }
        try machine.fail("b")
        try machine.command(.retry(from: StepPath("alloc")))
        try machine.succeed("alloc", ["exitStatus": 0, "stdout": "b", "changed": true])
        try machine.succeed("deploy[web-1]/switch")
        try machine.fail("deploy[web-2]/switch")
        try machine.command(.undo(nil))
        for host in 1...2 where machine["deploy[web-\(host)]/undo:back"].state == .running {
            #expect(given(machine, "deploy[web-\(host)]/undo:back") == (host == 1 ? "b" : "a"))
        }
        expectRefold(machine)
    }

    @Test func `what cannot be taken back for want of a value is not called undone`() throws {
        let back = Node(
            id: "upgrade/undo:back", name: "back", scope: "upgrade", part: .undo,
            kind: Self.command(.output(node: "backup", path: ["stdout"])))
        var machine = try MachineHarness([
            shell("backup", policy: Policy(onFailure: .ignore)), shell("upgrade", needs: ["backup"]), back,
        ])
        try machine.fail("backup")
        try machine.succeed("upgrade")
        try machine.command(.undo(nil))
        #expect(machine.run.state == .failed)
        #expect(machine["upgrade/undo:back"].reason == "it reads the output of step 'backup', which has none: it failed")
        #expect(machine.run.leftToUndo.count == 1, "it can be said to be taken back by hand")
        try machine.command(.resolve(StepPath("upgrade/undo:back"), .succeeded(output: nil)))
        #expect(machine.run.state == .cancelled)
        expectRefold(machine)
    }

    @Test func `nor is a target`() throws {
        let spec = RolloutSpec(targets: .literal("all"), batches: .all)
        let back = Node(
            id: "deploy/undo:back", name: "back", scope: "deploy", part: .undo, kind: Self.command(.output(node: "backup", path: ["stdout"])))
        var machine = try MachineHarness(
            [
                shell("backup", policy: Policy(onFailure: .ignore)),
                Node(id: "deploy", name: "deploy", kind: .rollout(spec), needs: ["backup"]), shell("deploy/switch", scope: "deploy"), back,
            ], targets: ["all": [Host(name: "web-1", address: "10.0.0.1")]])
        try machine.fail("backup")
        try machine.succeed("deploy[web-1]/switch")
        try machine.command(.undo(nil))
        #expect(machine.run.rollouts[1]?.targets.map(\.undo) == [.failed])
        #expect(machine.run.state == .failed)
        expectRefold(machine)
    }

    @Test func `an undo has the inputs and the output that the step had`() throws {
        let back = Node(
            id: "a/undo:back", name: "back", scope: "a", part: .undo,
            kind: Self.command(.text([.parameter("v"), .output(node: "a", path: ["stdout"])])))
        var machine = try MachineHarness([shell("a"), back, shell("b", needs: ["a"])], inputs: ["v": 1])
        try machine.succeed("a", ["exitStatus": 0, "stdout": "-first", "changed": true])
        try machine.fail("b")
        try machine.command(.edit(InputEdit(inputs: ["v": 2], targets: [:]), isRetry: true, from: nil))
        try machine.fail("b")
        try machine.command(.undo(nil))
        #expect(given(machine, "a/undo:back") == "1-first")
        try machine.fail("a/undo:back")
        // Done again with the others, that is what is taken back.
        try machine.command(.retry(from: StepPath("a")))
        try machine.succeed("a", ["exitStatus": 0, "stdout": "-second", "changed": true])
        try machine.fail("b")
        try machine.command(.retry(from: StepPath("a")))
        try machine.fail("a")
        try machine.command(.undo(nil))
        #expect(given(machine, "a/undo:back") == "2-second")
        expectRefold(machine)
    }

    @Test func `what was done for an element that is none any more is undone with it`() throws {
        let each = Node(id: "m", name: "m", kind: .map(MapSpec(elements: .list(.parameter("names")), width: 2)))
        let back = Node(id: "m/make/undo:back", name: "back", scope: "m/make", part: .undo, kind: Self.command(.element(map: "m", path: [])))
        var machine = try MachineHarness(
            [each, shell("m/make", scope: "m"), back, shell("end", needs: ["m"])], inputs: ["names": ["a", "b", "c"]])
        for number in 0..<3 { try machine.succeed("m[\(number)]/make") }
        try machine.fail("end")
        try machine.command(.edit(InputEdit(inputs: ["names": ["x"]], targets: [:]), isRetry: true, from: StepPath("m")))
        try machine.fail("m[0]/make")
        #expect(machine.run.state == .failed)
        try machine.command(.undo(StepPath("m")))
        #expect(["a", "b", "c"] == (0..<3).compactMap { given(machine, "m[\($0)]/make/undo:back") })
        for number in 0..<3 { try machine.succeed("m[\(number)]/make/undo:back") }
        #expect(machine.run.reason == "undone by alice; 3 of 3 undone")
        // An element that comes back begins anew.
        try machine.command(.edit(InputEdit(inputs: ["names": ["x", "y", "z"]], targets: [:]), isRetry: true, from: StepPath("m")))
        for number in 0..<3 where machine["m[\(number)]/make"].state == .running { try machine.succeed("m[\(number)]/make") }
        if machine["m[2]/make"].state == .running { try machine.succeed("m[2]/make") }
        try machine.succeed("end")
        #expect(machine.run.state == .succeeded)
        try machine.command(.undo(StepPath("m")))
        #expect(["x", "y", "z"] == (0..<3).compactMap { given(machine, "m[\($0)]/make/undo:back") })
        expectRefold(machine)
    }

    /// A journal says whether an element that comes back is what it was: before there was that entry, it began with nothing.
    @Test(arguments: [true, false]) func `an element that comes back is what the journal says`(isSaid: Bool) throws {
        var machine = try MachineHarness([map("m", over: ["a", "b", "c"], width: 3), shell("m/make", scope: "m")])
        for number in 0..<3 { try machine.succeed("m[\(number)]/make") }
        var run = machine.run
        let opened = machine.entries.compactMap { if case .mapOpened(let step, _, _) = $0 { step } else { nil } }
        let map = try #require(opened.first)
        let count = run.steps.count
        run.apply(.reopened([map]), at: machine.now)
        run.apply(.mapOpened(map, keys: ["0", "1"], values: ["a", "b"]), at: machine.now)
        if isSaid { run.apply(.elementsReturn(map), at: machine.now) }
        run.apply(.mapOpened(map, keys: ["0", "1", "2"], values: ["a", "b", "c"]), at: machine.now)
        run.apply(.elementOpened(map, element: 2), at: machine.now)
        #expect(run.steps.count == count + (isSaid ? 0 : 1))
    }

    @Test func `targets that a retry did not come to are undone, too`() throws {
        let spec = RolloutSpec(targets: .literal("all"), batches: .all)
        var machine = try MachineHarness(
            [
                shell("build"), Node(id: "deploy", name: "deploy", kind: .rollout(spec), needs: ["build"]), shell("deploy/switch", scope: "deploy"),
                undo("deploy"), shell("check", needs: ["deploy"]),
            ],
            targets: ["all": (1...2).map { Host(name: "web-\($0)", address: "10.0.0.\($0)") }])
        try machine.succeed("build")
        for number in 1...2 { try machine.succeed("deploy[web-\(number)]/switch") }
        try machine.fail("check")
        try machine.command(.retry(from: StepPath("build")))
        try machine.fail("build")
        try machine.command(.undo(nil))
        #expect(Set(machine.dispatched) == ["deploy[web-1]/undo:back", "deploy[web-2]/undo:back"])
        for number in 1...2 { try machine.succeed("deploy[web-\(number)]/undo:back") }
        #expect(machine.run.reason == "undone by alice; 2 of 2 undone")
        expectRefold(machine)
    }

    @Test func `a retry from a step that something failed beside is refused, and goes on beside what was stopped`() throws {
        let nodes = [shell("a"), shell("b"), Node(id: "s", name: "s", kind: .sleep(.literal(60)))]
        var machine = try MachineHarness(nodes)
        try machine.succeed("a")
        try machine.fail("b")
        let error = #expect(throws: FlowError.self) { try machine.command(.retry(from: StepPath("a"))) }
        #expect(error?.message.contains("step 'b' failed, too, and nothing begins beside it") == true)
        #expect(machine["a"].state == .succeeded, "it is what it was")

        machine = try MachineHarness(nodes)
        try machine.succeed("a")
        try machine.command(.cancel)
        try machine.report("b", .ended(AttemptResult(outcome: .cancelled)))
        try machine.command(.retry(from: StepPath("a")))
        #expect(Set(machine.dispatched) == ["a", "b"] && machine["s"].state == .waiting)
    }

    private static let alone = FlowControl(claims: [ClaimSpec(name: .literal("db"), kind: .exclusive)])

    @Test func `an undo whose turn would never come ends, and what was done stays so`() throws {
        var machine = try MachineHarness([shell("make"), undo("make"), shell("use", needs: ["make"])], control: Self.alone)
        try machine.take(.granted(Run.ownPath))
        try machine.succeed("make")
        try machine.succeed("use")
        try machine.command(.undo(nil))
        #expect(machine.run.isQueued)
        try machine.take(.deadlocked(Run.ownPath, reason: "it would wait for ever"))
        #expect(machine.run.state == .failed && machine.run.claims.isEmpty && machine.run.undo == nil)
        #expect(machine.states() == ["make": .succeeded, "use": .succeeded, "make/undo:back": .failed])
        #expect(machine.run.reason?.contains("it would wait for ever") == true)
        expectRefold(machine)
    }

    @Test func `a retry whose turn would never come fails what it would have begun`() throws {
        var machine = try MachineHarness([shell("one"), shell("two", needs: ["one"])], control: Self.alone)
        try machine.take(.granted(Run.ownPath))
        try machine.succeed("one")
        try machine.fail("two")
        try machine.command(.retry(from: nil))
        try machine.take(.deadlocked(Run.ownPath, reason: "it would wait for ever"))
        #expect(machine.states() == ["one": .succeeded, "two": .failed])
        #expect(machine.run.state == .failed && machine.run.claims.isEmpty)
        expectRefold(machine)
    }

    @Test func `of a failed run only what succeeded is undone, of a step only it and what came after it`() throws {
        var machine = try machine()
        try run(&machine, failing: "check")
        #expect(machine.run.state == .failed)
        try machine.command(.undo(StepPath("vm")))
        for path in ["mount[0]/attach", "mount[1]/attach", "vm"] { try machine.succeed("\(path)/undo:back") }
        #expect(machine.run.state == .cancelled)
        #expect(machine.run.stepUndos.count == 3)

        // What was undone has to be done again before the rest.
        try machine.command(.retry(from: nil))
        #expect(machine.run.state == .running)
        #expect(machine.dispatched == ["vm"])
        for path in ["vm", "mount[0]/attach", "mount[1]/attach", "check"] { try machine.succeed(path) }
        #expect(machine.run.state == .succeeded)
        try machine.command(.undo(nil))
        #expect(machine.dispatched.count == 2, "it was done again, and can be undone again")
        #expect(machine["mount[0]/attach/undo:back"].generation == 2)
        expectRefold(machine)
    }

    @Test func `what cannot be undone stops the undo, which goes on from there`() throws {
        var machine = try machine()
        try run(&machine)
        try machine.command(.undo(nil))
        try machine.succeed("mount[0]/attach/undo:back")
        try machine.succeed("mount[1]/attach/undo:back")
        try machine.fail("vm/undo:back")
        #expect(machine.run.state == .failed)
        #expect(machine.run.reason == "undone by alice; 2 of 6 undone; step 'vm/undo:back' failed: exit status 1")
        var outcome = UndoOutcome()
        (outcome.left, outcome.stuck, outcome.isUndone) = (4, [StepPath("vm/undo:back")], true)
        #expect(machine.undoOutcome == outcome)
        #expect(throws: FlowError.self, "what undoes has its turn with an undo only") { try machine.command(.retry(from: StepPath("vm/undo:back"))) }

        try machine.command(.undo(nil))
        #expect(machine.dispatched == ["vm/undo:back"])
        try machine.fail("vm/undo:back")

        // Somebody has deleted it by hand: what is left goes on.
        try machine.command(.skip(StepPath("vm/undo:back")))
        #expect(machine.run.state == .undoing)
        #expect(Set(machine.dispatched) == ["disk/undo:back", "address/undo:back"])
        for path in ["disk", "address"] { try machine.fail("\(path)/undo:back") }
        #expect(machine.run.state == .failed)

        // Beside it something else is left that failed: nothing is taken away under that, and the run does not call itself undone.
        try machine.command(.resolve(StepPath("disk/undo:back"), .succeeded(output: nil)))
        #expect(machine.dispatched.isEmpty && machine.run.state == .failed)
        #expect(machine.run.reason?.contains("1 of 1 undone, 2 left from before") == true, "\(machine.run.reason ?? "")")
        try machine.command(.skip(StepPath("address/undo:back")))
        #expect(machine.dispatched == ["network/undo:back"])
        try machine.succeed("network/undo:back")
        #expect(machine.run.state == .cancelled)
        #expect(throws: FlowError.self, "nothing is left to undo") { try machine.command(.undo(nil)) }
        expectRefold(machine)
    }

    @Test func `behind a part that was undone goes on what was asked for, and not the rest of the run`() throws {
        var machine = try machine()
        try run(&machine)
        try machine.command(.undo(StepPath("vm")))
        for number in [0, 1] { try machine.succeed("mount[\(number)]/attach/undo:back") }
        try machine.fail("vm/undo:back")
        #expect(machine.undoOutcome.step == StepPath("vm"), "an undo of the whole run would take back more than was asked for")
        try machine.command(.skip(StepPath("vm/undo:back")))
        #expect(machine.undoOutcome.left == 0 && machine.undoOutcome.isUndone)
        #expect(machine.run.state == .cancelled && machine["disk/undo:back", orNil: true] == nil)
        expectRefold(machine)
    }

    @Test func `a step that was half undone is done again, as what was undone`() throws {
        var machine = try MachineHarness([shell("vm"), undo("vm", "stop"), undo("vm", "delete"), shell("use", needs: ["vm"])])
        try machine.succeed("vm")
        try machine.fail("use")
        try machine.command(.undo(nil))
        try machine.succeed("vm/undo:stop")
        try machine.fail("vm/undo:delete")
        #expect(machine.run.state == .failed)
        try machine.command(.retry(from: nil))
        #expect(machine.dispatched == ["vm"])
        expectRefold(machine)
    }

    @Test func `an undo waits while paused, ends when cancelled, and a held step in it goes on when it is resolved`() throws {
        var machine = try machine(policy: Policy(onFailure: .hold))
        try run(&machine)
        try machine.command(.undo(nil))
        try machine.command(.pause)
        for number in [0, 1] { try machine.succeed("mount[\(number)]/attach/undo:back") }
        #expect(machine.run.state == .paused)
        try machine.command(.resume)
        #expect(machine.dispatched == ["vm/undo:back"])
        try machine.fail("vm/undo:back")
        #expect(machine["vm/undo:back"].state == .held)
        let held = try #require(machine.run.positions[StepPath("vm/undo:back")])
        #expect(machine.run.endOfHold(held).contains("retry \(machine.run.id) --from 'vm/undo:back'"))
        #expect(throws: FlowError.self, "nothing else of the run goes on meanwhile") { try machine.command(.retry(from: StepPath("check"))) }
        try machine.command(.resolve(StepPath("vm/undo:back"), .retry))
        try machine.fail("vm/undo:back")
        try machine.command(.resolve(StepPath("vm/undo:back"), .succeeded(output: nil)))
        #expect(Set(machine.dispatched) == ["disk/undo:back", "address/undo:back"])
        try machine.command(.cancel)
        #expect(machine.run.state == .cancelling)
        for path in ["disk", "address"] { try machine.report("\(path)/undo:back", .ended(AttemptResult(outcome: .cancelled, exitStatus: nil))) }
        #expect(machine.run.state == .cancelled)
        #expect(machine.run.undo == nil)
        try machine.command(.undo(nil))
        #expect(Set(machine.dispatched) == ["disk/undo:back", "address/undo:back"])
        expectRefold(machine)
    }

    @Test func `a run is undone when it has ended, and targets of its rollouts are with it`() throws {
        let host = Host(name: "web-1", address: "10.0.0.1", labels: [:])
        var machine = try MachineHarness(
            [
                shell("create"), undo("create"),
                Node(
                    id: "deploy", name: "deploy", kind: .rollout(RolloutSpec(targets: .literal("all"), batches: .all)), needs: ["create"]),
                shell("deploy/switch", scope: "deploy"),
                Node(
                    id: "deploy/undo:back", name: "back", scope: "deploy", part: .undo, kind: .shell(ShellSpec(source: .text("true")))),
                shell("tidy", isFinally: true),
            ], targets: ["all": [host]])
        try machine.succeed("create")
        #expect(throws: FlowError.self) { try machine.command(.undo(nil)) }
        try machine.succeed("deploy[web-1]/switch")
        try machine.succeed("tidy")
        try machine.command(.undo(nil))
        try machine.succeed("deploy[web-1]/undo:back")
        #expect(machine.run.rollouts[1]?.targets.map(\.undo) == [.undone])
        try machine.succeed("create/undo:back")
        #expect(machine.run.state == .cancelled)
        #expect(machine["tidy"].generation == 1, "what cleans up is not run again")
        try machine.command(.retry(from: nil))
        try machine.succeed("create")
        #expect(machine.dispatched == ["deploy[web-1]/switch"], "an undone target is done again")
        expectRefold(machine)
    }

    @Test func `what stood on something that was undone is done again with it, before the run goes on`() throws {
        var machine = try MachineHarness([shell("vm"), undo("vm"), shell("configure", needs: ["vm"]), shell("deploy", needs: ["configure"])])
        try machine.succeed("vm")
        try machine.succeed("configure")
        try machine.fail("deploy")
        try machine.command(.undo(nil))
        #expect(throws: FlowError.self, "nothing else of it can be changed meanwhile") { try machine.command(.skip(StepPath("deploy"))) }
        try machine.succeed("vm/undo:back")
        // Whatever takes it up again.
        var other = machine
        try machine.command(.retry(from: nil))
        try other.command(.resolve(StepPath("deploy"), .succeeded(output: nil)))
        for var machine in [machine, other] {
            #expect(machine.dispatched == ["vm"])
            try machine.succeed("vm")
            #expect(machine.dispatched == ["configure"])
            expectRefold(machine)
        }
    }

    @Test func `a pending step is not skipped while its run is undone`() throws {
        var machine = try MachineHarness([shell("vm"), undo("vm"), shell("deploy", needs: ["vm"]), shell("report", needs: ["deploy"])])
        try machine.succeed("vm")
        try machine.fail("deploy")
        try machine.command(.undo(nil))
        #expect(machine["report"].state == .pending)
        #expect(throws: FlowError.self) { try machine.command(.skip(StepPath("report"))) }
    }

    @Test func `an undo from a step reaches later rounds, and what came after everything round it`() throws {
        let rounds = RepeatSpec(until: .compare(.equal, .output(node: "a/b/c", path: ["stdout"]), .literal("x")), intervalSeconds: 0, maximum: 3)
        var machine = try MachineHarness([
            map("a", over: ["only"], width: 1), Node(id: "a/b", name: "b", scope: "a", kind: .repeatUntil(rounds)), shell("a/b/c", scope: "a/b"),
            undo("a/b/c"), shell("end", needs: ["a"]), undo("end"),
        ])
        try machine.succeed("a[0]/b[1]/c", ["stdout": ""])
        try machine.succeed("a[0]/b[2]/c", ["stdout": "x"])
        try machine.succeed("end")
        try machine.command(.undo(StepPath("a[0]/b[1]/c")))
        for path in ["end", "a[0]/b[2]/c", "a[0]/b[1]/c"] {
            #expect(machine.dispatched == ["\(path)/undo:back"])
            try machine.succeed("\(path)/undo:back")
        }
        #expect(machine.run.state == .cancelled)
        expectRefold(machine)
    }

    @Test func `what an element has to itself it has while it is undone, step by step too, and no longer`() throws {
        let policy = Policy(elementClaims: [ClaimSpec(name: .literal("uplink"), kind: .exclusive)])
        let hosts = ["web-1", "web-2"].map { Host(name: $0, address: "10.0.0.1", labels: [:]) }
        let spec = RolloutSpec(targets: .literal("all"), batches: .all)
        var machine = try MachineHarness(
            [
                Node(id: "deploy", name: "deploy", kind: .rollout(spec), policy: policy), shell("deploy/switch", scope: "deploy"), undo("deploy"),
                Node(id: "all", name: "all", kind: .map(MapSpec(elements: .list(.literal([1])), width: 1)), needs: ["deploy"], policy: policy),
                shell("all/mount", scope: "all"), undo("all/mount"),
            ], targets: ["all": hosts])
        for path in ["deploy[web-1]", "deploy[web-2]"] {
            try machine.take(.granted(StepPath(path)))
            try machine.succeed("\(path)/switch")
        }
        try machine.take(.granted(StepPath("all[0]")))
        try machine.succeed("all[0]/mount")
        try machine.command(.undo(nil))
        for path in ["all[0]/mount/undo:", "deploy[web-1]/undo:", "deploy[web-2]/undo:"] {
            #expect(machine.dispatched.isEmpty && machine.run.claims[StepPath(path)]?.isGranted == false)
            try machine.take(.granted(StepPath(path)))
            try machine.succeed("\(path)back")
            #expect(machine.run.claims[StepPath(path)] == nil)
        }
        #expect(machine.run.state == .cancelled)
        expectRefold(machine)
    }

    @Test(arguments: 0..<300) func `nothing is undone before what stands on it`(seed: Int) throws {
        var random = SeededRandom(seed: UInt64(seed))
        let count = Int.random(in: 2...14, using: &random)
        var nodes: [Node] = []
        for number in 0..<count {
            let needs = (0..<number).filter { _ in Int.random(in: 0..<3, using: &random) == 0 }.map { "s\($0)" }
            nodes.append(shell("s\(number)", needs: needs))
            if Int.random(in: 0..<4, using: &random) > 0 { nodes.append(undo("s\(number)")) }
        }
        var machine = try MachineHarness(nodes)
        while let step = machine.run.steps.filter({ $0.state == .running }).randomElement(using: &random) { try machine.succeed(step.path.text) }
        guard (try? machine.command(.undo(nil))) != nil else { return }
        let undoable = Set(nodes.filter { $0.part == .undo }.compactMap(\.scope))
        var undone: Set<String> = []
        while let step = machine.run.steps.filter({ $0.state == .running }).randomElement(using: &random) {
            for running in machine.run.steps where running.state == .running {
                let subject = String(running.path.text.prefix { $0 != "/" })
                let later = dependents(of: subject, in: nodes).intersection(undoable)
                #expect(later.isSubset(of: undone), "\(subject) is undone before \(later.subtracting(undone))")
            }
            try machine.succeed(step.path.text)
            undone.insert(String(step.path.text.prefix { $0 != "/" }))
        }
        #expect(undone == undoable)
        #expect(machine.run.state == .cancelled)
        expectRefold(machine)
    }

    private func dependents(of id: String, in nodes: [Node]) -> Set<String> {
        var found: Set<String> = []
        var open = [id]
        while let next = open.popLast() {
            for node in nodes where node.needs.contains(next) && found.insert(node.id).inserted { open.append(node.id) }
        }
        return found
    }
}
