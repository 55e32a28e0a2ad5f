import FlowEngine
import FlowModel
import Testing

@Suite("Stopping and taking up again", .timeLimit(.minutes(10)))
struct StoppingTests {
    private static let cancelled = AttemptResult(outcome: .cancelled)

    private func cancel(_ machine: inout MachineHarness, _ message: String? = "the wrong hosts") throws {
        try machine.take(.command(.cancel, by: MachineHarness.alice, message: message))
    }

    private func states(_ machine: MachineHarness) -> [String] { machine.run.steps.map { "\($0.path) \($0.state)" } }

    // MARK: - A paused run

    @Test(arguments: [RunCommand.cancel, .kill]) func `a paused run that is stopped goes on to its end`(command: RunCommand) throws {
        var machine = try MachineHarness([shell("a"), shell("b", needs: ["a"]), shell("tidy", isFinally: true)])
        try machine.command(.pause)
        try machine.succeed("a")
        #expect(machine.run.state == .paused)
        try machine.command(command)
        #expect(!machine.run.isPaused)
        guard command == .cancel else { return #expect(machine.run.state == .cancelled) }
        #expect(machine.dispatched == ["tidy"] && machine.run.state == .running)
        try machine.succeed("tidy")
        #expect(machine.run.state == .cancelled)
    }

    @Test func `of a quarantined run that is cancelled the attempts are taken over and ended`() throws {
        var machine = try MachineHarness([shell("a"), shell("b"), shell("tidy", isFinally: true)])
        try machine.report("a", .placed(Place(bootID: "b", spoolID: "s")))
        machine.epoch += 1
        try machine.take(.quarantine("it ended the engine"))
        try machine.command(.cancel)
        #expect(machine.dispatched == ["a"], "what was sent is asked about")
        #expect(machine.actions.contains { if case .stop(let id, _) = $0 { id.step == StepPath("a") } else { false } })
        #expect(machine["b"].state == .cancelled, "what was not sent has ended")
        try machine.report("a", .ended(Self.cancelled))
        #expect(machine.dispatched == ["tidy"])
    }

    @Test func `what a restored run waits for is decided by a cancel, too`() throws {
        var machine = try MachineHarness([shell("a"), shell("tidy", isFinally: true)])
        try machine.command(.cancel)
        try machine.take(.command(.pause, by: .engine, message: "restored"))
        #expect(machine.run.isPaused)
        try machine.command(.cancel)
        try machine.report("a", .ended(Self.cancelled))
        #expect(machine.dispatched == ["tidy"])
        #expect(throws: FlowError.self) { try machine.command(.cancel) }
    }

    @Test func `a pause is dated to when it began`() throws {
        var machine = try MachineHarness([shell("a")])
        try machine.pass(seconds: 60)
        try machine.command(.pause)
        let moment = machine.now
        try machine.pass(seconds: 60)
        #expect(machine.run.pausedAt == moment)
        try machine.command(.resume)
        #expect(machine.run.pausedAt == nil)
    }

    // MARK: - Taking up what was stopped

    @Test func `a run that was cancelled before anything failed goes on where it stood`() throws {
        let claim = ClaimSpec(name: .literal("db"), kind: .exclusive)
        var paused = try MachineHarness([shell("a"), shell("b", needs: ["a"])])
        try paused.command(.pause)
        try paused.succeed("a")
        let queued = try MachineHarness([shell("b")], control: FlowControl(claims: [claim]))
        var between = try MachineHarness([shell("a"), shell("b", needs: ["a"]), shell("tidy", isFinally: true)])
        try between.command(.cancel)
        try between.succeed("a")
        try between.succeed("tidy")
        for machine in [paused, queued, between] {
            var machine = machine
            if !machine.run.state.isTerminal { try machine.command(.cancel) }
            #expect(machine.run.state == .cancelled)
            try machine.command(.retry(from: nil))
            if machine.run.isQueued { try machine.take(.granted(Run.ownPath)) }
            #expect(machine.dispatched == ["b"], "what had succeeded is kept")
            try machine.succeed("b")
            if machine.run.bodyOutcome != nil, !machine.run.state.isTerminal { try machine.succeed("tidy") }
            #expect(machine.run.state == .succeeded)
            #expect(throws: FlowError.self, "nothing is left to do") { try machine.command(.retry(from: nil)) }
        }
    }

    @Test func `a run that goes on has nothing to retry`() throws {
        var machine = try MachineHarness([shell("a")])
        #expect(throws: FlowError.self) { try machine.command(.retry(from: nil)) }
    }

    // MARK: - Who stopped it, and what was stopped

    private func expectStopped(_ machine: MachineHarness, _ path: String, sourceLocation: Testing.SourceLocation = #_sourceLocation) {
        #expect(machine[path].state == .cancelled, "\(states(machine))", sourceLocation: sourceLocation)
        #expect(machine.run.state == .cancelled, sourceLocation: sourceLocation)
        #expect(machine.run.reason == "cancelled by alice: the wrong hosts", sourceLocation: sourceLocation)
    }

    @Test func `a map that is stopped has not failed`() throws {
        for node in [map("all", over: ["x", "y"], width: 1), map("all", over: ["x", "y"], width: 2)] {
            var machine = try MachineHarness([node, shell("all/do", scope: "all"), shell("tidy", isFinally: true)])
            try cancel(&machine)
            for element in machine.run.steps.filter({ $0.state == .running && $0.elements == nil && $0.path.text.hasPrefix("all") }) {
                try machine.report(element.path.text, .ended(Self.cancelled))
            }
            #expect(machine.run.state == .running && machine.run.reason == "cancelled by alice: the wrong hosts", "its 'finally' says why it runs")
            try machine.succeed("tidy")
            expectStopped(machine, "all")
        }
    }

    @Test func `a rollout, and rounds, that are stopped have not failed`() throws {
        let hosts = ["web-1", "web-2"].map { Host(name: $0, address: "10.0.0.1", labels: [:]) }
        for batches in ["1", "100%"] {
            let spec = RolloutSpec(targets: .literal("all"), batches: try BatchSizes(batches))
            var machine = try MachineHarness(
                [Node(id: "all", name: "all", kind: .rollout(spec)), shell("all/do", scope: "all")], targets: ["all": hosts])
            try cancel(&machine)
            for host in batches == "1" ? hosts.prefix(1) : hosts[...] { try machine.report("all[\(host.name)]/do", .ended(Self.cancelled)) }
            expectStopped(machine, "all")
        }
        let rounds = RepeatSpec(until: .literal(false), intervalSeconds: 0, maximum: 3)
        var machine = try MachineHarness([Node(id: "all", name: "all", kind: .repeatUntil(rounds)), shell("all/do", scope: "all")])
        try cancel(&machine)
        try machine.report("all[1]/do", .ended(Self.cancelled))
        expectStopped(machine, "all")
    }

    @Test func `a call that is stopped has not failed`() throws {
        var machine = try MachineHarness([shell("a")], calling: "all")
        let (id, child) = (
            CallID(run: machine.run.id, step: StepPath("all"), generation: 1), RunID(at: machine.now, random: [UInt8](repeating: 9, count: 10))
        )
        try machine.succeed("a")
        try machine.take(.callBegan(id, child))
        try cancel(&machine)
        #expect(machine.actions == [.child(child, .cancel)])
        try machine.take(.callEnded(id, child, .cancelled, reason: "cancelled by flow", value: .null))
        expectStopped(machine, "all")
    }

    @Test func `what had failed before a run was stopped is still said`() throws {
        var machine = try MachineHarness([map("all", over: ["x", "y"], width: 2), shell("all/do", scope: "all")])
        try machine.fail("all[0]/do")
        try cancel(&machine)
        try machine.report("all[1]/do", .ended(Self.cancelled))
        #expect(machine["all"].state == .failed)
        #expect(machine.run.state == .cancelled)
        #expect(machine.run.reason == "cancelled by alice: the wrong hosts; step 'all[0]/do' failed: exit status 1")
    }

    @Test func `who kills a run in its finally is said, and not who cancelled it before it was taken up again`() throws {
        var machine = try MachineHarness([shell("a"), shell("tidy", isFinally: true)])
        try cancel(&machine)
        try machine.report("a", .ended(Self.cancelled))
        try machine.take(.command(.kill, by: MachineHarness.bob, message: nil))
        try machine.report("tidy", .ended(Self.cancelled))
        #expect(machine.run.reason == "killed by bob")
        try machine.command(.retry(from: nil))
        try machine.fail("a")
        try machine.succeed("tidy")
        #expect(machine.run.reason == "step 'a' failed: exit status 1")
    }

    // MARK: - At most once

    @Test func `an attempt that began and of which its host knows nothing any more is not repeated`() throws {
        for policy in [Policy(), Policy(retry: Retry(attempts: 2, delaySeconds: 1, maxDelaySeconds: 1))] {
            var machine = try MachineHarness([shell("a", policy: policy)])
            try machine.report("a", .placed(Place(bootID: "b", spoolID: "s")))
            try machine.report("a", .started(containment: .session))
            machine.epoch += 1
            try machine.take(.recover)
            try machine.report("a", .neverStarted)
            #expect(machine["a"].attempt?.row.state == .lost)
            #expect(machine["a"].state == (policy.retry == nil ? .unknown : .backingOff))
            #expect(machine.dispatched.isEmpty)
        }
    }

    @Test func `one that its host never confirmed is sent again, as it was never started`() throws {
        var machine = try MachineHarness([shell("a")])
        try machine.report("a", .placed(Place(bootID: "b", spoolID: "s")))
        try machine.report("a", .neverStarted)
        #expect(machine.dispatched == ["a"])
    }
}
