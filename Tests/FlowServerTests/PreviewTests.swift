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
}
