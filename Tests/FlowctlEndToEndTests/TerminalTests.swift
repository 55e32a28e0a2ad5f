import FlowModel
import FlowTestKit
import Foundation
import Testing

@Suite("Several terminals, and engines that are gone", .timeLimit(.minutes(5)))
struct TerminalTests {
    @Test func `commands that start at once on one directory all do what they say`() async throws {
        let place = try Place()
        let trace = place.folder.appending(path: "trace").path
        try place.write("note", Place.shell("x", "echo x >> \(trace)"))
        let all = try (0..<6).map { _ in try place.start(["run", "note.json"]) }
        for one in all {
            let said = await one.result()
            #expect(said.status == 0, "\(said.err)")
        }
        #expect(try String(contentsOfFile: trace, encoding: .utf8) == String(repeating: "x\n", count: 6))
        #expect(try await place.runs().count == 6)
        try await place.leave()
    }

    @Test func `a detached run answers list, show, logs and why while it goes on`() async throws {
        let place = try Place()
        let gate = place.folder.appending(path: "gate").path
        try place.write("long", Place.shell("wait", "echo begun; while [ ! -e \(gate) ]; do sleep 0.1; done"))
        let id = try await place.run("run", "long.json", "--detach").out.trimmingCharacters(in: .newlines)
        try await fact("the step runs") { try await place.run("logs", id, "wait").out == "begun\n" }
        #expect(try await place.run("show", id, "-o", "json").json["state"] == "running")
        #expect(try await place.run("why", id).out.contains("1 step running"))
        #expect(try await place.run("list", "--state", "running", "-o", "json").json["items"]?.arrayValue?.count == 1)
        try Data().write(to: URL(filePath: gate))
        #expect(try await place.run("watch", id).status == 0)
        try await place.leave()
    }

    @Test func `a socket that nobody serves any more is not an obstacle, a server that is gone is said`() async throws {
        let place = try Place()
        try place.write("hello", Place.shell("x", "true"))
        let served = try await Served.start(in: place)
        let environment = served.environment(token: try await served.token("ada", role: "author"))
        await served.kill()
        #expect(FileManager.default.fileExists(atPath: place.socket), "the killed one left it")
        for arguments in [["list"], ["run", "hello.json"], ["watch", "0000"], ["approvals"]] {
            let gone = try await place.start(arguments, environment: environment).result()
            #expect(gone.status == 5, "\(arguments)")
            #expect(gone.err.contains("No answer from \(served.url): nobody listens there."), "\(gone.err)")
        }
        #expect(try await place.run("run", "hello.json").status == 0)
        #expect(try await place.runs().count == 1)
        try await place.leave()
    }

    @Test func `an engine that cannot be left behind says why, once, with the command to type`() async throws {
        let place = try Place()
        try place.write("hello", Place.shell("x", "true"))
        try place.makeHome()
        try place.writeHome("flowd.yaml", "listen: nowhere\n")
        let refused = try await place.run("run", "hello.json", "--detach")
        #expect(refused.status == 2)
        #expect(refused.out.isEmpty)
        #expect(refused.err.contains("flowd.yaml:1: listen: 'nowhere' is not ADDRESS:PORT"), "\(refused.err)")
        #expect(refused.err.components(separatedBy: "Next: ").count == 2, "\(refused.err)")
        try await place.leave()
    }

    @Test func `Ctrl-C while a step runs leaves 130, the run, and its one execution`() async throws {
        let place = try Place()
        let gate = place.folder.appending(path: "gate").path
        let trace = place.folder.appending(path: "trace").path
        try place.write("long", Place.shell("wait", "echo x >> \(trace); while [ ! -e \(gate) ]; do sleep 0.1; done"))
        let served = try await Served.start(in: place)
        for environment in [[:], served.environment(token: try await served.token("ada", role: "author"))] {
            let follower = try place.start(["run", "long.json", "--key", "one"], environment: environment)
            try await fact("the step runs, and is followed") {
                FileManager.default.fileExists(atPath: trace) && follower.output.contains("wait running")
            }
            follower.signal(SIGINT)
            let left = await follower.result()
            #expect(left.status == 130, "\(left.err)")
            #expect(left.err.contains("goes on") && left.err.contains("flowctl watch"), "\(left.err)")
        }
        try Data().write(to: URL(filePath: gate))
        let run = try #require(try await place.runs().first)
        #expect(try await place.run("watch", run).status == 0)
        #expect(try String(contentsOfFile: trace, encoding: .utf8) == "x\n")
        await served.stop()
        try await place.leave()
    }
}
