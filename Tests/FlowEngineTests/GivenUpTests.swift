import FlowEngine
import FlowModel
import Testing

@Suite("Attempts that were given up, and those that never began", .timeLimit(.minutes(10)))
struct GivenUpTests {
    private static let place = Place(bootID: "boot", spoolID: "spool")

    /// An attempt with this number of a step, in the run's first generation.
    private func id(_ machine: MachineHarness, _ path: String, _ number: Int) -> AttemptID {
        AttemptID(run: machine.run.id, step: StepPath(path), generation: 1, number: number)
    }

    private func end(_ machine: inout MachineHarness, _ id: AttemptID, epoch: Int = 1) throws {
        let result = AttemptResult(outcome: .cancelled)
        try machine.take(.report(AttemptReport(id: id, fence: Fence(epoch: epoch, attempt: id.number), event: .ended(result))))
    }

    // MARK: - What comes too late

    @Test(arguments: [false, true]) func `the record of an attempt that was given up goes when its host comes back, also where the run is over`(
        _ isOver: Bool
    ) throws {
        var machine = try MachineHarness([shell("a")])
        try machine.report("a", .placed(Self.place))
        try machine.report("a", .unreachable("no route"))
        if isOver { try machine.command(.cancel) }
        try machine.command(.resolve(StepPath("a"), .failed))
        #expect(machine.run.state.isTerminal)
        if !isOver { try machine.command(.retry(from: nil)) }
        try end(&machine, id(machine, "a", 1))
        #expect(machine.actions == [.forget(id(machine, "a", 1), target: nil)])
    }

    @Test func `a lost attempt whose retry runs is forgotten where it was, and the retry is not`() throws {
        let host = Host(name: "web-1", address: "192.0.2.1", user: "deploy")
        let policy = Policy(retry: Retry(attempts: 2, delaySeconds: 1), timeoutSeconds: 60)
        let node = Node(
            id: "a", name: "a", kind: .shell(ShellSpec(source: .text("true"), target: .literal("web-1"))), policy: policy)
        var machine = try MachineHarness([node], targets: ["web-1": [host]])
        try machine.report("a", .placed(Self.place))
        try machine.report("a", .unreachable("no route"))
        try machine.pass(seconds: 60 + Limits.graceSeconds + Limits.silentHostMarginSeconds)
        try machine.pass(seconds: 2)
        #expect(machine["a"].attempt?.row.number == 2)
        try end(&machine, id(machine, "a", 1))
        #expect(machine.actions == [.forget(id(machine, "a", 1), target: host)])
        #expect(machine["a"].state == .running)
    }

    @Test func `what an earlier engine says of an attempt that this one asks about has nothing forgotten`() throws {
        var machine = try MachineHarness([shell("a")])
        try machine.report("a", .placed(Self.place))
        machine.epoch += 1
        try machine.take(.recover)
        try end(&machine, id(machine, "a", 1))
        #expect(machine.actions.isEmpty && machine["a"].state == .running)
    }

    // MARK: - What never began

    /// Seconds until the next attempt; nil when it was handed out.
    private func untilNext(_ machine: MachineHarness, _ path: String) -> Double? {
        machine[path].state == .backingOff ? machine[path].due?.seconds(since: machine.now) : nil
    }

    @Test func `what its host does not begin is sent again at once, then after longer and longer`() throws {
        var machine = try MachineHarness([shell("a")])
        try machine.report("a", .placed(Self.place))
        try machine.report("a", .neverStarted)
        #expect(machine.dispatched == ["a"])
        var pauses: [Double] = []
        for _ in 0..<12 {
            try machine.report("a", .neverStarted)
            let pause = try #require(untilNext(machine, "a"))
            pauses.append(pause)
            try machine.pass(seconds: pause)
            #expect(machine.dispatched == ["a"])
        }
        #expect(Array(pauses.prefix(4)) == [1, 2, 4, 8].map { $0 * Limits.unbegunSeconds })
        #expect(pauses.last == Limits.longestUnbegunSeconds)
        #expect(machine["a"].spent == 0, "it cost nothing")
        #expect(machine["a"].attempt?.row.number == 14)
    }

    @Test func `one that began ends the series`() throws {
        let policy = Policy(retry: Retry(attempts: 9, delaySeconds: 1, jitter: 0))
        var machine = try MachineHarness([shell("a", policy: policy)])
        for _ in 0..<3 {
            try machine.report("a", .neverStarted)
            if let pause = untilNext(machine, "a") { try machine.pass(seconds: pause) }
        }
        try machine.fail("a")
        try machine.pass(seconds: 1)
        try machine.report("a", .neverStarted)
        #expect(machine.dispatched == ["a"])
    }

    @Test func `a stop and a pause do not wait for that pause`() throws {
        for command in [RunCommand.cancel, .pause] {
            var machine = try MachineHarness([shell("a")])
            for _ in 0..<2 { try machine.report("a", .neverStarted) }
            #expect(machine["a"].state == .backingOff)
            try machine.command(command)
            if command == .cancel { #expect(machine.run.state == .cancelled) } else { #expect(machine.run.state == .paused) }
        }
    }

    @Test func `a probe that is never begun leaves its step to a person`() throws {
        let policy = Policy(probe: Probe(command: ShellSpec(source: .text("ask"))))
        var machine = try MachineHarness([shell("a", policy: policy)])
        try machine.report("a", .ended(AttemptResult(outcome: .lost("rebooted"))))
        for _ in 1..<Limits.unbegunProbes {
            try machine.report("a", .neverStarted)
            #expect(machine["a"].attempt?.isProbe == true && machine["a"].state == .running)
        }
        try machine.report("a", .neverStarted)
        #expect(machine["a"].state == .unknown)
    }
}
