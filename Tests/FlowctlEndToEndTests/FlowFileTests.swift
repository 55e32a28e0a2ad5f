import FlowModel
import Foundation
import Testing

@Suite("A bad flow file", .serialized, .timeLimit(.minutes(5)))
struct FlowFileTests {
    /// A file that does what it should not, the line to look at, and what the message says.
    struct Bad: Sendable, CustomTestStringConvertible {
        var name: String
        var line: Int
        var says: String
        var testDescription: String { name }
    }

    private static let folder = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../FlowLoadingTests/Flows").standardizedFileURL

    private static let bad = [
        Bad(name: "wrong-type", line: 16, says: "does not compile"),
        Bad(name: "duplicate-name", line: 16, says: "two steps named 'build'"),
        Bad(name: "out-of-map", line: 19, says: "step"),
        Bad(name: "loops-forever", line: 22, says: "did not finish within 10 s"),
        Bad(name: "opens-socket", line: 17, says: "used the network"),
        Bad(name: "writes-file", line: 17, says: "was stopped"),
        Bad(name: "floods", line: 17, says: "wrote more than 16 MiB"),
        Bad(name: "exits", line: 21, says: "exited with status 1"),
        Bad(name: "prints", line: 16, says: "printed to standard output: describing"),
    ]

    @Test(arguments: bad)
    func `is refused at its line, and no engine is opened for it`(bad: Bad) async throws {
        let place = try Place()
        let file = Self.folder.appending(path: "refused/\(bad.name).swift").path
        let run = try await place.run("run", file)
        #expect(run.status == 2)
        #expect(run.out.isEmpty)
        #expect(run.err.contains("\(file):\(bad.line): "), "\(run.err)")
        #expect(run.err.contains("\(file) was not loaded: "), "\(run.err)")
        #expect(run.err.contains(bad.says), "\(run.err)")
        #expect(run.err.contains("\nNext: "), "\(run.err)")
        #expect(!place.hasHome)
        try await place.leave()
    }

    @Test func `is not registered, and neither are the good ones that came with it`() async throws {
        let place = try Place()
        try place.write("good", Place.shell("x", "true"))
        let file = Self.folder.appending(path: "refused/duplicate-name.swift").path
        let added = try await place.run("flow", "add", "good.json", file)
        #expect(added.status == 2)
        #expect(added.err.contains("\(file):16: "))
        #expect(try await place.run("flow", "list", "-o", "json").json["items"]?.arrayValue?.isEmpty == true)
        try await place.leave()
    }

    @Test func `without a flow in it is told what is missing`() async throws {
        let place = try Place()
        let run = try await place.run("flow", "check", Self.folder.appending(path: "refused/no-main.swift").path)
        #expect(run.status == 2)
        #expect(run.err.contains("@main struct NAME: Flow"), "\(run.err)")
        try await place.leave()
    }
}
