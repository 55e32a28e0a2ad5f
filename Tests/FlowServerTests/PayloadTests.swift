import FlowAPI
import FlowModel
import FlowServer
import FlowWire
import Foundation
import Testing

/// Runs that carry much, and those who look at them.
@Suite("Payload", .timeLimit(.minutes(2)))
struct PayloadTests {
    private static let large = String(repeating: "x", count: 900_000)

    private func start(_ client: Client, _ plan: Plan, _ inputs: [String: JSON], labels: [String: String]? = nil) async throws -> Wire.Run {
        let body = String(decoding: try JSONEncoder().encode(Wire.Start(plan: plan, inputs: inputs, labels: labels)), as: UTF8.self)
        return try await client.value(Wire.Run.self, "POST", "/v1/runs", body)
    }

    private var plan: Plan {
        Plan(flow: "large", parameters: [Parameter(name: "text", kind: .string)], nodes: [Nodes.approval("go")], dsl: "test")
    }

    @Test func `lists leave large inputs out and say how large they are; the run itself has them`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let server = try await FlowServer.open(.init(home: home.path))
        let client = Client(socket: server.socket)
        let run = try await start(client, plan, ["text": .string(Self.large)])
        let small = try await start(client, plan, ["text": "small"])
        for query in ["", "?flow=large", "?state=waiting"] {
            let (status, bytes) = try await client.send("GET", "/v1/runs\(query)")
            #expect(status == 200)
            #expect(bytes.count < 10_000, "a list of two runs has \(bytes.count) bytes")
            let runs = try JSONDecoder().decode(Wire.Page<Wire.Run>.self, from: Data(bytes)).items
            #expect(runs.map(\.id) == [small.id, run.id])
            #expect(runs[0].inputs == ["text": "small"])
            #expect(runs[0].inputBytes == nil)
            #expect(runs[1].inputs == [:])
            #expect(runs[1].inputBytes == Self.large.utf8.count + #"{"text":""}"#.utf8.count)
        }
        let whole = try await client.value(Wire.Run.self, "GET", "/v1/runs/\(run.id)")
        #expect(whole.inputs == ["text": .string(Self.large)])
        #expect(whole.inputBytes == nil)
        let plan = try await client.value(Wire.Preview.self, "GET", "/v1/runs/\(run.id)/plan")
        #expect(plan.inputs == ["text": .string(Self.large)])
        try await server.close()
    }

    @Test func `a stream tells what happened and not what large inputs say`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let server = try await FlowServer.open(.init(home: home.path))
        let client = Client(socket: server.socket)
        let run = try await start(client, plan, ["text": .string(Self.large)])
        let events = try await client.events(of: run.id) { $0.contains("approvalOpened") }
        #expect(events.utf8.count < 20_000)
        #expect(events.contains(#""cut":["inputs"]"#))
        let small = try await start(client, plan, ["text": "small"])
        #expect(try await client.events(of: small.id) { $0.contains("approvalOpened") }.contains(#""inputs":{"text":"small"}"#))
        try await server.close()
    }

    @Test func `a gate with a large question is listed with its beginning, and shown whole`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let server = try await FlowServer.open(.init(home: home.path))
        let client = Client(socket: server.socket)
        let gate = Node(
            id: "go", name: "go",
            kind: .approval(
                ApprovalSpec(prompt: .parameter("text"), rules: [.anyone(count: 1)], selfApproval: true)))
        let plan = Plan(flow: "large", parameters: [Parameter(name: "text", kind: .string)], nodes: [gate], dsl: "test")
        let run = try await start(client, plan, ["text": .string(Self.large)])
        let listed = try #require(try await client.value(Wire.Page<Wire.Approval>.self, "GET", "/v1/approvals").items.first)
        #expect(listed.isCut == true)
        #expect(listed.prompt.hasSuffix("… (\(Self.large.utf8.count) bytes)"))
        #expect(listed.prompt.utf8.count < 5_000)
        let shown = try await client.value(Wire.Approval.self, "GET", "/v1/approvals/\(listed.id)")
        #expect(shown.prompt == Self.large)
        #expect(shown.isCut == nil)
        #expect(try await client.send("GET", "/v1/runs/\(run.id)/why").body.count < 20_000)
        try await server.close()
    }

    @Test func `a page ends before it is large, and goes on behind it`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let server = try await FlowServer.open(.init(home: home.path))
        let client = Client(socket: server.socket)
        // 100 steps of 60 KB of output each: more than a page holds.
        let nodes = (0..<100).map { Nodes.shell("step-\($0)", "head -c 60000 /dev/zero | tr '\\0' x") }
        let run = try await client.start("wide", nodes)
        _ = try await client.events(of: run.id) { $0.contains("event: end") }
        var names: [String] = []
        var pages = 0
        var after: String?
        repeat {
            let (_, bytes) = try await client.send("GET", "/v1/runs/\(run.id)/steps?limit=1000" + (after.map { "&after=\($0)" } ?? ""))
            #expect(bytes.count <= APILimits.pageBytes + 1_000)
            let page = try JSONDecoder().decode(Wire.Page<Wire.Step>.self, from: Data(bytes))
            names += page.items.map(\.name)
            after = page.next
            pages += 1
        } while after != nil
        #expect(names == nodes.map(\.name))
        #expect(pages > 1)
        try await server.close()
    }

    @Test func `labels have bounds in number and size`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let server = try await FlowServer.open(.init(home: home.path))
        let client = Client(socket: server.socket)
        func labels(_ count: Int) -> [String: String] { Dictionary(uniqueKeysWithValues: (0..<count).map { ("l\($0)", "v") }) }
        #expect(try await start(client, plan, ["text": "a"], labels: labels(Limits.labels)).labels.count == Limits.labels)
        for labels in [labels(Limits.labels + 1), labels(20_000), ["a": String(repeating: "v", count: Limits.textBytes)]] {
            let error = await #expect(throws: FlowError.self) { _ = try await start(client, plan, ["text": "a"], labels: labels) }
            #expect(error?.code == .usage)
        }
        let schedule = Wire.Start(flow: "x", labels: labels(65))
        _ = schedule
        try await server.close()
    }
}
