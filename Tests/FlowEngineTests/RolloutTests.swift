import FlowEngine
import FlowModel
import Testing

@Suite("Rollouts", .timeLimit(.minutes(10)))
struct RolloutTests {
    static let hosts = (1...10).map { Host(name: "web-\($0)", address: "10.0.0.\($0)", labels: ["zone": $0 % 2 == 0 ? "a" : "b"]) }

    /// A rollout of one step, with what undoes it.
    private func machine(
        _ spec: (inout RolloutSpec) -> Void = { _ in }, batches: String = "1 2 *2", nodes: [Node] = []
    ) throws -> MachineHarness {
        var rollout = RolloutSpec(targets: .literal("all"), batches: try BatchSizes(batches))
        spec(&rollout)
        let undo = Node(
            id: "deploy/undo:back", name: "back", scope: "deploy", part: .undo, kind: .shell(ShellSpec(source: .text("true"))))
        return try MachineHarness(
            [Node(id: "deploy", name: "deploy", kind: .rollout(rollout)), shell("deploy/switch", scope: "deploy"), undo] + nodes,
            targets: ["all": Self.hosts])
    }

    /// What a rollout hands out: every outcome, 0 where no host came to it.
    private func counts(_ found: [String: Int]) -> JSON {
        .object(Dictionary(uniqueKeysWithValues: TargetOutcome.allCases.map { ($0.rawValue, .int(found[$0.rawValue] ?? 0)) }))
    }

    private func hosts(_ paths: [String]) -> [Int] {
        paths.compactMap { Int($0.split(separator: "]")[0].split(separator: "-")[1]) }
    }

    private func switched(_ machine: MachineHarness) -> [Int] {
        hosts(machine.run.steps.filter { $0.path.text.hasSuffix("]/switch") && $0.state == .running }.map(\.path.text))
    }

    private func outcomes(_ machine: MachineHarness) -> [TargetOutcome] { machine.run.rollouts[0]?.targets.map(\.outcome) ?? [] }

    @Test func `batches follow one another, and each waits for the one before`() throws {
        var machine = try machine()
        #expect(switched(machine) == [1])
        try machine.succeed("deploy[web-1]/switch")
        #expect(switched(machine) == [2, 3])
        try machine.succeed("deploy[web-2]/switch")
        #expect(switched(machine) == [3])
        try machine.succeed("deploy[web-3]/switch")
        #expect(switched(machine) == [4, 5, 6, 7])
        for host in 4...7 { try machine.succeed("deploy[web-\(host)]/switch") }
        #expect(switched(machine) == [8, 9, 10], "what is left, when that is less")
        for host in 8...10 { try machine.succeed("deploy[web-\(host)]/switch") }
        #expect(machine.run.state == .succeeded)
        #expect(machine["deploy"].value == counts(["changed": 10]))
    }

    @Test func `a rollout that is taken up again stops at its breakpoint, and goes on when it is released`() throws {
        var machine = try machine(batches: "100%", nodes: [shell("end", needs: ["deploy"])])
        for host in 1...10 { try machine.succeed("deploy[web-\(host)]/switch") }
        try machine.command(.hold(before: "deploy", isSet: true))
        try machine.fail("end")
        try machine.command(.retry(from: StepPath("deploy")))
        #expect(machine["deploy"].waiting?.kind == .breakpoint)
        try machine.command(.release(StepPath("deploy")))
        #expect(switched(machine).count == 10)
    }

    @Test func `as many fail as are tolerated, then nothing new starts, and what runs is not interrupted`() throws {
        var machine = try machine({ $0.budget.maxFailures = .count(1) })
        try machine.succeed("deploy[web-1]/switch")
        try machine.fail("deploy[web-2]/switch")
        try machine.succeed("deploy[web-3]/switch")
        #expect(switched(machine) == [4, 5, 6, 7], "the first failure is tolerated")
        try machine.fail("deploy[web-5]/switch")
        #expect(switched(machine) == [4, 6, 7])
        #expect(machine.actions.allSatisfy { if case .stop = $0 { false } else { true } })
        for host in [4, 6, 7] { try machine.succeed("deploy[web-\(host)]/switch") }
        #expect(machine.run.state == .failed)
        #expect(
            outcomes(machine).map(\.rawValue).joined(separator: " ")
                == "changed failed changed changed failed changed changed notStarted notStarted notStarted")
        #expect(machine["deploy"].reason?.contains("2 failed, more than the 1 that are tolerated of 10 targets") == true)
    }

    @Test func `redo takes what failed and what had no turn, undo what was done, and neither touches the others`() throws {
        var machine = try machine(batches: "5")
        for host in [1, 2, 3, 4] { try machine.succeed("deploy[web-\(host)]/switch") }
        try machine.fail("deploy[web-5]/switch")
        #expect(machine.run.state == .failed)

        try machine.command(.undo(StepPath("deploy")))
        #expect(machine.run.state == .undoing)
        let undone = machine.dispatched
        #expect(undone == [4, 3, 2, 1].map { "deploy[web-\($0)]/undo:back" }, "last ones first; nothing was done on web-5")
        for path in undone { try machine.succeed(path) }
        #expect(machine.run.state == .cancelled)
        #expect(machine.run.rollouts[0]?.targets.map(\.undo) == Array(repeating: .undone, count: 4) + Array(repeating: nil, count: 6))
        #expect(throws: FlowError.self) { try machine.command(.undo(StepPath("deploy"))) }

        try machine.command(.redo(rollout: nil, .outcomes([.failed, .notStarted]), from: nil))
        #expect(switched(machine) == [5])
        try machine.succeed("deploy[web-5]/switch")
        #expect(switched(machine) == [6, 7, 8, 9, 10])
        for host in 6...10 { try machine.succeed("deploy[web-\(host)]/switch") }
        #expect(machine.run.state == .failed, "four are still undone")
        #expect(machine["deploy[web-1]/switch"].generation == 1)

        try machine.command(.redo(rollout: StepPath("deploy"), .named(["web-1"]), from: nil))
        #expect(switched(machine) == [1])
        try machine.succeed("deploy[web-1]/switch")
        #expect(machine.run.rollouts[0]?.targets[0].undo == nil)
        try machine.command(.retry(from: nil))
        #expect(switched(machine) == [2, 3, 4])
        for host in 2...4 { try machine.succeed("deploy[web-\(host)]/switch") }
        #expect(machine.run.state == .succeeded)
        try machine.command(.undo(StepPath("deploy")))
        #expect(machine.dispatched.count == 5, "as many at once as in its largest batch")
        for host in (2...10).reversed() { try machine.succeed("deploy[web-\(host)]/undo:back") }
        #expect(machine["deploy[web-1]/undo:back"].state == .running, "what was done again can be undone again")
    }

    @Test func `undone in a run that has ended, it takes nothing else of the run on, whatever its failure means`() throws {
        var rollout = RolloutSpec(targets: .literal("all"), batches: .all)
        rollout.concurrency = .count(2)
        var machine = try MachineHarness(
            [
                Node(id: "deploy", name: "deploy", kind: .rollout(rollout), policy: Policy(onFailure: .ignore)),
                shell("deploy/switch", scope: "deploy"),
                Node(id: "deploy/undo:back", name: "back", scope: "deploy", part: .undo, kind: .shell(ShellSpec(source: .text("true")))),
                shell("announce", needs: ["deploy"]), shell("after", needs: ["announce"]), shell("tidy", isFinally: true),
            ], targets: ["all": Array(Self.hosts.prefix(4))])
        for host in 1...4 { try machine.succeed("deploy[web-\(host)]/switch") }
        try machine.command(.cancel)
        try machine.report("announce", .ended(AttemptResult(outcome: .cancelled, exitStatus: nil)))
        try machine.succeed("tidy")
        try machine.command(.undo(StepPath("deploy")))
        #expect(machine.dispatched == ["deploy[web-4]/undo:back", "deploy[web-3]/undo:back"], "two at once, as it says")
        try machine.fail("deploy[web-4]/undo:back")
        #expect(machine.dispatched == ["deploy[web-2]/undo:back"], "one that fails does not keep the others")
        try machine.succeed("deploy[web-3]/undo:back")
        #expect(machine.dispatched == ["deploy[web-1]/undo:back"])
        for host in [2, 1] { try machine.succeed("deploy[web-\(host)]/undo:back") }
        #expect(machine.run.state == .failed)
        #expect(machine.run.reason?.contains("3 of 4 undone") == true)
        #expect(machine["after"].state == .pending && machine["deploy"].state == .succeeded)
        #expect(machine["tidy"].generation == 1)
    }

    @Test func `a rollout that stops at a breakpoint when it is taken up again can be released`() throws {
        var machine = try machine(batches: "100%")
        for host in 1...10 { try machine.succeed("deploy[web-\(host)]/switch") }
        try machine.command(.retry(from: StepPath("deploy")))
        for host in 1...10 { try machine.fail("deploy[web-\(host)]/switch") }
        try machine.command(.redo(rollout: nil, .named(["web-1"]), from: nil))
        try machine.command(.hold(before: "deploy", isSet: true))
        try machine.fail("deploy[web-1]/switch")
        try machine.command(.redo(rollout: nil, .named(["web-2"]), from: nil))
        #expect(machine["deploy"].waiting?.kind == .breakpoint)
        try machine.command(.release(StepPath("deploy")))
        #expect(switched(machine) == [2])
    }

    @Test func `a rollout in finally runs again with all of it, and is neither redone nor undone alone`() throws {
        let rollout = RolloutSpec(targets: .literal("all"), batches: try BatchSizes("100%"))
        let undo = Node(
            id: "tidy/undo:back", name: "back", scope: "tidy", part: .undo, isFinally: true, kind: .shell(ShellSpec(source: .text("true"))))
        var machine = try MachineHarness(
            [Node(id: "tidy", name: "tidy", isFinally: true, kind: .rollout(rollout)), shell("tidy/rm", scope: "tidy", isFinally: true), undo],
            targets: ["all": Array(Self.hosts.prefix(2))])
        try machine.fail("tidy[web-1]/rm")
        try machine.succeed("tidy[web-2]/rm")
        #expect(machine.run.state == .failed)
        #expect(throws: FlowError.self) { try machine.command(.undo(StepPath("tidy"))) }
        #expect(throws: FlowError.self) { try machine.command(.redo(rollout: nil, .outcomes([.failed]), from: nil)) }
        #expect(machine.run.state == .failed)
        try machine.command(.retry(from: nil))
        #expect(machine.run.state == .running)
    }

    @Test func `on breach it undoes what was touched`() throws {
        var machine = try machine({ $0.onBreach = .undo }, batches: "2")
        try machine.succeed("deploy[web-1]/switch")
        try machine.fail("deploy[web-2]/switch")
        #expect(machine.run.state == .undoing)
        #expect(machine.dispatched == ["deploy[web-1]/undo:back"])
        try machine.succeed("deploy[web-1]/undo:back")
        #expect(machine.run.state == .failed)
        #expect(machine["deploy"].reason?.contains("1 of 1 targets undone") == true)
    }

    @Test func `held on breach, it goes on when an operator raises the budget, and not before`() throws {
        var machine = try machine({ $0.onBreach = .hold }, batches: "1")
        try machine.fail("deploy[web-1]/switch")
        #expect(machine["deploy"].state == .held)
        var rows = RunRows(machine.run) { _ in MachineHarness.digest }
        func release() -> String? {
            rows.commit(&machine.run)
            return rows.steps[0]?.waiting?.release
        }
        let id = machine.run.id
        let raise = "flowctl rollout \(id) 'deploy' --max-failures N, then: flowctl release \(id) 'deploy'; or: flowctl retry \(id)"
        #expect(release() == raise, "what is named is not refused")
        #expect {
            try machine.command(.release(StepPath("deploy")))
        } throws: {
            ($0 as? FlowError)?.hint == raise
        }
        try machine.command(.adjust(StepPath("deploy"), RolloutAdjustment(maxFailures: .count(1), batches: try BatchSizes("4"))))
        #expect(machine["deploy"].state == .held)
        #expect(release() == "flowctl release \(id) 'deploy', or: flowctl retry \(id)")
        #expect(machine["deploy"].reason?.contains("tolerated by now") == true, "\(machine["deploy"].reason ?? "")")
        try machine.command(.adjust(StepPath("deploy"), RolloutAdjustment(maxFailures: .count(0))))
        #expect(release() == raise)
        #expect(machine["deploy"].reason?.contains("1 failed, more than the 0") == true, "\(machine["deploy"].reason ?? "")")
        try machine.command(.adjust(StepPath("deploy"), RolloutAdjustment(maxFailures: .count(1))))
        #expect(release() == "flowctl release \(id) 'deploy', or: flowctl retry \(id)")
        #expect(rows.fault == nil)
        try machine.command(.release(StepPath("deploy")))
        #expect(switched(machine) == [2, 3, 4, 5])
    }

    @Test func `an operator can hold it after a batch, and change how many run at once`() throws {
        var machine = try machine({ $0.concurrency = .count(1) }, batches: "3")
        #expect(switched(machine) == [1])
        try machine.command(.adjust(StepPath("deploy"), RolloutAdjustment(concurrency: .count(2), pauseAfterBatch: 1)))
        #expect(switched(machine) == [1, 2])
        for host in 1...3 { try machine.succeed("deploy[web-\(host)]/switch") }
        #expect(machine["deploy"].state == .held)
        try machine.command(.release(StepPath("deploy")))
        #expect(switched(machine) == [4, 5])
    }

    @Test func `after a batch comes the soak, then what stands between, and a refusal stops it`() throws {
        let gate = Node(
            id: "deploy/between:go", name: "go", scope: "deploy", part: .between,
            kind: .approval(
                ApprovalSpec(
                    prompt: .text([.literal("batch "), .element(map: "deploy", path: ["number"])]), rules: [.role("release-manager", count: 1)])))
        var machine = try machine({ $0.soakSeconds = 60 }, batches: "5", nodes: [gate])
        for host in 1...5 { try machine.succeed("deploy[web-\(host)]/switch") }
        #expect(machine["deploy"].waiting?.kind == .soak)
        #expect(machine.run.state == .waiting)
        try machine.pass(seconds: 61)
        #expect(machine["deploy[batch 1]/between:go"].approval?.prompt == "batch 1")
        #expect(throws: FlowError.self, "what runs between would be left behind") {
            try machine.command(.redo(rollout: nil, .named(["web-1"]), from: nil))
        }
        #expect(switched(machine) == [])
        let digest = machine["deploy[batch 1]/between:go"].approval?.digest
        try machine.command(.vote(StepPath("deploy[batch 1]/between:go"), .rejected, digest: digest), by: MachineHarness.bob)
        #expect(machine.run.state == .failed)
        #expect(switched(machine) == [])
        try machine.command(.retry(from: nil))
        #expect(machine["deploy[batch 1]/between:go"].generation == 2)
        #expect(machine["deploy"].waiting?.kind == .soak, "a retry does not go round what stands between")
        try machine.pass(seconds: 61)
        #expect(switched(machine) == [])
        try machine.command(
            .vote(StepPath("deploy[batch 1]/between:go"), .approved, digest: machine["deploy[batch 1]/between:go"].approval?.digest),
            by: MachineHarness.bob)
        #expect(switched(machine) == [6, 7, 8, 9, 10])
    }

    @Test func `a pause in the middle goes on within the batch, also after a crash`() throws {
        var machine = try machine({ $0.concurrency = .count(1) }, batches: "3")
        try machine.command(.pause)
        try machine.succeed("deploy[web-1]/switch")
        #expect(switched(machine) == [])
        machine.epoch += 1
        try machine.take(.recover)
        try machine.command(.resume)
        #expect(switched(machine) == [2])
    }

    @Test func `no more begin in any stretch of time than its rate says, also after a crash`() throws {
        var machine = try machine({ $0.startRate = StartRate(count: 2, seconds: 60) }, batches: "5")
        #expect(switched(machine) == [1, 2])
        #expect(machine.run.steps[0].due == machine.now + 60)
        try machine.pass(seconds: 10)
        try machine.succeed("deploy[web-1]/switch")
        #expect(switched(machine) == [2], "room is not enough")
        machine.epoch += 1
        try machine.take(.recover)
        try machine.pass(seconds: 49)
        #expect(switched(machine) == [2])
        try machine.pass(seconds: 2)
        #expect(switched(machine) == [2, 3, 4])
        for host in 2...4 { try machine.succeed("deploy[web-\(host)]/switch") }
        try machine.command(.pause)
        try machine.pass(seconds: 61)
        #expect(switched(machine) == [])
        try machine.command(.resume)
        #expect(switched(machine) == [5])
        try machine.succeed("deploy[web-5]/switch")
        #expect(switched(machine) == [6], "the next batch is paced by the last one's start")
        #expect(machine.run.steps[0].due != nil)
    }

    @Test func `a retry after an undo does again what was undone, and what had failed`() throws {
        var machine = try machine({ $0.budget = FailureBudget(maxFailures: .count(1)) }, batches: "100%")
        for host in 1...9 { try machine.succeed("deploy[web-\(host)]/switch") }
        try machine.fail("deploy[web-10]/switch")
        #expect(machine.run.state == .succeeded, "one is tolerated")
        try machine.command(.undo(nil))
        for host in (1...9).reversed() { try machine.succeed("deploy[web-\(host)]/undo:back") }
        try machine.command(.retry(from: nil))
        #expect(switched(machine) == Array(1...10))
        for host in 1...10 { try machine.succeed("deploy[web-\(host)]/switch") }
        #expect(!outcomes(machine).contains { !$0.isDone })
    }

    @Test func `taken up again as a whole, what stands between its batches is done again, too`() throws {
        let check = Node(id: "deploy/between:check", name: "check", scope: "deploy", part: .between, kind: .shell(ShellSpec(source: .text("true"))))
        var machine = try machine(batches: "5", nodes: [check])
        for host in 1...5 { try machine.succeed("deploy[web-\(host)]/switch") }
        try machine.succeed("deploy[batch 1]/between:check")
        for host in 6...10 { try machine.succeed("deploy[web-\(host)]/switch") }
        #expect(machine.run.state == .succeeded)
        try machine.command(.retry(from: StepPath("deploy")))
        for host in 1...5 { try machine.succeed("deploy[web-\(host)]/switch") }
        #expect(machine.dispatched == ["deploy[batch 1]/between:check"] && switched(machine).isEmpty)
        try machine.succeed("deploy[batch 1]/between:check")
        #expect(switched(machine) == [6, 7, 8, 9, 10])
    }

    @Test func `its rate can be set, raised and lowered while it runs, and is read as it is written`() throws {
        var machine = try machine({ $0.concurrency = .count(3) }, batches: "100%")
        #expect(switched(machine) == [1, 2, 3])
        try machine.command(.adjust(StepPath("deploy"), RolloutAdjustment(startRate: StartRate(count: 1, seconds: 60))))
        try machine.succeed("deploy[web-1]/switch")
        #expect(switched(machine) == [2, 3, 4], "it counts from when it is set")
        try machine.succeed("deploy[web-2]/switch")
        #expect(switched(machine) == [3, 4])
        #expect(machine.run.steps[0].due == machine.now + 60)
        try machine.command(.adjust(StepPath("deploy"), RolloutAdjustment(startRate: StartRate(count: 2, seconds: 60))))
        #expect(switched(machine) == [3, 4, 5])
        for host in [3, 4] { try machine.succeed("deploy[web-\(host)]/switch") }
        try machine.command(.adjust(StepPath("deploy"), RolloutAdjustment(startRate: StartRate(count: 1, seconds: 10))))
        #expect(switched(machine) == [5])
        try machine.pass(seconds: 11)
        #expect(switched(machine) == [5, 6])

        for text in ["30/min", "5/10s", "600/h", "1/s", "7/0.5s"] { #expect(StartRate(text)?.description == text) }
        #expect(StartRate("30/1min") == StartRate("30/min"))
        for text in ["", "30", "/min", "30/", "30/day", "x/min", "30/min/2", "3.5/min"] { #expect(StartRate(text) == nil, "\(text)") }
    }

    @Test func `hosts in a state that is skipped have no turn, no place in a batch and no share, unless somebody asks for one`() throws {
        var hosts = Self.hosts
        for host in [0, 4] { hosts[host].labels["state"] = "maintenance" }
        hosts[1].labels["state"] = "live"
        let rollout = RolloutSpec(
            targets: .literal("all"), batches: try BatchSizes("1 50%"), budget: FailureBudget(maxFailures: .percent(20)), skipping: ["maintenance"])
        var machine = try MachineHarness(
            [Node(id: "deploy", name: "deploy", kind: .rollout(rollout)), shell("deploy/switch", scope: "deploy")], targets: ["all": hosts])
        #expect(machine["deploy"].elements?.keys.suffix(2) == ["web-1", "web-5"])
        #expect(switched(machine) == [2], "the canary is one that has its turn")
        try machine.succeed("deploy[web-2]/switch")
        #expect(switched(machine) == [3, 4, 6, 7], "half of eight")
        try machine.fail("deploy[web-3]/switch")
        for host in [4, 6, 7] { try machine.succeed("deploy[web-\(host)]/switch") }
        for host in [8, 9, 10] { try machine.succeed("deploy[web-\(host)]/switch") }
        #expect(machine.run.state == .succeeded)
        #expect(machine["deploy"].value == counts(["changed": 7, "failed": 1, "skipped": 2]))
        #expect(machine.run.rollouts[0]?.targets.last?.reason == "its state is 'maintenance'")

        try machine.command(.redo(rollout: nil, .named(["web-5"]), from: nil))
        #expect(switched(machine) == [5])
        try machine.succeed("deploy[web-5]/switch")
        #expect(machine.run.state == .succeeded)
        #expect(machine["deploy"].value == counts(["changed": 8, "failed": 1, "skipped": 1]))
    }

    @Test func `a rollout whose hosts are all left out succeeds with nothing done, and one of them can have its turn`() throws {
        var hosts = Array(Self.hosts.prefix(2))
        for host in hosts.indices { hosts[host].labels["state"] = "maintenance" }
        let rollout = RolloutSpec(targets: .literal("all"), batches: .all, skipping: ["maintenance"])
        var machine = try MachineHarness(
            [Node(id: "deploy", name: "deploy", kind: .rollout(rollout)), shell("deploy/switch", scope: "deploy")], targets: ["all": hosts])
        #expect(machine.run.state == .succeeded)
        #expect(machine["deploy"].value == counts(["skipped": 2]))
        try machine.command(.redo(rollout: nil, .named(["web-2"]), from: nil))
        #expect(switched(machine) == [2])
        try machine.succeed("deploy[web-2]/switch")
        #expect(machine["deploy"].value == counts(["changed": 1, "skipped": 1]))
    }

    @Test func `shares are rounded as they are said to be`() throws {
        func sizes(_ text: String, _ total: Int) throws -> [Int] {
            let ends = try BatchSizes(text).ends(of: total)
            return zip(ends, [0] + ends).map { $0 - $1 }
        }
        #expect(try sizes("1 10% *2", 50) == [1, 5, 10, 20, 14])
        #expect(try sizes("1 10% *2 +5", 100) == [1, 10, 20, 25, 30, 14])
        #expect(try sizes("7%", 100) == [7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 2])
        #expect(try sizes("1%", 3) == [1, 1, 1])
        #expect(try sizes("100%", 0) == [])
        for bad in ["", "0", "*2", "+1 5", "101%", "0%", "x", "1 -2", "1 *0"] {
            #expect(throws: BatchSizes.Fault.self) { try BatchSizes(bad) }
        }
        #expect(Amount.percent(5).of(39) == 1)
        #expect(Amount.percent(5).of(19) == 0)
    }

    @Test func `each order is what it says`() {
        let hosts = Self.hosts
        func names(_ order: RolloutOrder, seed: UInt64 = 1) -> [Int] {
            order.arranged(hosts, seed: seed).map { Int($0.name.dropFirst(4)) ?? 0 }
        }
        #expect(names(.inventory) == Array(1...10))
        #expect(names(.reverse) == Array((1...10).reversed()))
        #expect(names(.name) == [1, 10, 2, 3, 4, 5, 6, 7, 8, 9])
        #expect(names(.spread("zone")) == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
        #expect(names(.shuffle) == names(.shuffle))
        #expect(names(.shuffle).sorted() == Array(1...10))
        #expect(names(.shuffle) != names(.shuffle, seed: 2))
    }
}
