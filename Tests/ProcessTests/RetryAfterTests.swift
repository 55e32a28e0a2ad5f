import FlowTestKit
import Foundation
import Testing

/// A failing step says when trying again makes sense, through real workers.
@Suite("Retry after", .serialized, .timeLimit(.minutes(5)))
struct RetryAfterTests {
    @Test func `the next attempt of a command and of a Swift step comes no sooner than they said, in another engine too`() async throws {
        let place = try Installation()
        let first = try await place.flowd()
        let run = try await place.start("later.swift", "-p", "folder=\(place.directory)")
        try await place.wait("both to back off") {
            try await place.flowctl("steps", run, "-o", "json").items().filter { $0["state"] as? String == "backingOff" }.count == 2
        }
        await first.kill()
        let second = try await place.flowd()
        try await place.wait("the end") { try await place.state(of: run) == "succeeded" }
        for step in try await place.flowctl("steps", run, "-o", "json").items() {
            guard let attempts = step["attempts"] as? [[String: Any]], attempts.count == 2 else {
                if step["kind"] as? String == "shell" || step["kind"] as? String == "step" { Issue.record("\(step)") }
                continue
            }
            let ends = attempts.compactMap { ($0["endedAt"] as? String).flatMap(Self.seconds) }
            let starts = attempts.compactMap { ($0["startedAt"] as? String).flatMap(Self.seconds) }
            let pause = try #require(starts.max()) - #require(ends.min())
            #expect(pause >= 2.9, "\(step["path"] ?? ""): \(pause) s")
        }
        #expect(place.read("command").split(separator: "\n").count == 2)
        await second.terminate()
    }

    private static func seconds(_ text: String) -> Double? {
        try? Date(text, strategy: .iso8601.year().month().day().time(includingFractionalSeconds: true)).timeIntervalSince1970
    }
}
