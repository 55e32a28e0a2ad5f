import FlowCrypto
import FlowEngine
import FlowModel
import FlowServer
import FlowStoreSQLite
import FlowWire
import Foundation
import Testing

/// The rules about people through the whole server: what an admin changes is what open gates go by when the command returns.
@Suite("Four eyes, served", .timeLimit(.minutes(2)))
struct FourEyesServerTests {
    /// A server with a flow that waits for two of anyone.
    private func served(_ work: (ScheduleHouse, IdentityService, RunID) async throws -> Void) async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let house = try await ScheduleHouse(home: home, clock: try ManualClock("2026-03-01T12:00:00Z"))
        let clock = house.clock
        let identities = IdentityService(accounts: Accounts(house.store), book: house.people, now: { clock.now })
        let root = Actor(person: "root", user: "root", names: ["root"], roles: ["admin"])
        for name in ["root", "bob", "carol", "dave"] {
            _ = try await identities.setRoles([name == "root" ? "admin" : "viewer", "r"], of: name, by: root)
        }
        let run = try await start(house)
        try await work(house, identities, run)
        try await house.close()
    }

    /// A run of alice's that waits for three.
    private func start(_ house: ScheduleHouse) async throws -> RunID {
        let gate = Node(id: "go", name: "go", kind: .approval(ApprovalSpec(prompt: .literal("Go?"), rules: [.role("r", count: 3)])))
        let digest = Digest(of: "x".utf8)
        let request = StartRequest(
            plan: Plan(flow: "gate", nodes: [gate], dsl: "test"), revision: digest, binary: nil, inputs: [:], targets: [:], fingerprint: digest)
        return try await house.engine.start(request, by: ScheduleHouse.alice).run
    }

    private func gate(_ house: ScheduleHouse, _ run: RunID) async throws -> ApprovalRow {
        try #require(try await house.store.approvals(state: nil, run: run, limit: 10).first)
    }

    private func vote(_ name: String, _ house: ScheduleHouse, _ run: RunID) async throws {
        let digest = try await gate(house, run).digest
        let actor = Actor(person: name, user: name, names: [name], roles: ["viewer", "r"])
        _ = try await house.engine.perform(.vote(StepPath("go"), .approved, digest: digest), on: run, by: actor)
    }

    @Test func `a link, a lost role and a removal are what the gate says by the time the command returns`() async throws {
        try await served { house, identities, run in
            let root = try #require(try await Accounts(house.store).actor(user: "root"))
            for name in ["bob", "carol"] { try await vote(name, house, run) }
            _ = try await identities.link("bob", with: "carol", by: root)
            #expect(try await gate(house, run).votes.map(\.voided) == [nil, "carol and bob are one person, who counts once"])
            _ = try await identities.setRoles(["viewer"], of: "bob", by: root)
            #expect(try await gate(house, run).votes.first?.voided == "bob has not the role r any more")
            try await vote("dave", house, run)
            // Removed, and somebody gets the name at once: the vote is not theirs.
            try await identities.remove(user: "dave", by: root)
            _ = try await identities.setRoles(["viewer", "r"], of: "dave", by: root)
            #expect(try await gate(house, run).votes.last?.voided == "dave was removed")
            _ = try await identities.link("alice", with: "dave", by: root)
            await #expect(throws: FlowError.self) { try await vote("dave", house, run) }
            #expect(try await gate(house, run).terms.shapers?.map(\.user) == ["alice"])
        }
    }

    @Test func `a link made by mistake is taken back: runs of before are approved by others, runs of after by each of the two`() async throws {
        try await served { house, identities, run in
            let root = try #require(try await Accounts(house.store).actor(user: "root"))
            _ = try await identities.link("bob", with: "alice", by: root)
            await #expect(throws: FlowError.self) { try await vote("bob", house, run) }
            house.clock.set(house.clock.now + 10)
            let parted = try await identities.unlink("alice", from: "bob", message: "another Bob", by: root)
            #expect(parted.map(\.names) == [["alice"], ["bob"]])
            #expect(parted.map(\.roles) == [["author"], ["r", "viewer"]])
            let barred = await #expect(throws: FlowError.self) { try await vote("bob", house, run) }
            #expect(barred?.message.contains("bob is one person with alice") == true, "it was shaped while the link stood")
            try await vote("carol", house, run)
            house.clock.set(house.clock.now + 1)
            let later = try await start(house)
            try await vote("bob", house, later)
            #expect(try await gate(house, later).votes.map(\.user) == ["bob"])
            #expect(try await house.store.run(later)?.actor == "alice")
        }
    }

    @Test func `a link that is taken back while the clock is behind counts for the runs that the clock ahead began`() async throws {
        try await served { house, identities, _ in
            let root = try #require(try await Accounts(house.store).actor(user: "root"))
            _ = try await identities.link("bob", with: "alice", by: root)
            let now = house.clock.now
            house.clock.set(now + 86_400)
            let ahead = try await start(house)
            house.clock.set(now + 10)
            _ = try await identities.unlink("alice", from: "bob", message: "another Bob", by: root)
            await #expect(throws: FlowError.self) { try await vote("bob", house, ahead) }
            try await vote("carol", house, ahead)
        }
    }

    @Test func `a revision that schedules and hooks cannot start is said in the answer and by the doctor`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let server = try await FlowServer.open(.init(home: home.path))
        let client = Client(socket: server.socket)
        func register(_ parameters: [Parameter]) async throws -> Wire.Flow {
            let plan = Plan(flow: "nap", parameters: parameters, nodes: [Nodes.sleep("nap", 0)], dsl: "test")
            let body = String(decoding: try JSONEncoder().encode(Wire.Register(plan: plan)), as: UTF8.self)
            return try await client.value(Wire.Flow.self, "PUT", "/v1/flows/nap", body)
        }
        func doctor() async throws -> [Wire.Finding] {
            try await client.value(Wire.Page<Wire.Finding>.self, "GET", "/v1/doctor").items.filter { $0.name == "schedules" }
        }
        #expect(try await register([Parameter(name: "n", kind: .int)]).warnings == nil)
        let spec = #"{"flow":"nap","cron":"@daily","inputs":{"n":1}}"#
        #expect(try await client.send("PUT", "/v1/schedules/nightly", spec).status == 200)
        #expect(try await client.send("PUT", "/v1/hooks/push", #"{"flow":"nap","inputs":{"n":1}}"#).status == 200)
        #expect(try await doctor().map(\.level) == [.ok])
        let broken = try await register([Parameter(name: "n", kind: .string, choices: ["a", "b"])])
        #expect(broken.warnings?.map(\.subject) == ["schedule nightly", "hook push"])
        #expect(broken.warnings?.first?.message.contains("n ") == true, "\(broken.warnings ?? [])")
        #expect(try await doctor().map(\.level) == [.warn, .warn])
        try await server.close()
    }

    @Test func `links of before this version are known after the upgrade`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let now = Instant(milliseconds: 1_700_000_000_000)
        let old = try SQLiteStore.open(in: home.path, socket: nil, now: now, migrations: Array(Migration.all.prefix(8)))
        let audit = Audit(old)
        try await audit.append(AuditEntry(at: now, actor: "root", verb: "user.link", subject: "os:bob", detail: ["to": "alice"]))
        try old.close()
        let store = try SQLiteStore.open(in: home.path, now: now)
        #expect(try await Accounts(store).people(at: now).areOne("alice", "os:bob", inRunBegun: now))
        try store.close()
    }

    @Test func `a run says whether plan and program are those that were registered`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let server = try await FlowServer.open(.init(home: home.path))
        let client = Client(socket: server.socket)
        func stored(_ text: String) async throws -> String {
            let digest = Digest(of: text.utf8).hex
            #expect(try await client.send("PUT", "/v1/blobs/\(digest)", text).status == 204)
            return digest
        }
        let (good, bad) = (try await stored("the program"), try await stored("another program"))
        let step = Node(id: "s", name: "s", kind: .step(SwiftStepSpec(inputs: [])), needs: ["go"])
        let plan = Plan(flow: "release", nodes: [Nodes.approval("go"), step], dsl: "test")
        let json = String(decoding: try JSONEncoder().encode(plan), as: UTF8.self)
        _ = try await client.value(Wire.Flow.self, "PUT", "/v1/flows/release", #"{"plan":\#(json),"binary":"\#(good)"}"#)
        func start(_ body: String) async throws -> Wire.Run { try await client.value(Wire.Run.self, "POST", "/v1/runs", body) }
        let named = try await start(#"{"flow":"release"}"#)
        let same = try await start(#"{"plan":\#(json),"binary":"\#(good)"}"#)
        let swapped = try await start(#"{"plan":\#(json),"binary":"\#(bad)"}"#)
        #expect(named.revision == swapped.revision, "the plan is the same")
        #expect([named, same, swapped].map(\.registered) == [true, true, false])
        let listed = try await client.value(Wire.Page<Wire.Run>.self, "GET", "/v1/runs").items
        #expect(listed.first { $0.id == swapped.id }?.registered == false)
        let gates = try await client.value(Wire.Page<Wire.Approval>.self, "GET", "/v1/approvals").items
        let (one, other) = (try #require(gates.first { $0.run == named.id }), try #require(gates.first { $0.run == swapped.id }))
        #expect(one.binary?.hex == good && one.registered == true)
        #expect(other.binary?.hex == bad && other.registered == false)
        #expect(try await client.value(Wire.Preview.self, "GET", "/v1/runs/\(swapped.id)/plan").binary?.hex == bad)
        // Another program under the name: a run that waits keeps its own, and a new one has the new.
        _ = try await client.value(Wire.Flow.self, "PUT", "/v1/flows/release", #"{"plan":\#(json),"binary":"\#(bad)"}"#)
        #expect(try await client.value(Wire.Run.self, "GET", "/v1/runs/\(named.id)").registered == true)
        #expect(try await client.value(Wire.Preview.self, "GET", "/v1/runs/\(named.id)/plan").binary?.hex == good)
        try await server.close()
    }
}
