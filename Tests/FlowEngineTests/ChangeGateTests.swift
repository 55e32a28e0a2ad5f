import FlowEngine
import FlowModel
import Testing

@Suite("Freezes and windows at gates", .timeLimit(.minutes(10)))
struct ChangeGateTests {
    private static let freeze = ChangeClosure(kind: .freeze, rule: "year-end", reason: "the books are closed")
    private static let admin = Actor(person: "bob", user: "bob", names: ["bob"], roles: ["viewer", "admin"])

    private func rollout(_ batches: String = "1 2 *2") throws -> MachineHarness {
        let spec = RolloutSpec(targets: .literal("all"), batches: try BatchSizes(batches))
        return try MachineHarness(
            [Node(id: "deploy", name: "deploy", kind: .rollout(spec)), shell("deploy/switch", scope: "deploy")],
            targets: ["all": RolloutTests.hosts])
    }

    private func started(_ machine: MachineHarness) -> Int { machine.run.steps.count { $0.path.text.hasSuffix("]/switch") && $0.attempt != nil } }

    @Test func `a run that meets a freeze waits before its first step, and begins when it is over`() throws {
        var machine = try MachineHarness([shell("one"), shell("two", needs: ["one"])], closedBy: Self.freeze.ending(at: 1_060_000))
        #expect(machine.run.state == .waiting)
        #expect(machine.dispatched == [])
        let wait = try #require(machine.run.gateWait)
        #expect(wait.kind == .freeze)
        #expect(wait.subject == "year-end")
        #expect(wait.reason?.contains("the books are closed") == true)
        // Somebody makes it longer: its first end changes nothing.
        machine.closure = Self.freeze.ending(at: 1_120_000)
        try machine.take(.gates)
        machine.now = Instant(milliseconds: 1_060_000)
        try machine.take(.timer(Run.gatePath))
        #expect(machine.run.gate?.closure.until == Instant(milliseconds: 1_120_000))
        machine.now = Instant(milliseconds: 1_120_000)
        machine.closure = nil
        try machine.take(.timer(Run.gatePath))
        #expect(machine.dispatched == ["one"])
        // What has begun goes on to its end, whatever freezes.
        machine.closure = Self.freeze
        try machine.succeed("one")
        #expect(machine.dispatched == ["two"])
        try machine.succeed("two")
        #expect(machine.run.state == .succeeded)
    }

    @Test func `a batch that runs ends, the next one waits until the freeze is lifted`() throws {
        var machine = try rollout()
        try machine.succeed("deploy[web-1]/switch")
        #expect(started(machine) == 3)
        machine.closure = Self.freeze
        try machine.take(.gates)
        for host in 2...3 { try machine.succeed("deploy[web-\(host)]/switch") }
        #expect(started(machine) == 3)
        #expect(machine["deploy"].waiting?.kind == .freeze)
        #expect(machine["deploy"].waiting?.reason?.contains("year-end") == true)
        #expect(machine.run.state == .waiting)
        #expect(throws: FlowError.self) { try machine.command(.release(StepPath("deploy")), by: Self.admin) }
        machine.closure = nil
        try machine.take(.gates)
        #expect(started(machine) == 7)
        #expect(machine["deploy"].waiting == nil)
    }

    @Test func `the glass is broken once, by a second person with the role, who says why`() throws {
        var machine = try rollout()
        try machine.succeed("deploy[web-1]/switch")
        machine.closure = Self.freeze
        for host in 2...3 { try machine.succeed("deploy[web-\(host)]/switch") }
        let path = StepPath("deploy")
        var ownAdmin = Self.admin
        ownAdmin.person = "alice"
        for (actor, why) in [(ownAdmin, "now"), (MachineHarness.alice, "now"), (Self.admin, nil), (Self.admin, " ")] {
            #expect(throws: FlowError.self) { try machine.take(.command(.breakGlass(path), by: actor, message: why)) }
        }
        #expect(throws: FlowError.self) {
            let viewer = Actor(person: "dave", user: "dave", names: ["dave"], roles: ["viewer"])
            try machine.take(.command(.breakGlass(path), by: viewer, message: "now"))
        }
        try machine.take(.command(.breakGlass(nil), by: MachineHarness.bob, message: "a hole is open"))
        #expect(started(machine) == 7)
        #expect(
            machine.entries.contains {
                if case .commanded(let command) = $0 {
                    command.verb == "break-glass" && command.user == "bob" && command.message == "a hole is open"
                } else {
                    false
                }
            })
        for host in 4...7 { try machine.succeed("deploy[web-\(host)]/switch") }
        #expect(started(machine) == 7, "the next batch asks again")
        #expect(machine["deploy"].waiting?.kind == .freeze)
    }

    @Test func `who breaks the glass of a run lets its rollout begin with it, and no more`() throws {
        let spec = RolloutSpec(targets: .literal("all"), batches: try BatchSizes("1 *2"))
        var machine = try MachineHarness(
            [Node(id: "deploy", name: "deploy", kind: .rollout(spec)), shell("deploy/switch", scope: "deploy")],
            targets: ["all": RolloutTests.hosts], closedBy: Self.freeze)
        #expect(started(machine) == 0)
        try machine.take(.command(.breakGlass(nil), by: Self.admin, message: "now"))
        #expect(started(machine) == 1)
        try machine.succeed("deploy[web-1]/switch")
        #expect(started(machine) == 1)
    }

    @Test func `a rollout that begins in a freeze waits before its first batch`() throws {
        let spec = RolloutSpec(targets: .literal("all"), batches: try BatchSizes("1 *2"))
        var machine = try MachineHarness(
            [
                approval("go", [.anyone(count: 1)]), Node(id: "deploy", name: "deploy", kind: .rollout(spec), needs: ["go"]),
                shell("deploy/switch", scope: "deploy"),
            ], targets: ["all": RolloutTests.hosts])
        machine.closure = Self.freeze.ending(at: 2_000_000)
        let digest = try #require(machine["go"].approval?.digest)
        try machine.command(.vote(StepPath("go"), .approved, digest: digest), by: MachineHarness.bob)
        #expect(started(machine) == 0)
        machine.closure = nil
        try machine.pass(seconds: 2_000)
        #expect(started(machine) == 1)
    }

    @Test func `who stops a run at its gate ends it, and a retry meets the gate again`() throws {
        var machine = try MachineHarness([shell("one"), shell("last", isFinally: true)], closedBy: Self.freeze)
        try machine.command(.cancel)
        #expect(machine.dispatched == ["last"])
        try machine.succeed("last")
        #expect(machine.run.state == .cancelled)
        machine.closure = nil
        try machine.command(.retry(from: StepPath("one")))
        try machine.fail("one")
        try machine.succeed("last")
        machine.closure = Self.freeze
        try machine.command(.retry(from: nil))
        #expect(machine.run.state == .waiting)
        #expect(machine.dispatched == [])
        machine.closure = nil
        try machine.take(.gates)
        #expect(machine.dispatched == ["one"])
    }
}

extension ChangeClosure {
    fileprivate func ending(at milliseconds: Int64) -> ChangeClosure {
        var closure = self
        closure.until = Instant(milliseconds: milliseconds)
        return closure
    }
}
