import FlowCommand
import FlowModel
import FlowWire
import Synchronization
import Testing

@Suite("Commands ask for exactly what they show", .timeLimit(.minutes(10)))
struct CommandTests {
    /// Not the revision's: a vote for the wrong one of the two must show.
    private static let shown = Digest(bytes: [UInt8](repeating: 0xCD, count: 32))

    private static let approval = Wire.Approval(
        id: "\(Sample.id):go:1", run: Sample.id, flow: "release-web", step: StepPath("go"), generation: 1, state: .open,
        prompt: "Release 1.4.2?\u{1B}[2J", rules: [Wire.Rule(role: "release-manager", count: 2)], digest: shown,
        requester: "os:alice",
        since: Sample.at(0), votes: [])

    private static func answer(_ call: HTTPCall, approvals: [Wire.Approval]) -> World.Reply {
        if call.method == "POST" {
            var approval = approvals[0]
            approval.votes = [Wire.Vote(user: "bob", decision: .approved, at: Sample.at(1))]
            return .json(Sample.json(approval))
        }
        if call.path.hasSuffix("/plan") {
            let preview = Wire.Preview(
                flow: "release-web", revision: Sample.digest, plan: Plan(flow: "release-web", nodes: [], dsl: "1"),
                inputs: ["version": "1.4.2"], targets: ["group:web": ["web-1", "web-2"]])
            return .json(Sample.json(preview))
        }
        return .json(Sample.page(approvals.map { Sample.json($0) }))
    }

    @Test func `approve shows what it approves, and votes for the digest that it showed`() async throws {
        let world = World { call, _ in CommandTests.answer(call, approvals: [CommandTests.approval]) }
        #expect(await world.run("approve", "019a", "-m", "looks good") == .succeeded)
        try expectSnapshot(world.err, "approve")
        let vote = try #require(world.calls.last)
        #expect(vote.path == "/v1/approvals/\(Sample.id)%3Ago%3A1/decisions")
        guard case .bytes(let bytes) = vote.body else { throw CancellationError() }
        #expect(
            try JSON.parse(bytes) == ["decision": "approved", "comment": "looks good", "digest": .string(CommandTests.shown.hex)])
    }

    @Test func `approve with the digest of something else votes for nothing`() async {
        let world = World { call, _ in CommandTests.answer(call, approvals: [CommandTests.approval]) }
        #expect(await world.run("approve", "019a", "--digest", "00000000") == .refused)
        #expect(!world.requests.contains { $0.hasPrefix("POST") })
        #expect(await world.run("approve", "019a", "--digest", "cdcdcdcd") == .succeeded)
    }

    @Test func `flow check and flow add say what was embedded, also in the flows within`() async throws {
        let script = Asset(name: "scripts/a.sh", digest: Sample.digest, bytes: 3)
        let inner = Plan(flow: "inner", nodes: [], assets: [Asset(name: "scripts/b\u{1B}[2J.sh", digest: Self.shown, bytes: 3), script], dsl: "1")
        let plan = Plan(flow: "f", nodes: [], assets: [script], dsl: "1", calls: [CalledFlow(plan: inner, binary: nil)])
        let check = World(plan: LoadedFile(plan: plan, revision: Sample.digest))
        #expect(await check.run("flow", "check", "f.swift") == .succeeded)
        #expect(check.out.contains("  Embedded, and readable by whoever may see the flow: scripts/a.sh\n"), "\(check.out)")
        #expect(check.out.split(separator: "\n").count == 3 && !check.out.contains("\u{1B}"), "\(check.out)")
        let json = World(plan: LoadedFile(plan: plan, revision: Sample.digest))
        #expect(await json.run("flow", "check", "f.swift", "-o", "json") == .succeeded)
        #expect(try JSON.parse(Array(json.out.utf8))["embedded"]?.arrayValue?.count == 2)
    }

    @Test func `artifacts are downloaded beneath the directory, whatever steps and files are called`() async throws {
        let bytes = Array("log".utf8)
        let cases: [(step: String, name: String, path: String?)] = [
            ("each[web-1]/log", "error.log", "got/each[web-1]/log/error.log"), ("each[../../etc]/log", "x", "got/each[../%2E%2E/etc]/log/x"),
            ("a//b%\u{1B}", "x", "got/a/%/b%25%1B/x"), ("..", "x", "got/%2E%2E/x"), ("log", "..", nil), ("log", "a/b", nil),
        ]
        for (step, name, path) in cases {
            let item: JSON = ["step": .string(step), "name": .string(name), "bytes": 3, "sha256": .string(Sample.digest.hex)]
            let world = World { call, _ in call.path.contains("/artifacts") ? .json(Sample.page([item])) : .bytes(bytes) }
            let end = await world.run("artifacts", "019a", "--download", "got")
            #expect(end == (path == nil ? .usage : .succeeded), "\(step) \(name): \(world.err)")
            let created = world.state.withLock { Array($0.created.keys) }
            let places = created.map { String($0.split(separator: "got/", maxSplits: 1).last ?? "") }
            #expect(places == (path.map { [String($0.dropFirst(4))] } ?? []), "\(created)")
        }
    }

    @Test func `approve asks which, when a run waits for several`() async {
        var other = Self.approval
        other.step = StepPath("go-on")
        let both = [Self.approval, other]
        let world = World { call, _ in CommandTests.answer(call, approvals: both) }
        #expect(await world.run("approve", "019a") == .usage)
        #expect(world.err.contains("go, go-on. Name one.\nNext: flowctl approve 019a go"))
        let none = World { call, _ in CommandTests.answer(call, approvals: []) }
        #expect(await none.run("approve", "019a") == .notFound)
    }

    private static let keys = [Wire.HostKey(key: "ssh-ed25519 AAAA", type: "ssh-ed25519", fingerprint: "SHA256:right")]

    @Test func `many hosts are added from a file, in pieces`() async throws {
        let hosts = (1...1_001).map { "{\"name\":\"web-\($0)\",\"address\":\"10.0.\($0 / 250).\($0 % 250)\"}" }.joined(separator: ",")
        let files = ["/a": "\u{FEFF}[\(hosts)]", "/b": "{\"items\":[{\"name\":\"x\",\"address\":\"::1\"}]}", "/c": "[{\"name\":1}]", "/d": "{}"]
        let world = World(files: files) { _, _ in .json(["items": []]) }
        #expect(await world.run("inventory", "import", "/a") == .succeeded)
        #expect(world.requests == ["PUT /v1/inventory/hosts", "PUT /v1/inventory/hosts"] && world.err.contains("Added 1001 hosts."))
        #expect(await world.run("inventory", "import", "/b") == .succeeded)
        for (file, said) in [("/c", "number 1 of /c is not a host"), ("/d", "must be a list of hosts")] {
            #expect(await world.run("inventory", "import", file) == .usage)
            #expect(world.err.contains(said), "\(world.err)")
        }
        #expect(world.requests.count == 3)
    }

    @Test func `an IPv6 address is shown with its port as one types it`() async throws {
        let page: JSON = ["items": [["name": "six", "address": "::1", "port": 22], ["name": "four", "address": "10.0.0.1", "port": 2222]]]
        let world = World { _, _ in .json(page) }
        #expect(await world.run("hosts", "*") == .succeeded)
        #expect(world.out.contains("[::1]:22") && world.out.contains("10.0.0.1:2222"))
    }

    private static func inventory(_ call: HTTPCall) -> World.Reply {
        call.path.hasSuffix("/scan")
            ? .json(Sample.page(keys.map { Sample.json($0) })) : .json(["name": "web-1", "address": "10.0.0.1"], status: 201)
    }

    @Test func `a host is added only with a key that somebody confirmed`() async {
        func add(_ world: World, _ more: String...) async -> CommandExit {
            await runFlowctl(["inventory", "add", "web-1", "10.0.0.1"] + more, in: world.surroundings)
        }
        let serve: @Sendable (HTTPCall, World) -> World.Reply = { call, _ in CommandTests.inventory(call) }
        let nobody = World(serve: serve)
        #expect(await add(nobody) == .usage)
        #expect(nobody.err.contains("ssh-ed25519: SHA256:right"))
        #expect(await add(nobody, "--yes", "SHA256:wrong") == .unavailable)
        let no = World(canAsk: true, answers: ["no"], serve: serve)
        #expect(await add(no) == .usage)
        for world in [nobody, no] { #expect(!world.requests.contains("POST /v1/inventory/hosts")) }

        let named = World(serve: serve)
        #expect(await add(named, "--yes", "SHA256:right", "--user", "ops", "--label", "role=web") == .succeeded)
        let asked = World(canAsk: true, answers: [" yes "], serve: serve)
        #expect(await add(asked) == .succeeded)
        for world in [named, asked] { #expect(world.requests.last == "POST /v1/inventory/hosts") }
        #expect(asked.err.contains("SHA256:right"), "who is asked sees what about")
    }

    @Test func `exec gives several words as they are, and one word to the shell`() async throws {
        for (words, command) in [(["rm", "a b"], "rm 'a b'"), (["df -h | tail -1"], "df -h | tail -1")] {
            let world = World { call, _ in .json(Sample.json(Sample.run(.queued, steps: nil)), status: 201) }
            #expect(await runFlowctl(["exec", "group:web", "--detach", "--"] + words, in: world.surroundings) == .succeeded)
            guard case .bytes(let bytes) = try #require(world.calls.last).body else { throw CancellationError() }
            #expect(try JSON.parse(bytes)["exec"] == ["selector": "group:web", "command": .string(command)])
        }
    }

    @Test func `a binary that the server has is not sent again, a script that it lacks is`() async throws {
        let script = Digest(bytes: [UInt8](repeating: 1, count: 32))
        let binary = Digest(bytes: [UInt8](repeating: 2, count: 32))
        let plan = LoadedFile(
            plan: Plan(flow: "f", nodes: [], dsl: "1"), revision: Sample.digest, binary: ("/cache/f", binary),
            assets: [script: [1, 2, 3]])
        let world = World(plan: plan) { call, _ in
            if call.method == "HEAD" { return .bytes([], status: call.path.hasSuffix(binary.hex) ? 200 : 404) }
            return .json(Sample.json(Sample.run(.queued, steps: nil)), status: 201)
        }
        #expect(await world.run("run", "f.swift", "--detach") == .succeeded)
        #expect(
            world.requests == [
                "HEAD /v1/blobs/\(script)", "PUT /v1/blobs/\(script)", "HEAD /v1/blobs/\(binary)", "POST /v1/runs",
            ])
    }

    @Test func `a plan that is too deep for a request goes as a blob`() async throws {
        let deep = (0..<60).reduce(Expression.literal(true)) { inner, _ in .not(inner) }
        let node = Node(id: "n", name: "n", kind: .choice(deep))
        let plan = LoadedFile(plan: Plan(flow: "f", nodes: [node], dsl: "1"), revision: Sample.digest)
        let world = World(plan: plan) { call, _ in
            call.method == "POST"
                ? .json(Sample.json(Sample.run(.queued, steps: nil)), status: 201)
                : .bytes([], status: call.method == "HEAD" ? 404 : 204)
        }
        #expect(await world.run("run", "f.json", "--detach") == .succeeded)
        guard case .bytes(let bytes) = try #require(world.calls.last).body else { throw CancellationError() }
        let body = try JSON.parse(bytes)
        #expect(body["plan"] == nil)
        #expect(body["planDigest"]?.stringValue != nil)
    }

    @Test func `all inputs that are not acceptable are listed at once`() async {
        let plan = LoadedFile(plan: Plan(flow: "f", nodes: [], dsl: "1"), revision: Sample.digest)
        let world = World(files: ["/work/in.json": #"{"one": 1}"#], plan: plan)
        #expect(await world.run("run", "f.json", "--inputs", "in.json", "-p", "two=2") == .usage)
        #expect(world.err.contains("one: is not a parameter") && world.err.contains("two: is not a parameter"))
        #expect(world.calls.isEmpty)
    }

    @Test func `logs of one step are its bytes; of all steps, lines with the step's name`() async {
        let step = Sample.step("build", .succeeded, ended: -1)
        let world = World { call, _ in
            if call.path.contains("stream=stdout") { return .pieces([Array("one\ntw".utf8), Array("o\n\u{1B}[2Jthree".utf8)]) }
            if call.path.contains("stream=stderr") { return .bytes(Array("oops\n".utf8)) }
            if call.path.hasSuffix("/steps/build") { return .json(Sample.json(step)) }
            if call.path.contains("/steps?") { return .json(Sample.page([Sample.json(step)])) }
            return .json(Sample.json(Sample.run(.succeeded)))
        }
        #expect(await world.run("logs", "019a", "build") == .succeeded)
        #expect(world.out == "one\ntwo\n\u{1B}[2Jthree")
        #expect(world.err == "oops\n")
        let all = World(serve: world.serve)
        #expect(await all.run("logs", "019a") == .succeeded)
        #expect(all.out == "build | one\nbuild | two\nbuild | ␛[2Jthree\nbuild ! oops\n")
    }

    @Test func `followed logs continue at the byte where the connection broke`() async {
        let lease: JSON = ["kind": "attemptLeased", "step": "build", "state": "running", "attempt": 1]
        let world = World { call, _ in
            if call.path.hasSuffix("/events") { return .pieces([Sample.record(1, lease), Sample.end(.succeeded)]) }
            if call.path.contains("stream=stderr") { return .bytes([]) }
            if call.path.contains("offset=0") { return .pieces([Array("one\ntw".utf8)], then: TransportFailure(.timedOut, "")) }
            if call.path.contains("offset=6") { return .pieces([Array("o\n".utf8)]) }
            return .json(Sample.json(Sample.run(.running)))
        }
        #expect(await world.run("logs", "019a", "-f") == .succeeded)
        #expect(world.out == "build | one\nbuild | two\n")
    }

    /// For longer than an engine that is away is waited for.
    @Test func `a command that is silent for long is followed to its end`() async {
        let lease: JSON = ["kind": "attemptLeased", "step": "build", "state": "running", "attempt": 1]
        let silent = Mutex(0)
        let world = World { call, _ in
            if call.path.hasSuffix("/events") { return .pieces([Sample.record(1, lease), Sample.end(.succeeded)]) }
            guard call.path.contains("/output") else { return .json(Sample.json(Sample.run(.running))) }
            if call.path.contains("stream=stderr") { return .bytes([]) }
            let count = silent.withLock { count in
                count += 1
                return count
            }
            // Open, a minute without a byte, and cut.
            if count < 20 { return .pieces([[]], then: TransportFailure(.timedOut, "")) }
            return .pieces([Array("done\n".utf8)])
        }
        #expect(await world.run("logs", "019a", "-f") == .succeeded)
        #expect(world.out == "build | done\n" && world.err.isEmpty, "\(world.err)")
    }

    @Test func `a backup is written as it comes`() async {
        let world = World { _, _ in .pieces([[1, 2], [3]]) }
        #expect(await world.run("backup", "b.db") == .succeeded)
        #expect(world.known.created["/work/b.db"] == [1, 2, 3])
        for left in ["secret.key", "inventory.yaml", "flowd.yaml", "calendars/", "tls:"] {
            #expect(world.err.contains(left), "\(world.err)")
        }
    }

    @Test func `a backup goes to standard output where that is no terminal`() async {
        let world = World { _, _ in .pieces([[1, 0xFF], [3]]) }
        #expect(await world.run("backup", "-") == .succeeded)
        #expect(world.known.out == [1, 0xFF, 3] && world.known.created.isEmpty)
        #expect(world.err.hasPrefix("Wrote 3 bytes to standard output."))
        let screen = World(isInteractive: true) { _, _ in .pieces([[1, 2, 3]]) }
        #expect(await screen.run("backup", "-") == .usage)
        #expect(screen.out.isEmpty && screen.calls.isEmpty && screen.known.created.isEmpty)
    }

    @Test func `an edit that is refused changes nothing, and does not speak of starting`() async {
        let plan = Plan(flow: "many", parameters: [Parameter(name: "count", kind: .int)], nodes: [], dsl: "1")
        let preview = Wire.Preview(flow: "many", revision: Sample.digest, plan: plan, inputs: .object([:]), targets: [:])
        let world = World { _, _ in .json(Sample.json(preview)) }
        #expect(await world.run("edit", Sample.id.text, "-p", "count=many") == .usage)
        #expect(world.err.contains("Nothing was changed: 1 input") && !world.err.contains("Nothing was started"), "\(world.err)")
        #expect(world.err.contains("Next: Give other values with -p NAME=VALUE"))
    }

    @Test func `who is in groups alone is warned about, with what helps`() async {
        var user = Wire.User(person: "rm", names: ["rm"], roles: ["release-manager"])
        user.warnings = [.init(subject: "rm", message: "has no built-in role")]
        let json = Sample.json(user)
        let world = World { _, _ in .json(json) }
        #expect(await world.run("user", "add", "rm", "--role", "release-manager") == .succeeded)
        #expect(world.err.contains("has no built-in role") && world.err.contains("flowctl user add rm --role viewer --role release-manager"))
    }

    @Test func `a new token is data, everything about it is not`() async {
        let token = Wire.Token(id: "t1", name: "ci", user: "alice", createdAt: Sample.at(0), token: "flow_secret")
        let world = World { _, _ in .json(Sample.json(token), status: 201) }
        #expect(await world.run("token", "create", "ci") == .succeeded)
        #expect(world.out == "flow_secret\n")
        #expect(!world.err.contains("flow_secret"))
    }
}
