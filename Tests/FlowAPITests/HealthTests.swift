import FlowEngine
import FlowHTTP
import FlowModel
import FlowTestKit
import FlowWire
import NIOHTTP1
import Testing

@Suite("Health over HTTP", .timeLimit(.minutes(1)))
struct HealthTests {
    @Test func `while nothing can be committed the server says so, and why of an open run, and with room again it is well`() async throws {
        try await Harness.run { harness in
            let run = try await harness.start("gate")
            _ = try await harness.run(run.id) { $0.state == .waiting }
            #expect(try await harness.client.send("GET", "/healthz").status == 200)
            harness.store.fail(commit: harness.store.commits + 1, .before(.refused("database or disk is full")))
            #expect(try await harness.client.post("/v1/runs", Wire.Start(flow: "gate"), as: "alice").status == 507)
            let ill = try await harness.client.send("GET", "/healthz")
            #expect(ill.status == 503 && ill.headers["retry-after"] != nil)
            let health = try ill.decode(Wire.Health.self)
            #expect(health.status == "degraded" && health.since != nil)
            #expect(!ill.text.contains("disk"), "strangers are not told why")
            let why = try await harness.client.get("/v1/runs/\(run.id)/why", as: "bob").decode(Wire.Why.self)
            #expect(why.summary.contains("nothing can be committed, because database or disk is full: the engine waits for room"))
            _ = try await harness.start("gate")
            #expect(try await harness.client.send("GET", "/healthz").decode(Wire.Health.self).status == "ok")
            #expect(try await !harness.client.get("/v1/runs/\(run.id)/why", as: "bob").text.contains("committed"))
        }
    }
}
