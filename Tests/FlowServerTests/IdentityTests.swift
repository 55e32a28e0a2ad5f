import FlowModel
import FlowServer
import FlowStoreSQLite
import FlowWire
import Glibc
import Synchronization
import Testing

@Suite("Identity")
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
        #expect(people.areOne("alice", "bob"))
        #expect(people.standing(of: "bob")?.names == ["alice", "bob"])
        #expect(people.loan("d")?.taker == "carol")
        for name in ["alice", "bob"] {
            _ = try await accounts.remove(user: name, by: "root", at: now)
            try await accounts.add(user: name, roles: ["author"], by: "root", at: now)
        }
        people = try await accounts.people(at: now)
        #expect(people.standing(of: "alice")?.person != people.standing(of: "bob")?.person)
        #expect(people.areOne("alice", "bob") && !people.areOne("alice", "carol"))
        #expect(people.loan("d") == nil, "who gets the name later has lent nothing")
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
