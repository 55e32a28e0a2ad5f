import FlowTestKit
import Foundation
import Testing

/// One command for many runs, from flowctl to flowd and back.
@Suite("One command for many runs", .serialized, .timeLimit(.minutes(5)))
struct BulkProcessTests {
    @Test func `dry-run shows what yes then does, to those runs and no others`() async throws {
        let place = try Installation()
        let flowd = try await place.flowd()
        var runs: [String] = []
        for team in ["pay", "pay", "shop"] {
            runs.append(try await place.start("nap.swift", "--label", "team=\(team)"))
        }
        for run in runs { try await place.wait("\(run) to wait") { try await place.state(of: run) == "waiting" } }
        let terms = "flow=nap & label.team=pay"

        let shown = try await place.flowctl("cancel", "--where", terms, "--dry-run")
        #expect(shown.status == 0, "\(shown)")
        #expect(shown.stderr.contains("--yes"), "\(shown.stderr)")
        #expect(shown.stdout.split(separator: "\n").count == 3, "\(shown.stdout)")
        for run in runs { #expect(try await place.state(of: run) == "waiting") }

        let paused = try await place.flowctl("pause", "--where", "\(terms) & state=waiting", "--yes", "-m", "lunch", "-o", "json").json()
        #expect((paused["runs"] as? [[String: Any]])?.compactMap { $0["outcome"] as? String } == ["done", "done"])
        #expect(try await place.state(of: runs[2]) == "waiting")
        let again = try await place.flowctl("pause", "--where", terms, "--yes")
        #expect(again.status == 4, "a command that is refused for a run says so by its status: \(again)")

        let done = try await place.flowctl("cancel", "--where", terms, "--yes", "-m", "the week is over")
        #expect(done.status == 0, "\(done)")
        for run in runs.prefix(2) { try await place.wait("the end of \(run)") { try await place.state(of: run) == "cancelled" } }
        #expect(try await place.state(of: runs[2]) == "waiting")
        let none = try await place.flowctl("cancel", "--where", "flow=nope", "--yes")
        #expect(none.status == 0 && none.stderr.contains("No run fits"), "\(none)")
        for wrong in [["cancel", "--yes"], ["cancel", runs[2], "--where", terms], ["cancel", "--where", terms, "--yes", "--dry-run"]] {
            #expect(try await place.run(wrong).status == 2, "\(wrong)")
        }
        #expect(try await place.flowctl("kill", runs[2]).status == 0)
        await flowd.terminate()
    }
}
