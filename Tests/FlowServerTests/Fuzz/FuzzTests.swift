import FlowAPI
import FlowModel
import FlowServer
import FlowTestKit
import FlowWire
import Foundation
import Glibc
import HTTPTypes
import Synchronization
import Testing

/// Every route with values that nobody thought of, over the real server: none ends the engine, and none is answered as if it were its fault.
///
/// `FLOW_FUZZ` is how many requests each route gets (`make fuzz`: 10,000), `FLOW_SEED` where they begin.
@Suite("Fuzz", .timeLimit(.minutes(60)))
struct FuzzTests {
    /// What is truly the server's, or another machine's: a host that does not answer.
    private static let expected: [String: Set<Int>] = ["inventory.scan": [502], "inventory.ping": [502]]
    /// These would end what the others need, or are large.
    private static let left: Set<String> = ["backup"]

    private var environment: [String: String] { ProcessInfo.processInfo.environment }

    @Test func `no request ends the engine, and none is answered with 5xx`() async throws {
        let count = environment["FLOW_FUZZ"].flatMap { Int($0) } ?? 8
        let seed = environment["FLOW_SEED"].flatMap { UInt64($0) } ?? 1
        let home = try TemporaryHome()
        defer { home.remove() }
        let server = try await Self.open(home)
        let world = try await FuzzWorld(server)
        let faults = Faults()
        let requests = FuzzRequests(known: world.known, plan: world.plan)
        let port = try #require(server.port)
        let routes = Routes.all.filter { !Self.left.contains($0.verb) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for lane in 0..<4 {
                group.addTask {
                    try await onThread {
                        let connection = FuzzConnection(port: port)
                        // What ends the engine ends this process: the file that is left has the request in it.
                        let note = "/tmp/flow-fuzz-\(getpid())-\(lane)"
                        defer { unlink(note) }
                        var random = SeededRandom(seed: seed &* 1_000 &+ UInt64(lane))
                        for round in stride(from: lane, to: count, by: 4) {
                            for route in routes {
                                let token = random.pick([world.admin, world.admin, world.admin, world.viewer, world.viewer, nil])
                                let bytes = requests.request(route, token: token, &random)
                                try Data(bytes).write(to: URL(filePath: note))
                                let answer = try connection.ask(bytes)
                                if let answer, answer.status < 500 || Self.expected[route.verb]?.contains(answer.status) == true { continue }
                                let text = String(decoding: bytes.prefix(3_000), as: UTF8.self)
                                faults.add(
                                    "\(route.verb), round \(round): \(answer.map { "\($0.status) \($0.text.suffix(600))" } ?? "no answer")\n  to \(text)"
                                )
                            }
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
        let found = faults.all
        let byVerb = Dictionary(grouping: found) { $0.prefix { $0 != "," } }
        for (verb, list) in byVerb.sorted(by: { $0.key < $1.key }) {
            Issue.record("\(verb): \(list.count) answers are wrong, such as\n\(list.prefix(3).joined(separator: "\n"))")
        }
        print("fuzz: \(routes.count) routes × \(count) from seed \(seed): \(found.count) wrong answers")
        #expect(try await Client(socket: server.socket).send("GET", "/healthz").status == 200)
        try await server.close()
    }

    @Test func `of things that exist, every list and stream takes every place, count and moment`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let server = try await Self.open(home)
        let world = try await FuzzWorld(server)
        let port = try #require(server.port)
        let faults = Faults()
        let routes = Routes.all.filter { $0.method == .get && !$0.contract.query.isEmpty }
        try await onThread {
            let connection = FuzzConnection(port: port)
            func ask(_ target: String, header: String = "") throws -> Int? {
                try connection.ask(
                    Array("GET \(target) HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer \(world.admin)\r\n\(header)\r\n".utf8))?.status
            }
            for route in routes {
                let target = world.target(of: route)
                // Else what follows would be about nothing.
                let plain = try ask(target)
                let isThere = plain == 200 || route.verb == "run.undo.plan" && plain == 409
                if !isThere { faults.add("\(target): \(plain.map(String.init) ?? "no answer"), must exist") }
                let mark = target.contains("?") ? "&" : "?"
                for query in route.contract.query.map(\.name) {
                    for value in FuzzValues.extremes {
                        let target = "\(target)\(mark)\(query)=\(PercentCoding.encode(value))"
                        let status = try ask(target)
                        if status ?? 500 >= 500 { faults.add("\(target): \(status.map(String.init) ?? "no answer")") }
                    }
                }
            }
            for value in FuzzValues.extremes {
                let status = try ask("/v1/runs/\(world.ended)/events", header: "Last-Event-ID: \(value)\r\n")
                if status ?? 500 >= 500 { faults.add("Last-Event-ID \(value): \(status.map(String.init) ?? "no answer")") }
            }
            // A place that no step can have is none: it is not looked for, in this run or in another one.
            for path in ["/v1/runs/\(world.ended)/steps", "/v1/runs/\(world.rolling)/steps/roll/targets"] {
                for (place, expected) in [("-1", 400), ("-16777300", 400), ("9223372036854775806", 400), ("16777216", 400), ("16777215", 200)] {
                    let status = try ask("\(path)?after=\(place)")
                    if status != expected { faults.add("\(path)?after=\(place): \(status.map(String.init) ?? "no answer"), not \(expected)") }
                }
            }
        }
        #expect(faults.all.isEmpty, "\(faults.all.joined(separator: "\n"))")
        #expect(routes.count > 10)
        try await server.close()
    }

    private static func open(_ home: TemporaryHome) async throws -> FlowServer {
        try home.write("flowd.yaml", "listen: 127.0.0.1:0\n")
        try home.write("inventory.yaml", "hosts: {web-1: {address: 127.0.0.1, port: 1, user: nobody}}\n")
        return try await FlowServer.open(.init(home: home.path))
    }
}

private final class Faults: Sendable {
    private let found = Mutex<[String]>([])

    var all: [String] { found.withLock { $0 } }
    func add(_ fault: String) { found.withLock { $0.append(fault) } }
}

/// Something of everything, for requests to be about.
private struct FuzzWorld: Sendable {
    let admin: String
    let viewer: String
    /// A run that has ended, with an attempt of step `fail` and a file that step `log` has fetched, and one whose rollout `roll` goes on.
    let ended: RunID
    let rolling: RunID
    let known: [String: [String]]
    let plan: JSON

    init(_ server: FlowServer) async throws {
        let client = Client(socket: server.socket)
        let plan = Self.plan
        self.plan = try JSON(encoding: plan)
        func put(_ path: String, _ body: JSON) async throws { _ = try await client.send("PUT", path, body.canonical) }
        try await put("/v1/flows/fuzzed", ["plan": self.plan])
        try await put("/v1/users/eve", ["roles": ["viewer"]])
        try await put("/v1/users/bob", ["roles": ["operator"]])
        try await put("/v1/schedules/nightly", ["flow": "fuzzed", "cron": "0 3 * * *", "inputs": ["text": "a"]])
        try await put("/v1/hooks/push", ["flow": "fuzzed"])
        try await put("/v1/freezes/year-end", ["reason": "year end", "flows": ["other"]])
        try await put("/v1/windows/nights", ["reason": "nights", "flows": ["other"], "cron": "0 1 * * *", "minutes": 60])
        func token(_ user: String?) async throws -> String {
            var body: [String: JSON] = ["name": "fuzz"]
            if let user { body["user"] = .string(user) }
            let made = try await client.value(Wire.Token.self, "POST", "/v1/tokens", JSON.object(body).canonical)
            return try #require(made.token)
        }
        admin = try await token(nil)
        viewer = try await token("eve")
        var runs: [String] = []
        for _ in 0..<3 { runs.append(try await client.value(Wire.Run.self, "POST", "/v1/runs", #"{"flow":"fuzzed","inputs":{"text":"a"}}"#).id.text) }
        let fetch = FetchSpec(path: .literal("/etc/os-release"))
        let log = Node(id: "log", name: "log", kind: .work(Work(fetch)))
        let failed = try await client.start("fails", [Nodes.shell("fail", "echo oops; exit 3"), log])
        _ = try await client.events(of: failed.id) { $0.contains("event: end") }
        ended = failed.id
        let rollout = RolloutSpec(targets: .literal("web-1"), batches: .all)
        let roll = try await client.start(
            "rolls",
            [
                Node(id: "roll", name: "roll", kind: .rollout(rollout)),
                Node(id: "roll/rest", name: "rest", scope: "roll", kind: .sleep(.literal(.double(3_600)))),
            ])
        rolling = roll.id
        while try await client.value(Wire.Page<Wire.Step>.self, "GET", "/v1/runs/\(roll.id)/steps").items.allSatisfy({ $0.path != StepPath("roll") })
        {
            try await Task.sleep(for: .milliseconds(50))
        }
        let gates = try await client.value(Wire.Page<Wire.Approval>.self, "GET", "/v1/approvals").items
        known = [
            "id": runs + [failed.id.text, roll.id.text, String(failed.id.text.prefix(13))],
            "/v1/approvals/{id} id": gates.map(\.id), "/v1/approvals/{id}/decisions id": gates.map(\.id), "/v1/delegations/{id} id": ["x"],
            "/v1/tokens/{id} id": ["x"], "name": ["fuzzed", "nightly", "push", "year-end", "nights", "carol", "dave", "word"],
            "path": ["go", "nap", "word", "after", "fail", "log", "roll", "each", "each[0]/in"], "n": ["1", "2"], "run": runs, "runs": runs,
            "flow": ["fuzzed"],
            "digest": gates.map(\.digest.hex), "step": ["go", "nap", "after"], "from": ["go", "fail"], "sha256": [String(repeating: "a", count: 64)],
            "state": ["open", "all", "running", "failed"], "stream": ["stdout", "stderr"], "follow": ["true"],
            "offset": ["0", "3"] + FuzzValues.extremes, "after": FuzzValues.extremes, "limit": ["1", "1000"],
            // Nobody is called whom the test does not know of.
            "address": ["127.0.0.1", "localhost", "::1", "127.0.0.1:1"], "selector": ["web-1", "*"],
        ]
    }

    /// The route's path with the names of what exists, and what it must be asked with.
    func target(of route: Route) -> String {
        let isRollout = route.verb == "target.list"
        let step = isRollout ? "roll" : route.verb == "artifact.show" ? "log" : "fail"
        let names: [String: String] = [
            "id": isRollout ? rolling.text : ended.text, "path": step, "n": "1",
            "name": route.path.hasPrefix("/v1/hooks") ? "push" : "nightly",
        ]
        var target = route.path
        for name in route.parameterNames { target = target.replacing("{\(name)}", with: names[name] ?? "") }
        return route.contract.query.contains { $0.name == "selector" } ? target + "?selector=web-1" : target
    }

    /// With something of each kind that says a number, a time or a name; nothing in it runs before a gate that stays shut.
    private static var plan: Plan {
        let text = Expression.parameter("text")
        let gate = ApprovalSpec(
            prompt: text, rules: [.role("nobody", count: 2)], deadlineSeconds: 3_600,
            escalations: [.init(rules: [.anyone(count: 1)], deadlineSeconds: 60)],
            remindSeconds: 60, fields: [Parameter(name: "ticket", kind: .string)])
        let retry = Policy(
            retry: Retry(attempts: 3, delaySeconds: 1, factor: 2, maxDelaySeconds: 300, jitter: 0.2, maxElapsedSeconds: 60, exitStatuses: [1]),
            timeoutSeconds: 60)
        return Plan(
            flow: "fuzzed", parameters: [Parameter(name: "text", kind: .string)],
            nodes: [
                Node(id: "go", name: "go", kind: .approval(gate)),
                Node(id: "nap", name: "nap", kind: .sleep(.literal(.double(3_600)))),
                Node(id: "until", name: "until", kind: .sleepUntil(.literal("2099-01-01T00:00:00Z"))),
                Node(id: "word", name: "word", kind: .waitFor(SignalSpec(signal: "word", timeoutSeconds: 3_600))),
                Node(id: "each", name: "each", kind: .map(MapSpec(elements: .list(.literal(["a", "b"])), width: 2))),
                Node(id: "each/in", name: "in", scope: "each", kind: .sleep(.literal(.double(3_600)))),
                Node(id: "after", name: "after", kind: .shell(ShellSpec(source: .text("true"))), needs: ["go"], policy: retry),
                Node(id: "after/undo:back", name: "back", scope: "after", part: .undo, kind: .sleep(.literal(.double(1)))),
                Node(id: "if", name: "if", kind: .choice(.compare(.equal, text, .literal("a"))), needs: ["go"]),
                Node(
                    id: "roll", name: "roll", kind: .rollout(RolloutSpec(targets: .literal("web-1"), batches: .all)), needs: ["if"],
                    guards: [BranchGuard(choice: "if", answer: true)]),
                Node(id: "roll/in", name: "in", scope: "roll", kind: .sleep(.literal(.double(1)))),
                Node(id: "roll/between:look", name: "look", scope: "roll", part: .between, kind: .sleep(.literal(.double(1)))),
                Node(id: "roll/undo:back", name: "back", scope: "roll", part: .undo, kind: .sleep(.literal(.double(1)))),
                Node(
                    id: "again", name: "again",
                    kind: .repeatUntil(
                        RepeatSpec(
                            until: .compare(.equal, .output(node: "again/in", path: ["stdout"]), .literal("a")),
                            value: .output(node: "again/in", path: ["stdout"]), intervalSeconds: 1, maximum: 3)), needs: ["go"]),
                Node(id: "again/in", name: "in", scope: "again", kind: .shell(ShellSpec(source: .text("true")))),
                Node(id: "sub", name: "sub", kind: .call(CallSpec(flow: "called", inputs: ["text": text])), needs: ["go"]),
            ], dsl: "test",
            calls: [
                CalledFlow(
                    plan: Plan(
                        flow: "called", parameters: [Parameter(name: "text", kind: .string)],
                        nodes: [Node(id: "nap", name: "nap", kind: .sleep(.literal(.double(1))))], dsl: "test"))
            ])
    }
}
