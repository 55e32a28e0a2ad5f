import FlowCrypto
package import FlowEngine
package import FlowModel

/// A story of a few runs in which every command is given and every kind of entry is journaled, with restarts of the engine in it. What
/// proves the stores, and the journals that are kept of every version, are made by it.
package struct EveryTransition {
    /// Gives the store after the end of the process that had it.
    package typealias Reopen = (any JournalStore) throws -> any JournalStore

    var driver: EngineDriver
    private let reopen: Reopen

    package static let alice = person("alice", ["operator"])
    package static let bob = person("bob", ["release-manager"])
    package static let carol = person("carol", ["release-manager"])

    /// Plays all of it; gives the store as it then is, with the last engine ended.
    package static func play(
        on store: any JournalStore, in world: ManualWorld = ManualWorld(), reopen: @escaping Reopen
    ) async throws -> any JournalStore {
        var story = try EveryTransition(driver: EveryTransition.driver(store, world), reopen: reopen)
        do {
            return try await story.play()
        } catch {
            await story.driver.engine.shutdown()
            throw error
        }
    }

    /// Tries again while the store refuses.
    private static func driver(_ store: any JournalStore, _ world: ManualWorld) throws -> EngineDriver {
        for _ in 0..<EngineDriver.patience {
            do throws(FlowError) {
                return try EngineDriver(store, world)
            } catch {
                guard error.code == .storage else { throw error }
            }
        }
        return try EngineDriver(store, world)
    }

    private mutating func play() async throws -> any JournalStore {
        try await release()
        try await restart()
        try await trouble()
        try await gates()
        try await restart()
        try await operators()
        try await rollouts()
        try await schedules()
        try await waits()
        try await freezes()
        try await undo()
        try await claims()
        try await stops()
        await driver.engine.shutdown()
        return driver.store
    }

    private init(driver: EngineDriver, reopen: @escaping Reopen) {
        self.driver = driver
        self.reopen = reopen
    }

    mutating func restart() async throws {
        await driver.engine.shutdown()
        driver = try EveryTransition.driver(try reopen(driver.store), driver.world)
        try await driver.settle()
    }

    mutating func start(
        _ flow: String, _ nodes: [Node], targets: [String: [Host]] = [:], labels: [String: String] = [:]
    ) async throws -> RunID {
        try await driver.start(Self.request(flow, nodes, targets: targets, labels: labels, key: "key of \(flow)"), by: Self.alice)
    }

    static func request(
        _ flow: String, _ nodes: [Node], targets: [String: [Host]] = [:], labels: [String: String] = [:], key: String? = nil,
        control: FlowControl? = nil
    ) -> StartRequest {
        let called =
            nodes.contains { $0.kindName == "call" } ? [CalledFlow(plan: Plan(flow: "make-machine", nodes: [shell("create")], dsl: "0"))] : nil
        return StartRequest(
            plan: Plan(flow: flow, nodes: nodes, dsl: "0", control: control, calls: called), revision: Digest(of: Array(flow.utf8)), binary: nil,
            inputs: ["version": "1.4.2"], targets: targets, labels: labels, key: key, fingerprint: Digest(of: [1]))
    }

    // MARK: - The story

    /// An approval by two, a map, a value that is too large for the journal, a timer, a `finally`.
    private mutating func release() async throws {
        let run = try await start(
            "release",
            [
                Self.shell("build"),
                Self.gate("go", [.role("release-manager", count: 2)], needs: ["build"]),
                Node(
                    id: "deploy", name: "deploy", kind: .map(MapSpec(elements: .list(.literal(["web-1", "web-2", "web-3"])), width: 2)),
                    needs: ["go"]),
                Self.shell("deploy/switch", scope: "deploy"),
                Self.shell("report", needs: ["deploy"]),
                Node(id: "soak", name: "soak", kind: .sleep(.literal(30)), needs: ["report"]),
                Node(id: "done", name: "done", isFinally: true, kind: .shell(ShellSpec(source: .text("true")))),
            ], labels: ["team": "web"])
        try await driver.place("build", run)
        try await driver.report("build", run, .started(containment: .session))
        try await driver.succeed("build", run, ["stdout": "built", "changed": true])
        for voter in [Self.bob, Self.carol] {
            try await driver.vote(.approved, on: "go", run, by: voter, message: "looks right")
        }
        for message in await driver.engine.outbox().prefix(1) { driver.engine.acknowledge(outbox: message.id) }
        try await succeedAll(run, before: "report")
        try await driver.succeed("report", run, ["stdout": .string(String(repeating: "a long report ", count: 5_000))])
        try await driver.pass(seconds: 31)
        try await driver.succeed("done", run)
    }

    /// A retry with its pause, a host that cannot be asked for a while, a lost attempt, a held step, a late report.
    private mutating func trouble() async throws {
        let run = try await start(
            "trouble",
            [
                Self.shell("flaky", policy: Policy(retry: Retry(attempts: 3, delaySeconds: 2))),
                Self.shell("lost"),
                Self.shell("held", needs: ["flaky"], policy: Policy(onFailure: .hold)),
                Self.shell("after", needs: ["held", "lost"]),
            ])
        try await driver.place("flaky", run)
        try await driver.fail("flaky", run)
        try await driver.pass(seconds: 3)
        try await driver.succeed("flaky", run)
        try await driver.place("lost", run)
        try await driver.report("lost", run, .unreachable("connection refused"))
        try await driver.report("lost", run, .reachable)
        try await driver.report("lost", run, .ended(AttemptResult(outcome: .lost("the host was rebooted"))))
        try await driver.fail("held", run)
        try await driver.succeed("lost", run)
        try await driver.perform(.resolve(StepPath("held"), .retry), on: run, by: Self.bob, message: "once more")
        try await driver.fail("held", run)
        try await driver.perform(.resolve(StepPath("lost"), .succeeded(output: nil)), on: run, by: Self.bob, message: "it is there")
        try await driver.perform(.retry(from: StepPath("held")), on: run, by: Self.bob)
        try await driver.succeed("held", run)
        try await driver.fail("after", run)
        try await driver.perform(.retry(from: nil), on: run, by: Self.alice)
        try await driver.succeed("after", run)
    }

    /// A deadline that passes, a rejection.
    private mutating func gates() async throws {
        let run = try await start(
            "gates",
            [
                Self.gate("late", [.anyone(count: 1)], deadline: 60, policy: Policy(onFailure: .ignore)),
                Self.gate("no", [.anyone(count: 1)], policy: Policy(onFailure: .hold)),
            ])
        try await driver.vote(.rejected, on: "no", run, by: Self.carol, message: "not today")
        try await driver.pass(seconds: 61)
        try await escalation()
        try await driver.perform(.resolve(StepPath("no"), .failed), on: run, by: Self.alice)
    }

    /// Answers, a right that was lent, a reminder, votes that an edit makes void, a deadline that escalates.
    private mutating func escalation() async throws {
        var spec = ApprovalSpec(prompt: .literal("Go?"), rules: [.role("release-manager", count: 2)], deadlineSeconds: 100)
        spec.escalations = [ApprovalSpec.Escalation(rules: [.any([.user("dora"), .role("release-manager", count: 1)], count: 1)])]
        spec.remindSeconds = 60
        spec.fields = [Parameter(name: "n", kind: .int, fallback: 1)]
        let run = try await start("escalation", [Node(id: "ask", name: "ask", kind: .approval(spec))])
        var dave = Self.person("dave", [])
        let until = driver.world.now + 3_600
        dave.delegations = [Delegation(id: "1", from: "bob", person: "bob", role: "release-manager", until: until)]
        try await driver.vote(.approved, on: "ask", run, by: dave, message: "for bob")
        try await driver.pass(seconds: 61)
        try await driver.perform(.edit(InputEdit(inputs: ["version": "1.4.3"]), isRetry: false, from: nil), on: run, by: Self.alice)
        try await driver.pass(seconds: 61)
        try await driver.vote(.approved, on: "ask", run, by: Self.bob, message: "once more")
    }

    /// Pause, a step that gets ready meanwhile, a restart with an attempt out, skip, cancel.
    private mutating func operators() async throws {
        let run = try await start(
            "operators", [Self.shell("one"), Self.shell("two", needs: ["one"]), Self.shell("three", needs: ["two"]), Self.shell("four")])
        try await driver.perform(.pause, on: run, by: Self.alice, message: "lunch")
        try await driver.succeed("one", run)
        try await driver.perform(.resume, on: run, by: Self.alice)
        try await driver.place("two", run)
        try await restart()
        try await driver.report("two", run, .started(containment: .cgroup))
        try await driver.perform(.skip(StepPath("three")), on: run, by: Self.alice, message: "not needed")
        try await driver.perform(.cancel, on: run, by: Self.alice, message: "enough")
        for step in ["two", "four"] { try await driver.report(step, run, .ended(AttemptResult(outcome: .cancelled))) }
    }

    /// Kill, and two runs that the last engine leaves open: one with an attempt out, one with a timer.
    private mutating func stops() async throws {
        let killed = try await start("killed", [Self.shell("one"), Self.shell("two")])
        try await driver.place("one", killed)
        try await driver.perform(.kill, on: killed, by: Self.bob)
        for step in ["one", "two"] { try await driver.report(step, killed, .ended(AttemptResult(outcome: .cancelled))) }
        let open = try await start("open", [Self.shell("one"), Self.shell("two", needs: ["one"]), Self.gate("go", [.anyone(count: 1)])])
        try await driver.place("one", open)
        _ = try await start("asleep", [Node(id: "nap", name: "nap", kind: .sleep(.literal(3_600)))])
    }

    /// Ends the open attempts until the step is handed out.
    private func succeedAll(_ run: RunID, before step: String) async throws {
        while driver.hands.order(of: StepPath(step), in: run) == nil {
            guard let order = driver.hands.open.first(where: { $0.id.run == run }) else {
                throw StoreConformance.Failure(description: "nothing leads to step '\(step)'")
            }
            try await driver.succeed(order.id.step.text, run)
        }
    }

    // MARK: - Few words

    private static func person(_ name: String, _ roles: [String]) -> Actor {
        Actor(person: name, user: name, names: [name], roles: roles)
    }

    static func shell(
        _ id: String, scope: String? = nil, part: Node.Part = .body, needs: [String] = [], policy: Policy = Policy()
    ) -> Node {
        let name = (id.split(separator: "/").last ?? "").dropFirst(part.prefix.count)
        return Node(
            id: id, name: String(name), scope: scope, part: part,
            kind: .shell(ShellSpec(source: .text("true"))), needs: needs, policy: policy)
    }

    static func gate(
        _ id: String, _ rules: [ApprovalRule], needs: [String] = [], deadline: Double? = nil, policy: Policy = Policy()
    ) -> Node {
        Node(
            id: id, name: id, kind: .approval(ApprovalSpec(prompt: .literal("Go?"), rules: rules, deadlineSeconds: deadline)),
            needs: needs, policy: policy)
    }
}
