import FlowModel
import FlowServer
import FlowWire
import Foundation
import Testing

@Suite("One command, many runs", .timeLimit(.minutes(2)))
struct BulkTests {
    private func post(_ client: Client, _ request: Wire.BulkRequest) async throws -> Wire.Bulk {
        let body = String(decoding: try JSONEncoder().encode(request), as: UTF8.self)
        return try await client.value(Wire.Bulk.self, "POST", "/v1/bulk", body)
    }

    @Test func `what was seen is what is done: each run says what became of it, and later ones are left alone`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let server = try await FlowServer.open(.init(home: home.path))
        let client = Client(socket: server.socket)
        var runs: [RunID] = []
        for _ in 0..<3 { runs.append(try await client.start("gated", [Nodes.approval("go")]).id) }
        let other = try await client.start("other", [Nodes.approval("go")])

        var request = Wire.BulkRequest(verb: .cancel, where: "flow=gated & state=waiting", message: "the week is over")
        let preview = try await post(client, request)
        #expect(!preview.isApplied)
        #expect(preview.runs.map(\.run) == runs.reversed())
        #expect(preview.runs.allSatisfy { $0.state == .waiting && $0.outcome == nil })
        #expect(try await client.value(Wire.Run.self, "GET", "/v1/runs/\(runs[0])").state == .waiting)

        // One comes, one ends, before it is done.
        let late = try await client.start("gated", [Nodes.approval("go")])
        _ = try await client.value(Wire.Run.self, "POST", "/v1/runs/\(runs[1])/cancel", "{}")
        (request.runs, request.digest) = (preview.runs.map(\.run), preview.digest)
        let done = try await post(client, request)
        #expect(done.isApplied)
        #expect(done.runs.map(\.outcome) == [.done, .refused, .done])
        #expect(done.runs[1].reason?.contains("cancelled already") == true)
        for run in [late.id, other.id] { #expect(try await client.value(Wire.Run.self, "GET", "/v1/runs/\(run)").state == .waiting) }
        for run in runs { #expect(try await client.value(Wire.Run.self, "GET", "/v1/runs/\(run)").state == .cancelled) }

        let trail = try await client.value(Wire.Page<Wire.AuditEntry>.self, "GET", "/v1/audit").items
        let entry = try #require(trail.first { $0.verb == "run.bulk" })
        #expect(entry.subject == "cancel")
        #expect(entry.detail?["message"]?.stringValue == "the week is over")
        try await server.close()
    }

    @Test func `another set, another command or more runs than may be are refused, and nothing is done`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let server = try await FlowServer.open(.init(home: home.path))
        let client = Client(socket: server.socket)
        let run = try await client.start("gated", [Nodes.approval("go")]).id
        let preview = try await post(client, Wire.BulkRequest(verb: .pause, where: "flow=gated"))
        let others = [
            Wire.BulkRequest(verb: .kill, where: "flow=gated", runs: [run], digest: preview.digest),
            Wire.BulkRequest(verb: .pause, where: "flow=other", runs: [run], digest: preview.digest),
            Wire.BulkRequest(verb: .pause, where: "flow=gated", runs: [], digest: preview.digest),
            Wire.BulkRequest(verb: .pause, where: "flow=gated", digest: preview.digest),
        ]
        for request in others {
            let error = await #expect(throws: FlowError.self) { try await post(client, request) }
            #expect(error?.code == .conflict)
        }
        let faults = [
            Wire.BulkRequest(verb: .hold, where: "flow=gated"), Wire.BulkRequest(verb: .pause, where: "flow=gated", step: "go"),
            Wire.BulkRequest(verb: .reprioritise, where: "flow=gated", priority: 10), Wire.BulkRequest(verb: .pause, where: "nonsense"),
        ]
        for request in faults {
            let error = await #expect(throws: FlowError.self) { try await post(client, request) }
            #expect(error?.code == .usage)
        }
        #expect(try await client.value(Wire.Run.self, "GET", "/v1/runs/\(run)").state == .waiting)
        try await server.close()
    }
}
