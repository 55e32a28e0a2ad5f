import FlowModel
import FlowTestKit
import Foundation
import Testing

@Suite("Output that nobody reads any more", .timeLimit(.minutes(5)))
struct UnreadOutputTests {
    /// What is piped into `head -1`, and what of flowctl's is.
    enum Piped: String, CaseIterable, Sendable {
        case output, errors

        var command: String {
            switch self {
            case .output: "\"$0\" run long.json 2>said"
            // Progress is said beside the data.
            case .errors: "\"$0\" run long.json -o json 2>&1 >said"
            }
        }
    }

    @Test(arguments: Piped.allCases) func `the run goes on in the background`(_ piped: Piped) async throws {
        let place = try Place()
        // The second step ends when nobody has the pipe open for reading: the line about it finds it closed.
        try place.write(
            "long", Place.shell("first", "true"), Place.shell("second", Self.waits("unread", in: place), needs: ["first"]),
            Place.shell("third", Self.waits("gate", in: place) + "; echo x >>\(place.folder.appending(path: "trace").path)", needs: ["second"]))
        let script = "\(piped.command) | { head -1; exec </dev/null; : >unread; }; exit ${PIPESTATUS[0]}"
        let pipeline = try await place.start(program: "/bin/bash", ["-c", script, Place.binary("flowctl").path]).result()
        #expect(pipeline.status == 128 + SIGPIPE, "as every filter: \(pipeline.err)")
        #expect(pipeline.out.split(separator: "\n").count == 1, "\(pipeline.out)")
        if piped == .output {
            let said = try String(contentsOf: place.folder.appending(path: "said"), encoding: .utf8)
            #expect(said.contains("background"), "\(said)")
        }
        let run = try #require(try await place.run("list", "-o", "json").json["items"]?.arrayValue?.first)
        #expect(run["state"] == "running", "\(run)")
        #expect(FileManager.default.fileExists(atPath: place.socket), "an engine works on it")
        try Data().write(to: place.folder.appending(path: "gate"))
        let id = try #require(run["id"]?.stringValue)
        #expect(try await place.run("watch", id).status == 0)
        #expect(try String(contentsOf: place.folder.appending(path: "trace"), encoding: .utf8) == "x\n")
        try await place.leave()
    }

    @Test(arguments: [[], ["wait"]]) func `who follows output that nobody reads ends at once, and the run goes on`(step: [String]) async throws {
        let place = try Place()
        try place.write("long", Place.shell("wait", "echo one; \(Self.waits("unread", in: place)); echo two; \(Self.waits("gate", in: place))"))
        let run = try place.start(["run", "long.json"])
        try await fact("the step runs") { run.output.contains("wait running") || !run.isAlive }
        let id = try #require(try await place.run("list", "-o", "json").json["items"]?.arrayValue?.first?["id"]?.stringValue)
        let script = #""$0" "$@" | { head -1; exec </dev/null; : >unread; }; exit ${PIPESTATUS[0]}"#
        let words = ["-c", script, Place.binary("flowctl").path, "logs", id] + step + ["-f"]
        let pipeline = try await place.start(program: "/bin/bash", words).result()
        #expect(pipeline.status == 128 + SIGPIPE, "\(pipeline.err)")
        #expect(pipeline.out.contains("one") && !pipeline.out.contains("two"), "\(pipeline.out)")
        #expect(run.isAlive)
        try Data().write(to: place.folder.appending(path: "gate"))
        #expect(await run.result().status == 0)
        try await place.leave()
    }

    private static func waits(_ file: String, in place: Place) -> String {
        "while [ ! -e \(place.folder.appending(path: file).path) ]; do sleep 0.05; done"
    }
}
