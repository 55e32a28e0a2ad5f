import FlowCrypto
import FlowEngine
import FlowModel
import FlowStoreSQLite
import Testing

@Suite("Accounts, registry and audit", .timeLimit(.minutes(10)))
struct PeopleTests {
    private func withStore(_ body: (SQLiteStore) async throws -> Void) async throws {
        let scratch = try Scratch()
        let store = try scratch.open()
        try await body(store)
        try store.close()
        // Everything is still there and sound in the next process.
        let again = try scratch.open()
        #expect(try await again.verify() == [])
        try again.close()
    }

    @Test func `linked users are one person with the roles of both`() async throws {
        try await withStore { store in
            let accounts = Accounts(store)
            try await accounts.add(user: "os:alice", roles: ["author"], by: "os:root", at: start)
            try await accounts.add(user: "alice", roles: ["author", "dba"], by: "os:root", at: start)
            try await accounts.add(user: "bob", roles: [], by: "os:root", at: start)
            try await accounts.link("alice", to: "os:alice", by: "os:root", at: start)
            let actor = try await accounts.actor(user: "alice")
            #expect(actor == Actor(person: "os:alice", user: "alice", names: ["alice", "os:alice"], roles: ["author", "dba"]))
            try await accounts.setRoles(["viewer"], of: "os:alice", by: "os:root", at: start)
            #expect(try await accounts.actor(user: "alice")?.roles == ["viewer"])
            #expect(try await accounts.users().map(\.name) == ["alice", "bob", "os:alice"])
            #expect(try await accounts.remove(user: "os:alice", by: "os:root", at: start))
            #expect(try await accounts.actor(user: "os:alice") == nil)
            #expect(try await accounts.actor(user: "alice")?.person == "os:alice")
            // The name comes back as somebody else, not as the person that alice still is.
            try await accounts.add(user: "os:alice", roles: [], by: "os:root", at: start)
            #expect(try await accounts.actor(user: "os:alice")?.person == "os:alice-2")
        }
    }

    @Test func `a name that is taken or unknown is refused with a hint, and the store goes on`() async throws {
        try await withStore { store in
            let accounts = Accounts(store)
            try await accounts.add(user: "alice", roles: [], by: "os:root", at: start)
            let taken = await #expect(throws: FlowError.self) {
                try await accounts.add(user: "alice", roles: [], by: "os:root", at: start)
            }
            #expect(taken?.code == .conflict)
            let unknown = await #expect(throws: FlowError.self) {
                try await accounts.setRoles([], of: "alise", by: "os:root", at: start)
            }
            #expect(unknown?.code == .notFound)
            #expect(unknown?.message.contains("'alice'") == true)
            #expect(try await accounts.remove(user: "nobody", by: "os:root", at: start) == false)
            #expect(try await Audit(store).rows(limit: 10).map(\.entry.verb) == ["user.add"])
            _ = try store.beginEpoch()
        }
    }

    @Test func `a user has so many tokens that count, and no more`() async throws {
        try await withStore { store in
            let accounts = Accounts(store)
            let later = Instant(milliseconds: start.milliseconds + 1)
            try await accounts.add(user: "alice", roles: ["viewer"], by: "os:root", at: start)
            func add(_ number: Int, at: Instant) async throws {
                let row = TokenRow(id: "t\(number)", user: "alice", name: "ci", createdAt: at, expiresAt: number < 2 ? later : nil)
                try await accounts.add(token: row, hash: Digest(of: Array("\(number)".utf8)), by: "alice")
            }
            for number in 0..<Limits.tokens { try await add(number, at: start) }
            let full = await #expect(throws: FlowError.self) { try await add(Limits.tokens, at: start) }
            #expect(full?.code == .conflict)
            // Two have expired, one is revoked.
            #expect(try await accounts.revoke(token: "t9", by: "alice", at: start))
            for number in 0..<3 { try await add(Limits.tokens + number, at: later) }
            await #expect(throws: FlowError.self) { try await add(Limits.tokens + 3, at: later) }
        }
    }

    @Test func `a token leads to its person until it expires, is revoked or its user is removed`() async throws {
        try await withStore { store in
            let accounts = Accounts(store)
            let later = Instant(milliseconds: start.milliseconds + 90_000)
            try await accounts.add(user: "alice", roles: ["operator"], by: "os:root", at: start)
            for name in ["a", "b", "c"] {
                let row = TokenRow(
                    id: name, user: "alice", name: "laptop", createdAt: start, expiresAt: name == "a" ? later : nil)
                try await accounts.add(token: row, hash: Digest(of: Array(name.utf8)), by: "alice")
            }
            func user(_ name: String, at: Instant) async throws -> String? {
                try await accounts.actor(tokenHash: Digest(of: Array(name.utf8)), at: at)?.actor.user
            }
            #expect(try await user("a", at: start) == "alice")
            #expect(try await user("a", at: later) == nil)
            #expect(try await user("z", at: start) == nil)
            #expect(try await accounts.revoke(token: "b", by: "alice", at: start))
            #expect(try await accounts.revoke(token: "b", by: "alice", at: start) == false)
            #expect(try await user("b", at: start) == nil)
            let token = try #require(try await accounts.tokens(of: "alice").last)
            try await accounts.touch(token, at: later)
            #expect(try await accounts.tokens().last?.lastUsedAt == later)
            _ = try await accounts.remove(user: "alice", by: "os:root", at: start)
            #expect(try await user("c", at: start) == nil)
            // Nor does a new user of that name inherit it.
            try await accounts.add(user: "alice", roles: ["admin"], by: "os:root", at: start)
            #expect(try await user("c", at: start) == nil)
        }
    }

    @Test func `a flow is registered by name with blobs that are stored, and its trace with it`() async throws {
        try await withStore { store in
            let registry = Registry(store)
            let plan = try await BlobStore(store, now: { start }).store(Array("{}".utf8))
            var flow = RegisteredFlow(
                name: "release", revision: Digest(of: [1]), plan: plan, binary: nil, source: "release.swift", user: "alice",
                at: start)
            try await registry.register(flow)
            #expect(try await registry.flow(named: "release") == flow)
            flow.revision = Digest(of: [2])
            try await registry.register(flow)
            #expect(try await registry.flows() == [flow])
            flow.binary = Digest(of: [9])
            let refusal = flow
            let error = await #expect(throws: FlowError.self) { try await registry.register(refusal) }
            #expect(error?.code == .notFound)
            #expect(try await registry.remove("release", by: "alice", at: start))
            #expect(try await registry.remove("release", by: "alice", at: start) == false)
            #expect(try await Audit(store).rows(limit: 10).map(\.entry.verb) == ["flow.remove", "flow.add", "flow.add"])
        }
    }

    @Test func `the audit trail is listed newest first and in pages`() async throws {
        try await withStore { store in
            let audit = Audit(store)
            await withTaskGroup(of: Void.self) { group in
                for number in 0..<20 {
                    group.addTask {
                        do {
                            try await audit.append(AuditEntry(at: start, actor: "a", verb: "v", subject: "\(number)"))
                        } catch { Issue.record(error) }
                    }
                }
            }
            let first = try await audit.rows(limit: 7)
            let rest = try await audit.rows(before: first.last?.number, limit: 100)
            #expect((first + rest).map(\.number) == Array((1...20).reversed()))
            #expect(Set((first + rest).map(\.entry.subject)).count == 20)
        }
    }

    @Test func `an upload is stored only if it is what its name says, and no larger than allowed`() async throws {
        try await withStore { store in
            let blobs = BlobStore(store, now: { start })
            for size in [0, 10, 65_536, 65_537, 300_000] {
                let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0) }
                let parts = AsyncStream<[UInt8]> { stream in
                    for at in stride(from: 0, to: size, by: 1_000) { stream.yield(Array(bytes[at..<min(size, at + 1_000)])) }
                    stream.finish()
                }
                try await blobs.store(parts, expecting: Digest(of: bytes))
                #expect(try await blobs.read(Digest(of: bytes)) == bytes)
                #expect(try await blobs.contains(Digest(of: bytes)))
            }
            func upload(_ parts: [[UInt8]], as digest: Digest, limit: Int) async throws {
                let stream = AsyncStream<[UInt8]> { stream in
                    for part in parts { stream.yield(part) }
                    stream.finish()
                }
                try await blobs.store(stream, expecting: digest, limit: limit)
            }
            let wrong = await #expect(throws: FlowError.self) { try await upload([[1]], as: Digest(of: [2]), limit: 9) }
            #expect(wrong?.code == .inputs)
            let large = await #expect(throws: FlowError.self) { try await upload([[1], [2]], as: Digest(of: [1, 2]), limit: 1) }
            #expect(large?.code == .tooLarge)
            #expect(try await !blobs.contains(Digest(of: [1, 2])))
        }
    }

    @Test func `a right to vote is lent by who has it, to another person, until it ends, is revoked or is lost`() async throws {
        try await withStore { store in
            let accounts = Accounts(store)
            for (name, roles) in [("bob", ["manager"]), ("dave", []), ("os:bob", []), ("erin", [])] {
                try await accounts.add(user: name, roles: roles, by: "os:root", at: start)
            }
            try await accounts.link("os:bob", to: "bob", by: "os:root", at: start)
            func lend(_ id: String, _ from: String, _ to: String, _ role: String = "manager") async throws {
                let row = DelegationRow(id: id, from: from, to: to, role: role, reason: "holiday", createdAt: start, until: start + 60)
                try await accounts.add(delegation: row, by: from)
            }
            await #expect(throws: FlowError.self) { try await lend("1", "dave", "erin") }
            await #expect(throws: FlowError.self) { try await lend("1", "bob", "os:bob") }
            await #expect(throws: FlowError.self) { try await lend("1", "bob", "nobody") }
            try await lend("1", "bob", "dave")
            let delegation = Delegation(id: "1", from: "bob", person: "bob", role: "manager", until: start + 60)
            #expect(try await accounts.actor(user: "dave")?.delegations == [delegation])
            #expect(try await accounts.actor(user: "dave")?.roles == [], "what is lent is no role of their own")
            await #expect(throws: FlowError.self) { try await lend("2", "dave", "erin") }
            try await accounts.setRoles([], of: "bob", by: "os:root", at: start)
            #expect(try await accounts.actor(user: "dave")?.delegations == [])
            try await accounts.setRoles(["manager"], of: "bob", by: "os:root", at: start)
            #expect(try await accounts.revoke(delegation: "1", by: "bob", at: start))
            #expect(try await accounts.revoke(delegation: "1", by: "bob", at: start) == false)
            #expect(try await accounts.actor(user: "dave")?.delegations == [])
            #expect(try await accounts.delegations().map(\.revokedAt) == [start])
            let verbs = try await Audit(store).rows(limit: 20).map(\.entry.verb)
            #expect(verbs.count { $0 == "approval.delegate" } == 1)
            #expect(verbs.first == "approval.undelegate")
        }
    }

    @Test func `what was lent long ago and stands is listed, however much was lent and ended since`() async throws {
        try await withStore { store in
            let accounts = Accounts(store)
            try await accounts.add(user: "bob", roles: ["manager"], by: "os:root", at: start)
            try await accounts.add(user: "dave", roles: [], by: "os:root", at: start)
            for number in 0...1_000 {
                // Each but the first is over when the next one begins.
                let (at, seconds) = (start + Double(number), number == 0 ? 86_400.0 : 1)
                let row = DelegationRow(id: "\(number)", from: "bob", to: "dave", role: "manager", createdAt: at, until: at + seconds)
                try await accounts.add(delegation: row, by: "bob")
            }
            #expect(try await accounts.delegations().map(\.id) == (0...1_000).reversed().map { "\($0)" })
        }
    }
}
