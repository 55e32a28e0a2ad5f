import FlowCommand
import FlowModel
import Testing

@Suite("Rehearsals on the command line", .timeLimit(.minutes(10)))
struct RehearseTests {
    private static let plan = Plan(
        flow: "release", parameters: [Parameter(name: "version", kind: .string)],
        nodes: [Node(id: "build", name: "build", kind: .shell(ShellSpec(source: .text("make"))))], dsl: "1")

    @Test func `the timeline fits 80 columns, and long names have a line of their own`() async throws {
        let world = World(environment: ["FLOW_HOME": "/work/.flow"], plan: LoadedFile(plan: Self.plan, revision: Sample.digest))
        #expect(await world.run("rehearse", "release.swift", "-p", "version=1.4.2") == .runFailed)
        #expect(world.out.split(separator: "\n").allSatisfy { $0.count <= 80 }, "\(world.out)")
        try expectSnapshot(world.out, "rehearse")
        #expect(world.known.opened == 0 && world.known.detached == 0)
    }

    @Test func `options go on as they were typed`() async throws {
        let world = World(environment: ["FLOW_HOME": "/work/.flow"], plan: LoadedFile(plan: Self.plan, revision: Sample.digest))
        _ = await world.run(
            "rehearse", "release.swift", "-p", "version=1", "--fail", "a=1x2", "--fail", "b", "--unreachable", "h", "--output", "a={}", "--approve",
            "g", "--reject", "r", "--expire", "e", "--signal", "s=1", "--take", "a=5", "--decide", "a=skip", "--at", "2026-01-01T00:00:00Z",
            "--limit",
            "web-*", "-o", "json")
        let request = try #require(world.known.rehearsed.first)
        #expect(request.fail == ["a=1x2", "b"] && request.unreachable == ["h"] && request.output == ["a={}"] && request.approve == ["g"])
        #expect(request.reject == ["r"] && request.expire == ["e"] && request.signal == ["s=1"] && request.take == ["a=5"])
        #expect(request.decide == ["a=skip"] && request.at == "2026-01-01T00:00:00Z" && request.limit == "web-*")
        #expect(request.inputs == ["version": "1"])
        #expect(try JSON.parse(world.out) == ["state": "failed"])
    }

    @Test func `a server gives its hosts, page by page, and nothing is asked of it beside`() async throws {
        let world = World(plan: LoadedFile(plan: Self.plan, revision: Sample.digest)) { call, _ in
            call.path.contains("after=web-1")
                ? .json(["hosts": [["name": "web-2", "address": "10.0.0.2"]], "groups": ["web": ["web-2"]], "file": "/i"])
                : .json(["hosts": [["name": "web-1", "address": "10.0.0.1"]], "groups": ["web": ["web-1"]], "file": "/i", "next": "web-1"])
        }
        #expect(await world.run("rehearse", "release.swift", "-p", "version=1") == .runFailed)
        let request = try #require(world.known.rehearsed.first)
        #expect(request.hosts.hosts.map(\.name) == ["web-1", "web-2"] && request.hosts.groups == ["web": ["web-1", "web-2"]])
        #expect(world.requests.allSatisfy { $0.hasPrefix("GET /v1/inventory") }, "\(world.requests)")
    }
}
