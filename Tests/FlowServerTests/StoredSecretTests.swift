import FlowAPI
import FlowCrypto
import FlowModel
import FlowServer
import FlowStoreSQLite
import FlowWire
import Foundation
import Testing

/// Secret inputs of schedules and hooks: in no answer and in no file, and in the runs that they start.
@Suite("Secrets of schedules and hooks", .timeLimit(.minutes(5)))
struct StoredSecretTests {
    private static let forSchedule = "sched-Zebra-4711"
    private static let forHook = "hook-Zebra-4712"
    private static let author = Actor(person: "p1", user: "alice", names: ["alice"], roles: ["author"])

    /// A flow whose step succeeds only with one of the two values as they were given.
    private static func plan(isSecret: Bool) throws -> JSON {
        let known = [forSchedule, forHook].map { Digest(of: $0.utf8).hex }
        let script = "case \"$(printf %s \"$flow_0\" | sha256sum)\" in \(known[0])*|\(known[1])*) ;; *) exit 1 ;; esac"
        let variables = [ShellSpec.Variable(name: "flow_0", value: .parameter("token"))]
        return try JSON(
            encoding: Plan(
                flow: "keep",
                parameters: [Parameter(name: "token", kind: .string, isSecret: isSecret), Parameter(name: "place", kind: .string, fallback: "here")],
                nodes: [Node(id: "use", name: "use", kind: .shell(ShellSpec(source: .text(script), variables: variables)))], dsl: "test"))
    }

    private static let scheduleBody: JSON = ["flow": "keep", "cron": "0 0 1 1 *", "inputs": ["token": .string(forSchedule), "place": "there"]]
    private static let hookBody: JSON = ["flow": "keep", "inputs": ["token": .string(forHook), "place": "there"]]

    private func withServer(_ home: TemporaryHome, _ work: (Client) async throws -> Void) async throws {
        let server = try await FlowServer.open(.init(home: home.path))
        try await work(Client(socket: server.socket))
        try await server.close()
    }

    private func register(_ client: Client, isSecret: Bool) async throws {
        let body: JSON = ["plan": try Self.plan(isSecret: isSecret)]
        let answer = try await client.send("PUT", "/v1/flows/keep", body.canonical)
        #expect(answer.status == 200, "\(String(decoding: answer.body, as: UTF8.self))")
    }

    /// Puts both; gives the hook's secret.
    private func put(_ client: Client) async throws -> String {
        let schedule = try await client.send("PUT", "/v1/schedules/yearly", Self.scheduleBody.canonical)
        #expect(schedule.status == 200, "\(String(decoding: schedule.body, as: UTF8.self))")
        return try #require(try await client.value(Wire.Hook.self, "PUT", "/v1/hooks/push", Self.hookBody.canonical).secret)
    }

    /// In no answer is either value, in each the other input.
    private func expectShownToNobody(_ client: Client) async throws {
        for path in ["/v1/schedules", "/v1/schedules/yearly", "/v1/hooks", "/v1/audit"] {
            let text = String(decoding: try await client.send("GET", path).body, as: UTF8.self)
            #expect(!text.contains("Zebra"), "\(path): \(text)")
            #expect(text.contains("<redacted>"), "\(path): \(text)")
            #expect(path == "/v1/audit" || text.contains("there"), "\(path): \(text)")
        }
    }

    private func files(_ home: TemporaryHome) throws -> [String: [UInt8]] {
        var contents: [String: [UInt8]] = [:]
        for name in try FileManager.default.contentsOfDirectory(atPath: home.path) where name.hasPrefix("journal.db") {
            contents[name] = try home.read(name)
        }
        return contents
    }

    private func holds(_ bytes: [UInt8], _ text: String) -> Bool { Data(bytes).range(of: Data(text.utf8)) != nil }

    private func expectSuccess(_ run: RunID, _ client: Client) async throws {
        _ = try await client.events(of: run) { $0.contains("event: end") }
        let state = try await client.value(Wire.Run.self, "GET", "/v1/runs/\(run)").state
        #expect(state == .succeeded)
    }

    /// Both start runs that have the values as they were given.
    private func expectBothStart(_ client: Client, secret: String?) async throws {
        let run = try await client.value(Wire.Run.self, "POST", "/v1/schedules/yearly/run")
        try await expectSuccess(run.id, client)
        guard let secret else { return }
        let answer = try await deliver(client, secret)
        #expect(answer.status == 201, "\(String(decoding: answer.body, as: UTF8.self))")
        try await expectSuccess(try JSONDecoder().decode(Wire.Delivered.self, from: Data(answer.body)).run, client)
    }

    /// Sends something to the hook that is genuine.
    private func deliver(_ client: Client, _ secret: String) async throws -> (status: Int, body: [UInt8]) {
        let (id, time, body) = ("d-\(UUID().uuidString)", "\(Int(Date().timeIntervalSince1970))", "{}")
        let key = try #require(Data(base64Encoded: String(secret.dropFirst("whsec_".count))))
        let code = HMAC.sha256.code(of: Array("\(id).\(time).\(body)".utf8), key: Array(key))
        let signature = "v1," + Data(code).base64EncodedString()
        return try await client.send(
            "POST", "/v1/hooks/push", body, headers: ["webhook-id": id, "webhook-timestamp": time, "webhook-signature": signature])
    }

    @Test func `they are in no answer, no file and no backup, and the runs have them`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        try await withServer(home) { client in
            try await register(client, isSecret: true)
            let secret = try await put(client)
            try await expectShownToNobody(client)
            try await expectBothStart(client, secret: secret)
            let backup = try await client.send("GET", "/v1/backup")
            #expect(backup.status == 200 && !holds(backup.body, "Zebra") && holds(backup.body, "yearly"))
            for (name, bytes) in try files(home) { #expect(!holds(bytes, "Zebra"), "\(name)") }
        }
        try await withServer(home) { client in
            try await expectShownToNobody(client)
            try await expectBothStart(client, secret: nil)
        }
        for (name, bytes) in try files(home) { #expect(!holds(bytes, "Zebra"), "\(name)") }
    }

    @Test func `what is shown in place of a secret is not taken for one`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        try await withServer(home) { client in
            try await register(client, isSecret: true)
            _ = try await put(client)
            for (path, body) in [("schedules/yearly", Self.scheduleBody), ("hooks/push", Self.hookBody)] {
                let again = body.canonical.replacing(Self.forSchedule, with: "<redacted>").replacing(Self.forHook, with: "<redacted>")
                let answer = try await client.send("PUT", "/v1/\(path)", again)
                #expect(answer.status == 422 && String(decoding: answer.body, as: UTF8.self).contains("is what answers show in its place"))
            }
            try await expectBothStart(client, secret: nil)
        }
    }

    @Test func `a parameter that becomes secret has what was given for it sealed, in older revisions too`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        try await withServer(home) { client in
            try await register(client, isSecret: false)
            let secret = try await put(client)
            _ = try await client.send("PUT", "/v1/schedules/yearly", Self.scheduleBody.canonical.replacing("0 0 1 1 *", with: "0 0 2 1 *"))
            let clear = String(decoding: try await client.send("GET", "/v1/schedules/yearly").body, as: UTF8.self)
            #expect(clear.contains(Self.forSchedule), "it is no secret yet")
            try await register(client, isSecret: true)
            try await expectShownToNobody(client)
            try await expectBothStart(client, secret: secret)
            let verbs = try await client.value(Wire.Page<Wire.AuditEntry>.self, "GET", "/v1/audit").items.map(\.verb)
            #expect(verbs.contains("schedule.seal") && verbs.contains("hook.seal"))
        }
        let store = try SQLiteStore.open(in: home.path, now: Instant(milliseconds: 1_800_000_000_000))
        for at in [Instant(milliseconds: 0), Instant(milliseconds: 4_000_000_000_000)] {
            let row = try #require(try await Schedules(store).revision(of: "yearly", at: at))
            #expect(row.spec.inputs?["token"]?.stringValue.map(SealedText.isPresent) == true, "revision \(row.revision)")
        }
        try store.close()
    }

    @Test func `a parameter that is secret no longer does not bring the value to light`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        try await withServer(home) { client in
            try await register(client, isSecret: true)
            _ = try await put(client)
            try await register(client, isSecret: false)
            try await expectShownToNobody(client)
            let refused = try await client.send("POST", "/v1/schedules/yearly/run")
            let text = String(decoding: refused.body, as: UTF8.self)
            #expect(refused.status == 422 && text.contains("input 'token' was given as a secret") && !text.contains("Zebra"), "\(text)")
            for (path, body) in [("schedules/yearly", Self.scheduleBody), ("hooks/push", Self.hookBody)] {
                #expect(try await client.send("PUT", "/v1/\(path)", body.canonical).status == 200)
            }
            try await expectBothStart(client, secret: nil)
        }
    }

    @Test func `what is started of a flow that was removed is refused because of that, and has its secrets when the flow is back`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        try await withServer(home) { client in
            try await register(client, isSecret: true)
            let secret = try await put(client)
            #expect(try await client.send("DELETE", "/v1/flows/keep").status == 204)
            for refused in [try await client.send("POST", "/v1/schedules/yearly/run"), try await deliver(client, secret)] {
                let text = String(decoding: refused.body, as: UTF8.self)
                #expect(refused.status == 404 && text.contains("no flow 'keep' is registered") && !text.contains("Zebra"), "\(text)")
            }
            try await expectShownToNobody(client)
            try await register(client, isSecret: true)
            try await expectBothStart(client, secret: secret)
        }
    }

    @Test func `what an earlier version kept in clear is sealed when the engine starts`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        try await withServer(home) { try await register($0, isSecret: true) }
        let now = Instant(milliseconds: Int64(Date().timeIntervalSince1970 * 1_000))
        let store = try SQLiteStore.open(in: home.path, now: now)
        let accounts = try await Accounts(store).actor(user: "alice")
        #expect(accounts == nil)
        _ = try await Schedules(store).put([("yearly", try Self.scheduleBody.decode(as: ScheduleSpec.self))], by: Self.author, at: now)
        try await HookTable(store).put(
            HookRow(name: "push", spec: try Self.hookBody.decode(as: HookSpec.self), secret: "", user: "alice", person: "p1", changedAt: now))
        try store.close()
        try await withServer(home) { client in
            try await expectShownToNobody(client)
            let entries = try await client.value(Wire.Page<Wire.AuditEntry>.self, "GET", "/v1/audit").items
            #expect(entries.filter { $0.verb == "schedule.seal" || $0.verb == "hook.seal" }.map(\.subject).sorted() == ["push", "yearly"])
            try await expectBothStart(client, secret: nil)
        }
        // Once: the next start has nothing to do.
        try await withServer(home) { client in
            let entries = try await client.value(Wire.Page<Wire.AuditEntry>.self, "GET", "/v1/audit").items
            #expect(entries.count { $0.verb.hasSuffix(".seal") } == 2)
        }
    }
}
