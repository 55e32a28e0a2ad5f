import FlowAPI
import FlowEngine
import FlowHTTP
import FlowModel
import FlowWire
import NIOCore
import NIOHTTP1
import Testing

@Suite("Runs over HTTP", .timeLimit(.minutes(1)))
struct RunRouteTests {
    @Test func `a run is accepted, runs and is shown with its steps`() async throws {
        try await Harness.run { harness in
            let reply = try await harness.client.post("/v1/runs", Wire.Start(flow: "two", labels: ["team": "web"]), as: "alice")
            #expect(reply.status == 201)
            let run = try reply.decode(Wire.Run.self)
            #expect(reply.headers["location"] == "/v1/runs/\(run.id)")
            #expect(run.actor == "alice")
            #expect(run.labels == ["team": "web"])
            #expect(!reply.text.contains("null"))
            let ended = try await harness.run(run.id) { $0.state.isTerminal }
            #expect(ended.state == .succeeded)
            #expect(ended.counts == ["succeeded": 2])
            #expect(ended.steps?.map(\.path.text) == ["first", "second"])
            #expect(ended.steps?.first?.attempts.first?.exitStatus == 0)
            let prefix = String(run.id.text.prefix(13))
            #expect(try await harness.client.get("/v1/runs/\(prefix)", as: "bob").decode(Wire.Run.self).id == run.id)
        }
    }

    @Test func `a list asks for a bounded number of labels`() async throws {
        try await Harness.run { harness in
            for (count, status) in [(APILimits.filterLabels, 200), (APILimits.filterLabels + 1, 400), (600, 400)] {
                let labels = (0..<count).map { "label=a\($0)=b" }.joined(separator: "&")
                let terms = (0..<count).map { "label.a\($0)%3Db" }.joined(separator: "%26")
                for query in [labels, "where=\(terms)"] {
                    let reply = try await harness.client.get("/v1/runs?\(query)", as: "viewer")
                    #expect(reply.status == status)
                }
            }
        }
    }

    @Test(arguments: ["stat=failed", "limit=5&State=failed", "%73tat=failed", "flow=two&=x", "stat"])
    func `a parameter that the route does not have is refused, or the answer would be everything`(query: String) async throws {
        try await Harness.run { harness in
            let reply = try await harness.client.get("/v1/runs?\(query)", as: "viewer")
            #expect(reply.status == 400)
            #expect(try reply.problem.detail.contains("it takes state, flow, label, where, limit, after"))
            let none = try await harness.client.get("/v1/me?\(query)", as: "viewer")
            #expect(try none.problem.detail.contains("it takes none"))
            // Whoever needs no credential adds what they like.
            #expect(try await harness.client.send("GET", "/healthz?\(query)").status == 200)
        }
    }

    @Test(arguments: ["limit=5&&state=failed&", "%73tate=failed"])
    func `an empty parameter is none`(query: String) async throws {
        try await Harness.run { harness in
            let reply = try await harness.client.get("/v1/runs?\(query)", as: "viewer")
            #expect(reply.status == 200)
        }
    }

    @Test func `the same key with the same content is one run, with other content a conflict`() async throws {
        try await Harness.run { harness in
            func post(_ flow: String) async throws -> Reply {
                try await harness.client.post(
                    "/v1/runs", Wire.Start(flow: flow), as: "alice", headers: ["idempotency-key": "nightly-1"])
            }
            let first = try await post("one")
            #expect(first.status == 201)
            let again = try await post("one")
            #expect(again.status == 200)
            #expect(try again.decode(Wire.Run.self).id == (try first.decode(Wire.Run.self).id))
            let other = try await post("two")
            #expect(other.status == 409)
            #expect(try other.problem.code == .keyReused)
            let many = try await withThrowingTaskGroup(of: RunID.self) { group in
                for _ in 0..<20 {
                    group.addTask {
                        try await harness.client.post(
                            "/v1/runs", Wire.Start(flow: "one"), as: "alice", headers: ["idempotency-key": "burst"]
                        ).decode(Wire.Run.self).id
                    }
                }
                return try await group.reduce(into: Set<RunID>()) { $0.insert($1) }
            }
            #expect(many.count == 1)
        }
    }

    @Test(arguments: ["", "\u{7F}", String(repeating: "k", count: 257)])
    func `a key that is empty, long or not printable is refused`(key: String) async throws {
        try await Harness.run { harness in
            let raw = "POST /v1/runs HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer token-alice\r\nIdempotency-Key: \(key)\r\n"
            let reply = try await RawConnection.exchange(
                port: harness.port, raw + "Content-Length: 14\r\n\r\n{\"flow\":\"one\"}")
            #expect(reply.hasPrefix("HTTP/1.1 400"), "\(reply)")
        }
    }

    @Test func `lists have pages that neither lose nor repeat a run`() async throws {
        try await Harness.run { harness in
            var started: Set<RunID> = []
            for _ in 0..<7 { started.insert(try await harness.start("one").id) }
            var seen: [RunID] = []
            var after = ""
            repeat {
                let page = try await harness.client.get("/v1/runs?limit=3\(after)", as: "viewer").decode(
                    Wire.Page<Wire.Run>.self)
                seen += page.items.map(\.id)
                after = page.next.map { "&after=\($0)" } ?? ""
            } while !after.isEmpty
            #expect(seen.count == 7)
            #expect(Set(seen) == started)
            #expect(try await harness.client.get("/v1/runs?state=fialed", as: "viewer").status == 400)
            #expect(try await harness.client.get("/v1/runs?limit=0", as: "viewer").status == 400)
            #expect(try await harness.client.get("/v1/runs?limit=1001", as: "viewer").status == 400)
            let none = try await harness.client.get("/v1/runs?state=failed,cancelled", as: "viewer").decode(
                Wire.Page<Wire.Run>.self)
            #expect(none.items.isEmpty)
        }
    }

    @Test func `commands act where the state allows it and say 409 where it does not`() async throws {
        try await Harness.run { harness in
            harness.hands.hold("first")
            let run = try await harness.start("two")
            _ = try await harness.run(run.id) { $0.steps?.first?.state == .running }
            let body = Wire.Message(message: "look")
            #expect(
                try await harness.client.post("/v1/runs/\(run.id)/pause", body, as: "operator").decode(Wire.Run.self).state
                    == .paused)
            harness.hands.release("first")
            let paused = try await harness.run(run.id) { $0.counts["succeeded"] == 1 }
            #expect(paused.state == .paused)
            #expect(try await harness.client.post("/v1/runs/\(run.id)/resume", body, as: "operator").status == 200)
            _ = try await harness.run(run.id) { $0.state == .succeeded }
            let late = try await harness.client.post("/v1/runs/\(run.id)/cancel", body, as: "operator")
            #expect(late.status == 409)
            #expect(try await harness.client.post("/v1/runs/\(run.id)/steps/nope/skip", body, as: "operator").status == 404)
        }
    }

    @Test func `a failed run is retried from its failure and keeps what succeeded`() async throws {
        try await Harness.run { harness in
            harness.hands.fail("second")
            let run = try await harness.start("two")
            let failed = try await harness.run(run.id) { $0.state.isTerminal }
            #expect(failed.state == .failed)
            #expect(try await harness.client.post("/v1/runs/\(run.id)/retry", Wire.Retry(), as: "operator").status == 200)
            let again = try await harness.run(run.id) { $0.state.isTerminal && $0.steps?.last?.generation == 2 }
            #expect(again.steps?.first?.generation == 1)
            #expect(again.steps?.last?.attempts.map(\.number) == [2, 1])
        }
    }

    @Test func `why always has an answer`() async throws {
        try await Harness.run { harness in
            harness.hands.hold("hello")
            let held = try await harness.start("one")
            _ = try await harness.run(held.id) { $0.steps?.first?.state == .running }
            let running = try await harness.client.get("/v1/runs/\(held.id)/why", as: "bob").decode(Wire.Why.self)
            #expect(running.running.map(\.step.text) == ["hello"])
            #expect(running.running.first?.lastLine == "the last line")
            harness.hands.release("hello")
            _ = try await harness.run(held.id) { $0.state.isTerminal }
            let ended = try await harness.client.get("/v1/runs/\(held.id)/why", as: "bob").decode(Wire.Why.self)
            #expect(ended.summary.contains("succeeded"))
            let gate = try await harness.start("gate")
            _ = try await harness.run(gate.id) { $0.state == .waiting }
            let waiting = try await harness.client.get("/v1/runs/\(gate.id)/why", as: "bob").decode(Wire.Why.self)
            #expect(waiting.waitingFor.map(\.kind) == [.approval])
            #expect(waiting.waitingFor.first?.release?.hasPrefix("flowctl approve") == true)
        }
    }

    /// A run of which all these steps, and the map, had begun when the first of them failed.
    private func fail(_ flow: String, _ steps: [String], _ harness: Harness) async throws -> Wire.Run {
        for step in steps {
            harness.hands.fail(step)
            harness.hands.hold(step)
        }
        let run = try await harness.start(flow)
        _ = try await harness.run(run.id) { $0.counts["running"] == steps.count + 1 }
        for step in steps { harness.hands.release(step) }
        return try await harness.run(run.id) { $0.state.isTerminal }
    }

    @Test func `why names each step for which a run failed, its last line, and where to look further`() async throws {
        try await Harness.run { harness in
            let run = try await fail("fails", ["one", "two", "map[0]/each", "map[1]/each"], harness)
            let reply = try await harness.client.get("/v1/runs/\(run.id)/why", as: "bob")
            let why = try reply.decode(Wire.Why.self)
            // The map is left out: its elements say more. All three had begun when the first of them failed.
            let failed = try #require(why.failed)
            #expect(failed.map(\.step.text) == ["one", "two", "map[0]/each", "map[1]/each"])
            #expect(why.failedCount == 4 && why.summary.contains("4 steps failed in all"))
            #expect(failed.allSatisfy { $0.reason?.contains("3") == true && $0.attempt == 1 && $0.lastLine == "the last line" })
            #expect(failed.map(\.look) == failed.map { "flowctl logs \(run.id) '\($0.step)'" })
        }
    }

    @Test func `after an undo that failed why offers the rest of the undo first, and never the change alone`() async throws {
        try await Harness.run { harness in
            harness.hands.fail("vm/undo:back")
            let run = try await harness.start("undoes")
            _ = try await harness.run(run.id) { $0.state.isTerminal }
            _ = try await harness.client.post("/v1/runs/\(run.id)/undo", Wire.Message(message: "it is wrong"), as: "operator")
            _ = try await harness.run(run.id) { $0.state == .failed }
            let why = try await harness.client.get("/v1/runs/\(run.id)/why", as: "bob").decode(Wire.Why.self)
            #expect(
                why.next?.map(\.command) == [
                    "flowctl undo \(run.id) -m REASON", "flowctl resolve \(run.id) 'vm/undo:back' --as succeeded -m REASON",
                    "flowctl skip \(run.id) 'vm/undo:back' -m REASON", "flowctl retry \(run.id)",
                ])
            #expect(why.summary.contains("Go on with: flowctl undo \(run.id)"), "\(why.summary)")
        }
    }

    @Test func `why of a run with many failures names some, and says how many they are`() async throws {
        try await Harness.run { harness in
            let run = try await fail("fails-much", (0..<APILimits.failuresShown + 5).map { "map[\($0)]/each" }, harness)
            let why = try await harness.client.get("/v1/runs/\(run.id)/why", as: "bob").decode(Wire.Why.self)
            #expect(why.failed?.count == APILimits.failuresShown && why.failedCount == APILimits.failuresShown + 5)
        }
    }

    @Test func `a secret is not in any answer`() async throws {
        try await Harness.run { harness in
            let run = try await harness.start("secret", inputs: ["password": "hunter2-hunter2"])
            let ended = try await harness.run(run.id) { $0.state.isTerminal }
            #expect(ended.inputs == ["password": "<redacted>"])
            for path in ["", "/steps", "/why", "/plan", "/events"] {
                let text = try await harness.client.get("/v1/runs/\(run.id)\(path)", as: "admin").text
                #expect(!text.contains("hunter2"), "\(path)")
                #expect(!text.contains("c2VhbGVk"), "\(path)")
            }
        }
    }

    @Test func `the plan that a run follows can be read`() async throws {
        try await Harness.run { harness in
            let run = try await harness.start("two")
            let preview = try await harness.client.get("/v1/runs/\(run.id)/plan", as: "viewer").decode(Wire.Preview.self)
            #expect(preview.plan.nodes.map(\.id) == ["first", "second"])
        }
    }

    @Test func `answers say that they are not to be kept, guessed at or framed`() async throws {
        try await Harness.run { harness in
            for reply in [
                try await harness.client.send("GET", "/healthz"), try await harness.client.send("GET", "/v1/runs"),
                try await harness.client.get("/v1/runs", as: "viewer"),
            ] {
                #expect(reply.headers["x-content-type-options"] == "nosniff")
                #expect(reply.headers["cache-control"] == "no-store")
                #expect(reply.headers["content-security-policy"]?.contains("default-src 'none'") == true)
                #expect(reply.headers["access-control-allow-origin"] == nil)
            }
        }
    }
}
