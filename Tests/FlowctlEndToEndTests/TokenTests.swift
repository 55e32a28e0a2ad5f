import FlowModel
import Foundation
import Testing

@Suite("Who may not", .timeLimit(.minutes(5)))
struct TokenTests {
    private static let gate = Node(
        id: "go", name: "go", kind: .approval(ApprovalSpec(prompt: .literal("Go?"), rules: [.anyone(count: 1)])))

    @Test func `a missing or wrong token ends with 4 and says how to get one; nothing is started`() async throws {
        let place = try Place()
        let served = try await Served.start(in: place)
        try place.write("hello", Place.shell("x", "true"))
        for token in [nil, "", "wrong"] {
            for arguments in [["list"], ["run", "hello.json"], ["cancel", "0000"], ["approvals"]] {
                let refused = try await place.start(arguments, environment: served.environment(token: token)).result()
                #expect(refused.status == 4, "\(arguments) with \(token ?? "no token")")
                #expect(refused.err.contains("flowctl token create"), "\(refused.err)")
            }
        }
        #expect(try await place.runs().isEmpty)
        await served.stop()
        try await place.leave()
    }

    @Test func `a role that does not reach ends with 4, changes nothing, and names the role that would`() async throws {
        let place = try Place()
        let served = try await Served.start(in: place)
        let viewer = served.environment(token: try await served.token("eve", role: "viewer"))
        try place.write("gate", Self.gate)
        let started = try await place.run("run", "gate.json", "--detach")
        let run = started.out.trimmingCharacters(in: .newlines)
        let refused = [
            ["run", "gate.json"], ["cancel", run], ["user", "add", "mallory", "--role", "admin"], ["token", "create", "t", "--user", "root"],
        ]
        for arguments in refused {
            let said = try await place.start(arguments, environment: viewer).result()
            #expect(said.status == 4, "\(arguments): \(said.err)")
            #expect(said.err.contains("eve"), "\(said.err)")
        }
        #expect(try await place.run("show", run, "-o", "json", environment: viewer).json["state"] == "waiting")
        #expect(try await place.runs() == [run])
        await served.stop()
        try await place.leave()
    }

    @Test func `the approval of a run's own starter is refused, another's goes through once`() async throws {
        let place = try Place()
        let served = try await Served.start(in: place)
        let ada = served.environment(token: try await served.token("ada", role: "author"))
        let bob = served.environment(token: try await served.token("bob", role: "operator"))
        try place.write("gate", Self.gate)
        let run = try await place.run("run", "gate.json", "--detach", environment: ada).out.trimmingCharacters(in: .newlines)
        let own = try await place.run("approve", run, environment: ada)
        #expect(own.status == 4)
        #expect(own.err.contains("who started the run cannot approve it"))
        #expect(own.err.contains("Next: somebody else: flowctl approve \(run)"), "\(own.err)")
        #expect(try await place.run("show", run, "-o", "json").json["state"] == "waiting")
        let forged = try await place.run(
            "approve", run, "--digest", String(repeating: "0", count: 64), environment: bob)
        #expect(forged.status == 4, "\(forged.err)")
        #expect(try await place.run("approve", run, environment: bob).status == 0)
        #expect(try await place.run("watch", run).status == 0)
        #expect(try await place.run("approve", run, environment: bob).status == 3)
        await served.stop()
        try await place.leave()
    }
}
