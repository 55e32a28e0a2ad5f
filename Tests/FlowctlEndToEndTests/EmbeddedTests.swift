import FlowModel
import FlowTestKit
import Foundation
import Testing

@Suite("flowctl in a directory, with nothing else", .timeLimit(.minutes(5)))
struct EmbeddedTests {
    @Test func `a run starts, ends, and can be looked at afterwards`() async throws {
        let place = try Place()
        try place.write(
            "hello", Place.shell("greet", "echo hello; echo oops >&2"), Place.shell("end", "exit 0", needs: ["greet"]))
        let run = try await place.run("run", "./hello.json", "-o", "json")
        #expect(run.status == 0, "\(run.err)")
        let id = try #require(try run.json["id"]?.stringValue)
        #expect(try run.json["state"] == "succeeded")

        #expect(try await place.run("list", "-o", "json").json["items"]?.arrayValue?.count == 1)
        #expect(try await place.run("list", "--state", "failed", "-o", "json").json["items"]?.arrayValue?.count == 0)
        let logs = try await place.run("logs", id, "greet")
        #expect(logs.out == "hello\n" && logs.err == "oops\n")
        let prefix = String(id.prefix(13))
        #expect(try await place.run("logs", prefix).out == "greet | hello\ngreet ! oops\n")
        let why = try await place.run("why", prefix)
        #expect(why.status == 0 && why.out.contains("succeeded"))
        #expect(try await place.run("graph", id).out.contains("\"greet\" -> \"end\""))
        #expect(try await place.run("show", "ffffffff-0000").status == 3)
        #expect(try await place.run("pause", id).status == 4)
        try await place.leave()
    }

    @Test func `exit statuses tell failed runs, bad inputs and bad files apart, and bad ones leave nothing behind`()
        async throws
    {
        let place = try Place()
        try place.write("bad", Place.shell("fails", "echo no space >&2; exit 3"))
        try place.write("asks", Place.shell("x", "true"), parameters: [Parameter(name: "count", kind: .int)])
        try "{".write(to: place.folder.appending(path: "broken.json"), atomically: true, encoding: .utf8)
        let inputs = try await place.run("run", "asks.json", "-p", "count=many", "-p", "size=1")
        #expect(inputs.status == 2)
        #expect(inputs.err.contains("count") && inputs.err.contains("size"), "all faults at once: \(inputs.err)")
        #expect(try await place.run("run", "broken.json").status == 2)
        #expect(!FileManager.default.fileExists(atPath: place.folder.appending(path: ".flow").path), "nothing was opened")
        let failed = try await place.run("run", "bad.json")
        #expect(failed.status == 1)
        #expect(failed.err.contains("flowctl logs") && failed.err.contains("fails"))
        #expect(try await place.run("run", "no-such-flow").status == 3)
        try await place.leave()
    }

    @Test func `a second terminal sees and ends what the first one follows`() async throws {
        let place = try Place()
        try place.write("long", Place.shell("wait", "echo begun; exec sleep 600"))
        let first = try place.start(["run", "long.json"])
        var id = ""
        try await fact("the step runs") {
            guard FileManager.default.fileExists(atPath: place.socket) else { return false }
            let runs = try await place.run("list", "--state", "running", "-o", "json")
            id = (try? runs.json)?["items"]?.arrayValue?.first?["id"]?.stringValue ?? ""
            guard !id.isEmpty else { return false }
            return try await place.run("logs", id, "wait").out == "begun\n"
        }
        #expect(try await place.run("cancel", id, "-m", "enough").status == 0)
        let ended = await first.result()
        #expect(ended.status == 1)
        #expect(ended.out.contains("cancelled"))
        try await place.leave()
    }

    @Test func `a detached run goes on by itself, and its engine ends when it is idle`() async throws {
        let place = try Place()
        let gate = place.folder.appending(path: "gate").path
        try place.write("long", Place.shell("wait", "while [ ! -e \(gate) ]; do sleep 0.1; done; echo done"))
        let started = try await place.run("run", "long.json", "--detach")
        #expect(started.status == 0)
        let id = started.out.trimmingCharacters(in: .newlines)
        #expect(RunID(id) != nil)
        try Data().write(to: URL(filePath: gate))
        #expect(try await place.run("watch", id).status == 0)
        try await place.leave()
    }

    @Test func `hosts come from the inventory file that is named, and never from another`() async throws {
        let place = try Place()
        let gate = place.folder.appending(path: "gate").path
        try Data("hosts: {web-1: {address: 127.0.0.1}}\n".utf8).write(to: place.folder.appending(path: "mine.yaml"))
        try place.write("long", Place.shell("wait", "while [ ! -e \(gate) ]; do sleep 0.1; done"))
        #expect(try await place.run("hosts", "web-1", "--inventory", "mine.yaml").out.contains("127.0.0.1"))
        #expect(try await place.run("hosts", "web-1").status == 2, "the home's own inventory has no such host")
        let missing = try await place.run("hosts", "web-1", "--inventory", "gone.yaml")
        #expect(missing.status == 3 && missing.err.contains("there is no inventory file \(place.folder.path)/gone.yaml"), "\(missing.err)")
        let elsewhere = try await place.run("list", "--inventory", "mine.yaml", "--server", "http://127.0.0.1:1")
        #expect(elsewhere.status == 2 && elsewhere.err.contains("a server has its own inventory"), "\(elsewhere.err)")

        // The engine that is left behind keeps the file: commands that name it are served, those that name another are not.
        let started = try await place.run("run", "long.json", "--detach", "--inventory", "mine.yaml")
        #expect(started.status == 0, "\(started.err)")
        #expect(try await place.run("hosts", "web-1", "--inventory", "mine.yaml").status == 0)
        #expect(try await place.run("hosts", "web-1").status == 0)
        let other = try await place.run("run", "long.json", "--inventory", "other.yaml")
        #expect(other.status == 4 && other.err.contains("serves with the hosts of \(place.folder.path)/mine.yaml"), "\(other.err)")
        try Data().write(to: URL(filePath: gate))
        try await place.leave()
    }

    @Test(arguments: ["< input", "< /dev/null", "piped"])
    func `exec says that its input is not handed on, where there is some`(input: String) async throws {
        let place = try Place()
        try Data("1\n2\n".utf8).write(to: place.folder.appending(path: "input"))
        // Nothing is started: there is no such host. It is said before that.
        let command = "\(Place.binary("flowctl").path) exec nowhere -- cat"
        // The pipe is full before flowctl begins.
        let piped = "{ cat input; touch written; } | { while [ ! -e written ]; do sleep 0.1; done; exec \(command); }"
        let said = try await place.start(program: "/bin/sh", ["-c", input == "piped" ? piped : "\(command) \(input)"]).result()
        #expect(said.status == 2 && said.err.contains("nowhere"), "\(said.err)")
        #expect(said.err.contains("standard input is not handed on") == (input != "< /dev/null"), "\(said.err)")
        try await place.leave()
    }

    @Test func `Ctrl-C leaves the run to an engine in the background`() async throws {
        let place = try Place()
        let gate = place.folder.appending(path: "gate").path
        let trace = place.folder.appending(path: "trace").path
        try place.write("long", Place.shell("wait", "echo x >> \(trace); while [ ! -e \(gate) ]; do sleep 0.1; done"))
        let first = try place.start(["run", "long.json"])
        try await fact("the step runs, and is followed") {
            FileManager.default.fileExists(atPath: trace) && first.output.contains("wait running")
        }
        first.signal(SIGINT)
        let left = await first.result()
        #expect(left.status == 130)
        #expect(left.err.contains("goes on") && left.err.contains("flowctl cancel"))
        try Data().write(to: URL(filePath: gate))
        let id = try #require(try await place.run("list", "-o", "json").json["items"]?.arrayValue?.first?["id"]?.stringValue)
        #expect(try await place.run("watch", id).status == 0)
        #expect(try String(contentsOfFile: trace, encoding: .utf8) == "x\n", "the step ran once")
        try await place.leave()
    }

    @Test func `a killed command loses nothing: the next one takes the run up`() async throws {
        let place = try Place()
        let gate = place.folder.appending(path: "gate").path
        let trace = place.folder.appending(path: "trace").path
        try place.write(
            "long", Place.shell("wait", "echo x >> \(trace); while [ ! -e \(gate) ]; do sleep 0.1; done"),
            Place.shell("after", "echo y >> \(trace)", needs: ["wait"]))
        let first = try place.start(["run", "long.json", "--key", "once"])
        try await fact("the step runs") { FileManager.default.fileExists(atPath: trace) }
        first.signal(SIGKILL)
        _ = await first.result()
        try Data().write(to: URL(filePath: gate))
        let again = try await place.run("run", "long.json", "--key", "once")
        #expect(again.status == 0, "\(again.err)")
        #expect(again.err.contains("was started with this key before"))
        #expect(try String(contentsOfFile: trace, encoding: .utf8) == "x\ny\n")
        try await fact("nobody serves") {
            // The killed one left its socket; the last one removes it or an idle engine does.
            !FileManager.default.fileExists(atPath: place.socket)
        }
        try await place.leave()
    }
}
