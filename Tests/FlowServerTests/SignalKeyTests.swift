import FlowModel
import FlowServer
import FlowWire
import Testing

@Suite("Keys of signals", .timeLimit(.minutes(2)))
struct SignalKeyTests {
    @Test func `a signal is taken once under its key, also by the next engine`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        func receiver(_ name: String, after needs: [String] = []) -> Node {
            Node(id: name, name: name, kind: .waitFor(SignalSpec(signal: "paid")), needs: needs)
        }
        let first = try await FlowServer.open(.init(home: home.path))
        let run = try await Client(socket: first.socket).start("pay", [receiver("one"), receiver("two", after: ["one"])])
        func send(_ client: Client, _ body: String, key: String) async throws -> Int {
            try await client.send("POST", "/v1/runs/\(run.id)/signals/paid", body, headers: ["idempotency-key": key]).status
        }
        func two(_ client: Client) async throws -> StepState {
            try await client.value(Wire.Step.self, "GET", "/v1/runs/\(run.id)/steps/two").state
        }
        let client = Client(socket: first.socket)
        for _ in 0..<3 { #expect(try await send(client, #"{"value":1}"#, key: "a") == 200) }
        #expect(try await two(client) == .waiting)
        #expect(try await send(client, #"{"value":2}"#, key: "a") == 409)
        #expect(try await send(client, #"{"value":1}"#, key: "") == 400)
        try await first.close()

        let second = try await FlowServer.open(.init(home: home.path))
        let again = Client(socket: second.socket)
        #expect(try await send(again, #"{"value":1}"#, key: "a") == 200)
        #expect(try await send(again, #"{"value":2}"#, key: "a") == 409)
        #expect(try await two(again) == .waiting)
        #expect(try await send(again, #"{"value":1}"#, key: "b") == 200)
        #expect(try await two(again) == .succeeded)
        // The run has ended; what it was sent is still known.
        #expect(try await send(again, #"{"value":1}"#, key: "b") == 200)
        #expect(try await send(again, #"{"value":1}"#, key: "c") == 409)
        try await second.close()
    }
}
