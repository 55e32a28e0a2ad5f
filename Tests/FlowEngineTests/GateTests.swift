import FlowEngine
import FlowModel
import Testing

/// Gates beyond one rule: trees, veto, deadlines, fields, delegation, changes.
@Suite("Gates", .timeLimit(.minutes(10)))
struct GateTests {
    private static let dave = Actor(person: "dave", user: "dave", names: ["dave"], roles: [])
    private static let step = StepPath("go")

    private func machine(_ rules: [ApprovalRule], _ change: (inout ApprovalSpec) -> Void = { _ in }) throws -> MachineHarness {
        var spec = ApprovalSpec(prompt: .literal("go?"), rules: rules)
        change(&spec)
        let gate = Node(id: "go", name: "go", kind: .approval(spec))
        let output = Expression.output(node: "go", path: ["output", "n"])
        let after = ShellSpec(source: .text("true"), variables: spec.fields.isEmpty ? [] : [.init(name: "flow_1", value: output)])
        return try MachineHarness([gate, Node(id: "b", name: "b", kind: .shell(after), needs: ["go"])])
    }

    private func vote(
        _ machine: inout MachineHarness, by actor: Actor, _ choice: ApprovalRow.Vote.Decision = .approved, digest: Digest? = nil,
        ballot: Ballot = Ballot()
    ) throws(FlowError) {
        let seen = digest ?? machine["go"].approval?.digest
        try machine.command(.vote(Self.step, choice, digest: seen, ballot: ballot), by: actor)
    }

    private func refusal(
        _ machine: inout MachineHarness, by actor: Actor, _ choice: ApprovalRow.Vote.Decision = .approved, digest: Digest? = nil,
        ballot: Ballot = Ballot()
    ) -> FlowError? {
        let before = machine.run
        do throws(FlowError) {
            try vote(&machine, by: actor, choice, digest: digest, ballot: ballot)
            return nil
        } catch {
            #expect(machine.run == before, "a refused vote changes nothing")
            return error
        }
    }

    private func lent(_ role: String, by giver: String, until: Instant, to actor: Actor = dave) -> Actor {
        var actor = actor
        actor.delegations = [Delegation(id: "d1", from: giver, person: giver, role: role, until: until)]
        return actor
    }

    // MARK: - Trees and veto

    @Test func `one of several groups is enough, and none of them by halves`() throws {
        var machine = try machine([.any([.role("director", count: 1), .role("release-manager", count: 2)], count: 1)])
        try vote(&machine, by: MachineHarness.bob)
        #expect(machine["go"].state == .waiting)
        let director = Actor(person: "dora", user: "dora", names: ["dora"], roles: ["director"])
        try vote(&machine, by: director)
        #expect(machine["go"].state == .succeeded)
        #expect(machine.dispatched == ["b"])
    }

    @Test func `with a veto, the rejection of others is noted and fills no place`() throws {
        var machine = try machine([.role("release-manager", count: 1)]) { $0.veto = .user("dave") }
        try vote(&machine, by: MachineHarness.bob, .rejected)
        #expect(machine["go"].state == .waiting)
        #expect(refusal(&machine, by: Self.dave)?.code == .forbidden, "a veto gives no right to approve")
        var other = machine
        try vote(&other, by: MachineHarness.carol)
        #expect(other["go"].state == .succeeded)
        try vote(&machine, by: Self.dave, .rejected)
        #expect(machine["go"].reason == "rejected by dave")
    }

    // MARK: - Deadlines

    @Test func `a deadline escalates, votes stay, and the last one rejects`() throws {
        var machine = try machine([.role("release-manager", count: 2)]) {
            $0.deadlineSeconds = 60
            $0.escalations = [.init(rules: [.user("dave")], deadlineSeconds: 30)]
        }
        try vote(&machine, by: MachineHarness.bob)
        try machine.pass(seconds: 60)
        #expect(machine["go"].state == .waiting)
        #expect(machine["go"].approval?.level == 1)
        #expect(machine["go"].waiting?.until == machine["go"].approval?.deadline)
        #expect(refusal(&machine, by: MachineHarness.carol)?.code == .forbidden, "the rules of before do not apply any more")
        var other = machine
        try vote(&other, by: Self.dave)
        #expect(other["go"].state == .succeeded)
        try machine.pass(seconds: 30)
        #expect(machine["go"].state == .failed)
        #expect(machine["go"].approval?.state == .expired)
        let late = refusal(&machine, by: Self.dave)
        #expect(late?.code == .conflict)
        #expect(late?.message.contains("expired already, by its deadline at") == true, "\(late?.message ?? "")")
        #expect(late?.message.contains("bob (approved") == true, "\(late?.message ?? "")")
    }

    @Test func `an escalation opens at once what its rules find enough`() throws {
        var machine = try machine([.role("release-manager", count: 2)]) {
            $0.deadlineSeconds = 60
            $0.escalations = [.init(rules: [.role("release-manager", count: 1)])]
        }
        try vote(&machine, by: MachineHarness.bob)
        try machine.pass(seconds: 60)
        #expect(machine["go"].state == .succeeded)
        #expect(machine["go"].value?["by"] == ["bob"])
    }

    @Test func `a deadline can approve, with the defaults of the fields`() throws {
        var machine = try machine([.anyone(count: 1)]) {
            $0.deadlineSeconds = 60
            $0.onDeadline = .approve
            $0.fields = [Parameter(name: "n", kind: .int, fallback: 4)]
        }
        try machine.pass(seconds: 60)
        #expect(machine["go"].state == .succeeded)
        #expect(machine["go"].value?["by"] == [])
        #expect(machine["go"].value?["output"] == ["n": 4])
        #expect(refusal(&machine, by: MachineHarness.bob)?.message.contains("approved already, by its deadline at") == true)
    }

    @Test func `those who may vote are told again until it is decided`() throws {
        var machine = try machine([.anyone(count: 1)]) {
            $0.remindSeconds = 100
            $0.deadlineSeconds = 250
        }
        #expect(machine["go"].waiting?.until == machine["go"].approval?.deadline, "a reminder is no end of the wait")
        for count in 1...2 {
            try machine.pass(seconds: 100)
            #expect(machine["go"].approval?.reminders == count)
        }
        try machine.pass(seconds: 50)
        #expect(machine["go"].approval?.state == .expired)
        #expect(machine["go"].due == nil)
    }

    // MARK: - Fields

    @Test func `the first who approves answers, the others confirm, and later steps read it`() throws {
        var machine = try machine([.role("release-manager", count: 2)]) {
            $0.fields = [Parameter(name: "n", kind: .int), Parameter(name: "size", kind: .string, fallback: "s", choices: ["s", "m"])]
        }
        let missing = refusal(&machine, by: MachineHarness.bob)
        #expect(missing?.code == .inputs)
        #expect(missing?.errors.map(\.subject) == ["n"])
        let wrong = refusal(&machine, by: MachineHarness.bob, ballot: Ballot(fields: ["n": "x", "size": "xl", "more": 1]))
        #expect(Set(wrong?.errors.map(\.subject) ?? []) == ["n", "size", "more"])
        let before = machine["go"].approval?.digest
        try vote(&machine, by: MachineHarness.bob, ballot: Ballot(fields: ["n": 7]))
        let unseen = refusal(&machine, by: MachineHarness.carol, digest: before)
        #expect(unseen?.code == .conflict, "a vote before the answers is a vote for something else")
        #expect(unseen?.message.contains("bob answered its fields") == true)
        let other = refusal(&machine, by: MachineHarness.carol, ballot: Ballot(fields: ["n": 8]))
        #expect(other?.message.contains("answers field 'n' with 8, bob approved 7") == true)
        try vote(&machine, by: MachineHarness.carol, ballot: Ballot(fields: ["n": 7]))
        #expect(machine["go"].value?["output"] == ["n": 7, "size": "s"])
        guard case .dispatch(let order)? = machine.actions.first, let work = order.work as? ShellWork else {
            Issue.record("nothing was handed out")
            return
        }
        #expect(work.variables.map(\.value) == ["7"])
    }

    // MARK: - Delegation

    @Test func `a lent right counts as its giver's, once, while it lasts`() throws {
        var machine = try machine([.role("release-manager", count: 2)])
        let until = machine.now + 60
        let dave = lent("release-manager", by: "bob", until: until)
        #expect(refusal(&machine, by: lent("release-manager", by: "bob", until: machine.now))?.message.contains("ended at") == true)
        try vote(&machine, by: dave)
        let vote = machine["go"].approval?.votes.first
        #expect(vote?.delegation?.from == "bob")
        #expect(vote?.roles == ["release-manager"])
        #expect(refusal(&machine, by: MachineHarness.bob)?.message.contains("dave voted 'approved' for bob") == true)
        let erin = lent("release-manager", by: "bob", until: until, to: Actor(person: "erin", user: "erin", names: [], roles: []))
        #expect(refusal(&machine, by: erin)?.code == .conflict)
        try self.vote(&machine, by: MachineHarness.carol)
        #expect(machine["go"].state == .succeeded)
    }

    @Test func `the requester's right stays barred in whoever's hands`() throws {
        var machine = try machine([.role("operator", count: 1)])
        let error = refusal(&machine, by: lent("operator", by: "alice", until: machine.now + 60))
        #expect(error?.code == .forbidden)
        #expect(error?.message.contains("who started the run") == true)
        var requester = MachineHarness.alice
        requester.delegations = [Delegation(id: "d", from: "bob", person: "bob", role: "operator", until: machine.now + 60)]
        #expect(refusal(&machine, by: requester)?.code == .forbidden)
    }

    @Test func `of two lent rights the requester's is passed over, also when it comes first`() throws {
        var machine = try machine([.role("operator", count: 1)])
        var dave = lent("operator", by: "alice", until: machine.now + 60)
        dave.delegations.append(Delegation(id: "d2", from: "bob", person: "bob", role: "operator", until: machine.now + 60))
        try vote(&machine, by: dave)
        #expect(machine["go"].approval?.votes.last?.delegation?.from == "bob")
    }

    @Test func `a vote on behalf of somebody needs that one's delegation`() throws {
        var machine = try machine([.role("release-manager", count: 1)])
        let dave = lent("release-manager", by: "bob", until: machine.now + 60)
        #expect(refusal(&machine, by: dave, ballot: Ballot(onBehalfOf: "carol"))?.code == .forbidden)
        try vote(&machine, by: dave, ballot: Ballot(onBehalfOf: "bob"))
        #expect(machine["go"].state == .succeeded)
    }

    // MARK: - Changes

    @Test func `what changes under a gate voids its votes, and says so to who saw it before`() throws {
        var machine = try machine([.role("release-manager", count: 2)])
        let seen = machine["go"].approval?.digest
        try vote(&machine, by: MachineHarness.bob)
        try machine.take(.voidVotes(Self.step, reason: "input version was edited by alice"))
        #expect(machine["go"].state == .waiting)
        #expect(machine["go"].approval?.digest != seen)
        #expect(machine["go"].approval?.votes.first?.voided == "input version was edited by alice")
        let old = refusal(&machine, by: MachineHarness.carol, digest: seen)
        #expect(old?.code == .conflict)
        #expect(old?.message.contains("input version was edited by alice") == true, "\(old?.message ?? "")")
        try vote(&machine, by: MachineHarness.carol)
        #expect(machine["go"].state == .waiting, "the vote of before does not count")
        try vote(&machine, by: MachineHarness.bob)
        #expect(machine["go"].state == .succeeded)
    }

    @Test func `edited inputs void the votes on open gates, and are refused where people have approved others`() throws {
        var machine = try machine([.role("release-manager", count: 2)])
        try vote(&machine, by: MachineHarness.bob)
        try machine.command(.edit(InputEdit(inputs: ["n": 2]), isRetry: false, from: nil))
        #expect(machine["go"].approval?.votes.first?.voided?.contains("n: none -> 2") == true)
        try vote(&machine, by: MachineHarness.bob)
        try vote(&machine, by: MachineHarness.carol)
        #expect(machine["go"].state == .succeeded)
        let edit = RunCommand.edit(InputEdit(inputs: ["n": 3]), isRetry: false, from: nil)
        let before = machine.run
        let error = #expect(throws: FlowError.self) { try machine.command(edit) }
        #expect(error?.message.contains("what 'go' approved (bob, carol) would be something else") == true)
        #expect(machine.run == before)
        // Asked anew it may be.
        try machine.fail("b")
        try machine.command(.edit(InputEdit(inputs: ["n": 3]), isRetry: true, from: Self.step))
        #expect(machine["go"].state == .waiting)
        #expect(machine["go"].approval?.votes.isEmpty == true)
    }

    @Test func `nobody resolves a rejected gate as succeeded`() throws {
        let spec = ApprovalSpec(prompt: .literal("?"), rules: [.anyone(count: 1)])
        var machine = try MachineHarness([Node(id: "go", name: "go", kind: .approval(spec), policy: Policy(onFailure: .hold))])
        try vote(&machine, by: MachineHarness.bob, .rejected)
        #expect(machine["go"].state == .held)
        #expect(throws: FlowError.self) { try machine.command(.resolve(Self.step, .succeeded(output: nil))) }
        #expect(machine["go"].state == .held)
    }

    @Test func `the digest covers what the commands behind the gate will say`() throws {
        func digest(_ stdout: String) throws -> Digest? {
            let read = ShellSpec(source: .text("true"), variables: [.init(name: "flow_1", value: .output(node: "a", path: ["stdout"]))])
            var machine = try MachineHarness([
                shell("a"), approval("go", [.anyone(count: 1)], needs: ["a"]),
                Node(id: "b", name: "b", kind: .shell(read), needs: ["go"]),
            ])
            try machine.succeed("a", ["exitStatus": 0, "stdout": .string(stdout), "changed": true])
            return machine["go"].approval?.digest
        }
        #expect(try digest("one") == digest("one"))
        #expect(try digest("one") != digest("two"))
    }

    @Test func `what was voted survives the journal`() throws {
        var machine = try machine([.role("release-manager", count: 2)]) {
            $0.fields = [Parameter(name: "n", kind: .int, fallback: 1)]
            $0.remindSeconds = 60
            $0.deadlineSeconds = 90
            $0.escalations = [.init(rules: [.anyone(count: 2)])]
        }
        try vote(&machine, by: lent("release-manager", by: "bob", until: machine.now + 60), ballot: Ballot(fields: ["n": 3]))
        try machine.pass(seconds: 60)
        try machine.pass(seconds: 30)
        try machine.take(.voidVotes(Self.step, reason: "because"))
        let bytes = Entry.encode(machine.entries) { _ in MachineHarness.digest }
        #expect(try Entry.decode(bytes) { _ in nil } == machine.entries)
        #expect(machine.entries.contains { if case .gate(_, .escalated) = $0 { true } else { false } })
    }
}
