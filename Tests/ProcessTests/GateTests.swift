import FlowTestKit
import Foundation
import Testing

/// Gates with real people at a real server that is killed between everything they do.
@Suite("Gates of a server", .serialized, .timeLimit(.minutes(5)))
struct GateProcessTests {
    @Test func `two people open a gate, the requester by no token; an edit voids votes, a deadline escalates, kills lose nothing`() async throws {
        let place = try Installation()
        let port = try Loopback.freePort()
        try "listen: 127.0.0.1:\(port)\n".write(toFile: place.home + "/flowd.yaml", atomically: true, encoding: .utf8)
        var flowd = try await place.flowd()
        let alice = try await place.login("alice", "author", "release-manager", port: port)
        let second = try await place.login("alice", "author", "release-manager", port: port)
        let linked = try await place.login("alice-cli", "operator", port: port)
        #expect(try await place.flowctl("user", "link", "alice", "alice-cli").status == 0)
        let bob = try await place.login("bob", "operator", "release-manager", port: port)
        let carol = try await place.login("carol", "viewer", "release-manager", port: port)
        let dave = try await place.login("dave", "viewer", port: port)
        let dora = try await place.login("dora", "viewer", "director", port: port)
        func restart() async throws {
            await flowd.kill()
            flowd = try await place.flowd()
        }

        let started = try await place.flowctl(
            "run", Installation.fixtures + "/gates.swift", "-p", "version=1.4.2", "-p", "ran=\(place.path("ran"))", "--detach", "-o", "json",
            as: alice)
        let run = try #require(try started.json()["id"] as? String, "\(started.stderr)")
        try await place.wait("the gate") { try await place.flowctl("approvals", "-o", "json", as: bob).items().count == 1 }

        // The requester, by each of their tokens.
        for login in [alice, second, linked] {
            let own = try await place.flowctl("approve", run, "go", "--field", "size=s", as: login)
            #expect(own.status == 4, "\(own)")
            #expect(own.stderr.contains("who started the run cannot approve it"), "\(own.stderr)")
        }
        let why = try await place.flowctl("why", run, as: dave)
        #expect(why.stdout.contains("needs 2 of role release-manager (bob, carol)"), "\(why.stdout)")

        // The first vote answers the fields. Then the inputs change, and it is void; both across a kill.
        let wrong = try await place.flowctl("approve", run, "go", "--field", "size=xl", "--field", "minutes=soon", as: bob)
        #expect(wrong.status == 2, "\(wrong)")
        #expect(wrong.stderr.contains("size") && wrong.stderr.contains("minutes"), "\(wrong.stderr)")
        let first = try await place.flowctl("approve", run, "go", "--field", "size=m", "--field", "minutes=9", as: bob)
        #expect(first.status == 0, "\(first.stderr)")
        let seen = try await digest(place, run, "go")
        try await restart()
        #expect(try await votes(place, run, "go").count == 1)
        let edited = try await place.flowctl("edit", run, "-p", "version=1.4.3", "-m", "the other one", as: alice)
        #expect(edited.status == 0, "\(edited.stderr)")
        try await restart()
        let void = try #require(try await votes(place, run, "go").first)
        #expect((void["voided"] as? String)?.contains("1.4.3") == true, "\(void)")
        #expect(try await digest(place, run, "go") != seen)
        let old = try await place.flowctl("approve", run, "go", "--digest", seen, "--field", "size=m", as: carol)
        #expect(old.status == 4, "\(old)")

        // Both again, one of them by delegation.
        let until = Date.now.addingTimeInterval(3_600).formatted(.iso8601)
        let lent = try await place.flowctl(
            "approval", "delegate", "dave", "--role", "release-manager", "--until", until, "-m", "holiday", as: bob)
        #expect(lent.status == 0, "\(lent.stderr)")
        #expect(try await place.flowctl("approve", run, "go", "--field", "size=s", as: dave).status == 0)
        let twice = try await place.flowctl("approve", run, "go", as: bob)
        #expect(twice.status == 4 && twice.stderr.contains("dave voted 'approved' for bob"), "\(twice.stderr)")
        try await restart()
        #expect(try await place.flowctl("approve", run, "go", as: carol).status == 0)
        try await place.wait("the shipment") { place.read("ran").contains("1.4.3 5 s\n") }
        #expect(!place.read("ran").contains("1.4.2"))
        let late = try await place.flowctl("approve", run, "go", as: dora)
        #expect(late.status == 4, "\(late)")
        #expect(late.stderr.contains("dave (approved") && late.stderr.contains("carol (approved"), "\(late.stderr)")

        // The deadline of the second one passes while nobody serves.
        try await place.wait("the second gate") { try await approval(place, run, "late")?["state"] as? String == "open" }
        try await restart()
        try await place.wait("the escalation") { try await approval(place, run, "late")?["level"] as? Int == 1 }
        let over = try await place.flowctl("approve", run, "late", as: bob)
        #expect(over.status == 4, "\(over)")
        #expect(over.stderr.contains("role director"), "\(over.stderr)")
        try await restart()
        #expect(try await place.flowctl("approve", run, "late", as: dora).status == 0)
        try await place.wait("the end") { try await place.state(of: run) == "succeeded" }
        #expect(place.read("ran") == "1.4.3 5 s\nannounced\n")
        let doctor = try await place.flowctl("doctor")
        #expect(doctor.status == 0, "\(doctor.stdout)\(doctor.stderr)")
        await flowd.terminate()
    }

    private func approval(_ place: Installation, _ run: String, _ step: String) async throws -> [String: Any]? {
        let rows = try await place.flowctl("approvals", "--all", "--run", run, "-o", "json").items()
        return rows.first { $0["step"] as? String == step }
    }

    private func votes(_ place: Installation, _ run: String, _ step: String) async throws -> [[String: Any]] {
        try await approval(place, run, step)?["votes"] as? [[String: Any]] ?? []
    }

    private func digest(_ place: Installation, _ run: String, _ step: String) async throws -> String {
        try #require(try await approval(place, run, step)?["digest"] as? String)
    }
}
