import FlowModel
import FlowServer
import FlowTestKit
import FlowWire
import Foundation
import Testing

/// What `flowd.yaml` says of the requests of flows.
@Suite("Where requests may go", .timeLimit(.minutes(1)))
struct EgressTests {
    @Test(arguments: [
        ("", false), ("egress: {loopback: true}\n", true), ("egress: {loopback: true, forbidden: [127.0.0.0/8]}\n", false),
        ("egress: {allowed: [127.0.0.0/8]}\n", false), ("egress: {loopback: true, allowed: [10.0.0.0/8]}\n", true),
    ])
    func `this machine is asked where the configuration says so`(_ yaml: String, _ isAllowed: Bool) async throws {
        let asked = try RawServer { peer in while peer.request() != nil { peer.answer() } }
        defer { asked.stop() }
        let home = try TemporaryHome()
        defer { home.remove() }
        try home.write("flowd.yaml", yaml)
        let server = try await FlowServer.open(.init(home: home.path))
        let client = Client(socket: server.socket)
        let ask = Node(id: "ask", name: "ask", kind: .work(Work(HTTPSpec(.get, .literal(.string(asked.url))))))
        let run = try await client.start("ask", [ask])
        let events = try await client.events(of: run.id) { $0.contains("\"state\":\"succeeded\"") || $0.contains("\"state\":\"failed\"") }
        #expect(events.contains("may not be connected to") != isAllowed, "\(events)")
        #expect(asked.connections == (isAllowed ? 1 : 0))
        try await server.close()
    }
}
