import FlowCrypto
import FlowModel
import FlowServer
import FlowWire
import Foundation
import Testing

@Suite("What a plan foresees, and what a limit reaches", .timeLimit(.minutes(2)))
struct PreviewTests {
    private static let inventory = """
        hosts:
          web-1: {address: 127.0.0.1, labels: {state: maintenance}}
          web-2: {address: 127.0.0.1}
          web-3: {address: 127.0.0.1}
          web-4: {address: 127.0.0.1}
          db-1: {address: 127.0.0.1}
        """

    private func withServer(_ work: (Client) async throws -> Void) async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        try home.write("inventory.yaml", Self.inventory)
        let server = try await FlowServer.open(.init(home: home.path))
        try await work(Client(socket: server.socket))
        try await server.close()
    }

    private func preview(_ client: Client, _ start: Wire.Start) async throws -> Wire.Preview {
        try await client.value(Wire.Preview.self, "POST", "/v1/plans", String(decoding: try JSONEncoder().encode(start), as: UTF8.self))
    }

    private static func lock(_ name: FlowModel.Expression) -> ClaimSpec { ClaimSpec(name: name, kind: .exclusive) }

    /// A rollout to the hosts of a selector, whose targets have a lock each.
    private static func rollout(_ selector: String) throws -> [Node] {
        let spec = RolloutSpec(targets: .literal(.string(selector)), batches: try BatchSizes("1 *2"), skipping: ["maintenance"])
        let each = lock(.text([.literal("host-"), .element(map: "deploy", path: ["name"])]))
        return [
            Node(id: "deploy", name: "deploy", kind: .rollout(spec), policy: Policy(elementClaims: [each])),
            Node(
                id: "deploy/switch", name: "switch", scope: "deploy",
                kind: .shell(ShellSpec(source: .text("true"), target: .element(map: "deploy", path: ["name"])))),
        ]
    }

    @Test func `batches, who is left out, what is frozen, who has a lock, and a gate that nobody could open`() async throws {
        try await withServer { client in
            var holder = Nodes.shell("hold", "sleep 60")
            holder.policy.claims = [Self.lock(.literal("host-web-3")), Self.lock(.literal("db"))]
            let run = try await client.start("holder", [holder])
            _ = try await client.value(
                Wire.ChangeRule.self, "PUT", "/v1/freezes/close", #"{"reason":"the books are closed","hosts":"web-4"}"#)

            let gate = Node(
                id: "go", name: "go", kind: .approval(ApprovalSpec(prompt: .literal("Go?"), rules: [.role("release-manager", count: 2)])))
            var schema = Nodes.shell("schema", "true")
            schema.policy.claims = [Self.lock(.text([.literal("d"), .parameter("letter")]))]
            let plan = Plan(
                flow: "release", parameters: [Parameter(name: "letter", kind: .string, fallback: "b")],
                nodes: [gate, schema] + (try Self.rollout("web-*")), dsl: "test")
            let found = try await preview(client, Wire.Start(plan: plan))
            let rollout = try #require(found.rollouts?.first)
            #expect(rollout.step == "deploy" && rollout.selector == "web-*")
            #expect(rollout.batches == [["web-2"], ["web-3", "web-4"]])
            #expect(rollout.leftOut == [Wire.LeftOut(host: "web-1", reason: "its state is 'maintenance'")])
            #expect(found.closed?.map(\.batch) == [nil, 2])
            #expect(found.closed?.allSatisfy { $0.rule == "close" && $0.reason == "the books are closed" && $0.untilAt == nil } == true)
            #expect(found.locks?.map(\.step) == ["schema", "deploy[web-3]"])
            #expect(found.locks?.allSatisfy { $0.holders.map(\.run) == [run.id] } == true)
            #expect(found.problems?.map(\.subject) == ["go"])
            #expect(found.problems?.first?.message.contains("2 more of role release-manager") == true, "\(found.problems ?? [])")
            #expect(try await client.value(Wire.Page<Wire.Run>.self, "GET", "/v1/runs").items.map(\.id) == [run.id], "nothing was started")
            _ = try await client.value(Wire.Run.self, "POST", "/v1/runs/\(run.id)/kill", "{}")
        }
    }

    @Test func `it looks into the flows that are called, and says which of them could not begin`() async throws {
        try await withServer { client in
            let inner = Plan(
                flow: "inner", parameters: [Parameter(name: "to", kind: .selector)],
                nodes: [
                    Node(id: "deploy", name: "deploy", kind: .rollout(RolloutSpec(targets: .parameter("to"), batches: .all))),
                    Node(
                        id: "deploy/switch", name: "switch", scope: "deploy",
                        kind: .shell(ShellSpec(source: .text("true"), target: .element(map: "deploy", path: ["name"])))),
                ], dsl: "test")
            func plan(_ selector: String) -> Plan {
                Plan(
                    flow: "outer",
                    nodes: [Node(id: "sub", name: "sub", kind: .call(CallSpec(flow: "inner", inputs: ["to": .literal(.string(selector))])))],
                    dsl: "test", calls: [CalledFlow(plan: inner)])
            }
            let good = try await preview(client, Wire.Start(plan: plan("web-*"), limit: "web-2 | web-3"))
            #expect(good.rollouts?.map(\.flow) == ["inner"])
            #expect(good.rollouts?.first?.batches == [["web-2", "web-3"]])
            #expect(good.problems == nil)
            for (selector, limit) in [("web-9", nil), ("db-1", "web-2")] as [(String, String?)] {
                let bad = try await preview(client, Wire.Start(plan: plan(selector), limit: limit))
                #expect(bad.problems?.map(\.subject) == ["sub"])
                #expect(bad.problems?.first?.message.contains("flow 'inner' could not begin") == true, "\(bad.problems ?? [])")
            }
        }
    }

    @Test func `what would be left out of a start is refused`() async throws {
        try await withServer { client in
            let plan = Plan(flow: "p", nodes: [Node(id: "a", name: "a", kind: .shell(ShellSpec(source: .text("true"))))], dsl: "0")
            let digest = Digest(bytes: [UInt8](repeating: 1, count: 32))
            let wrong: [(Wire.Start, String)] = [
                (Wire.Start(flow: "f", plan: plan), "give exactly one of 'flow', 'plan', 'planDigest' and 'exec'; 2 are given"),
                (Wire.Start(plan: plan, exec: Wire.Exec(selector: "web-2", command: "true")), "'exec'; 2 are given"),
                (Wire.Start(flow: "f", binary: digest), "'binary' goes with 'plan' or 'planDigest'"),
            ]
            for (start, words) in wrong {
                for path in ["/v1/runs", "/v1/plans"] {
                    let (status, body) = try await client.send("POST", path, String(decoding: try JSONEncoder().encode(start), as: UTF8.self))
                    #expect(status == 400 && String(decoding: body, as: UTF8.self).contains(words), "\(path): \(status)")
                }
            }
        }
    }

    @Test func `a run that was edited shows the hosts that it runs on now`() async throws {
        try await withServer { client in
            let nodes = [
                Nodes.approval("go"),
                Node(id: "each", name: "each", kind: .map(MapSpec(elements: .hosts(.parameter("hosts")), width: 1)), needs: ["go"]),
                Node(id: "each/note", name: "note", scope: "each", kind: .shell(ShellSpec(source: .text("true")))),
            ]
            let plan = Plan(flow: "edited", parameters: [Parameter(name: "hosts", kind: .selector)], nodes: nodes, dsl: "test")
            let body = String(decoding: try JSONEncoder().encode(Wire.Start(plan: plan, inputs: ["hosts": "web-1"])), as: UTF8.self)
            let run = try await client.value(Wire.Run.self, "POST", "/v1/runs", body)
            _ = try await client.value(Wire.Run.self, "POST", "/v1/runs/\(run.id)/inputs", #"{"inputs":{"hosts":"web-2 | web-3"}}"#)
            let shown = try await client.value(Wire.Preview.self, "GET", "/v1/runs/\(run.id)/plan")
            #expect(shown.targets["web-2 | web-3"] == ["web-2", "web-3"], "\(shown.targets)")
            #expect(shown.inputs == ["hosts": "web-2 | web-3"])
            _ = try await client.value(Wire.Run.self, "POST", "/v1/runs/\(run.id)/kill", "{}")
        }
    }

    @Test func `a preview keeps nothing, and the run after it finds all that it needs`() async throws {
        try await withServer { client in
            let plan = Plan(flow: "looked-at", nodes: [Nodes.approval("go")], dsl: "test")
            let digest = Digest(of: try JSON(encoding: plan).canonicalBytes)
            func isStored() async throws -> Bool { try await client.send("HEAD", "/v1/blobs/\(digest)").status / 100 == 2 }
            for _ in 0..<2 {
                _ = try await preview(client, Wire.Start(plan: plan))
                let isKept = try await isStored()
                #expect(!isKept)
            }
            _ = try await client.value(Wire.Flow.self, "PUT", "/v1/flows/looked-at", JSON.object(["plan": try JSON(encoding: plan)]).canonical)
            let isKept = try await isStored()
            #expect(isKept)
            #expect(try await client.value(Wire.Run.self, "POST", "/v1/runs", #"{"flow":"looked-at"}"#).state == .waiting)
        }
    }

    @Test func `flows that call others more often than anybody can count are looked into as far as the bound`() async throws {
        try await withServer { client in
            var plan = Plan(flow: "l0", nodes: [Nodes.shell("lock", "true")], dsl: "test")
            plan.nodes[0].policy.claims = [Self.lock(.literal("db"))]
            for level in 1...12 {
                let called = plan
                let calls = (0..<10).map { Node(id: "c\($0)", name: "c\($0)", kind: .call(CallSpec(flow: called.flow, inputs: [:]))) }
                plan = Plan(flow: "l\(level)", nodes: calls, dsl: "test", calls: [CalledFlow(plan: called)])
            }
            let found = try await preview(client, Wire.Start(plan: plan))
            #expect(found.flow == "l12")
        }
    }

    @Test func `a limit is frozen when a run starts, and reaches the runs that it calls and those that they call`() async throws {
        try await withServer { client in
            func calling(_ name: String, _ called: Plan, after: String? = nil) -> [Node] {
                (after.map { [Nodes.approval($0)] } ?? [])
                    + [Node(id: "sub", name: "sub", kind: .call(CallSpec(flow: called.flow, inputs: [:])), needs: after.map { [$0] } ?? [])]
            }
            var nodes = [Nodes.approval("stop")] + (try Self.rollout("*"))
            nodes[1].needs = ["stop"]
            let innermost = Plan(flow: "innermost", nodes: nodes, dsl: "test")
            let inner = Plan(flow: "inner", nodes: calling("inner", innermost), dsl: "test", calls: [CalledFlow(plan: innermost)])
            let outer = Plan(flow: "outer", nodes: calling("outer", inner), dsl: "test", calls: [CalledFlow(plan: inner)])
            let body = String(decoding: try JSONEncoder().encode(Wire.Start(plan: outer, limit: "web-2 | db-1")), as: UTF8.self)
            let run = try await client.value(Wire.Run.self, "POST", "/v1/runs", body)
            _ = try await client.events(of: run.id) { $0.contains("waiting") }
            var last: Wire.Run?
            for _ in 0..<400 {
                last = try await client.value(Wire.Page<Wire.Run>.self, "GET", "/v1/runs?flow=innermost").items.first
                if last?.state == .waiting { break }
                try await Task.sleep(for: .milliseconds(10))
            }
            let innermostRun = try #require(last)
            let started = try await client.value(Wire.Preview.self, "GET", "/v1/runs/\(innermostRun.id)/plan")
            #expect(started.targets == ["*": ["web-2", "db-1"]])
            _ = try await client.value(Wire.Run.self, "POST", "/v1/runs/\(run.id)/kill", "{}")
        }
    }

    @Test func `hosts that a step chooses are said to come later, and are looked up in the inventory as it is then`() async throws {
        try await withServer { client in
            func nodes(_ selector: String) -> [Node] {
                let made = FlowModel.Expression.output(node: "choose", path: ["stdout"])
                let note = Node(id: "each/note", name: "note", scope: "each", kind: .shell(ShellSpec(source: .text("true"))))
                return [
                    Nodes.shell("choose", "echo '\(selector)'"),
                    Node(id: "each", name: "each", kind: .map(MapSpec(elements: .hosts(made), width: 2)), needs: ["choose"]), note,
                ]
            }
            let plan = Plan(flow: "late", nodes: nodes("web-* & !state=maintenance"), dsl: "test")
            #expect(try await preview(client, Wire.Start(plan: plan)).lateHosts == ["each"])
            let body = String(decoding: try JSONEncoder().encode(Wire.Start(plan: plan, limit: "!web-4")), as: UTF8.self)
            let run = try await client.value(Wire.Run.self, "POST", "/v1/runs", body)
            let seen = try await client.events(of: run.id) { $0.contains("event: end") }
            #expect(seen.contains("stepSeekingHosts") && seen.contains("each[web-2]/note") && seen.contains("each[web-3]/note"))
            #expect(!seen.contains("each[web-1]/note") && !seen.contains("each[web-4]/note"))

            let wrong = try await client.start("late", nodes("web-9"))
            let end = try await client.events(of: wrong.id) { $0.contains("event: end") }
            #expect(end.contains("the hosts of selector 'web-9' were not found"), "\(end)")
        }
    }
}
