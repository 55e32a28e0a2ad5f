import FlowTestKit
import Foundation
import Testing

@Suite("A killed flowctl", .timeLimit(.minutes(5)))
struct EndingTests {
    @Test func `takes the compiler that it started with it`() async throws {
        let place = try Place()
        let file = place.folder.appending(path: "endless.swift")
        try """
        import FlowDSL
        let f = { (a, b, c, d) in [a: b + c * d - 1.5, 2: a - b * 3 + c / 4.0 - d, 3: (a + b) * (c - d) + 2 - 1.0 * 4] }
        @main struct Endless: Flow { var body: some FlowBody { shell("a", "true") } }
        """.write(to: file, atomically: true, encoding: .utf8)
        let check = try place.start(["flow", "check", file.path], environment: ["FLOW_CACHE": place.folder.appending(path: "cache").path])
        try await fact("the compiler's frontend works") { marked(place).contains { $0.contains("-frontend") } }
        #expect(kill(check.pid, SIGKILL) == 0)
        await check.ended()
        try await fact("nothing of the compiler is left") { marked(place).isEmpty }
        try await place.leave()
    }

    /// Processes with the place in their command line.
    private func marked(_ place: Place) -> [String] {
        let numbers = (try? FileManager.default.contentsOfDirectory(atPath: "/proc"))?.filter { Int($0) != nil } ?? []
        return numbers.compactMap { number in
            FileManager.default.contents(atPath: "/proc/\(number)/cmdline").map { String(decoding: $0, as: UTF8.self) }
        }
        .filter { $0.contains(place.folder.path) }
    }
}
