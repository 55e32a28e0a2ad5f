import FlowModel
import FlowServer
import FlowStoreSQLite
import FlowWire
import GRDB
import Glibc
import Logging
import Synchronization
import Testing

@Suite("Identity", .timeLimit(.minutes(10)))
struct IdentityTests {
    private final class Clock: Sendable {
        private let time = Mutex(Instant(milliseconds: 1_700_000_000_000))
        var now: Instant { time.withLock { $0 } }
        func advance(seconds: Double) { time.withLock { $0 = $0 + seconds } }
    }

    private func with(_ body: (IdentityService, Clock, Actor) async throws -> Void) async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let clock = Clock()
        let store = try SQLiteStore.open(in: home.path, now: clock.now)
        let identities = IdentityService(accounts: Accounts(store), now: { clock.now })
        try await identities.ensureAdmin(owner: getuid())
        try await body(identities, clock, try await identities.actor(uid: getuid()))
        try store.close()
    }

    @Test func `the owner of the home is the first admin, and only while there is none`() async throws {
        try await with { identities, _, owner in
            #expect(owner.roles == ["admin"])
            _ = try await identities.setRoles(["admin"], of: "alice", by: owner)
            _ = try await identities.setRoles(["viewer"], of: owner.user, by: owner)
            try await identities.ensureAdmin(owner: getuid())
            #expect(try await identities.actor(uid: getuid()).roles == ["viewer"])
            #expect(try await identities.actor(uid: 4_242_424).roles == [])
        }
    }

    @Test func `root is the owner of a home that belongs to a service's account`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let store = try SQLiteStore.open(in: home.path, now: Clock().now)
        let identities = IdentityService(accounts: Accounts(store), now: { Clock().now })
        try await identities.ensureAdmin(owner: 4_242_424)
        let (root, owner) = (try await identities.actor(uid: 0), try await identities.actor(uid: 4_242_424))
        #expect(root.roles == ["admin"] && owner.roles == ["admin"])
        #expect(root.person == owner.person, "two names of one person: neither approves what the other started")
        try store.close()
    }

    @Test func `the last admin cannot be removed or demoted`() async throws {
        try await with { identities, _, owner in
            await #expect(throws: FlowError.self) { try await identities.remove(user: owner.user, by: owner) }
            await #expect(throws: FlowError.self) { try await identities.setRoles(["viewer"], of: owner.user, by: owner) }
            let still = try await identities.actor(uid: getuid())
            #expect(still.roles == ["admin"])
        }
    }

    @Test func `the last admin stays one by whichever of two linked names it is tried`() async throws {
        try await with { identities, _, owner in
            _ = try await identities.link(owner.user, with: "second", by: owner)
            for name in [owner.user, "second"] {
                await #expect(throws: FlowError.self) { try await identities.setRoles(["viewer"], of: name, by: owner) }
            }
            try await identities.remove(user: "second", by: owner)
            await #expect(throws: FlowError.self) { try await identities.remove(user: owner.user, by: owner) }
            #expect(try await identities.actor(uid: getuid()).roles == ["admin"])
        }
    }

    @Test func `who was linked once is one person for ever, also across removals; lent rights end with a user`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let now = Instant(milliseconds: 1_700_000_000_000)
        let store = try SQLiteStore.open(in: home.path, now: now)
        let accounts = Accounts(store)
        for name in ["alice", "bob", "carol"] { try await accounts.add(user: name, roles: ["author"], by: "root", at: now) }
        try await accounts.link("bob", to: "alice", by: "root", at: now)
        try await accounts.add(
            delegation: DelegationRow(id: "d", from: "alice", to: "carol", role: "author", createdAt: now, until: now + 100), by: "root")
        var people = try await accounts.people(at: now)
        #expect(people.areOne("alice", "bob", inRunBegun: now))
        #expect(people.standing(of: "bob")?.names == ["alice", "bob"])
        #expect(people.loan("d")?.taker == "carol")
        for name in ["alice", "bob"] {
            _ = try await accounts.remove(user: name, by: "root", at: now)
            try await accounts.add(user: name, roles: ["author"], by: "root", at: now)
        }
        people = try await accounts.people(at: now)
        #expect(people.standing(of: "alice")?.person != people.standing(of: "bob")?.person)
        #expect(people.areOne("alice", "bob", inRunBegun: now) && !people.areOne("alice", "carol", inRunBegun: now))
        #expect(people.loan("d") == nil, "who gets the name later has lent nothing")
        try store.close()
    }

    @Test func `a link that was taken back parts the two, each with its own roles, and is audited with the reason`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let now = Instant(milliseconds: 1_700_000_000_000)
        let store = try SQLiteStore.open(in: home.path, now: now)
        let (accounts, audit) = (Accounts(store), Audit(store))
        try await accounts.add(user: "root", roles: ["admin"], by: "root", at: now)
        try await accounts.add(user: "alice", roles: ["admin", "author"], by: "root", at: now)
        try await accounts.add(user: "bob", roles: ["viewer"], by: "root", at: now)
        try await accounts.add(user: "os:bob", roles: [], by: "root", at: now)
        try await accounts.link("os:bob", to: "bob", by: "root", at: now)
        try await accounts.link("bob", to: "alice", by: "root", at: now)
        #expect(try await accounts.actor(user: "os:bob")?.roles == ["admin", "author", "viewer"])
        try await accounts.setRoles(["admin", "author", "viewer", "late"], of: "alice", by: "root", at: now)
        // Whichever of the two is named first, and however the link was made.
        try await accounts.unlink("bob", from: "alice", keeping: "admin", reason: "another Bob", by: "root", at: now + 10)
        let (alice, bob) = (try await accounts.actor(user: "alice"), try await accounts.actor(user: "bob"))
        #expect(alice?.roles == ["admin", "author"] && alice?.names == ["alice"] && alice?.person == "alice")
        #expect(bob?.roles == ["viewer"] && bob?.names == ["bob", "os:bob"] && bob?.person == "bob")
        let people = try await accounts.people(at: now + 20)
        #expect(people.areOne("alice", "os:bob", inRunBegun: now + 10), "a run that had begun by then")
        #expect(!people.areOne("alice", "os:bob", inRunBegun: now + 10.001))
        #expect(people.areOne("bob", "os:bob", inRunBegun: now + 20))
        let entry = try #require(try await audit.rows(limit: 1).first?.entry)
        #expect(entry.verb == "user.unlink" && entry.subject == "bob")
        #expect(entry.detail == ["from": "alice", "message": "another Bob"])
        let again = await #expect(throws: FlowError.self) {
            try await accounts.unlink("bob", from: "alice", reason: "again", by: "root", at: now + 30)
        }
        #expect(again?.code == .conflict)
        #expect(again?.message.contains("'bob' is linked with 'os:bob'") == true, "\(again?.message ?? "")")
        // Made again, it stands for all runs.
        try await accounts.link("bob", to: "alice", by: "root", at: now + 40)
        #expect(try await accounts.people(at: now + 40).areOne("alice", "os:bob", inRunBegun: now + 99))
        try store.close()
    }

    @Test func `a link to a user who was removed can be taken back, and one that others hold together parts nobody`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let now = Instant(milliseconds: 1_700_000_000_000)
        let store = try SQLiteStore.open(in: home.path, now: now)
        let accounts = Accounts(store)
        for name in ["alice", "bob", "carol"] { try await accounts.add(user: name, roles: ["author"], by: "root", at: now) }
        for (one, other) in [("bob", "alice"), ("carol", "bob"), ("carol", "alice")] { try await accounts.link(one, to: other, by: "root", at: now) }
        try await accounts.unlink("alice", from: "bob", reason: "wrong", by: "root", at: now + 1)
        #expect(try await accounts.actor(user: "bob")?.names == ["alice", "bob", "carol"], "carol is both")
        #expect(try await accounts.people(at: now + 2).areOne("alice", "bob", inRunBegun: now + 2))
        _ = try await accounts.remove(user: "carol", by: "root", at: now + 2)
        try await accounts.unlink("carol", from: "alice", reason: "wrong", by: "root", at: now + 3)
        try await accounts.unlink("carol", from: "bob", reason: "wrong", by: "root", at: now + 3)
        let people = try await accounts.people(at: now + 4)
        #expect(!people.areOne("alice", "carol", inRunBegun: now + 4) && people.areOne("alice", "carol", inRunBegun: now + 3))
        try store.close()
    }

    @Test func `a link to a user who was removed is taken back with what came over it, and whom it held together`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let now = Instant(milliseconds: 1_700_000_000_000)
        let store = try SQLiteStore.open(in: home.path, now: now)
        let accounts = Accounts(store)
        for name in ["alice", "bob", "carol"] { try await accounts.add(user: name, roles: [name], by: "root", at: now) }
        func roles(_ user: String) async throws -> [String]? { try await accounts.actor(user: user)?.roles }
        try await accounts.link("bob", to: "alice", by: "root", at: now)
        _ = try await accounts.remove(user: "bob", by: "root", at: now)
        #expect(try await roles("alice") == ["alice", "bob"])
        try await accounts.unlink("alice", from: "bob", reason: "wrong", by: "root", at: now)
        #expect(try await roles("alice") == ["alice"])
        // Whoever has the name now is somebody else: what is remembered is of the link of now.
        try await accounts.add(user: "bob", roles: ["late"], by: "root", at: now)
        try await accounts.link("bob", to: "alice", by: "root", at: now)
        _ = try await accounts.remove(user: "bob", by: "root", at: now)
        try await accounts.add(user: "bob", roles: ["later"], by: "root", at: now)
        try await accounts.link("bob", to: "alice", by: "root", at: now)
        try await accounts.unlink("bob", from: "alice", reason: "wrong", by: "root", at: now)
        #expect(try await roles("bob") == ["later"])
        #expect(try await roles("alice") == ["alice", "late"], "as it was before the last link")
        // Two whom only one held together who is gone, or is somebody else.
        for isBack in [false, true] {
            try await accounts.link("alice", to: "bob", by: "root", at: now)
            try await accounts.link("carol", to: "bob", by: "root", at: now)
            _ = try await accounts.remove(user: "bob", by: "root", at: now)
            if isBack { try await accounts.add(user: "bob", roles: ["new"], by: "root", at: now) }
            try await accounts.unlink("alice", from: "bob", reason: "wrong", by: "root", at: now + 1)
            try await accounts.unlink("carol", from: "bob", reason: "wrong", by: "root", at: now + 1)
            #expect(try await accounts.actor(user: "alice")?.names == ["alice"])
            #expect(try await accounts.actor(user: "carol")?.names == ["carol"])
            let people = try await accounts.people(at: now + 2)
            #expect(!people.areOne("alice", "carol", inRunBegun: now + 2))
            if !isBack { try await accounts.add(user: "bob", roles: ["bob"], by: "root", at: now) }
        }
        #expect(try await roles("bob") == ["new"])
        try store.close()
    }

    @Test func `taking a link back leaves an admin, and the person that each schedule and hook belongs to`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let now = Instant(milliseconds: 1_700_000_000_000)
        let store = try SQLiteStore.open(in: home.path, now: now)
        let accounts = Accounts(store)
        try await accounts.add(user: "alice", roles: ["author"], by: "root", at: now)
        try await accounts.add(user: "bob", roles: ["author"], by: "root", at: now)
        try await accounts.link("bob", to: "alice", by: "root", at: now)
        try await accounts.setRoles(["admin"], of: "alice", by: "root", at: now)
        let last = await #expect(throws: FlowError.self) {
            try await accounts.unlink("alice", from: "bob", keeping: "admin", reason: "wrong", by: "root", at: now)
        }
        #expect(last?.message.contains("last admin") == true)
        #expect(try await accounts.actor(user: "bob")?.person == "alice", "nothing was changed")
        try await accounts.add(user: "root", roles: ["admin"], by: "root", at: now)
        let bob = try #require(try await accounts.actor(user: "bob"))
        _ = try await Schedules(store).put([("nightly", ScheduleSpec(flow: "f"))], by: bob, at: now)
        try await HookTable(store).put(HookRow(name: "push", spec: HookSpec(flow: "f"), secret: "", user: "bob", person: bob.person, changedAt: now))
        try await accounts.unlink("alice", from: "bob", keeping: "admin", reason: "wrong", by: "root", at: now)
        #expect(try await Schedules(store).schedule(named: "nightly")?.person == "bob")
        #expect(try await HookTable(store).hook(named: "push")?.person == "bob")
        try store.close()
    }

    @Test func `a token is good until it expires or is revoked, and carries the roles of now`() async throws {
        try await with { identities, clock, owner in
            _ = try await identities.setRoles(["operator"], of: "bob", by: owner)
            let made = try await identities.createToken(
                Wire.TokenRequest(name: "ci", user: "bob", expiresInSeconds: 100), by: owner)
            let secret = try #require(made.token)
            #expect(secret.utf8.count >= 43)
            #expect(try await identities.actor(token: secret)?.roles == ["operator"])
            _ = try await identities.setRoles(["viewer"], of: "bob", by: owner)
            #expect(try await identities.actor(token: secret)?.roles == ["viewer"])
            #expect(try await identities.actor(token: secret + "x") == nil)
            #expect(try await identities.actor(token: "") == nil)
            #expect(try await identities.tokens(of: "bob").map(\.token) == [nil])
            clock.advance(seconds: 99)
            #expect(try await identities.actor(token: secret) != nil)
            clock.advance(seconds: 1)
            #expect(try await identities.actor(token: secret) == nil)
            let other = try await identities.createToken(Wire.TokenRequest(name: "ci", user: "bob"), by: owner)
            #expect(try await identities.actor(token: other.token ?? "") != nil)
            try await identities.revokeToken(other.id, by: owner)
            #expect(try await identities.actor(token: other.token ?? "") == nil)
            let last = try await identities.createToken(Wire.TokenRequest(name: "ci", user: "bob"), by: owner)
            try await identities.remove(user: "bob", by: owner)
            #expect(try await identities.actor(token: last.token ?? "") == nil)
        }
    }

    /// Counts what is logged.
    private struct CountingHandler: LogHandler {
        let logged: Count
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.info
        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }
        func log(event: LogEvent) { logged.add() }
    }

    private final class Count: Sendable {
        private let state = Mutex(0)
        var value: Int { state.withLock { $0 } }
        func add() { state.withLock { $0 += 1 } }
    }

    /// Changes the database from outside, while it is open.
    private func change(_ home: TemporaryHome, _ sql: String) throws {
        let queue = try DatabaseQueue(path: home.path + "/journal.db")
        try queue.write { try $0.execute(sql: sql) }
        try queue.close()
    }

    @Test func `a token lets in where its use cannot be noted, which is logged, and not with every request`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let (clock, logged) = (Clock(), Count())
        let store = try SQLiteStore.open(in: home.path, now: clock.now)
        let identities = IdentityService(
            accounts: Accounts(store), now: { clock.now }, logger: Logger(label: "test") { _ in CountingHandler(logged: logged) })
        try await identities.ensureAdmin(owner: getuid())
        let owner = try await identities.actor(uid: getuid())
        let token = try #require(try await identities.createToken(Wire.TokenRequest(name: "ci"), by: owner).token)
        // The store refuses it, as it does all writes on a full disk.
        try change(home, "CREATE TRIGGER refusal BEFORE UPDATE ON token BEGIN SELECT RAISE(ABORT, 'no room'); END")
        for _ in 0..<3 {
            #expect(try await identities.actor(token: token)?.roles == ["admin"])
            // No longer remembered.
            clock.advance(seconds: 10)
        }
        #expect(logged.value == 1)
        #expect(try await identities.tokens(of: nil).map(\.lastUsedAt) == [nil])
        try change(home, "DROP TRIGGER refusal")
        #expect(try await identities.actor(token: token)?.roles == ["admin"])
        #expect(try await identities.tokens(of: nil).map(\.lastUsedAt) == [clock.now])
        try store.close()
    }

    @Test func `linked users are one person, whichever way they come`() async throws {
        try await with { identities, _, owner in
            _ = try await identities.setRoles(["author"], of: "alice", by: owner)
            let user = try await identities.link("alice", with: "os:alice", by: owner)
            #expect(Set(user.names) == ["alice", "os:alice"])
            let token = try await identities.createToken(Wire.TokenRequest(name: "t", user: "os:alice"), by: owner)
            let actor = try #require(try await identities.actor(token: token.token ?? ""))
            #expect(actor.person == user.person)
            #expect(actor.roles == ["author"])
            #expect(Set(actor.names) == ["alice", "os:alice"])
        }
    }

    @Test(arguments: ["", "a b", "a/b", "a\nb", String(repeating: "x", count: 65), "ü"])
    func `names that could be mistaken are refused`(name: String) async throws {
        try await with { identities, _, owner in
            await #expect(throws: FlowError.self) { try await identities.setRoles(["viewer"], of: name, by: owner) }
            await #expect(throws: FlowError.self) { try await identities.setRoles([name], of: "bob", by: owner) }
        }
    }
}
