import FlowCommand
import FlowModel
import FlowWire
import Testing

@Suite("A followed run is followed to its end", .timeLimit(.minutes(1)))
struct FollowingTests {
    private static let story: [[UInt8]] = [
        Sample.record(1, ["kind": "runState", "state": "running"], ["kind": "stepReady", "step": "build", "state": "ready"]),
        Sample.record(2, ["kind": "attemptLeased", "step": "build", "state": "running", "attempt": 1, "worker": "here"]),
        Sample.record(
            3,
            [
                "kind": "attemptEnded", "step": "build", "attemptState": "failed", "exitStatus": 1,
                "lastLine": "no\u{1B}[31m space",
            ],
            [
                "kind": "stepBackingOff", "step": "build", "state": "backingOff", "reason": "exited with status 1",
                "until": "2026-02-01T13:41:00.000Z",
            ]),
        Sample.record(
            4,
            ["kind": "attemptLeased", "step": "build", "state": "running", "attempt": 2, "target": "web-1", "worker": "here"]),
        Sample.record(5, ["kind": "stepSettled", "step": "build", "state": "succeeded", "changed": true]),
        Sample.record(
            6, ["kind": "approvalOpened", "step": "go", "state": "waiting", "prompt": "Release 1.4.2?", "digest": "ab"],
            ["kind": "runState", "state": "waiting"]),
        Sample.record(7, ["kind": "approvalVoted", "step": "go", "actor": "bob", "decision": "approved", "comment": "fine"]),
        Sample.record(
            8, ["kind": "stepSettled", "step": "go", "state": "succeeded"], ["kind": "runState", "state": "succeeded"]),
    ]

    private static func start(_ call: HTTPCall) -> World.Reply? {
        switch (call.method, call.path) {
        case ("GET", "/v1/flows/release-web"):
            let flow = Wire.Flow(
                name: "release-web", revision: Sample.digest, parameters: [], steps: 2, addedAt: Sample.at(0),
                addedBy: "os:alice")
            return .json(Sample.json(flow))
        case ("POST", "/v1/runs"): return .json(Sample.json(Sample.run(.queued, steps: nil)), status: 201)
        case ("GET", "/v1/runs/\(Sample.id)"):
            return .json(
                Sample.json(
                    Sample.run(.queued, steps: [Sample.step("build", .pending), Sample.step("go", .pending, kind: "approval")]))
            )
        default: return nil
        }
    }

    @Test func `without a terminal there is one line for each change, and the story is complete`() async throws {
        let world = World { call, _ in FollowingTests.start(call) ?? .pieces(FollowingTests.story + [Sample.end(.succeeded)]) }
        #expect(await world.run("run", "release-web") == .succeeded)
        try expectSnapshot(world.out, "run-lines")
        #expect(world.err.isEmpty)
        #expect(!world.out.contains("\u{1B}"))
    }

    @Test func `a lost connection is taken up where it broke off`() async throws {
        let world = World { call, world in
            if let reply = FollowingTests.start(call) { return reply }
            switch call.headers["last-event-id"] {
            case "0": return .pieces(Array(FollowingTests.story.prefix(3)), then: TransportFailure(.lost, ""))
            case "3":
                return world.requests.filter { $0.hasSuffix("/events") }.count < 5
                    ? .failure(TransportFailure(.nobody, ""))
                    : .pieces(Array(FollowingTests.story[3...]) + [Sample.end(.succeeded)])
            default: return .failure(TransportFailure(.other, "asked from \(call.headers["last-event-id"] ?? "nowhere")"))
            }
        }
        #expect(await world.run("run", "release-web") == .succeeded)
        try expectSnapshot(world.out, "run-lines")
        #expect(world.err.components("The connection to http://flow.test was lost; trying again.") == 1)
    }

    @Test func `a server that stays away ends the following with 5, not the run`() async {
        let world = World { call, _ in FollowingTests.start(call) ?? .failure(TransportFailure(.nobody, "")) }
        #expect(await world.run("run", "release-web") == .unavailable)
        #expect(world.err.contains("is no longer followed"))
        #expect(world.err.contains("Next: flowctl watch \(Sample.id)"))
    }

    @Test(arguments: [["watch", Sample.id.text], ["logs", Sample.id.text, "-f"]])
    func `a server that tells the same beginning again and again is asked with pauses, and given up`(arguments: [String]) async {
        let world = World { call, _ in
            if call.path.contains("stream=stderr") { return .pieces([]) }
            if call.path.contains("/attempts/") { return .pieces([Array("hello\n".utf8)]) }
            return FollowingTests.start(call) ?? .pieces(Array(FollowingTests.story.prefix(3)))
        }
        #expect(await runFlowctl(arguments, in: world.surroundings) == .unavailable)
        #expect(world.requests.filter { $0.hasSuffix("/events") }.count < 40)
        #expect(world.out.components("hello\n") <= 1, "what was shown is not shown again")
        #expect(world.known.clock.seconds(since: Sample.at(0)) >= 120, "it was patient, though")
    }

    /// A home whose engine is away from the first lost stream on until so many seconds have passed.
    private static func home(isService: Bool?, backAfter seconds: Double) -> World {
        World(environment: [:], files: ["/work/.flow": ""], isFair: true) { call, world in
            let passed = world.known.clock.seconds(since: Sample.at(0))
            guard passed == 0 || passed > seconds || world.isOpen else { return .failure(TransportFailure(.nobody, "")) }
            if call.path == "/healthz" {
                return .json(Sample.json(Wire.Health(status: "ok", version: "1.2.3", isService: isService)))
            }
            if call.path.contains("/attempts/") { return .pieces([Array("hello\n".utf8)]) }
            if call.path.hasSuffix("/steps/build") {
                return .json(Sample.json(Sample.step("build", passed == 0 ? .running : .succeeded)))
            }
            guard call.path.hasSuffix("/events") else {
                guard call.path == "/v1/runs/\(Sample.id)", passed > 0 else { return start(call) ?? .json(Sample.page([])) }
                return .json(Sample.json(Sample.run(.succeeded)))
            }
            return passed == 0
                ? .pieces(Array(story.prefix(3)), then: TransportFailure(.lost, "")) : .pieces(Array(story[3...]) + [Sample.end(.succeeded)])
        }
    }

    private static let followers = [
        ["run", "release-web"], ["watch", Sample.id.text], ["exec", "web", "--", "true"], ["logs", Sample.id.text, "-f"],
        ["logs", Sample.id.text, "build", "-f"],
    ]

    @Test(arguments: followers)
    func `a service that goes away is waited for, and nobody opens its home in its place`(arguments: [String]) async {
        let world = FollowingTests.home(isService: true, backAfter: 20)
        #expect(await runFlowctl(arguments, in: world.surroundings) == .succeeded, "\(world.err)")
        #expect(world.known.opened + world.known.detached == 0)
        #expect(world.err.components("The engine of /work/.flow does not answer; waiting for it, 120 s at most.") == 1, "\(world.err)")
    }

    @Test func `a service that stays away ends the following with 5, and its home stays as it is`() async {
        let world = FollowingTests.home(isService: true, backAfter: .infinity)
        #expect(await world.run("watch", Sample.id.text) == .unavailable)
        #expect(world.known.opened + world.known.detached == 0)
        #expect(world.known.clock.seconds(since: Sample.at(0)) >= 120)
        #expect(world.err.contains("Next: flowctl watch \(Sample.id)"), "\(world.err)")
    }

    @Test(arguments: followers)
    func `an engine that ended with the run and its command is not waited for: the end is looked up`(arguments: [String]) async {
        let world = FollowingTests.home(isService: nil, backAfter: .infinity)
        #expect(await runFlowctl(arguments, in: world.surroundings) == .succeeded, "\(world.err)")
        #expect(world.known.opened == world.known.closed && world.known.openedForWork == 0, "it was only looked")
        // `exec` may learn of the end by its other requests before it has to say so.
        if arguments[0] != "exec" { #expect(world.err.contains("belonged to another command"), "\(world.err)") }
        #expect(world.known.clock.seconds(since: Sample.at(0)) < 120)
    }

    @Test func `a start that meets a restart of the service waits for it, with the key that it had`() async {
        let world = World(environment: [:]) { call, world in
            let passed = world.known.clock.seconds(since: Sample.at(0))
            if passed == 0, call.method == "POST" { return .failure(TransportFailure(.nobody, "")) }
            if passed < 20, world.calls.contains(where: { $0.method == "POST" }) { return .failure(TransportFailure(.nobody, "")) }
            if call.path == "/healthz" {
                return .json(Sample.json(Wire.Health(status: "ok", version: "1.2.3", isService: true)))
            }
            return FollowingTests.start(call) ?? .pieces(FollowingTests.story + [Sample.end(.succeeded)])
        }
        #expect(await world.run("run", "release-web") == .succeeded, "\(world.err)")
        #expect(world.known.opened + world.known.detached == 0)
        let keys = world.calls.filter { $0.method == "POST" }.map { $0.headers["idempotency-key"] }
        #expect(keys.count == 2 && keys[0] != nil && keys[0] == keys[1])
    }

    @Test(arguments: [true, false])
    func `exec says that its input is not handed on, once, and only where there is some`(hasInput: Bool) async {
        let world = World(hasInput: hasInput) { call, _ in
            FollowingTests.start(call) ?? .pieces([Sample.record(1, ["kind": "runState", "state": "succeeded"]), Sample.end(.succeeded)])
        }
        #expect(await world.run("exec", "web", "--", "cat") == .succeeded)
        #expect(world.err.components("standard input is not handed on") == (hasInput ? 1 : 0), "\(world.err)")
    }

    @Test func `what a server refuses is not tried again`() async {
        let problem = Sample.json(Wire.Problem(FlowError(.forbidden, subject: "x", "Not for you.")))
        let world = World { call, _ in FollowingTests.start(call) ?? .json(problem, status: 403) }
        #expect(await world.run("run", "release-web") == .refused)
        #expect(world.requests.filter { $0.hasSuffix("/events") }.count == 1)
    }

    @Test func `a failed run ends with 1 and says which step, why, and how to go on`() async throws {
        let failed = [
            Sample.step("deploy", .failed, kind: "map", reason: "1 of 2 elements failed", ended: -2),
            Sample.step("deploy[web-1]/switch", .failed, reason: "exited with status 3", target: "web-1", ended: -2),
        ]
        let world = World { call, world in
            if call.path == "/v1/runs/\(Sample.id)", world.requests.contains(where: { $0.hasSuffix("/events") }) {
                return .json(Sample.json(Sample.run(.failed, steps: failed)))
            }
            if call.path.hasSuffix("/why"), world.requests.count(where: { $0.hasSuffix("/why") }) == 1 {
                let next = [Wire.NextStep("flowctl retry \(Sample.id)")]
                let why = Wire.Why(
                    run: Sample.id, flow: "release-web", state: .failed, summary: "", waitingFor: [], running: [], next: next)
                return .json(Sample.json(why))
            }
            return FollowingTests.start(call)
                ?? .pieces([Sample.record(1, ["kind": "runState", "state": "failed"]), Sample.end(.failed)])
        }
        #expect(await world.run("run", "release-web") == .runFailed)
        try expectSnapshot(world.err, "run-failed")
        // Where it cannot be asked how it goes on, nothing is guessed: an undo may be left in the middle.
        #expect(await world.run("run", "release-web") == .runFailed)
        #expect(world.err.contains("Go on with: flowctl why \(Sample.id)"), "\(world.err)")
    }

    @Test func `Ctrl-C leaves the run alone and says so`() async throws {
        let world = World { call, _ in FollowingTests.start(call) ?? .open([FollowingTests.story[0]]) }
        async let status = world.run("run", "release-web")
        while world.known.interrupts.isEmpty { await Task.yield() }
        world.interrupt()
        #expect(await status == .interrupted)
        try expectSnapshot(world.err, "run-interrupted")
        #expect(!world.requests.contains { $0.contains("cancel") })
    }

    @Test func `on a terminal the tree is drawn in place, and its last picture stays`() async throws {
        let world = World(isInteractive: true) { call, _ in
            FollowingTests.start(call) ?? .pieces(FollowingTests.story + [Sample.end(.succeeded)])
        }
        #expect(await world.run("run", "release-web") == .succeeded)
        let last = world.out.components(separatedBy: "\r").last ?? ""
        #expect(last.contains("✓ build"))
        #expect(last.contains("✓ go"))
        #expect(last.contains("succeeded"))
        #expect(!world.out.contains("\u{1B}[31m"), "an output cannot paint the screen")
    }

    @Test func `-o json prints the run and nothing else on standard output`() async throws {
        let world = World { call, _ in FollowingTests.start(call) ?? .pieces(FollowingTests.story + [Sample.end(.succeeded)]) }
        #expect(await world.run("run", "release-web", "-o", "json") == .succeeded)
        #expect(try JSON.parse(world.out)["id"]?.stringValue == Sample.id.text)
        #expect(world.err.contains("build running"))
    }

    @Test func `watch -o json prints every record once, one a line`() async throws {
        let world = World { call, _ in FollowingTests.start(call) ?? .pieces(FollowingTests.story + [Sample.end(.succeeded)]) }
        #expect(await world.run("watch", Sample.id.text, "-o", "json") == .succeeded)
        let sequences = try world.out.split(separator: "\n").map { try JSON.parse(String($0))["sequence"]?.intValue }
        #expect(sequences == Array(1...8))
    }

    @Test func `--detach prints the id and does not follow`() async {
        let world = World { call, _ in FollowingTests.start(call) ?? .failure(TransportFailure(.other, "followed")) }
        #expect(await world.run("run", "release-web", "--detach", "--key", "nightly", "--label", "ticket=OPS-7") == .succeeded)
        #expect(world.out == "\(Sample.id)\n")
        let post = world.calls.first { $0.method == "POST" }
        #expect(post?.headers["idempotency-key"] == "nightly")
        #expect(!world.requests.contains { $0.hasSuffix("/events") })
    }
}

extension String {
    /// How often `part` stands in the text.
    func components(_ part: String) -> Int { components(separatedBy: part).count - 1 }
    func components(separatedBy part: String) -> [String] {
        var pieces: [String] = []
        var rest = self[...]
        while let range = rest.firstRange(of: part) {
            pieces.append(String(rest[..<range.lowerBound]))
            rest = rest[range.upperBound...]
        }
        return pieces + [String(rest)]
    }
}
