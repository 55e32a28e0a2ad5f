import FlowCommand
import FlowModel
import FlowWire
import Testing

@Suite("Runs, plans and graphs look as they should", .timeLimit(.minutes(10)))
struct RenderingTests {
    private static let steps = [
        Sample.step("build", .succeeded, started: -60, ended: -56, changed: true),
        Sample.step("when-1", .succeeded, kind: "when"),
        Sample.step(
            "go", .waiting, kind: "approval", reason: "Release 1.4.2?", started: -56,
            waitingFor: Waiting(
                kind: .approval, subject: "go", since: Sample.at(-56), until: Sample.at(3_600),
                release: "flowctl approve 019a9c31 go")),
        Sample.step("deploy", .running, kind: "map", started: -20),
        Sample.step("deploy[web-1]/package", .succeeded, target: "web-1", started: -20, ended: -18),
        Sample.step("deploy[web-1]/switch", .succeeded, target: "web-1", started: -18, ended: -15),
        Sample.step("deploy[web-2]/package", .succeeded, target: "web-2", started: -20, ended: -18),
        Sample.step("deploy[web-2]/switch", .running, target: "web-2", attempt: 2, started: -18),
        Sample.step(
            "deploy[web-3]/package", .failed, reason: "exited with status 1\u{1B}[2J", target: "web-3", started: -12, ended: -8),
        Sample.step("deploy[web-3]/switch", .skipped, reason: "package failed", started: nil),
        Sample.step("deploy[web-4]/package", .pending), Sample.step("report", .pending, kind: "step"),
        Sample.step("check", .unknown, reason: "the host was started again", target: "db-1", started: -30),
    ]

    @Test func `a tree shows who waits, who runs and who failed`() throws {
        let run = FollowedRun(Sample.run(.running), steps: Self.steps)
        let wide = TreeLines(run, now: Sample.at(0), style: Style()).lines()
        let small = TreeLines(run, now: Sample.at(0), style: Style(isUnicode: false)).lines(columns: 60, rows: 9)
        #expect(small.count == 9)
        #expect(small.allSatisfy { $0.count <= 60 })
        #expect(small.contains { $0.contains("web-2") }, "what goes on is shown before what is over")
        try expectSnapshot((wide + ["", "60 columns, 9 rows, ASCII:", ""] + small).joined(separator: "\n") + "\n", "tree")
    }

    /// A rollout that was undone, two hosts of it half; a step that was undone; one that was done again since; and one after it that was not.
    @Test func `a tree says what was undone, and what was done again since`() {
        func host(_ name: String, _ undo: StepState, switched: Double = -60, undone: Double? = -30) -> [Wire.Step] {
            [
                Sample.step("deploy[\(name)]/switch", .succeeded, target: name, started: switched, ended: switched + 1),
                Sample.step("deploy[\(name)]/undo:back", undo, target: name, started: undone, ended: undone.map { $0 + 1 }),
            ]
        }
        let deploy = [Sample.step("deploy", .succeeded, kind: "rollout", started: -60, ended: -50)]
        func lines(_ steps: [Wire.Step]) -> [String] {
            TreeLines(FollowedRun(Sample.run(.failed), steps: steps), now: Sample.at(0), style: Style()).lines().dropFirst().map { line in
                line.split(separator: " ").joined(separator: " ")
            }
        }
        #expect(
            lines(deploy + host("web-1", .succeeded) + host("web-2", .failed)) == [
                "✗ deploy not undone 10 s 2/2: 1 undone, 1 not undone", "↺ web-1 undone 1.0 s", "✗ web-2 not undone 1.0 s",
                "✓ switch succeeded 1.0 s", "✗ undo:back failed 1.0 s",
            ])
        #expect(lines(deploy + host("web-1", .succeeded) + host("web-2", .succeeded)).first == "↺ deploy undone 10 s 2/2: 2 undone")
        // A retry has what undoes a host stand by again.
        #expect(
            lines(deploy + host("web-1", .pending, switched: -20, undone: nil)) == [
                "✓ deploy succeeded 10 s 1/1: 1 succeeded", "✓ web-1 succeeded 1.0 s",
            ])
        func single(switched: Double) -> [Wire.Step] {
            [
                Sample.step("ud", .succeeded, started: switched, ended: switched + 1),
                Sample.step("ud/undo:ud", .succeeded, started: -30, ended: -29),
            ]
        }
        #expect(lines(single(switched: -60)) == ["↺ ud undone 1.0 s", "✓ undo:ud succeeded 1.0 s"])
        #expect(lines(single(switched: -20)) == ["✓ ud succeeded 1.0 s"])
        let failed = [Sample.step("deploy[web-3]/switch", .failed, target: "web-3", started: -60, ended: -59)]
        let undone = failed + host("web-3", .succeeded).suffix(1)
        #expect(lines(deploy + undone).first == "↺ deploy undone 10 s 1/1: 1 failed, 1 of them undone")
    }

    @Test func `a run that succeeded has no steps left in a list, whatever undoes them`() async {
        var run = Sample.run(.succeeded, steps: nil)
        run.counts = ["succeeded": 12, "pending": 3]
        let listed = run
        let world = World { _, _ in .json(Sample.page([Sample.json(listed)])) }
        #expect(await world.run("list") == .succeeded)
        #expect(world.out.contains("12/12"))
    }

    @Test func `colours are only escapes round the same text`() {
        let run = FollowedRun(Sample.run(.running), steps: Self.steps)
        let plain = TreeLines(run, now: Sample.at(0), style: Style()).lines(columns: 80)
        let coloured = TreeLines(run, now: Sample.at(0), style: Style(isColoured: true)).lines(columns: 80)
        let stripped = coloured.map { $0.replacing(/\u{1B}\[[0-9]*m/, with: "") }
        #expect(coloured != plain)
        #expect(zip(stripped, plain).allSatisfy { one, other in one == other || one.hasPrefix(other) })
    }

    @Test func `lists, steps and why are tables for people`() async throws {
        let why = Wire.Why(
            run: Sample.id, flow: "release-web", state: .waiting, summary: "Run 019a is waiting.",
            waitingFor: [
                Wire.Wait(
                    kind: .approval, subject: "go", step: StepPath("go"), since: Sample.at(-56), until: Sample.at(3_600),
                    release: "flowctl approve 019a go")
            ],
            running: [
                Wire.Running(
                    step: StepPath("deploy[web-2]/switch"), attempt: 2, target: "web-2", since: Sample.at(-18), lastLine: "71 %"
                )
            ])
        let waits = [Waiting(kind: .approval, subject: "go", since: Sample.at(-56))]
        let world = World { call, _ in
            switch call.path.split(separator: "?")[0] {
            case "/v1/runs":
                .json(
                    Sample.page(
                        [
                            Sample.json(Sample.run(.waiting, steps: nil, waitingFor: waits)),
                            Sample.json(Sample.run(.failed, steps: nil)),
                        ],
                        next: Sample.id.text))
            case "/v1/runs/019a": .json(Sample.json(Sample.run(.running, steps: RenderingTests.steps)))
            case "/v1/runs/019a/steps": .json(Sample.page(RenderingTests.steps.map { Sample.json($0) }))
            default: .json(Sample.json(why))
            }
        }
        #expect(await world.run("list", "--state", "waiting", "--state", "failed", "--label", "ticket=OPS-7") == .succeeded)
        #expect(world.requests == ["GET /v1/runs?limit=50&state=waiting%2Cfailed&label=ticket%3DOPS-7"])
        #expect(world.err == "More: flowctl list --after \(Sample.id)\n")
        #expect(await world.run("show", "019a") == .succeeded)
        #expect(await world.run("steps", "019a", "--state", "failed", "--state", "unknown") == .succeeded)
        #expect(await world.run("why", "019a") == .succeeded)
        try expectSnapshot(world.out, "views")
    }

    @Test func `what the run itself waits for is named, and not the run`() async {
        let lock = Waiting(kind: .lock, subject: Sample.id.text, since: Sample.at(-5), reason: "lock 'db'")
        let wait = Wire.Wait(kind: .lock, subject: Sample.id.text, since: Sample.at(-5), release: "flowctl locks", reason: "lock 'db'; run 2 has it")
        let why = Wire.Why(run: Sample.id, flow: "f", state: .queued, summary: "Run 019a waits.", waitingFor: [wait], running: [])
        let lines = WhyText(why, now: Sample.at(0), style: Style()).lines
        #expect(lines[1].hasPrefix("  waits for lock since") && lines[2] == "      lock 'db'; run 2 has it", "\(lines)")
        let run = Sample.json(Sample.run(.queued, waitingFor: [lock]))
        let world = World { call, _ in .json(call.path.hasPrefix("/v1/runs?") ? Sample.page([run]) : run) }
        #expect(await world.run("list") == .succeeded)
        #expect(await world.run("show", "019a") == .succeeded)
        #expect(world.out.contains("lock 'db'\n") && world.out.contains("waits for lock 'db' since"), "\(world.out)")
    }

    @Test func `why names each step that failed, and where a wait ends by itself`() async throws {
        let failed = [
            Wire.FailedStep(
                step: StepPath("m[0]/a"), state: .failed, attempt: 2, target: "web-1", reason: "exited with status 3", lastLine: "no\u{1B}[31m route",
                look: "flowctl logs 019a 'm[0]/a'"),
            Wire.FailedStep(step: StepPath("deploy"), state: .failed, reason: "10 of 10 targets undone", look: "flowctl rollout 019a 'deploy'"),
        ]
        let wait = Wire.Wait(
            kind: .unreachable, subject: "b", step: StepPath("b"), since: Sample.at(-5), release: "flowctl resolve 019a 'b'",
            look: "flowctl ping web-2")
        let why = Wire.Why(
            run: Sample.id, flow: "f", state: .failed, summary: "Run 019a failed.", waitingFor: [wait], running: [], failed: failed, failedCount: 7)
        let lines = WhyText(why, now: Sample.at(0), style: Style()).lines
        #expect(
            lines.dropFirst(2) == [
                "      it goes on by itself; whether it can: flowctl ping web-2", "      if it never will: flowctl resolve 019a 'b'",
                "  failed 'm[0]/a' on web-1, attempt 2: exited with status 3", "      last line: no\u{241B}[31m route",
                "      look at it: flowctl logs 019a 'm[0]/a'", "  failed 'deploy': 10 of 10 targets undone",
                "      look at it: flowctl rollout 019a 'deploy'", "  and 5 more: flowctl steps \(Sample.id) --state failed --state unknown",
            ])
    }

    static let plan: Plan = {
        let host = Expression.element(map: "deploy", path: ["name"])
        return Plan(
            flow: "release-web", summary: "Builds and releases the web tier",
            parameters: [Parameter(name: "version", help: "Version to release", kind: .string, pattern: #"\d+\.\d+"#)],
            nodes: [
                Node(
                    id: "build", name: "build", kind: .shell(ShellSpec(source: .text("make \"dist\""))),
                    policy: Policy(retry: Retry(attempts: 3), timeoutSeconds: 1_200),
                    location: SourceLocation(file: "release.swift", line: 12)),
                Node(
                    id: "when-1", name: "when-1", kind: .choice(.compare(.equal, .parameter("version"), .literal("1.4.2"))),
                    needs: ["build"]),
                Node(
                    id: "go", name: "go",
                    kind: .approval(
                        ApprovalSpec(
                            prompt: .text([.literal("Release "), .parameter("version"), .literal("?")]),
                            rules: [.role("release-manager", count: 2), .user("bob")], deadlineSeconds: 86_400)),
                    needs: ["when-1"], guards: [BranchGuard(choice: "when-1", answer: true)]),
                Node(
                    id: "deploy", name: "deploy", kind: .map(MapSpec(elements: .hosts(.parameter("hosts")), width: 2)),
                    needs: ["go"]),
                Node(
                    id: "deploy/package", name: "package", scope: "deploy",
                    kind: .copy(
                        CopySpec(
                            from: .output(node: "build", path: ["value", "path"]), to: .literal("/opt/web.tgz"), target: host))),
                Node(
                    id: "deploy/switch", name: "switch", scope: "deploy",
                    kind: .shell(
                        ShellSpec(
                            source: .text("switch \"${flow_1}\"\ncheck"), variables: [.init(name: "flow_1", value: .parameter("version"))],
                            target: host, account: .literal("web"))),
                    needs: ["deploy/package"], policy: Policy(onFailure: .hold)),
                Node(id: "pause", name: "pause", kind: .sleep(.literal(5)), needs: ["deploy"]),
                Node(id: "done", name: "done", isFinally: true, kind: .step(SwiftStepSpec(inputs: [])), needs: ["pause"]),
            ], dsl: "1")
    }()

    @Test func `a plan says what would happen, where, and under which conditions`() throws {
        let preview = Wire.Preview(
            flow: "release-web", revision: Sample.digest, plan: Self.plan, inputs: ["version": "1.4.2", "hosts": "group:web"],
            targets: ["group:web": ["web-1", "web-2"]])
        try expectSnapshot(PlanText(preview, style: Style()).lines.joined(separator: "\n") + "\n", "plan")
    }

    @Test func `a carriage return in a command hides no line of it, and is shown`() {
        let command = Node(id: "a", name: "a", kind: .shell(ShellSpec(source: .text("one\r\ntwo"))))
        let preview = Wire.Preview(
            flow: "f", revision: Sample.digest, plan: Plan(flow: "f", nodes: [command], dsl: "1"), inputs: .object([:]), targets: [:])
        let lines = PlanText(preview, style: Style()).lines
        #expect(lines.contains { $0.hasSuffix("  two") })
        #expect(lines.contains { $0.contains("$ one") && !$0.hasSuffix("one") && !$0.contains("two") })
    }

    @Test(arguments: GraphText.Format.allCases)
    func `a graph has every step and every edge once`(format: GraphText.Format) throws {
        let lines = GraphText(Self.plan, states: ["build": .succeeded, "go": .waiting]).lines(format)
        try expectSnapshot(lines.joined(separator: "\n") + "\n", "graph-\(format.rawValue)")
        let arrow = format == .dot ? "->" : "-->"
        #expect(lines.filter { $0.contains(arrow) }.count == 6)
    }

    @Test func `a run's graph takes its states from all elements`() async {
        let world = World { call, _ in
            call.path.hasSuffix("/plan")
                ? .json(
                    Sample.json(
                        Wire.Preview(
                            flow: "f", revision: Sample.digest, plan: RenderingTests.plan, inputs: .object([:]), targets: [:])))
                : .json(Sample.page(RenderingTests.steps.map { Sample.json($0) }))
        }
        #expect(await world.run("graph", "019a9c31", "--format", "mermaid") == .succeeded)
        #expect(world.out.contains("class n4 failed"), "one host's package failed")
        #expect(world.out.contains("class n5 running"))
    }
}
