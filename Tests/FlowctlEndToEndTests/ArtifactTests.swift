import FlowModel
import Foundation
import Testing

@Suite("flowctl artifacts", .timeLimit(.minutes(2)))
struct ArtifactCommandTests {
    private func fetch(_ name: String, _ path: String) -> Node {
        Node(id: name, name: name, kind: .work(Work(FetchSpec(path: .literal(.string(path))))))
    }

    @Test func `what a run fetched is listed and downloaded, a second time changes nothing, and nothing is written over`() async throws {
        let place = try Place()
        let content = Data((0..<200_000).map { _ in UInt8.random(in: 0...255) })
        let source = place.folder.appending(path: "error.log")
        try content.write(to: source)
        try place.write("look", fetch("log", source.path), Place.shell("other", "true"))
        let run = try #require(try await place.run("run", "look.json", "-o", "json").json["id"]?.stringValue)
        let list = try await place.run("artifacts", run)
        #expect(list.status == 0 && list.out.contains("error.log") && list.out.contains("195 KiB"), "\(list.out)\(list.err)")
        let item = try #require(try await place.run("artifacts", run, "-o", "json").json["items"]?.arrayValue?.first)
        #expect(item["bytes"] == 200_000 && item["step"] == "log")

        let first = try await place.run("artifacts", run, "--download", "got")
        #expect(first.status == 0 && first.out == "got/log/error.log\n", "\(first)")
        let path = place.folder.appending(path: "got/log/error.log")
        #expect(try Data(contentsOf: path) == content)
        #expect(try await place.run("artifacts", run, "--download", "got").out == "got/log/error.log (was there)\n")
        try Data("mine".utf8).write(to: path)
        let refused = try await place.run("artifacts", run, "--download", "got")
        #expect(refused.status == 4 && refused.err.contains("nothing is written over"), "\(refused)")
        #expect(try Data(contentsOf: path) == Data("mine".utf8))

        let none = try await place.run("artifacts", run, "other")
        #expect(none.status == 3 && none.err.contains("these have: 'log'"), "\(none.err)")
        try await place.leave()
    }
}
