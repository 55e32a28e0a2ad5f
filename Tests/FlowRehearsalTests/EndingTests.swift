import FlowModel
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

    @Test func `who asks a host that cannot be reached meets nobody, by its name or address`() async throws {
        let web = RehearsalHost("web-1", address: "10.0.0.1")
        let away = try await Rehearsal(of: Looks.self, hosts: [web, "web-2"]).unreachable("web-1").run()
        #expect(away.attempts(of: "gone").map(\.state) == ["succeeded"], "that it is gone is what was waited for")
        let up = try #require(away.attempts(of: "up").first)
        #expect(up.state == "failed" && (up.end ?? 0) - up.start == 120, "\(away)")
        #expect(away.timeline.contains { $0.contains("no answer within 120 s") && !$0.contains("exit status") }, "\(away)")
        let other = try await Rehearsal(of: Looks.self, hosts: [web, "web-2"]).unreachable("web-2").run()
        #expect(other.outcome == .succeeded && "\(other)".contains("Of no use: --unreachable web-2"), "\(other)")
        let request = try await Rehearsal(of: Health.self, hosts: [web]).unreachable("web-1").run()
        #expect(request.attempts(of: "ask").map(\.state) == ["failed"], "nothing was sent, so it is not unknown")
        #expect(request.timeline.contains { $0.contains("nothing was sent: web-1 cannot be reached") }, "\(request)")
        #expect(request.attempts(of: "ask").first.map { ($0.end ?? 0) - $0.start } == 10)
    }

    @Test func `a step has changed what its kind would say`() async throws {
        let usual = try await Rehearsal(of: Changes.self, hosts: ["a"]).run()
        #expect(usual.target("a", of: "deploy")?.outcome == "ok", "a command that says nothing has changed nothing: \(usual)")
        let said = try await Rehearsal(of: Changes.self, hosts: ["a"]).output(["changed": true], of: "quiet").run()
        #expect(said.target("a", of: "deploy")?.outcome == "changed", "\(said)")
        func changed(_ step: String) -> JSON? {
            usual.report.events.lazy.map(\.json).last { $0["kind"] == "stepSettled" && $0["step"] == .string(step) }?["changed"]
        }
        #expect(changed("said") == true && changed("swift") == nil, "\(usual.report.events.map(\.json.canonical))")
    }

    @Test func `an output that no step hands out which succeeds is refused`() async throws {
        let status = await fault { try await Rehearsal(of: Waits.self).output(["exitStatus": 3], of: "ask").run() }
        #expect(status?.contains("a command that succeeds has 0, found 3; --fail") == true, "\(status ?? "")")
        let answer = await fault { try await Rehearsal(of: Asks.self).output(["status": 500], of: "get").run() }
        #expect(answer?.contains("it succeeds with 200-299, found 500; --fail") == true, "\(answer ?? "")")
        let changed = await fault { try await Rehearsal(of: Asks.self).output(["changed": true], of: "get").run() }
        #expect(changed?.contains("changed: is false for GET, found true") == true, "\(changed ?? "")")
        #expect(try await Rehearsal(of: Asks.self).output(["status": 204], of: "get").run().outcome == .succeeded)
    }

    @Test func `what has no status of its own fails in words of its own`() async throws {
        let copy = try await RehearsalTests.release().failing("package").run()
        #expect(copy.timeline.contains { $0.contains("failed on web-1: the file could not be copied") }, "\(copy)")
        let status = await fault { try await RehearsalTests.release().failing("package", status: 7).run() }
        #expect(status?.contains("is a copy, which has no status of its own to fail with, found 7") == true, "\(status ?? "")")
    }

    private func fault(_ body: () async throws -> RehearsalResult) async -> String? {
        do {
            let result = try await body()
            Issue.record("it was rehearsed: \(result)")
            return nil
        } catch {
            return (error as? FlowError)?.errors.map { "\($0.subject): \($0.message)" }.joined(separator: "\n")
        }
    }
}
