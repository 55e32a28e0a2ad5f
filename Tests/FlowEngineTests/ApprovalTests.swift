import FlowEngine
import FlowModel
import Testing

@Suite("Approvals", .timeLimit(.minutes(10)))
struct ApprovalTests {
    private func vote(
        _ machine: inout MachineHarness, by actor: Actor, _ choice: ApprovalRow.Vote.Decision = .approved, digest: Digest? = nil
    ) throws(FlowError) {
        let seen = digest ?? machine["go"].approval?.digest
        try machine.command(.vote(StepPath("go"), choice, digest: seen), by: actor)
    }

    private func refusal(_ machine: inout MachineHarness, by actor: Actor, digest: Digest? = nil) -> FlowError? {
        do throws(FlowError) {
            try vote(&machine, by: actor, digest: digest)
            return nil
        } catch {
            return error
        }
    }

    @Test func `who started the run cannot approve it, and changes nothing by trying`() throws {
        var machine = try MachineHarness([approval("go", [.anyone(count: 1)])])
        let before = machine.run
        #expect(refusal(&machine, by: MachineHarness.alice)?.code == .forbidden)
        #expect(machine.run == before)
    }

    @Test func `a rule for two of a role takes two people of that role`() throws {
        var machine = try MachineHarness([approval("go", [.role("release-manager", count: 2)]), shell("b", needs: ["go"])])
        try vote(&machine, by: MachineHarness.bob)
        #expect(machine.run.state == .waiting)
        #expect(refusal(&machine, by: MachineHarness.bob)?.code == .conflict)
        let stranger = Actor(person: "dave", user: "dave", names: ["dave"], roles: ["admin"])
        #expect(refusal(&machine, by: stranger)?.code == .forbidden)
        try vote(&machine, by: MachineHarness.carol)
        #expect(machine.dispatched == ["b"])
        #expect(machine["go"].value?["by"] == ["bob", "carol"])
    }

    @Test func `another user of the same person counts as that person`() throws {
        var machine = try MachineHarness([approval("go", [.anyone(count: 2)])])
        try vote(&machine, by: MachineHarness.bob)
        let other = Actor(person: "bob", user: "os:bob", names: ["bob", "os:bob"], roles: [])
        #expect(refusal(&machine, by: other)?.code == .conflict)
    }

    @Test func `one person fills one place of one rule`() throws {
        let rules: [ApprovalRule] = [.user("bob"), .role("release-manager", count: 1)]
        var machine = try MachineHarness([approval("go", rules)])
        try vote(&machine, by: MachineHarness.bob)
        #expect(machine["go"].state == .waiting)
        try vote(&machine, by: MachineHarness.carol)
        #expect(machine["go"].state == .succeeded)
    }

    @Test func `a vote for another digest is refused`() throws {
        var machine = try MachineHarness([approval("go", [.anyone(count: 1)])])
        #expect(refusal(&machine, by: MachineHarness.bob, digest: MachineHarness.digest)?.code == .conflict)
    }

    @Test func `a late vote is refused and says who decided`() throws {
        var machine = try MachineHarness([approval("go", [.anyone(count: 1)])])
        try vote(&machine, by: MachineHarness.bob)
        let error = refusal(&machine, by: MachineHarness.carol)
        #expect(error?.code == .conflict)
        #expect(error?.message.contains("decided by bob") == true)
    }

    @Test func `a rejection fails the step with its reason`() throws {
        var machine = try MachineHarness([approval("go", [.anyone(count: 1)]), shell("b", needs: ["go"])])
        try vote(&machine, by: MachineHarness.bob, .rejected)
        #expect(machine.run.state == .failed)
        #expect(machine["go"].reason == "rejected by bob")
        #expect(machine["go"].approval?.state == .rejected)
    }

    @Test func `a deadline rejects`() throws {
        var machine = try MachineHarness([approval("go", [.anyone(count: 1)], deadline: 60)])
        try machine.pass(seconds: 59)
        #expect(machine["go"].state == .waiting)
        try machine.pass(seconds: 1)
        #expect(machine["go"].state == .failed)
        #expect(machine["go"].approval?.state == .expired)
    }

    @Test func `an approval is never skipped`() throws {
        var machine = try MachineHarness([approval("go", [.anyone(count: 1)])])
        #expect(throws: FlowError.self) { try machine.command(.skip(StepPath("go"))) }
    }
}
