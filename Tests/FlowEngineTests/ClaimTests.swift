import FlowEngine
import FlowModel
import FlowTestKit
import Testing

@Suite("Locks of runs, targets and steps", .timeLimit(.minutes(1)))
struct ClaimTests {
    private static func claim(_ name: String, _ kind: ClaimSpec.Kind = .exclusive) -> ClaimSpec {
        ClaimSpec(name: .literal(.string(name)), kind: kind)
    }
    private static let db = Policy(claims: [claim("db")])

    private func request(_ flow: String, _ nodes: [Node], inputs: [String: JSON] = [:], control: FlowControl? = nil, priority: Int? = nil) throws
        -> StartRequest
    {
        let plan = Plan(flow: flow, nodes: nodes, dsl: "0", control: control)
        let digest = sha(try JSON(encoding: plan).canonical)
        return StartRequest(plan: plan, revision: digest, binary: nil, inputs: inputs, targets: [:], fingerprint: digest, priority: priority)
    }

    private func sha(_ text: String) -> Digest {
        var sum: UInt64 = 7
        for byte in text.utf8 { sum = (sum ^ UInt64(byte)) &* 1_099_511_628_211 }
        return Digest(bytes: (0..<32).map { UInt8(truncatingIfNeeded: sum >> UInt64($0)) })
    }

    private func driver(_ store: any JournalStore = MemoryStore(), _ world: ManualWorld = ManualWorld()) throws -> EngineDriver {
        try EngineDriver(store, world)
    }

    private func open(_ driver: EngineDriver) -> [String] { driver.hands.open.map { "\($0.flow) \($0.id.step)" }.sorted() }

    private static let alice = MachineHarness.alice

    @Test func `the second run waits for the lock of the first, and has it in the commit that frees it`() async throws {
        let store = MemoryStore()
        let driver = try driver(store)
        let nodes = [shell("migrate", policy: Self.db), shell("after", needs: ["migrate"])]
        let first = try await driver.start(try request("one", nodes), by: Self.alice)
        let second = try await driver.start(try request("two", [shell("migrate", policy: Self.db)]), by: Self.alice)
        #expect(open(driver) == ["one migrate"])
        let wait = try #require(try await driver.row(second)?.waitingFor.first)
        #expect(wait.kind == .lock)
        #expect(wait.reason?.contains("'db'") == true)
        #expect(try store.claims().map(\.isGranted) == [true, false])
        let found = await driver.engine.leases { $0.obstacles(of: ClaimRow.ID(run: second, step: StepPath("migrate"))) }
        #expect(found?.holders.map(\.id.run) == [first])
        let commits = store.commits
        try await driver.succeed("migrate", first)
        #expect(store.commits == commits + 1)
        #expect(open(driver) == ["one after", "two migrate"])
        try await driver.succeed("migrate", second)
        try await driver.succeed("after", first)
        #expect(try store.claims().isEmpty)
        for run in [first, second] {
            #expect(try await driver.row(run)?.state == .succeeded)
            try await driver.checkProjection(of: run, store)
        }
        await driver.engine.shutdown()
    }

    @Test func `a held lock survives the engine, and a waiting run is not loaded until its turn comes`() async throws {
        let store = MemoryStore()
        let world = ManualWorld()
        let driver = try driver(store, world)
        let first = try await driver.start(try request("one", [shell("migrate", policy: Self.db)]), by: Self.alice)
        let second = try await driver.start(try request("two", [shell("migrate", policy: Self.db)]), by: Self.alice)
        try await driver.place("migrate", first)
        let after = store.afterCrash()
        await driver.engine.shutdown()
        #expect(try after.liveRuns() == [first])
        let next = try self.driver(after, world)
        try await next.settle()
        #expect(open(next) == ["one migrate"])
        try await next.succeed("migrate", first)
        #expect(open(next) == ["two migrate"])
        try await next.succeed("migrate", second)
        #expect(try await next.row(second)?.state == .succeeded)
        await next.engine.shutdown()
    }

    @Test func `a lost attempt keeps its lock until somebody has decided what became of it`() async throws {
        let driver = try driver()
        let first = try await driver.start(try request("one", [shell("migrate", policy: Self.db)]), by: Self.alice)
        let second = try await driver.start(try request("two", [shell("migrate", policy: Self.db)]), by: Self.alice)
        try await driver.report("migrate", first, .ended(AttemptResult(outcome: .lost("the host was rebooted"))))
        #expect(try await driver.row(first)?.waitingFor.first?.kind == .unknown)
        #expect(open(driver) == [])
        try await driver.perform(.resolve(StepPath("migrate"), .succeeded(output: nil)), on: first, by: Self.alice)
        #expect(open(driver) == ["two migrate"])
        try await driver.succeed("migrate", second)
        await driver.engine.shutdown()
    }

    @Test func `the pause before another attempt lets others have the lock`() async throws {
        let driver = try driver()
        let policy = Policy(retry: Retry(attempts: 2, delaySeconds: 60, jitter: 0), claims: [Self.claim("db")])
        let first = try await driver.start(try request("one", [shell("migrate", policy: policy)]), by: Self.alice)
        let second = try await driver.start(try request("two", [shell("migrate", policy: Self.db)]), by: Self.alice)
        try await driver.fail("migrate", first)
        #expect(open(driver) == ["two migrate"])
        try await driver.pass(seconds: 61)
        #expect(open(driver) == ["two migrate"])
        try await driver.succeed("migrate", second)
        #expect(open(driver) == ["one migrate"])
        await driver.engine.shutdown()
    }

    @Test func `a paused run gives up its place, and cancelling one that waits is done at once`() async throws {
        let driver = try driver()
        var runs: [RunID] = []
        for flow in ["one", "two", "three"] {
            runs.append(try await driver.start(try request(flow, [shell("migrate", policy: Self.db)]), by: Self.alice))
        }
        try await driver.perform(.pause, on: runs[1], by: Self.alice)
        try await driver.perform(.cancel, on: runs[2], by: Self.alice)
        #expect(try await driver.row(runs[2])?.state == .cancelled)
        try await driver.succeed("migrate", runs[0])
        #expect(open(driver) == [])
        let last = try await driver.start(try request("four", [shell("migrate", policy: Self.db)]), by: Self.alice)
        #expect(open(driver) == ["four migrate"])
        try await driver.perform(.resume, on: runs[1], by: Self.alice)
        try await driver.succeed("migrate", last)
        #expect(open(driver) == ["two migrate"])
        await driver.engine.shutdown()
    }

    @Test func `a run that is paused while it waits leaves the line at once, and holds up nobody who could begin`() async throws {
        let store = MemoryStore()
        let driver = try driver(store)
        func shared(_ flow: String) throws -> StartRequest {
            try request(flow, [shell("read", policy: Policy(claims: [Self.claim("db", .shared)]))])
        }
        let first = try await driver.start(try shared("one"), by: Self.alice)
        let alone = try await driver.start(try request("two", [shell("migrate", policy: Self.db)]), by: Self.alice)
        let third = try await driver.start(try shared("three"), by: Self.alice)
        #expect(open(driver) == ["one read"], "who needs all of it is not overtaken")
        try await driver.perform(.pause, on: alone, by: Self.alice)
        #expect(try store.claims().map(\.id.run) == [first, third])
        #expect(open(driver) == ["one read", "three read"])
        #expect(try await driver.row(alone)?.waitingFor.map(\.kind) == [.hold])
        try await driver.perform(.resume, on: alone, by: Self.alice)
        #expect(try await driver.row(alone)?.waitingFor.map(\.kind) == [.lock])
        for run in [first, third] { try await driver.succeed("read", run) }
        #expect(open(driver) == ["two migrate"])
        for run in [first, alone, third] { try await driver.checkProjection(of: run, store) }
        await driver.engine.shutdown()
    }

    @Test func `a queued run that is paused stands in line again when it goes on`() async throws {
        let store = MemoryStore()
        let driver = try driver(store)
        let control = FlowControl(claims: [Self.claim("db")])
        let first = try await driver.start(try request("one", [shell("a")], control: control), by: Self.alice)
        let second = try await driver.start(try request("two", [shell("a")], control: control), by: Self.alice)
        let third = try await driver.start(try request("three", [shell("a")], control: control), by: Self.alice)
        try await driver.perform(.pause, on: second, by: Self.alice)
        #expect(try store.claims().map(\.id.run) == [first, third])
        try await driver.perform(.resume, on: second, by: Self.alice)
        try await driver.succeed("a", first)
        #expect(open(driver) == ["three a"])
        try await driver.succeed("a", third)
        try await driver.succeed("a", second)
        #expect(try await driver.row(second)?.state == .succeeded)
        await driver.engine.shutdown()
    }

    @Test func `a run waits as a whole for what its flow has to itself, by its inputs`() async throws {
        let name = Expression.text([.literal("deploy-"), .parameter("env")])
        let control = FlowControl(claims: [ClaimSpec(name: name, kind: .exclusive)])
        let nodes = [shell("a"), shell("b", needs: ["a"]), shell("tidy", isFinally: true)]
        let driver = try driver()
        func start(_ env: String) async throws -> RunID {
            try await driver.start(try request("deploy", nodes, inputs: ["env": .string(env)], control: control), by: Self.alice)
        }
        let (first, second, other) = (try await start("prod"), try await start("prod"), try await start("test"))
        #expect(driver.hands.open.map(\.id.run) == [first, other])
        #expect(try await driver.row(second)?.state == .queued)
        #expect(try await driver.row(second)?.waitingFor.first?.reason?.contains("deploy-prod") == true)
        for step in ["a", "b"] { try await driver.succeed(step, first) }
        // Its end counts, and that is not over.
        #expect(try await driver.row(second)?.state == .queued)
        try await driver.succeed("tidy", first)
        #expect(try await driver.row(second)?.state == .running)
        // One that never began has nothing to tidy up.
        let third = try await start("prod")
        try await driver.perform(.cancel, on: third, by: Self.alice)
        #expect(try await driver.row(third)?.state == .cancelled)
        #expect(driver.hands.order(of: StepPath("tidy"), in: third) == nil)
        await driver.engine.shutdown()
    }

    @Test func `runs of a flow follow one another, are refused, or replace one another`() async throws {
        let driver = try driver()
        func start(_ overlap: ScheduleSpec.Overlap) async throws -> RunID {
            try await driver.start(try request("\(overlap)", [shell("work")], control: FlowControl(overlap: overlap)), by: Self.alice)
        }
        let (queued, follower) = (try await start(.queue), try await start(.queue))
        #expect(try await driver.row(follower)?.state == .queued)
        try await driver.succeed("work", queued)
        #expect(try await driver.row(follower)?.state == .running)

        let only = try await start(.skip)
        let refusal = await #expect(throws: FlowError.self) { _ = try await start(.skip) }
        #expect(refusal?.code == .conflict)
        #expect(refusal?.message.contains(only.text) == true)
        try await driver.succeed("work", only)
        _ = try await start(.skip)

        let (old, new) = (try await start(.replace), try await start(.replace))
        #expect(try await driver.row(old)?.state == .cancelling)
        #expect(try await driver.row(new)?.state == .queued)
        try await driver.report("work", old, .ended(AttemptResult(outcome: .cancelled)))
        #expect(try await driver.row(old)?.state == .cancelled)
        #expect(try await driver.row(new)?.state == .running)
        await driver.engine.shutdown()
    }

    @Test func `each element has its lock from its first step to its last`() async throws {
        let name = Expression.text([.literal("host-"), .element(map: "each", path: [])])
        var each = map("each", over: ["a", "b"], width: 2)
        each.policy.elementClaims = [ClaimSpec(name: name, kind: .exclusive)]
        let nodes = [each, shell("each/one", scope: "each"), shell("each/two", needs: ["each/one"], scope: "each")]
        let store = MemoryStore()
        let driver = try driver(store)
        let first = try await driver.start(try request("one", nodes), by: Self.alice)
        let second = try await driver.start(try request("two", nodes), by: Self.alice)
        #expect(open(driver) == ["one each[0]/one", "one each[1]/one"])
        try await driver.succeed("each[0]/one", first)
        #expect(open(driver) == ["one each[0]/two", "one each[1]/one"])
        try await driver.succeed("each[0]/two", first)
        #expect(open(driver) == ["one each[1]/one", "two each[0]/one"])
        #expect(try await driver.row(second)?.waitingFor.map(\.subject) == ["each[1]"])
        for step in ["each[1]/one", "each[1]/two"] { try await driver.succeed(step, first) }
        for element in 0...1 { for step in ["one", "two"] { try await driver.succeed("each[\(element)]/\(step)", second) } }
        #expect(try await driver.row(second)?.state == .succeeded)
        #expect(try store.claims().isEmpty)
        await driver.engine.shutdown()
    }

    @Test func `a step that would wait for its own run for ever fails, and says why`() async throws {
        let control = FlowControl(claims: [Self.claim("db")])
        let driver = try driver()
        let run = try await driver.start(try request("one", [shell("migrate", policy: Self.db)], control: control), by: Self.alice)
        let row = try #require(try await driver.row(run))
        #expect(row.state == .failed)
        #expect(row.reason?.contains("it would wait for ever") == true)
        await driver.engine.shutdown()
    }

    @Test func `a commit that fails changes nothing of who has what`() async throws {
        let store = MemoryStore()
        let driver = try driver(store)
        let first = try await driver.start(try request("one", [shell("migrate", policy: Self.db)]), by: Self.alice)
        let second = try await driver.start(try request("two", [shell("migrate", policy: Self.db)]), by: Self.alice)
        store.fail(commit: store.commits + 1, .before(.refused("no room")))
        try await driver.succeed("migrate", first)
        try await driver.settle()
        #expect(open(driver) == ["two migrate"])
        try await driver.succeed("migrate", second)
        #expect(try await driver.row(second)?.state == .succeeded)
        #expect(try store.claims().isEmpty)
        await driver.engine.shutdown()
    }

    @Test func `another priority moves a run in the line`() async throws {
        let driver = try driver()
        var runs: [RunID] = []
        for flow in ["one", "two", "three"] {
            runs.append(try await driver.start(try request(flow, [shell("migrate", policy: Self.db)]), by: Self.alice))
        }
        let row = try await driver.perform(.reprioritise(8), on: runs[2], by: Self.alice, message: "it is urgent")
        #expect(row.priority == 8)
        let refusal = await #expect(throws: FlowError.self) { try await driver.perform(.reprioritise(8), on: runs[2], by: Self.alice) }
        #expect(refusal?.code == .conflict)
        try await driver.succeed("migrate", runs[0])
        #expect(open(driver) == ["three migrate"])
        #expect(driver.hands.open.first?.priority == 8)
        await driver.engine.shutdown()
    }

    @Test func `a run has so many further attempts in all, and a step says when the next one makes sense`() async throws {
        let driver = try driver()
        let policy = Policy(retry: Retry(attempts: 5, delaySeconds: 1, jitter: 0), onFailure: .ignore)
        let run = try await driver.start(
            try request("one", [shell("a", policy: policy), shell("b", policy: policy)], control: FlowControl(retryBudget: 2)), by: Self.alice)
        let failure = AttemptResult.Failure(.exitStatus, "busy", retryAfterSeconds: 90)
        try await driver.report("a", run, .ended(AttemptResult(outcome: .failed(failure), exitStatus: 1)))
        try await driver.pass(seconds: 89)
        #expect(open(driver) == ["one b"])
        try await driver.pass(seconds: 2)
        #expect(open(driver) == ["one a", "one b"])
        try await driver.fail("a", run)
        try await driver.fail("b", run)
        try await driver.pass(seconds: 5)
        #expect(open(driver) == ["one a"])
        try await driver.succeed("a", run)
        #expect(try await driver.row(run)?.counts == [.succeeded: 1, .failed: 1])
        await driver.engine.shutdown()
    }

    @Test func `a target of a rollout has its lock from its first step to its last, and again while it is undone`() async throws {
        let name = Expression.text([.literal("host-"), .element(map: "deploy", path: ["name"])])
        func nodes(_ batches: String) throws -> [Node] {
            let spec = RolloutSpec(targets: .literal("all"), batches: try BatchSizes(batches))
            return [
                Node(id: "deploy", name: "deploy", kind: .rollout(spec), policy: Policy(elementClaims: [ClaimSpec(name: name, kind: .exclusive)])),
                shell("deploy/one", scope: "deploy"), shell("deploy/two", needs: ["deploy/one"], scope: "deploy"),
                Node(id: "deploy/undo:back", name: "back", scope: "deploy", part: .undo, kind: .shell(ShellSpec(source: .text("true")))),
            ]
        }
        let store = MemoryStore()
        let world = ManualWorld()
        var driver = try driver(store, world)
        func start(_ flow: String) async throws -> RunID {
            var request = try request(flow, try nodes("100%"))
            request.targets = ["all": (1...2).map { Host(name: "web-\($0)", address: "10.0.0.\($0)") }]
            return try await driver.start(request, by: Self.alice)
        }
        let first = try await start("one")
        let second = try await start("two")
        #expect(open(driver) == ["one deploy[web-1]/one", "one deploy[web-2]/one"])
        try await driver.succeed("deploy[web-1]/one", first)
        #expect(open(driver) == ["one deploy[web-1]/two", "one deploy[web-2]/one"])
        try await driver.succeed("deploy[web-1]/two", first)
        #expect(open(driver) == ["one deploy[web-2]/one", "two deploy[web-1]/one"])
        for step in ["one", "two"] { try await driver.succeed("deploy[web-2]/\(step)", first) }
        #expect(try await driver.row(first)?.state == .succeeded)

        // What is undone waits for who has the host now, in another engine too.
        try await driver.perform(.undo(StepPath("deploy")), on: first, by: Self.alice)
        #expect(open(driver) == ["two deploy[web-1]/one", "two deploy[web-2]/one"])
        let after = store.afterCrash()
        await driver.engine.shutdown()
        driver = try self.driver(after, world)
        try await driver.settle()
        for step in ["one", "two"] { try await driver.succeed("deploy[web-2]/\(step)", second) }
        #expect(open(driver) == ["one deploy[web-2]/undo:back", "two deploy[web-1]/one"])
        try await driver.succeed("deploy[web-2]/undo:back", first)
        for step in ["one", "two"] { try await driver.succeed("deploy[web-1]/\(step)", second) }
        try await driver.succeed("deploy[web-1]/undo:back", first)
        #expect(try await driver.row(first)?.state == .cancelled)
        #expect(try await driver.row(second)?.state == .succeeded)
        #expect(try after.claims().isEmpty)
        for run in [first, second] { try await driver.checkProjection(of: run, after) }
        await driver.engine.shutdown()
    }

    @Test func `a step that undoes another has its lock as any step`() async throws {
        let undo = Node(
            id: "make/undo:remove", name: "remove", scope: "make", part: .undo, kind: .shell(ShellSpec(source: .text("true"))), policy: Self.db)
        let driver = try driver()
        let first = try await driver.start(try request("one", [shell("make"), undo]), by: Self.alice)
        try await driver.succeed("make", first)
        let second = try await driver.start(try request("two", [shell("migrate", policy: Self.db)]), by: Self.alice)
        try await driver.perform(.undo(nil), on: first, by: Self.alice)
        #expect(open(driver) == ["two migrate"])
        #expect(try await driver.row(first)?.waitingFor.first?.kind == .lock)
        try await driver.succeed("migrate", second)
        #expect(open(driver) == ["one make/undo:remove"])
        try await driver.succeed("make/undo:remove", first)
        #expect(try await driver.row(first)?.state == .cancelled)
        await driver.engine.shutdown()
    }
}
