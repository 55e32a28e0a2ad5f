import FlowModel
import Foundation
import Testing

@Suite("Maps some of whose elements hand nothing out", .timeLimit(.minutes(5)))
struct MapGapTests {
    private static let flow = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../FlowLoadingTests/Flows/accepted/gaps.swift").standardizedFileURL.path

    @Test func `are read as lists of optionals, and the run succeeds`() async throws {
        let place = try Place()
        let run = try await place.run("run", Self.flow, "-o", "json")
        #expect(run.status == 0, "\(run.err)")
        let steps = try run.json["steps"]?.arrayValue ?? []
        let check = try #require(steps.first { $0["path"] == "check" })
        #expect(check["output"]?["text"] == "a - c a - c; yes no", "\(check)")
        try await place.leave()
    }
}
