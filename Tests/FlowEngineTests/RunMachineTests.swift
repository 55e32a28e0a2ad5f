import FlowEngine
import FlowModel
import Testing

@Suite("Run machine", .timeLimit(.minutes(10)))
struct RunMachineTests {
    @Test func `a step starts when all that it needs has settled, and not before`() throws {
        var machine = try MachineHarness([shell("a"), shell("b"), shell("c", needs: ["a", "b"])])
        #expect(machine.dispatched == ["a", "b"])
        try machine.succeed("a")
        #expect(machine.dispatched.isEmpty)
        try machine.succeed("b")
        #expect(machine.dispatched == ["c"])
        try machine.succeed("c")
        #expect(machine.run.state == .succeeded)
    }

    @Test func `a failure starts nothing new, lets what runs go on, and fails the run`() throws {
        var machine = try MachineHarness([shell("a"), shell("b"), shell("c", needs: ["a"]), shell("d", needs: ["b"])])
        try machine.fail("a")
        #expect(machine.run.state == .running)
        try machine.succeed("b")
        #expect(machine.dispatched.isEmpty)
        #expect(machine.run.state == .failed)
        #expect(machine.states() == ["a": .failed, "b": .succeeded, "c": .pending, "d": .pending])
        #expect(machine.run.reason == "step 'a' failed: exit status 1")
    }

    @Test func `retry repeats the failed step in a new generation and keeps what succeeded`() throws {
        var machine = try MachineHarness([shell("a"), shell("b", needs: ["a"]), shell("c", needs: ["b"])])
        try machine.succeed("a")
        try machine.fail("b")
        try machine.command(.retry(from: nil))
        #expect(machine.dispatched == ["b"])
        #expect(machine["a"].generation == 1)
        #expect(machine["b"].generation == 2)
        try machine.succeed("b")
        try machine.succeed("c")
        #expect(machine.run.state == .succeeded)
    }

    @Test func `retry from a step repeats it and everything after it`() throws {
        var machine = try MachineHarness([shell("a"), shell("b", needs: ["a"]), shell("c", needs: ["b"]), shell("d")])
        for path in ["a", "b", "c", "d"] { try machine.succeed(path) }
        try machine.command(.retry(from: StepPath("b")))
        #expect(machine.dispatched == ["b"])
        #expect(machine.states() == ["a": .succeeded, "b": .running, "c": .pending, "d": .succeeded])
    }

    @Test(arguments: [["stdout"], []]) func `output that is no text fails who reads it, and says why; who reads the rest goes on`(path: [String])
        throws
    {
        func reader(_ id: String, _ value: Expression) -> Node {
            Node(
                id: id, name: id,
                kind: .shell(ShellSpec(source: .text("echo"), variables: [.init(name: "flow_1", value: value)])), needs: ["a"],
                policy: Policy(onFailure: .ignore))
        }
        let odd = Expression.output(node: "a", path: path)
        var machine = try MachineHarness([
            shell("a"), reader("value", odd), reader("default", .fallback(odd, .literal("other"))),
            reader("status", .output(node: "a", path: ["exitStatus"])),
        ])
        try machine.succeed("a", ["exitStatus": 0, "stdoutFault": "byte 3 of it is not UTF-8", "changed": true])
        #expect(machine.dispatched == ["status"])
        for name in ["value", "default"] {
            #expect(machine[name].state == .failed)
            #expect(machine[name].reason?.contains("the output of step 'a' has no stdout: byte 3 of it is not UTF-8") == true, "\(machine[name])")
        }
    }

    @Test func `stdout that was cut fails who reads it, and names the way out; who reads the rest goes on`() throws {
        func reader(_ id: String, _ path: [String]) -> Node {
            Node(
                id: id, name: id,
                kind: .shell(ShellSpec(source: .text("echo"), variables: [.init(name: "flow_1", value: .output(node: "a", path: path))])),
                needs: ["a"], policy: Policy(onFailure: .ignore))
        }
        var machine = try MachineHarness([shell("a"), reader("text", ["stdout"]), reader("whole", []), reader("status", ["exitStatus"])])
        try machine.succeed("a", ["exitStatus": 0, "stdout": "the beginning", "stdoutTruncated": true, "changed": true])
        #expect(machine.dispatched == ["status"])
        for name in ["text", "whole"] {
            #expect(machine[name].state == .failed)
            let reason = machine[name].reason ?? ""
            #expect(reason.contains("the output of step 'a' has more than 65536 bytes of stdout") && reason.contains("$FLOW_OUTPUT"), "\(reason)")
        }
    }

    @Test func `output that was not kept whole fails those who read it, and nothing stands in for it`() throws {
        func branch(_ id: String, _ condition: FlowModel.Expression) -> Node {
            Node(
                id: id, name: id,
                kind: .shell(ShellSpec(source: .text("echo"), variables: [.init(name: "flow_1", value: condition)])), needs: ["a"],
                policy: Policy(onFailure: .ignore))
        }
        let lost = Expression.output(node: "a", path: ["stdout"])
        var machine = try MachineHarness([
            shell("a"), branch("primary", .compare(.equal, lost, .literal("primary"))), branch("default", .fallback(lost, .literal("other"))),
            branch("status", .output(node: "a", path: ["exitStatus"])),
        ])
        try machine.succeed("a", ["exitStatus": 0, "stdoutLost": "its host kept 0 of 8 bytes", "changed": false])
        #expect(machine.dispatched == ["status"])
        for name in ["primary", "default"] {
            #expect(machine[name].reason?.contains("was not kept whole: its host kept 0 of 8 bytes") == true, "\(machine[name])")
        }
    }

    @Test func `an ignored failure lets what follows go on, and those who read it are skipped`() throws {
        let reader = Node(
            id: "reader", name: "reader",
            kind: .shell(
                ShellSpec(
                    source: .text("echo"), variables: [.init(name: "flow_1", value: .output(node: "a", path: ["stdout"]))])),
            needs: ["a"])
        var machine = try MachineHarness([shell("a", policy: Policy(onFailure: .ignore)), shell("b", needs: ["a"]), reader])
        try machine.fail("a")
        #expect(machine.dispatched == ["b"])
        #expect(machine["reader"].state == .skipped)
        #expect(machine["reader"].reason == "it reads the output of step 'a', which has none: it failed")
        try machine.succeed("b")
        #expect(machine.run.state == .succeeded)
    }

    @Test func `a map that keeps going gives every element its turn, names those that failed, and a retry takes up those alone`() throws {
        let elements = MapSpec.Elements.list(.literal(["a", "b", "c"]))
        let node = Node(id: "on", name: "on", kind: .map(MapSpec(elements: elements, width: 1, keepsGoing: true, title: "systemctl restart web")))
        var machine = try MachineHarness([node, shell("on/command", scope: "on"), shell("after", needs: ["on"])])
        try machine.fail("on[0]/command")
        #expect(machine.dispatched == ["on[1]/command"])
        try machine.succeed("on[1]/command")
        try machine.fail("on[2]/command", exitStatus: 7)
        #expect(machine.run.state == .failed)
        #expect(
            machine.run.reason == "step 'on' failed: 'systemctl restart web' failed on 2 of 3: 0: exit status 1; 2: exit status 7",
            "\(machine.run.reason ?? "")")
        try machine.command(.retry(from: nil))
        #expect(machine.dispatched == ["on[0]/command"])
        try machine.succeed("on[0]/command")
        try machine.succeed("on[2]/command")
        #expect(machine.dispatched == ["after"])
    }

    @Test func `a held failure waits for an operator, and going on is theirs`() throws {
        var machine = try MachineHarness([shell("a", policy: Policy(onFailure: .hold)), shell("b", needs: ["a"])])
        try machine.fail("a")
        #expect(machine.run.state == .waiting)
        #expect(machine["a"].waiting?.kind == .hold)
        try machine.command(.skip(StepPath("a")))
        #expect(machine.dispatched == ["b"])
    }

    @Test func `what needs a step that was skipped before its turn waits for what that step waited for`() throws {
        var machine = try MachineHarness([shell("a"), shell("b", needs: ["a"]), shell("c", needs: ["b"]), shell("d", needs: ["c"])])
        try machine.command(.skip(StepPath("b")))
        try machine.command(.skip(StepPath("c")))
        #expect(machine.dispatched.isEmpty && machine["d"].state == .pending)
        var other = machine
        try machine.succeed("a")
        #expect(machine.dispatched == ["d"])
        try machine.succeed("d")
        #expect(machine.run.state == .succeeded)

        try other.fail("a")
        #expect(other.run.state == .failed)
        try other.command(.retry(from: nil))
        #expect(other.dispatched == ["a"], "what was skipped stays so, and passes on what it waits for")
        try other.succeed("a")
        #expect(other.dispatched == ["d"])
    }

    @Test func `a retry policy backs off, and ends after its attempts`() throws {
        let policy = Policy(retry: Retry(attempts: 3, delaySeconds: 10, factor: 2))
        var machine = try MachineHarness([shell("a", policy: policy)])
        try machine.fail("a")
        #expect(machine["a"].state == .backingOff)
        try machine.pass(seconds: 9)
        #expect(machine["a"].state == .backingOff)
        try machine.pass(seconds: 1)
        #expect(machine.dispatched == ["a"])
        try machine.fail("a")
        try machine.pass(seconds: 20)
        try machine.fail("a")
        #expect(machine["a"].reason == "exit status 1 (attempt 3 of 3)")
        #expect(machine.run.state == .failed)
    }

    @Test func `an exit status that is not worth another attempt ends the step`() throws {
        var machine = try MachineHarness([shell("a", policy: Policy(retry: Retry(attempts: 3, exitStatuses: [75])))])
        try machine.fail("a", exitStatus: 2)
        #expect(machine["a"].state == .failed)
    }

    @Test(arguments: [
        AttemptResult(outcome: .timedOut), AttemptResult(outcome: .failed(.init(.signal, "ended by signal 9")), exitStatus: 75, signal: 9),
        AttemptResult(outcome: .failed(.init(.unreachable, "nobody is there"))), AttemptResult(outcome: .cancelled),
    ])
    func `where exit statuses are named nothing else gets another attempt`(_ result: AttemptResult) throws {
        var machine = try MachineHarness([shell("a", policy: Policy(retry: Retry(attempts: 3, exitStatuses: [75])))])
        try machine.report("a", .ended(result))
        #expect(machine["a"].state == .failed)
        var other = try MachineHarness([shell("a", policy: Policy(retry: Retry(attempts: 3)))])
        try other.report("a", .ended(result))
        #expect(other["a"].state == .backingOff)
    }

    @Test func `a status that is named gets another attempt, and so does an attempt that was lost`() throws {
        for result in [AttemptResult(outcome: .failed(.init(.exitStatus, "busy")), exitStatus: 75), AttemptResult(outcome: .lost("gone"))] {
            var machine = try MachineHarness([shell("a", policy: Policy(retry: Retry(attempts: 3, exitStatuses: [75])))])
            try machine.report("a", .ended(result))
            #expect(machine["a"].state == .backingOff)
        }
    }

    /// A shell whose command was ended by a signal says the same as one that ends with that status.
    @Test(arguments: [9, 15, Int.max]) func `a death by a signal has the status that a shell gives it`(_ signal: Int) throws {
        var machine = try MachineHarness([shell("a", policy: Policy(retry: Retry(attempts: 3, exitStatuses: [137])))])
        try machine.report("a", .ended(AttemptResult(outcome: .failed(.init(.signal, "ended by a signal")), signal: signal)))
        #expect(machine["a"].state == (signal == 9 ? .backingOff : .failed))
    }

    @Test func `an end that its host knows to be old is dated by the host, never before its start or after now`() throws {
        for (ago, expected) in [(60.0, 40.0), (1_000, 0), (1.5, 100), (-5, 100), (1e300, 100), (.nan, 100)] {
            var machine = try MachineHarness([shell("a")])
            let start = try #require(machine["a"].attempt?.row.startedAt)
            machine.now = start + 100
            try machine.report("a", .ended(AttemptResult(outcome: .succeeded(output: [:], changed: nil), endedSecondsAgo: ago)))
            #expect(machine["a"].attempt?.row.endedAt == start + expected, "\(ago)")
            #expect(machine["a"].endedAt == start + expected, "\(ago)")
            #expect(machine.run.endedAt == start + 100, "the run ended when that was known")
            #expect(try Entry.decode(Entry.encode(machine.entries, spill: { _ in MachineHarness.digest }), fetch: { _ in nil }) == machine.entries)
        }
    }

    @Test func `a lost attempt of a step without retry is unknown, and waits for a decision`() throws {
        var machine = try MachineHarness([shell("a"), shell("b", needs: ["a"])])
        try machine.report("a", .ended(AttemptResult(outcome: .lost("the host was rebooted"))))
        #expect(machine["a"].state == .unknown)
        #expect(machine["a"].attempt?.row.state == .lost)
        #expect(machine.run.state == .waiting)
        try machine.command(.resolve(StepPath("a"), .succeeded(output: nil)))
        #expect(machine.dispatched == ["b"])
    }

    @Test func `a lost attempt of a step with retry uses one attempt up`() throws {
        var machine = try MachineHarness([shell("a", policy: Policy(retry: Retry(attempts: 2, delaySeconds: 1)))])
        try machine.report("a", .ended(AttemptResult(outcome: .lost("gone"))))
        #expect(machine["a"].state == .backingOff)
        try machine.pass(seconds: 1)
        try machine.fail("a")
        #expect(machine["a"].state == .failed)
    }

    @Test func `a report with an older fence or of an older attempt changes nothing but is written down`() throws {
        var machine = try MachineHarness([shell("a", policy: Policy(retry: Retry(attempts: 2, delaySeconds: 1)))])
        let first = AttemptID(run: machine.run.id, step: StepPath("a"), generation: 1, number: 1)
        try machine.fail("a")
        try machine.pass(seconds: 1)
        let late = AttemptResult(outcome: .succeeded(output: 1, changed: nil))
        try machine.take(.report(AttemptReport(id: first, fence: Fence(epoch: 1, attempt: 1), event: .ended(late))))
        #expect(machine["a"].state == .running)
        #expect(machine["a"].attempt?.row.number == 2)
        guard case .noted = machine.entries.last else { Issue.record("the late report was not written down"); return }
    }

    @Test func `nothing is sent before the place is journaled, and a stopped attempt is not sent at all`() throws {
        var machine = try MachineHarness([shell("a")])
        try machine.report("a", .placed(Place(bootID: "b", spoolID: "s")))
        #expect(machine.entries.contains { if case .placed = $0 { true } else { false } })
        guard case .proceed = machine.actions.first else { Issue.record("no go-ahead"); return }
        var stopped = try MachineHarness([shell("a")])
        try stopped.command(.cancel)
        try stopped.report("a", .placed(Place(bootID: "b", spoolID: "s")))
        #expect(stopped.actions.isEmpty)
    }

    @Test func `a new epoch asks about what was sent, and hands out again what was not`() throws {
        var machine = try MachineHarness([shell("sent"), shell("unsent")])
        let place = Place(bootID: "b", spoolID: "s")
        try machine.report("sent", .placed(place))
        machine.epoch = 2
        try machine.take(.recover)
        let modes = machine.actions.compactMap { action -> String? in
            guard case .dispatch(let order) = action else { return nil }
            return "\(order.id.step)#\(order.id.number) \(order.mode == .start ? "start" : "attach") \(order.fence)"
        }
        #expect(modes == ["sent#1 attach 2.1", "unsent#2 start 2.2"])
        try machine.take(.recover)
        #expect(machine.actions.isEmpty)
    }

    @Test func `a pause starts nothing, and resume goes on`() throws {
        var machine = try MachineHarness([shell("a"), shell("b", needs: ["a"])])
        try machine.command(.pause)
        #expect(machine.run.state == .paused)
        try machine.succeed("a")
        #expect(machine["b"].state == .ready)
        #expect(machine.run.state == .paused)
        try machine.command(.resume)
        #expect(machine.dispatched == ["b"])
    }

    @Test func `cancelled is said only when the last attempt has ended, and finally runs once`() throws {
        var machine = try MachineHarness([shell("a"), shell("b", needs: ["a"]), shell("tidy", isFinally: true)])
        try machine.command(.cancel)
        #expect(machine.run.state == .cancelling)
        guard case .stop(_, force: false) = machine.actions.first else { Issue.record("nothing was stopped"); return }
        try machine.report("a", .ended(AttemptResult(outcome: .cancelled)))
        #expect(machine.run.state == .running || machine.run.state == .waiting)
        #expect(machine.dispatched == ["tidy"])
        try machine.succeed("tidy")
        #expect(machine.run.state == .cancelled)
        #expect(throws: FlowError.self) { try machine.command(.cancel) }
    }

    @Test func `kill stops at once and runs no finally`() throws {
        var machine = try MachineHarness([shell("a"), shell("tidy", isFinally: true)])
        try machine.command(.kill)
        guard case .stop(_, force: true) = machine.actions.first else { Issue.record("nothing was killed"); return }
        try machine.report("a", .ended(AttemptResult(outcome: .cancelled)))
        #expect(machine.run.state == .cancelled)
        #expect(machine["tidy"].state == .pending)
    }

    @Test func `a map opens as many elements as its width, in order, and gives their outputs in order`() throws {
        var machine = try MachineHarness([
            map("m", over: ["x", "y", "z"], width: 2), shell("m/s", scope: "m"), shell("after", needs: ["m"]),
        ])
        #expect(machine.dispatched == ["m[0]/s", "m[1]/s"])
        try machine.succeed("m[1]/s", "second")
        #expect(machine.dispatched == ["m[2]/s"])
        try machine.succeed("m[0]/s", "first")
        try machine.succeed("m[2]/s", "third")
        #expect(machine["m"].value == ["first", "second", "third"])
        #expect(machine.dispatched == ["after"])
    }

    @Test func `a failed element stops its map, and retry goes on with it and the rest only`() throws {
        var machine = try MachineHarness([map("m", over: [1, 2, 3], width: 1), shell("m/s", scope: "m")])
        try machine.succeed("m[0]/s")
        try machine.fail("m[1]/s")
        #expect(machine.run.state == .failed)
        #expect(machine["m"].reason == "element '1' failed: exit status 1")
        try machine.command(.retry(from: nil))
        #expect(machine.dispatched == ["m[1]/s"])
        try machine.succeed("m[1]/s")
        #expect(machine.dispatched == ["m[2]/s"])
        try machine.succeed("m[2]/s")
        #expect(machine.run.state == .succeeded)
        #expect(machine["m[0]/s"].generation == 1)
    }

    @Test func `the branch that was not taken is skipped, and what follows runs`() throws {
        let choice = Node(id: "when-1", name: "when-1", kind: .choice(.literal(false)))
        var yes = shell("yes", needs: ["when-1"])
        yes.guards = [BranchGuard(choice: "when-1", answer: true)]
        var no = shell("no", needs: ["when-1"])
        no.guards = [BranchGuard(choice: "when-1", answer: false)]
        var machine = try MachineHarness([choice, yes, no, shell("after", needs: ["yes", "no"])])
        #expect(machine.dispatched == ["no"])
        #expect(machine["yes"].state == .skipped)
        try machine.succeed("no")
        #expect(machine.dispatched == ["after"])
    }

    @Test func `quarantine pauses the run with its reason`() throws {
        var machine = try MachineHarness([shell("a"), shell("b", needs: ["a"])])
        try machine.take(.quarantine("the engine ended twice with this run in hand"))
        #expect(machine.run.state == .paused)
        #expect(machine.run.reason == "the engine ended twice with this run in hand")
    }

    @Test func `a person decides for a host that cannot be asked, and what it says later counts no more`() throws {
        var machine = try MachineHarness([shell("a"), shell("b", needs: ["a"])])
        try machine.report("a", .placed(Place(bootID: "boot", spoolID: "spool")))
        #expect(throws: FlowError.self) { try machine.command(.resolve(StepPath("a"), .failed)) }
        try machine.report("a", .unreachable("no route"))
        try machine.command(.resolve(StepPath("a"), .succeeded(output: nil)))
        #expect(machine["a"].state == .succeeded)
        #expect(machine["a"].attempt?.row.state == .lost)
        #expect(machine.dispatched == ["b"])
        try machine.report("a", .ended(AttemptResult(outcome: .failed(.init(.exitStatus, "exit status 1")), exitStatus: 1)))
        #expect(machine["a"].state == .succeeded)
    }

    @Test func `a host that is silent past its own deadline has lost the attempt, and no earlier`() throws {
        let once = Policy(timeoutSeconds: 60)
        let twice = Policy(retry: Retry(attempts: 2, delaySeconds: 1), timeoutSeconds: 60)
        var machine = try MachineHarness([shell("once", policy: once), shell("twice", policy: twice), shell("forever")])
        let paths = ["once", "twice", "forever"]
        for path in paths { try machine.report(path, .placed(Place(bootID: "boot", spoolID: "spool"))) }
        try machine.pass(seconds: 30)
        for path in paths { try machine.report(path, .unreachable("no route")) }
        // It has answered in between: nothing is over.
        for path in paths { try machine.report(path, .reachable) }
        try machine.pass(seconds: 60 + Limits.graceSeconds + Limits.silentHostMarginSeconds)
        for path in paths { #expect(machine[path].state == .running) }
        // Silent again, long after its deadline: it is asked for a while before it is given up.
        for path in paths { try machine.report(path, .unreachable("no route")) }
        try machine.pass(seconds: Limits.silentHostMarginSeconds - 1)
        for path in paths { #expect(machine[path].state == .running) }
        try machine.pass(seconds: 2)
        #expect(machine["once"].state == .unknown)
        #expect(machine["once"].attempt?.row.state == .lost)
        #expect(machine["twice"].state == .backingOff)
        #expect(machine["forever"].state == .running, "without a time-out it may run for ever: a person decides")
    }

    @Test func `a restart gives a silent host its time anew, and a cancelled run ends with it`() throws {
        var machine = try MachineHarness([shell("a", policy: Policy(timeoutSeconds: 60))])
        try machine.report("a", .placed(Place(bootID: "boot", spoolID: "spool")))
        try machine.report("a", .unreachable("no route"))
        machine.epoch += 1
        machine.now = machine.now + 3_600
        try machine.take(.recover)
        try machine.pass(seconds: 1)
        #expect(machine["a"].state == .running)
        try machine.report("a", .unreachable("no route"))
        try machine.command(.cancel)
        #expect(machine.run.state == .cancelling)
        try machine.pass(seconds: Limits.silentHostMarginSeconds)
        #expect(machine["a"].state == .cancelled)
        #expect(machine.run.state == .cancelled)
    }

    @Test func `a cancelled run ends when a person gives its unreachable host up`() throws {
        var machine = try MachineHarness([shell("a")])
        try machine.report("a", .placed(Place(bootID: "boot", spoolID: "spool")))
        try machine.report("a", .unreachable("no route"))
        try machine.command(.cancel)
        #expect(machine.run.state == .cancelling)
        #expect(throws: FlowError.self) { try machine.command(.resolve(StepPath("a"), .retry)) }
        try machine.command(.resolve(StepPath("a"), .failed))
        #expect(machine["a"].state == .cancelled)
        #expect(machine.run.state == .cancelled)
    }

    @Test func `after a restore no host's silence proves that nothing ran`() throws {
        var machine = try MachineHarness([shell("placed"), shell("sent")])
        try machine.report("placed", .placed(Place(bootID: "boot", spoolID: "spool")))
        machine.epoch += 1
        machine.isRestored = true
        try machine.take(.recover)
        #expect(machine["placed"].state == .running)
        #expect(machine["placed"].attempt?.place != Place(bootID: "boot", spoolID: "spool"))
        #expect(machine["sent"].state == .unknown)
        // The next engine does not know of the restore, the journal does.
        machine.epoch += 1
        machine.isRestored = false
        try machine.take(.recover)
        #expect(machine["placed"].attempt?.place != Place(bootID: "boot", spoolID: "spool"))
        #expect(machine["sent"].state == .unknown)
    }
}

@Suite("Retry above a map", .timeLimit(.minutes(10)))
struct RetryAboveMapTests {
    @Test func `a map waits for what it needs to be done again, and takes the list that then is`() throws {
        let list = Node(
            id: "each", name: "each",
            kind: .map(MapSpec(elements: .list(.output(node: "find", path: ["found"])), width: 2)), needs: ["find"])
        var machine = try MachineHarness([shell("find"), list, shell("each/do", scope: "each"), shell("end", needs: ["each"])])
        try machine.succeed("find", ["found": ["a", "b", "c"]])
        for number in 0..<3 { try machine.succeed("each[\(number)]/do") }
        try machine.succeed("end")
        #expect(machine.run.state == .succeeded)

        try machine.command(.retry(from: StepPath("find")))
        #expect(machine.dispatched == ["find"], "nothing overtakes what it needs")
        try machine.succeed("find", ["found": ["a", "x"]])
        #expect(machine.dispatched == ["each[0]/do", "each[1]/do"])
        for number in 0..<2 { try machine.succeed("each[\(number)]/do") }
        #expect(machine["each[2]/do"].state == .skipped, "it is no element any more")
        try machine.succeed("end")
        #expect(machine.run.state == .succeeded)
        #expect(machine["each"].value?.arrayValue?.count == 2)
    }

    @Test func `rounds and rollouts wait too`() throws {
        let host = Host(name: "web-1", address: "10.0.0.1", labels: [:])
        var machine = try MachineHarness(
            [
                shell("first"),
                Node(id: "deploy", name: "deploy", kind: .rollout(RolloutSpec(targets: .literal("all"), batches: .all)), needs: ["first"]),
                shell("deploy/switch", scope: "deploy"),
                Node(
                    id: "poll", name: "poll", kind: .repeatUntil(RepeatSpec(until: .literal(true), intervalSeconds: 0, maximum: 3)),
                    needs: ["deploy"]),
                shell("poll/ask", scope: "poll"),
            ], targets: ["all": [host]])
        for path in ["first", "deploy[web-1]/switch", "poll[1]/ask"] { try machine.succeed(path) }
        #expect(machine.run.state == .succeeded)
        try machine.command(.retry(from: StepPath("first")))
        #expect(machine.dispatched == ["first"])
        try machine.succeed("first")
        #expect(machine.dispatched == ["deploy[web-1]/switch"])
        try machine.succeed("deploy[web-1]/switch")
        #expect(machine.dispatched == ["poll[1]/ask"])
        try machine.succeed("poll[1]/ask")
        #expect(machine.run.state == .succeeded)
    }
}
