import FlowRehearsal
import Testing

/// How steps end is what the engine and its hands would make of it, kind by kind.
@Suite("How steps end in a rehearsal", .timeLimit(.minutes(1)))
struct EndingTests {
    @Test func `a request that may have changed something and is not answered in time is unknown, one that asks is not`() async throws {
        let put = try await Rehearsal(of: Asks.self).timingOut("put").run()
        #expect(put.outcome == .waiting && put.attempts(of: "put").map(\.state) == ["lost"], "\(put)")
        let slow = try await Rehearsal(of: Asks.self).taking("put", seconds: 10).run()
        #expect(slow.attempts(of: "put").map(\.state) == ["lost"])
        let get = try await Rehearsal(of: Asks.self).timingOut("get").run()
        #expect(get.outcome == .failed && get.attempts(of: "get").map(\.state) == ["timedOut"], "\(get)")
    }

    @Test(arguments: [(404, 1), (503, 3), (nil, 3)]) func `a request fails with statuses of HTTP, some of which are retried`(
        _ status: Int?, _ attempts: Int
    ) async throws {
        let result = try await Rehearsal(of: Asks.self).failing("post", status: status).run()
        #expect(result.attempts(of: "post").count == attempts && result.outcome == .failed, "\(result)")
        #expect(result.timeline.contains { $0.contains("answered \(status ?? 500)") }, "\(result)")
    }

    @Test func `a status that is none, or no failure, is refused; so is a time-out of a step that has none`() async throws {
        for (step, status) in [("post", 204), ("post", 1), ("port", 404)] {
            await #expect(throws: (any Error).self) { try await Rehearsal(of: Asks.self).failing(step, status: status).run() }
        }
        await #expect(throws: (any Error).self) { try await Rehearsal(of: Held.self, hosts: ["a"]).timingOut("switch").run() }
    }

    @Test func `a wait for a port ends by its own time`() async throws {
        for rehearsal in [try Rehearsal(of: Asks.self).failing("port"), try Rehearsal(of: Asks.self).timingOut("port")] {
            let result = try await rehearsal.run()
            let attempt = try #require(result.attempts(of: "port").first)
            #expect(attempt.state == "failed" && (attempt.end ?? 0) - attempt.start == 30, "\(result)")
        }
    }

    @Test func `a held rollout is taken up again as flowctl retry does, as often as somebody says so`() async throws {
        let once = try await Rehearsal(of: Held.self, hosts: ["a", "b"]).failing("switch[b]", times: 1).deciding("deploy", .retry).run()
        #expect(once.outcome == .succeeded && once.attempts(of: "switch[b]").map(\.state) == ["failed", "succeeded"], "\(once)")
        let twice = try await Rehearsal(of: Held.self, hosts: ["a", "b"]).failing("switch[b]", times: 2)
            .deciding("deploy", .retry).deciding("deploy", .retry).run()
        #expect(twice.outcome == .succeeded && twice.attempts(of: "switch[b]").count == 3, "\(twice)")
    }
}
