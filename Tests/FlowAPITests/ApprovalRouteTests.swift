import FlowAPI
import FlowEngine
import FlowHTTP
import FlowModel
import FlowWire
import NIOCore
import NIOHTTP1
import Testing

@Suite("Approvals over HTTP", .timeLimit(.minutes(1)))
struct ApprovalRouteTests {
    private func openGate(_ harness: Harness) async throws -> (run: RunID, approval: Wire.Approval) {
        let run = try await harness.start("gate", as: "alice")
        _ = try await harness.run(run.id) { $0.state == .waiting }
        let page = try await harness.client.get("/v1/approvals?run=\(run.id)", as: "bob").decode(Wire.Page<Wire.Approval>.self)
        return (run.id, try #require(page.items.first))
    }

    private func vote(
        _ harness: Harness, _ approval: Wire.Approval, as user: String, _ decision: ApprovalRow.Vote.Decision = .approved,
        digest: Digest? = nil
    ) async throws -> Reply {
        let id = approval.id.replacing(":", with: "%3A")
        return try await harness.client.post(
            "/v1/approvals/\(id)/decisions",
            Wire.Decision(decision: decision, comment: "seen", digest: digest ?? approval.digest), as: user)
    }

    @Test func `two people of the role open the gate; the requester, by whatever token, does not count`() async throws {
        try await Harness.run { harness in
            let (run, approval) = try await openGate(harness)
            #expect(approval.requester == "alice")
            #expect(try await vote(harness, approval, as: "alice").status == 403)
            #expect(try await vote(harness, approval, as: "alice-2").status == 403)
            #expect(try await vote(harness, approval, as: "viewer").status == 403)
            #expect(try await vote(harness, approval, as: "root").status == 403, "admin gives no right to approve")
            #expect(try await vote(harness, approval, as: "bob").status == 200)
            let twice = try await vote(harness, approval, as: "bob")
            #expect(twice.status == 409)
            #expect(try twice.problem.detail.contains("bob"))
            let decided = try await vote(harness, approval, as: "carol").decode(Wire.Approval.self)
            #expect(decided.state == .approved)
            #expect(decided.votes.map(\.user) == ["bob", "carol"])
            _ = try await harness.run(run) { $0.state == .succeeded }
            let late = try await vote(harness, approval, as: "carol")
            #expect(late.status == 409)
            #expect(try late.problem.detail.contains("carol"))
        }
    }

    @Test func `a vote binds to the digest that was seen`() async throws {
        try await Harness.run { harness in
            let (_, approval) = try await openGate(harness)
            let other = try #require(Digest(hex: String(repeating: "a", count: 64)))
            #expect(try await vote(harness, approval, as: "bob", digest: other).status == 409)
            let (_, second) = try await openGate(harness)
            #expect(try await vote(harness, second, as: "bob", digest: approval.digest).status == 409)
            let none = try await harness.client.send(
                "POST", "/v1/approvals/\(approval.id.replacing(":", with: "%3A"))/decisions", token: "token-bob",
                body: Array(#"{"decision":"approved"}"#.utf8))
            #expect(none.status == 400)
            #expect(
                try await harness.client.get("/v1/approvals", as: "bob").decode(Wire.Page<Wire.Approval>.self).items.count == 2)
        }
    }

    @Test func `a rejection fails the step and says who and why`() async throws {
        try await Harness.run { harness in
            let (run, approval) = try await openGate(harness)
            #expect(try await vote(harness, approval, as: "bob", .rejected).status == 200)
            let ended = try await harness.run(run) { $0.state.isTerminal }
            #expect(ended.state == .failed)
            #expect(ended.steps?.first?.reason?.contains("rejected by bob") == true)
        }
    }

    @Test func `an approval that is not there is not found`() async throws {
        try await Harness.run { harness in
            for id in ["x", "01890000-0000-7000-8000-000000000000%3Ago%3A1", "%3A%3A"] {
                let reply = try await harness.client.get("/v1/approvals/\(id)", as: "bob")
                #expect(reply.status == 404)
            }
        }
    }

    @Test func `an open gate says what is missing, and steps and why say it in words`() async throws {
        try await Harness.run { harness in
            let (run, approval) = try await openGate(harness)
            #expect(approval.missing?.map { $0.map(\.count) } == [[2]])
            #expect(approval.missing?.first?.first?.rule == Wire.Rule(role: "manager", count: 2))
            #expect(try await vote(harness, approval, as: "bob").status == 200)
            let shown = try await harness.client.get("/v1/approvals?run=\(run)", as: "bob").decode(Wire.Page<Wire.Approval>.self)
            #expect(shown.items.first?.missing?.first?.map(\.count) == [1])
            let why = try await harness.client.get("/v1/runs/\(run)/why", as: "bob").decode(Wire.Why.self)
            #expect(why.waitingFor.first?.reason?.contains("needs 1 of role manager") == true)
            let steps = try await harness.client.get("/v1/runs/\(run)/steps", as: "bob").decode(Wire.Page<Wire.Step>.self)
            #expect(steps.items.first?.reason?.contains("needs 1 of role manager") == true)
        }
    }

    @Test func `who has no built-in role cannot vote, is no candidate, and whoever makes them so is told`() async throws {
        let accounts = [("bob", ["viewer", "manager"]), ("rm", ["manager"])].map { Wire.User(person: $0.0, names: [$0.0], roles: $0.1) }
        try await Harness.run(accounts: accounts) { harness in
            let (_, approval) = try await openGate(harness)
            #expect(approval.missing?.first?.first?.candidates == ["bob"])
            let preview = try await harness.client.post("/v1/plans", Wire.Start(flow: "gate"), as: "alice").decode(Wire.Preview.self)
            #expect(preview.problems?.first?.message.contains("nobody could open the gate") == true, "two are needed, and one may vote")
            for (roles, isWarned) in [(["manager"], true), (["manager", "viewer"], false), ([], false)] {
                let reply = try await harness.client.send(
                    "PUT", "/v1/users/x", token: "token-root", body: Array(try JSON(encoding: Wire.UserUpdate(roles: roles)).canonicalBytes))
                #expect(try (reply.decode(Wire.User.self).warnings != nil) == isWarned)
            }
        }
    }

    @Test func `who is refused is told a command that keeps the roles that they have, and who takes roles away is told which`() async throws {
        let accounts = [Wire.User(person: "bob", names: ["bob"], roles: ["viewer", "manager"])]
        try await Harness.run(accounts: accounts) { harness in
            let roles = try await harness.client.get("/v1/me", as: "bob").decode(Wire.User.self).roles
            let refused = try await harness.client.post("/v1/runs", Wire.Start(flow: "one"), as: "bob")
            let all = roles.map { " --role \($0)" }.joined()
            #expect(!roles.isEmpty && refused.status == 403)
            #expect(try refused.problem.hint?.contains("flowctl user add bob\(all) --role ROLE") == true)
            let body = Array(try JSON(encoding: Wire.UserUpdate(roles: ["viewer", "operator"])).canonicalBytes)
            let user = try await harness.client.send("PUT", "/v1/users/bob", token: "token-root", body: body).decode(Wire.User.self)
            #expect(user.warnings?.first?.message.contains("does not have the role manager any more") == true, "\(user)")
        }
    }

    @Test func `rights of others are lent and revoked by admins only`() async throws {
        try await Harness.run { harness in
            let until = Instant(milliseconds: 4_000_000_000_000)
            let own = Wire.DelegationRequest(to: "carol", role: "manager", until: until)
            let lent = try await harness.client.post("/v1/delegations", own, as: "bob")
            #expect(lent.status == 201)
            let other = Wire.DelegationRequest(to: "carol", role: "manager", until: until, from: "alice")
            #expect(try await harness.client.post("/v1/delegations", other, as: "bob").status == 403)
            #expect(try await harness.client.post("/v1/delegations", other, as: "root").status == 201)
            // That of alice to bob.
            #expect(try await harness.client.send("DELETE", "/v1/delegations/1", token: "token-bob").status == 403)
            #expect(try await harness.client.send("DELETE", "/v1/delegations/1", token: "token-alice-2").status == 204)
            #expect(try await harness.client.send("DELETE", "/v1/delegations/7", token: "token-root").status == 404)
        }
    }
}
