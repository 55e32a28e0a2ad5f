import FlowEngine
import FlowModel
import Testing

/// What was shaped by somebody is approved by somebody else, and a vote counts while its giver can give it.
@Suite("Four eyes", .timeLimit(.minutes(10)))
struct FourEyesTests {
    private static let step = StepPath("go")
    private static let names = ["alice", "bob", "carol", "dave"]

    private static func actor(_ name: String, _ roles: [String] = ["release-manager"]) -> Actor {
        Actor(person: name, user: name, names: [name], roles: roles)
    }

    /// Everybody but those left out, each a person of their own, all release managers.
    private static func people(
        without gone: [String] = [], roles: [String: [String]] = [:], links: [(String, String)] = [], former: [People.FormerLink] = [],
        loans: [People.Loan] = []
    ) -> People {
        let standings = names.filter { !gone.contains($0) }.map {
            People.Standing(person: $0, names: [$0], roles: roles[$0] ?? ["release-manager"])
        }
        return People(standings, links: links, formerLinks: former, loans: loans)
    }

    private func machine(_ count: Int = 2, _ change: (inout ApprovalSpec) -> Void = { _ in }) throws -> MachineHarness {
        var spec = ApprovalSpec(prompt: .literal("go?"), rules: [.role("release-manager", count: count)])
        change(&spec)
        var machine = try MachineHarness([Node(id: "go", name: "go", kind: .approval(spec)), shell("b", needs: ["go"])], inputs: ["n": 1])
        machine.people = Self.people()
        return machine
    }

    private func vote(_ machine: inout MachineHarness, _ name: String, lent: [Delegation] = []) throws(FlowError) {
        var actor = Self.actor(name, lent.isEmpty ? ["release-manager"] : [])
        actor.delegations = lent
        try machine.command(.vote(Self.step, .approved, digest: machine["go"].approval?.digest), by: actor)
    }

    private func refusal(_ machine: inout MachineHarness, _ name: String) -> FlowError? {
        do throws(FlowError) {
            try vote(&machine, name)
            return nil
        } catch {
            return error
        }
    }

    private func voided(_ machine: MachineHarness) -> [String?] { machine["go"].approval?.votes.map(\.voided) ?? [] }

    // MARK: - Who shaped it

    @Test(arguments: [("alice", "bob"), ("bob", "alice")])
    func `a link made after the start bars, whichever way it was made`(one: String, other: String) throws {
        var machine = try machine(1)
        machine.people = Self.people(links: [(one, other)])
        let error = refusal(&machine, "bob")
        #expect(error?.code == .forbidden)
        #expect(error?.message.contains("bob is one person with alice") == true, "\(error?.message ?? "")")
        #expect(machine["go"].state == .waiting)
    }

    @Test func `a user who was linked, removed and made again stays barred, and so does who is linked with them`() throws {
        var machine = try machine(1)
        // carol was linked with alice once; now each is a person of their own again, and dave is linked with carol.
        machine.people = Self.people(links: [("alice", "carol"), ("carol", "dave")])
        #expect(refusal(&machine, "carol")?.code == .forbidden)
        #expect(refusal(&machine, "dave")?.code == .forbidden)
        #expect(refusal(&machine, "bob") == nil)
    }

    @Test func `a link that was taken back counts for a run that had begun by then, and for none that began later`() throws {
        for (seconds, isBarred) in [(0.0, true), (5.0, true), (-0.001, false)] {
            var machine = try machine(1)
            machine.people = Self.people(former: [People.FormerLink("bob", "alice", takenBackAt: machine.run.createdAt + seconds)])
            let error = refusal(&machine, "bob")
            #expect((error?.code == .forbidden) == isBarred, "taken back \(seconds) s after the start: \(error?.message ?? "voted")")
            #expect(machine["go"].state == (isBarred ? .waiting : .succeeded))
        }
    }

    @Test func `votes of two whose link was taken back count once in a run that had begun by then`() throws {
        for (seconds, counted) in [(5.0, 1), (-0.001, 2)] {
            var machine = try machine(3)
            try vote(&machine, "bob")
            try vote(&machine, "carol")
            // Links lead from one to the other through a third.
            machine.people = Self.people(
                links: [("carol", "dave")], former: [People.FormerLink("bob", "dave", takenBackAt: machine.run.createdAt + seconds)])
            try machine.take(.people)
            #expect(voided(machine).count { $0 == nil } == counted)
        }
    }

    @Test func `a called run counts the links of the time at which the run that called it began`() throws {
        let gate = approval("go", [.role("release-manager", count: 1)])
        let start = Instant(milliseconds: 500_000)
        for (since, isBarred) in [(start, true), (nil, false)] as [(Instant?, Bool)] {
            var machine = try MachineHarness([gate], shapedSince: since)
            #expect(machine.run.createdAt > start + 100)
            machine.people = Self.people(former: [People.FormerLink("bob", "alice", takenBackAt: start + 100)])
            #expect((refusal(&machine, "bob") != nil) == isBarred)
        }
        let created = Created(
            flow: "inner", revision: MachineHarness.digest, plan: MachineHarness.digest, binary: nil, inputs: [:], targets: [:], labels: [:],
            key: nil, user: "alice", person: "alice", shapedSince: start)
        let bytes = Entry.encode([.created(created)]) { _ in MachineHarness.digest }
        #expect(try Entry.decode(bytes) { _ in nil } == [.created(created)])
    }

    @Test func `who edited the inputs, or retried with others, cannot approve them`() throws {
        for isRetry in [false, true] {
            var machine = try machine(1)
            if isRetry {
                // What was approved goes wrong, and is asked again with other inputs.
                try vote(&machine, "carol")
                try machine.fail("b")
            }
            try machine.command(
                .edit(InputEdit(inputs: ["n": 2]), isRetry: isRetry, from: isRetry ? Self.step : nil), by: Self.actor("bob", ["operator"]))
            let error = refusal(&machine, "bob")
            #expect(error?.code == .forbidden, "retry: \(isRetry)")
            #expect(error?.message.contains("who edited the inputs cannot approve it") == true)
            #expect(refusal(&machine, "carol") == nil)
        }
    }

    @Test func `who resolved a step bars themselves where its value is used, and nowhere else`() throws {
        func gate(reading node: String) throws -> FlowError? {
            let read = ShellSpec(source: .text("true"), variables: [.init(name: "flow_1", value: .output(node: node, path: ["stdout"]))])
            var machine = try MachineHarness([
                Node(id: "a", name: "a", kind: .shell(ShellSpec(source: .text("true"))), policy: Policy(onFailure: .hold)),
                shell("free", needs: ["a"]),
                // Through another step: what it gives is made of what 'a' gave.
                Node(
                    id: "made", name: "made",
                    kind: .shell(ShellSpec(source: .text("true"), variables: [.init(name: "flow_1", value: .output(node: "a", path: ["stdout"]))])),
                    needs: ["free"]), approval("go", [.role("release-manager", count: 1)], needs: ["made"]),
                Node(id: "b", name: "b", kind: .shell(read), needs: ["go"]),
            ])
            machine.people = Self.people()
            try machine.fail("a")
            try machine.command(.resolve(StepPath("a"), .succeeded(output: nil)), by: Self.actor("bob"))
            try machine.succeed("free")
            try machine.succeed("made")
            #expect(machine.entries.contains { if case .given(_, let giver) = $0 { giver.user == "bob" } else { false } })
            #expect(try Entry.decode(Entry.encode(machine.entries) { _ in MachineHarness.digest }) { _ in nil } == machine.entries)
            return refusal(&machine, "bob")
        }
        #expect(try gate(reading: "a")?.message.contains("who resolved step 'a', whose value is used") == true)
        #expect(try gate(reading: "made")?.code == .forbidden)
        #expect(try gate(reading: "free") == nil)
    }

    @Test func `who resolved a step as failed bars themselves where its default is used instead`() throws {
        let read = FlowModel.Expression.fallback(.output(node: "a", path: ["stdout"]), .literal("DANGEROUS"))
        for isUnreachable in [false, true] {
            var machine = try MachineHarness([
                Node(id: "a", name: "a", kind: .shell(ShellSpec(source: .text("true"))), policy: Policy(onFailure: .ignore)),
                approval("go", [.role("release-manager", count: 1)], needs: ["a"]),
                Node(
                    id: "b", name: "b", kind: .shell(ShellSpec(source: .text("true"), variables: [.init(name: "flow_1", value: read)])),
                    needs: ["go"]),
            ])
            machine.people = Self.people()
            if isUnreachable {
                try machine.report("a", .placed(Place(bootID: "b", spoolID: "s")))
                try machine.report("a", .unreachable("no route"))
            } else {
                try machine.report("a", .ended(AttemptResult(outcome: .lost("the host was rebooted"))))
            }
            try machine.command(.resolve(StepPath("a"), .failed), by: Self.actor("bob"))
            #expect(machine["go"].state == .waiting, "\(isUnreachable) \(machine["a"].state)")
            #expect(refusal(&machine, "bob")?.message.contains("who resolved step 'a', whose value is used") == true)
            #expect(refusal(&machine, "carol") == nil)
        }
    }

    @Test func `who skipped a step bars themselves where its value would be used`() throws {
        let read = FlowModel.Expression.fallback(.output(node: "a", path: ["stdout"]), .literal("approved"))
        var machine = try MachineHarness([
            Node(id: "a", name: "a", kind: .shell(ShellSpec(source: .text("true"))), policy: Policy(onFailure: .hold)),
            approval("go", [.role("release-manager", count: 1)], needs: ["a"]),
            Node(
                id: "b", name: "b", kind: .shell(ShellSpec(source: .text("true"), variables: [.init(name: "flow_1", value: read)])), needs: ["go"]),
        ])
        machine.people = Self.people()
        try machine.fail("a")
        try machine.command(.skip(StepPath("a")), by: Self.actor("bob"))
        #expect(refusal(&machine, "bob")?.message.contains("who skipped step 'a', whose value would be used") == true)
        #expect(refusal(&machine, "carol") == nil)
    }

    @Test func `who shaped the value of a run that was called cannot approve what uses it`() throws {
        let read = ShellSpec(source: .text("true"), variables: [.init(name: "flow_1", value: .output(node: "c", path: []))])
        let inner = Plan(flow: "inner", nodes: [Node(id: "w", name: "w", kind: .waitFor(SignalSpec(signal: "s")))], dsl: "0")
        var child = try MachineHarness(inner.nodes)
        try child.command(.signal("s", "x"), by: Self.actor("bob"))
        #expect(child.run.state == .succeeded && child.run.givers.map(\.user) == ["bob"])

        var machine = try MachineHarness(
            [
                Node(id: "c", name: "c", kind: .call(CallSpec(flow: "inner", inputs: [:]))),
                approval("go", [.role("release-manager", count: 1)], needs: ["c"]), Node(id: "b", name: "b", kind: .shell(read), needs: ["go"]),
            ], calls: [CalledFlow(plan: inner)])
        machine.people = Self.people()
        let id = CallID(run: machine.run.id, step: StepPath("c"), generation: 1)
        try machine.take(.callBegan(id, child.run.id))
        try machine.take(.callEnded(id, child.run.id, .succeeded, reason: nil, value: "x", shapers: child.run.givers))
        #expect(try Entry.decode(Entry.encode(machine.entries) { _ in MachineHarness.digest }) { _ in nil } == machine.entries)
        let words = "sent the message that step 'w' of run \(child.run.id), which this one called took"
        #expect(refusal(&machine, "bob")?.message.contains(words) == true)
        #expect(refusal(&machine, "carol") == nil)
    }

    /// The caller goes on with a default where the called run has no value.
    @Test func `who stopped a run that was called, or let it fail, cannot approve what uses the default`() throws {
        let read = FlowModel.Expression.fallback(.output(node: "c", path: []), .literal("DANGEROUS"))
        for isCancelled in [true, false] {
            let inner = Plan(
                flow: "inner", nodes: [Node(id: "w", name: "w", kind: .shell(ShellSpec(source: .text("true"))), policy: Policy(onFailure: .hold))],
                dsl: "0")
            var child = try MachineHarness(inner.nodes)
            try child.fail("w")
            try child.command(isCancelled ? .cancel : .resolve(StepPath("w"), .failed), by: Self.actor("bob"))
            #expect(child.run.state == (isCancelled ? .cancelled : .failed) && child.run.givers.map(\.user) == ["bob"])

            var machine = try MachineHarness(
                [
                    Node(id: "c", name: "c", kind: .call(CallSpec(flow: "inner", inputs: [:])), policy: Policy(onFailure: .ignore)),
                    approval("go", [.role("release-manager", count: 1)], needs: ["c"]),
                    Node(
                        id: "b", name: "b", kind: .shell(ShellSpec(source: .text("true"), variables: [.init(name: "flow_1", value: read)])),
                        needs: ["go"]),
                ], calls: [CalledFlow(plan: inner)])
            machine.people = Self.people()
            let id = CallID(run: machine.run.id, step: StepPath("c"), generation: 1)
            try machine.take(.callBegan(id, child.run.id))
            try machine.take(.callEnded(id, child.run.id, child.run.state, reason: nil, value: .null, shapers: child.run.givers))
            #expect(try Entry.decode(Entry.encode(machine.entries) { _ in MachineHarness.digest }) { _ in nil } == machine.entries)
            let word = isCancelled ? "who cancelled run" : "who resolved step 'w' of run"
            #expect(refusal(&machine, "bob")?.message.contains(word) == true)
            #expect(refusal(&machine, "carol") == nil)
        }
    }

    @Test func `who sent the message that a command uses cannot approve it`() throws {
        let read = ShellSpec(source: .text("true"), variables: [.init(name: "flow_1", value: .output(node: "w", path: []))])
        var machine = try MachineHarness([
            Node(id: "w", name: "w", kind: .waitFor(SignalSpec(signal: "s"))), approval("go", [.role("release-manager", count: 1)], needs: ["w"]),
            Node(id: "b", name: "b", kind: .shell(read), needs: ["go"]),
        ])
        try machine.command(.signal("s", "x"), by: Self.actor("bob"))
        #expect(refusal(&machine, "bob")?.message.contains("sent the message that step 'w' took") == true)
        #expect(refusal(&machine, "carol") == nil)
    }

    @Test func `a run that is called has who shaped the one that called it`() throws {
        let gate = approval("go", [.role("release-manager", count: 1)])
        let called = CalledFlow(plan: Plan(flow: "inner", nodes: [gate], dsl: "0"))
        let call = Node(id: "c", name: "c", kind: .call(CallSpec(flow: "inner", inputs: ["n": .parameter("n")])), needs: ["nap"])
        var machine = try MachineHarness(
            [Node(id: "nap", name: "nap", kind: .sleep(.literal(60))), call], inputs: ["n": 1], calls: [called])
        try machine.command(.edit(InputEdit(inputs: ["n": 2]), isRetry: false, from: nil), by: Self.actor("bob"))
        try machine.pass(seconds: 60)
        let order = try #require(machine.actions.compactMap { if case .call(let order) = $0 { order } else { nil } }.first)
        #expect(order.shapers.map(\.user) == ["alice", "bob"])
        #expect(order.shapers.last?.words == "edited the inputs of run \(machine.run.id), which called this one")
        let created = Created(
            flow: "inner", revision: MachineHarness.digest, plan: MachineHarness.digest, binary: nil, inputs: [:], targets: [:], labels: [:],
            key: nil,
            user: "alice", person: "alice", shapers: order.shapers)
        let bytes = Entry.encode([.created(created)]) { _ in MachineHarness.digest }
        #expect(try Entry.decode(bytes) { _ in nil } == [.created(created)])
    }

    @Test func `who edited the inputs of a run cannot break the glass for it`() throws {
        let closure = ChangeClosure(kind: .freeze, rule: "year-end", reason: "told")
        var machine = try MachineHarness([shell("a")], inputs: ["n": 1], closedBy: closure)
        machine.people = Self.people(links: [("dave", "carol")])
        try machine.command(.edit(InputEdit(inputs: ["n": 2]), isRetry: false, from: nil), by: Self.actor("carol"))
        for name in ["carol", "dave"] {
            let error = #expect(throws: FlowError.self) {
                try machine.take(.command(.breakGlass(nil), by: Self.actor(name), message: "it cannot wait"))
            }
            #expect(error?.code == .forbidden)
        }
        try machine.take(.command(.breakGlass(nil), by: Self.actor("bob"), message: "it cannot wait"))
        #expect(machine.dispatched == ["a"])
    }

    // MARK: - Votes that were given

    @Test func `two who are linked after they voted count once`() throws {
        var machine = try machine(3)
        try vote(&machine, "bob")
        try vote(&machine, "carol")
        machine.people = Self.people(links: [("carol", "bob")])
        try machine.take(.people)
        #expect(voided(machine) == [nil, "carol and bob are one person, who counts once"])
        try vote(&machine, "dave")
        #expect(machine["go"].state == .waiting, "two people have approved, three are asked for")
        #expect(refusal(&machine, "carol")?.message.contains("one person counts once") == true)
    }

    @Test func `a vote of somebody who was removed or lost the role counts no more, also when nobody told the gate`() throws {
        for (people, words) in [
            (Self.people(without: ["bob"]), "bob was removed"),
            (Self.people(roles: ["bob": ["viewer"]]), "bob has not the role release-manager any more"),
        ] {
            var machine = try machine()
            try vote(&machine, "bob")
            machine.people = people
            try vote(&machine, "carol")
            #expect(machine["go"].state == .waiting, "\(words)")
            #expect(voided(machine) == [words, nil])
            try vote(&machine, "dave")
            #expect(machine["go"].value?["by"] == ["carol", "dave"])
        }
    }

    @Test func `a vote is lost when its giver turns out to have started the run`() throws {
        var machine = try machine()
        try vote(&machine, "bob")
        machine.people = Self.people(links: [("bob", "alice")])
        try machine.take(.people)
        #expect(voided(machine) == ["bob is one person with alice, who started the run"])
        let before = machine.entries.count
        try machine.take(.people)
        #expect(machine.entries.count == before, "it is said once")
    }

    @Test func `a lent right counts while it is lent`() throws {
        var machine = try machine()
        let lent = Delegation(id: "d1", from: "bob", person: "bob", role: "release-manager", until: machine.now + 100)
        machine.people = Self.people(loans: [People.Loan(lent, to: "dave")])
        try vote(&machine, "dave", lent: [lent])
        try machine.take(.people)
        #expect(voided(machine) == [nil])
        machine.people = Self.people()
        try machine.take(.people)
        #expect(voided(machine) == ["what bob lent was revoked, or bob has it no more"])
    }

    @Test func `a lent right counts until its end, and at the end no more`() throws {
        var machine = try machine()
        let lent = Delegation(id: "d1", from: "bob", person: "bob", role: "release-manager", until: machine.now + 100)
        machine.people = Self.people(loans: [People.Loan(lent, to: "dave")])
        try vote(&machine, "dave", lent: [lent])
        machine.now = machine.now + 99.999
        try machine.take(.people)
        #expect(voided(machine) == [nil])
        machine.now = lent.until
        try machine.take(.people)
        #expect(voided(machine) == ["what bob lent ended at \(lent.until)"])
    }

    @Test func `were the fields answered by who cannot vote any more, the gate asks anew`() throws {
        var machine = try machine { $0.fields = [Parameter(name: "n", kind: .int, fallback: 1)] }
        try vote(&machine, "bob")
        let sealed = machine["go"].approval?.digest
        machine.people = Self.people(without: ["bob"])
        try machine.take(.people)
        #expect(machine["go"].approval?.answers == nil)
        #expect(machine["go"].approval?.digest != sealed)
        #expect(voided(machine) == ["a vote does not count any more: bob was removed"])
    }

    @Test func `what was lost survives the journal`() throws {
        var machine = try machine(3)
        try vote(&machine, "bob")
        machine.people = Self.people(without: ["bob"])
        try machine.take(.people)
        try machine.command(.edit(InputEdit(inputs: ["n": 5]), isRetry: false, from: nil), by: Self.actor("carol"))
        let bytes = Entry.encode(machine.entries) { _ in MachineHarness.digest }
        #expect(try Entry.decode(bytes) { _ in nil } == machine.entries)
    }

    // MARK: - What is voted on

    @Test func `the digest covers the programs of Swift steps, those of called flows too`() throws {
        func digest(_ own: UInt8, _ other: UInt8) throws -> Digest? {
            func binary(_ byte: UInt8) -> Digest { Digest(bytes: [UInt8](repeating: byte, count: 32)) }
            let called = CalledFlow(plan: Plan(flow: "inner", nodes: [shell("x")], dsl: "0"), binary: binary(other))
            return try MachineHarness([approval("go", [.anyone(count: 1)])], binary: binary(own), calls: [called])["go"].approval?.digest
        }
        #expect(try digest(1, 2) == digest(1, 2))
        #expect(try digest(1, 2) != digest(3, 2))
        #expect(try digest(1, 2) != digest(1, 3))
    }
}
