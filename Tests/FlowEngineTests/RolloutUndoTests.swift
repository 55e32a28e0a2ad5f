import FlowEngine
import FlowModel
import Testing

/// What becomes of targets that were undone when their run is taken up again: judged by what was handed out for which host.
@Suite("Undone targets", .timeLimit(.minutes(10)))
struct RolloutUndoTests {
    private static let hosts = (1...4).map { Host(name: "web-\($0)", address: "10.0.0.\($0)", labels: [:]) }

    /// `switch`, then `healthy` on four hosts, with `back` to undo a host; beside it a step that keeps the run going.
    private func machine(_ onBreach: RolloutSpec.OnBreach = .undo, policy: Policy = Policy(), beside: [Node] = []) throws -> MachineHarness {
        var rollout = RolloutSpec(targets: .literal("all"), batches: try BatchSizes("100%"))
        rollout.onBreach = onBreach
        return try MachineHarness(
            [
                Node(id: "deploy", name: "deploy", kind: .rollout(rollout), policy: policy), shell("deploy/switch", scope: "deploy"),
                shell("deploy/healthy", needs: ["deploy/switch"], scope: "deploy"),
                Node(id: "deploy/undo:back", name: "back", scope: "deploy", part: .undo, kind: .shell(ShellSpec(source: .text("true")))),
            ] + beside, targets: ["all": Self.hosts])
    }

    /// All hosts are switched; two of them are sick then.
    private func breach(_ machine: inout MachineHarness) throws {
        for host in 1...4 { try machine.succeed("deploy[web-\(host)]/switch") }
        for host in [1, 2] { try machine.fail("deploy[web-\(host)]/healthy") }
        for host in [3, 4] { try machine.succeed("deploy[web-\(host)]/healthy") }
    }

    private func undo(_ machine: inout MachineHarness, _ hosts: [Int] = [4, 3, 2, 1]) throws {
        for host in hosts { try machine.succeed("deploy[web-\(host)]/undo:back") }
    }

    /// Every host is switched again and looked at again, and only then the run has succeeded.
    private func expectDoneAgain(_ machine: inout MachineHarness) throws {
        #expect(machine.dispatched == (1...4).map { "deploy[web-\($0)]/switch" })
        for step in ["switch", "healthy"] { for host in 1...4 { try machine.succeed("deploy[web-\(host)]/\(step)") } }
        #expect(machine["deploy"].state == .succeeded)
        #expect(machine.run.rollouts[0]?.targets.map(\.undo) == [nil, nil, nil, nil])
    }

    @Test func `a retry after an undo on breach switches every host again, and not only what had failed`() throws {
        var machine = try machine()
        try breach(&machine)
        #expect(machine.run.state == .undoing)
        try undo(&machine)
        #expect(machine.run.state == .failed)
        try machine.command(.retry(from: nil))
        try expectDoneAgain(&machine)
        #expect(machine.run.state == .succeeded)
        // A further breach undoes what was done last, and not by what was undone before.
        try machine.command(.undo(nil))
        #expect(machine.dispatched.count == 4)
    }

    @Test func `the same for a held rollout that is undone while its run goes on`() throws {
        var machine = try machine(.hold, beside: [shell("beside")])
        try breach(&machine)
        #expect(machine["deploy"].state == .held)
        try machine.command(.undo(StepPath("deploy")))
        try undo(&machine)
        #expect(machine["deploy"].state == .failed && machine["beside"].state == .running)
        try machine.command(.retry(from: nil))
        try expectDoneAgain(&machine)
        try machine.succeed("beside")
        #expect(machine.run.state == .succeeded)
    }

    @Test(arguments: ["deploy", "deploy[web-1]/healthy"]) func `from whatever step it is taken up`(path: String) throws {
        var machine = try machine()
        try breach(&machine)
        try undo(&machine)
        try machine.command(.retry(from: StepPath(path)))
        try expectDoneAgain(&machine)
    }

    @Test func `a target that is chosen is done again as a whole; others that are left undone keep the rollout from succeeding`() throws {
        var machine = try machine()
        try breach(&machine)
        try undo(&machine)
        try machine.command(.redo(rollout: nil, .named(["web-1", "web-2"]), from: "healthy"))
        #expect(machine.dispatched == ["deploy[web-1]/switch", "deploy[web-2]/switch"])
        for step in ["switch", "healthy"] { for host in [1, 2] { try machine.succeed("deploy[web-\(host)]/\(step)") } }
        #expect(machine.run.state == .failed)
        #expect(machine["deploy"].reason == "2 targets were undone and not done again: 4 changed")
        try machine.command(.retry(from: nil))
        #expect(machine.dispatched == ["deploy[web-3]/switch", "deploy[web-4]/switch"])
        for step in ["switch", "healthy"] { for host in [3, 4] { try machine.succeed("deploy[web-\(host)]/\(step)") } }
        #expect(machine.run.state == .succeeded)
    }

    @Test func `what was half undone is done again, too`() throws {
        var machine = try machine()
        try breach(&machine)
        try machine.fail("deploy[web-4]/undo:back")
        try undo(&machine, [3, 2, 1])
        #expect(machine.run.rollouts[0]?.targets.map(\.undo) == [.undone, .undone, .undone, .failed])
        try machine.command(.retry(from: nil))
        try expectDoneAgain(&machine)
    }

    @Test func `a rollout that failed in its run, which was undone then, is done again with what was undone`() throws {
        var machine = try machine(.stopNew)
        try breach(&machine)
        #expect(machine.run.state == .failed)
        try machine.command(.undo(nil))
        try undo(&machine)
        #expect(machine.run.state == .cancelled)
        try machine.command(.retry(from: nil))
        try expectDoneAgain(&machine)
    }

    @Test func `whatever takes up an undone run does its targets again`() throws {
        var machine = try machine(beside: [shell("end", needs: ["deploy"])])
        for step in ["switch", "healthy"] { for host in 1...4 { try machine.succeed("deploy[web-\(host)]/\(step)") } }
        try machine.fail("end")
        try machine.command(.undo(nil))
        try undo(&machine)
        try machine.command(.skip(StepPath("end")))
        try expectDoneAgain(&machine)
        #expect(machine.run.state == .succeeded)
    }

    @Test func `who skips the rollout leaves its hosts as they are`() throws {
        var machine = try machine(beside: [shell("end", needs: ["deploy"])])
        try breach(&machine)
        try undo(&machine)
        try machine.command(.skip(StepPath("deploy")))
        #expect(machine.dispatched == ["end"])
        #expect(machine.run.rollouts[0]?.targets.map(\.undo) == [.undone, .undone, .undone, .undone])
        try machine.succeed("end")
        #expect(machine.run.state == .succeeded && machine["deploy"].state == .skipped)
    }

    @Test func `an undo of a target that failed goes on behind a step that somebody settles`() throws {
        var machine = try machine()
        try breach(&machine)
        try machine.fail("deploy[web-4]/undo:back")
        try undo(&machine, [3, 2, 1])
        #expect(machine.run.state == .failed && machine.undoOutcome.left == 1)
        #expect(machine.undoOutcome.stuck == [StepPath("deploy[web-4]/undo:back")])
        #expect(throws: FlowError.self) { try machine.command(.retry(from: StepPath("deploy[web-4]/undo:back"))) }
        try machine.command(.resolve(StepPath("deploy[web-4]/undo:back"), .succeeded(output: nil)))
        #expect(machine.dispatched.isEmpty, "nothing is done again")
        #expect(machine["deploy"].reason?.contains("4 of 4 targets undone") == true, "\(machine["deploy"].reason ?? "")")
        #expect(try Entry.decode(Entry.encode(machine.entries) { _ in MachineHarness.digest }, fetch: { _ in nil }) == machine.entries)
        #expect(machine.run.rollouts[0]?.targets.map(\.undo) == [.undone, .undone, .undone, .undone])
        #expect(machine.run.state == .cancelled)
        #expect(throws: FlowError.self, "nothing is left to undo") { try machine.command(.undo(nil)) }
    }
}
