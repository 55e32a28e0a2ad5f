import FlowEngine
import FlowModel
import Testing

/// What stands between the batches of a rollout is not passed by when the rollout is taken up again: judged by what was handed out for which host.
@Suite("A rollout that is taken up again", .timeLimit(.minutes(10)))
struct RolloutRetryTests {
    private static let gate = "deploy[batch 1]/between:go"

    /// `switch` on two hosts, one after the other, with `back` to undo a host; a check and an approval that shows the version between them.
    private func machine(hosts count: Int = 2, onBreach: RolloutSpec.OnBreach = .stopNew) throws -> MachineHarness {
        var rollout = RolloutSpec(targets: .literal("all"), batches: try BatchSizes("1"))
        rollout.onBreach = onBreach
        let prompt = Expression.text([.literal("Go on with "), .parameter("v"), .literal("?")])
        let back = ShellSpec(source: .text("true"))
        let switching = ShellSpec(source: .text("true"), variables: [.init(name: "flow_1", value: .parameter("v"))])
        return try MachineHarness(
            [
                Node(id: "deploy", name: "deploy", kind: .rollout(rollout)),
                Node(id: "deploy/switch", name: "switch", scope: "deploy", kind: .shell(switching)),
                Node(id: "deploy/undo:back", name: "back", scope: "deploy", part: .undo, kind: .shell(back)),
                Node(id: "deploy/between:check", name: "check", scope: "deploy", part: .between, kind: .shell(ShellSpec(source: .text("true")))),
                Node(
                    id: "deploy/between:go", name: "go", scope: "deploy", part: .between,
                    kind: .approval(ApprovalSpec(prompt: prompt, rules: [.role("release-manager", count: 1)])), needs: ["deploy/between:check"]),
                shell("after", needs: ["deploy"]),
            ], targets: ["all": (1...count).map { Host(name: "web-\($0)", address: "10.0.0.\($0)") }], inputs: ["v": "1"],
            parameters: [Parameter(name: "v", kind: .string)])
    }

    private func approve(_ machine: inout MachineHarness, batch: Int = 1) throws {
        let path = "deploy[batch \(batch)]/between:go"
        try machine.command(.vote(StepPath(path), .approved, digest: machine[path].approval?.digest), by: MachineHarness.bob)
    }

    private func passBatch(_ machine: inout MachineHarness, _ batch: Int) throws {
        try machine.succeed("deploy[web-\(batch)]/switch")
        try machine.succeed("deploy[batch \(batch)]/between:check")
        try approve(&machine, batch: batch)
    }

    @Test(arguments: [true, false]) func `from an approval between batches it asks again, and all behind it is done again`(isOver: Bool) throws {
        var machine = try machine()
        try passBatch(&machine, 1)
        if isOver {
            try machine.succeed("deploy[web-2]/switch")
            try machine.succeed("after")
            #expect(machine.run.state == .succeeded)
        } else {
            try machine.fail("deploy[web-2]/switch")
            #expect(machine.run.state == .failed)
        }
        try machine.command(.edit(InputEdit(inputs: ["v": "evil"]), isRetry: true, from: StepPath(Self.gate)))
        #expect(machine.dispatched.isEmpty)
        #expect(machine[Self.gate].approval?.prompt == "Go on with evil?" && machine[Self.gate].approval?.state == .open)
        // Nor do targets that somebody chooses come past it.
        #expect(throws: FlowError.self) { try machine.command(.redo(rollout: StepPath("deploy"), .named(["web-2"]), from: nil)) }
        try approve(&machine)
        #expect(machine.dispatched == ["deploy[web-2]/switch"])
        try machine.succeed("deploy[web-2]/switch")
        try machine.succeed("after")
        #expect(machine.run.state == .succeeded)
        expectRefold(machine)
    }

    @Test func `from a check between batches that is done again, and what comes after it`() throws {
        var machine = try machine(hosts: 3)
        for batch in 1...2 { try passBatch(&machine, batch) }
        try machine.succeed("deploy[web-3]/switch")
        try machine.succeed("after")
        try machine.command(.retry(from: StepPath("deploy[batch 1]/between:check")))
        #expect(machine.dispatched == ["deploy[batch 1]/between:check"])
        try machine.succeed("deploy[batch 1]/between:check")
        try approve(&machine)
        #expect(machine.dispatched == ["deploy[web-2]/switch"])
        try passBatch(&machine, 2)
        #expect(machine.dispatched == ["deploy[web-3]/switch"])
        #expect(machine["deploy[web-1]/switch"].generation == 1, "what came before it stays")
        expectRefold(machine)
    }

    @Test func `targets that were undone are done again with the checks and approvals that stood on them`() throws {
        var machine = try machine(hosts: 3, onBreach: .undo)
        for batch in 1...2 { try passBatch(&machine, batch) }
        try machine.fail("deploy[web-3]/switch")
        for host in [2, 1] where machine["deploy[web-\(host)]/undo:back"].state == .running { try machine.succeed("deploy[web-\(host)]/undo:back") }
        if machine["deploy[web-1]/undo:back"].state == .running { try machine.succeed("deploy[web-1]/undo:back") }
        #expect(machine.run.state == .failed)
        try machine.command(.retry(from: nil))
        #expect(machine.dispatched == ["deploy[web-1]/switch"])
        try machine.succeed("deploy[web-1]/switch")
        #expect(machine.dispatched == ["deploy[batch 1]/between:check"])
        try machine.succeed("deploy[batch 1]/between:check")
        #expect(machine[Self.gate].approval?.state == .open)
        try approve(&machine)
        try passBatch(&machine, 2)
        #expect(machine.dispatched == ["deploy[web-3]/switch"])
        expectRefold(machine)
    }

    @Test func `targets of a late batch that somebody chooses come past no approval`() throws {
        var machine = try machine(hosts: 3)
        try machine.command(.cancel)
        try machine.succeed("deploy[web-1]/switch")
        #expect(machine.run.state == .cancelled)
        try machine.command(.redo(rollout: StepPath("deploy"), .named(["web-3"]), from: nil))
        #expect(machine.dispatched == ["deploy[batch 1]/between:check"])
        try machine.succeed("deploy[batch 1]/between:check")
        try approve(&machine)
        #expect(machine.dispatched == ["deploy[batch 2]/between:check"])
        try machine.succeed("deploy[batch 2]/between:check")
        try approve(&machine, batch: 2)
        #expect(machine.dispatched == ["deploy[web-3]/switch"])
        expectRefold(machine)
    }

    /// What is shown to an approval in front of a rollout is what runs.
    @Test func `targets have no turn again while a check between their batches runs`() throws {
        var machine = try machine()
        try machine.succeed("deploy[web-1]/switch")
        #expect(machine.dispatched == ["deploy[batch 1]/between:check"])
        let refused = #expect(throws: FlowError.self) {
            try machine.command(.retry(from: StepPath("deploy[web-1]/switch")))
        }
        #expect(refused?.description.contains("'deploy[batch 1]/between:check' is running") == true, "\(refused?.description ?? "")")
        try machine.succeed("deploy[batch 1]/between:check")
        try approve(&machine)
        try machine.succeed("deploy[web-2]/switch")
        expectRefold(machine)
    }

    @Test func `a rollout that is changed behind an open approval is approved anew`() throws {
        let spec = RolloutSpec(targets: .literal("all"), batches: try BatchSizes("1"))
        let gate = ApprovalSpec(prompt: .literal("Go?"), rules: [.role("release-manager", count: 1)])
        var machine = try MachineHarness(
            [
                Node(id: "go", name: "go", kind: .approval(gate)), Node(id: "deploy", name: "deploy", kind: .rollout(spec), needs: ["go"]),
                shell("deploy/switch", scope: "deploy"),
            ], targets: ["all": (1...2).map { Host(name: "web-\($0)", address: "10.0.0.\($0)") }])
        func vote(_ digest: Digest?) throws {
            try machine.command(.vote(StepPath("go"), .approved, digest: digest), by: MachineHarness.bob)
        }
        try vote(machine["go"].approval?.digest)
        try machine.fail("deploy[web-1]/switch")
        try machine.command(.retry(from: StepPath("go")))
        let shown = machine["go"].approval?.digest
        try machine.command(.adjust(StepPath("deploy"), RolloutAdjustment(concurrency: .count(2))))
        #expect(machine["go"].approval?.digest != shown)
        #expect(throws: FlowError.self) { try vote(shown) }
        try vote(machine["go"].approval?.digest)
        #expect(machine.dispatched == ["deploy[web-1]/switch"])
        expectRefold(machine)
    }

    @Test func `one that is taken up again while its run goes on asks whether its hosts are frozen`() throws {
        let spec = RolloutSpec(targets: .literal("all"), batches: .all)
        var machine = try MachineHarness(
            [
                Node(id: "deploy", name: "deploy", kind: .rollout(spec)), shell("deploy/switch", scope: "deploy"),
                shell("held", needs: ["deploy"], policy: Policy(onFailure: .hold)),
            ], targets: ["all": (1...2).map { Host(name: "web-\($0)", address: "10.0.0.\($0)") }])
        for host in 1...2 { try machine.succeed("deploy[web-\(host)]/switch") }
        try machine.fail("held")
        machine.closure = ChangeClosure(kind: .freeze, rule: "books", reason: "closed")
        try machine.command(.retry(from: StepPath("deploy")))
        #expect(machine.dispatched.isEmpty && machine["deploy"].state == .waiting)
        machine.closure = nil
        try machine.take(.gates)
        #expect(Set(machine.dispatched) == ["deploy[web-1]/switch", "deploy[web-2]/switch"])
        try machine.fail("deploy[web-1]/switch")
        // One target is chosen while another one still runs: there is no gate to wait at.
        machine.closure = ChangeClosure(kind: .freeze, rule: "books", reason: "closed")
        #expect(throws: FlowError.self) { try machine.command(.redo(rollout: StepPath("deploy"), .named(["web-1"]), from: nil)) }
        #expect(throws: FlowError.self) { try machine.command(.retry(from: StepPath("deploy[web-1]/switch"))) }
        machine.closure = nil
        try machine.command(.retry(from: StepPath("deploy[web-1]/switch")))
        #expect(machine.dispatched == ["deploy[web-1]/switch"])
        expectRefold(machine)
    }

    /// Whoever approved other hosts than those on which it began finds that nothing runs there.
    @Test func `it does not run on other hosts than its selector says by now`() throws {
        let hosts = (1...2).map { Host(name: "web-\($0)", address: "10.0.0.\($0)") }
        let spec = RolloutSpec(targets: .parameter("hosts"), batches: .all)
        var machine = try MachineHarness(
            [Node(id: "deploy", name: "deploy", kind: .rollout(spec)), shell("deploy/switch", scope: "deploy")],
            targets: ["web-1": [hosts[0]], "web-2": [hosts[1]], "web-1 | web-9": [hosts[0]]], inputs: ["hosts": "web-1"],
            parameters: [Parameter(name: "hosts", kind: .selector)])
        try machine.fail("deploy[web-1]/switch")
        try machine.command(.edit(InputEdit(inputs: ["hosts": "web-2"]), isRetry: true, from: StepPath("deploy")))
        #expect(machine.dispatched.isEmpty)
        #expect(machine.run.state == .failed)
        #expect(machine["deploy"].reason?.hasPrefix("its selector is 'web-2' by now") == true)
        // Other words for the same hosts are no other hosts.
        try machine.command(.edit(InputEdit(inputs: ["hosts": "web-1 | web-9"]), isRetry: true, from: nil))
        #expect(machine.dispatched == ["deploy[web-1]/switch"])
        expectRefold(machine)
    }

    /// `resolve --as retry` of a rollout, map or loop that is held is another try of what failed in it, and of nothing else.
    @Test(arguments: [RolloutSpec.OnBreach.hold, .stopNew]) func `one that is held is tried again on the hosts that failed`(
        onBreach: RolloutSpec.OnBreach
    ) throws {
        var spec = RolloutSpec(targets: .literal("all"), batches: .all)
        spec.onBreach = onBreach
        let policy = Policy(onFailure: onBreach == .stopNew ? .hold : .stop)
        var machine = try MachineHarness(
            [
                Node(id: "deploy", name: "deploy", kind: .rollout(spec), policy: policy), shell("deploy/copy", scope: "deploy"),
                shell("deploy/switch", needs: ["deploy/copy"], scope: "deploy"),
            ], targets: ["all": (1...2).map { Host(name: "web-\($0)", address: "10.0.0.\($0)") }])
        for host in 1...2 { try machine.succeed("deploy[web-\(host)]/copy") }
        try machine.succeed("deploy[web-1]/switch")
        for _ in 1...2 {
            try machine.fail("deploy[web-2]/switch")
            #expect(machine["deploy"].state == .held)
            try machine.command(.resolve(StepPath("deploy"), .retry))
            #expect(machine.dispatched == ["deploy[web-2]/switch"])
        }
        try machine.succeed("deploy[web-2]/switch")
        #expect(machine.run.state == .succeeded)
        expectRefold(machine)
    }

    @Test func `so is a map that is held, and what is held inside`() throws {
        var outer = map("outer", over: [1, 2], width: 2)
        outer.policy = Policy(onFailure: .hold)
        let rounds = RepeatSpec(until: .literal(true), intervalSeconds: 0, maximum: 2)
        let inner = Node(id: "outer/inner", name: "inner", scope: "outer", kind: .repeatUntil(rounds))
        var machine = try MachineHarness([outer, inner, shell("outer/inner/s", scope: "outer/inner")])
        try machine.succeed("outer[0]/inner[1]/s")
        try machine.fail("outer[1]/inner[1]/s")
        #expect(machine["outer"].state == .held)
        try machine.command(.resolve(StepPath("outer"), .retry))
        #expect(machine.dispatched == ["outer[1]/inner[1]/s"])
        try machine.succeed("outer[1]/inner[1]/s")
        #expect(machine.run.state == .succeeded)
        expectRefold(machine)
    }

    @Test func `one that an operator holds after a batch is let go on by a release, and nothing else is named`() throws {
        var machine = try MachineHarness(
            [
                Node(id: "deploy", name: "deploy", kind: .rollout(RolloutSpec(targets: .literal("all"), batches: try BatchSizes("1")))),
                shell("deploy/switch", scope: "deploy"),
            ], targets: ["all": (1...2).map { Host(name: "web-\($0)", address: "10.0.0.\($0)") }])
        try machine.command(.adjust(StepPath("deploy"), RolloutAdjustment(pauseAfterBatch: 1)))
        try machine.succeed("deploy[web-1]/switch")
        #expect(machine["deploy"].state == .held)
        #expect(machine.run.endOfHold(try #require(machine.run.positions[StepPath("deploy")])) == "flowctl release \(machine.run.id) 'deploy'")
        try machine.command(.retry(from: nil))
        #expect(machine["deploy"].state == .held, "it stops there again")
        try machine.command(.release(StepPath("deploy")))
        #expect(machine.dispatched == ["deploy[web-2]/switch"])
    }
}
