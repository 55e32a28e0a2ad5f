import FlowModel
import FlowTestKit
import Foundation
import Testing

@Suite("Followers whose engine goes away", .timeLimit(.minutes(10)))
struct EngineLossTests {
    private static let inventory = "hosts: {x-1: {address: 127.0.0.1}}\n"

    /// A run that waits for a file, and everybody who follows it.
    private struct Followed {
        let place: Place
        let followers: [Program]

        init(in place: Place) async throws {
            self.place = place
            let gate = place.folder.appending(path: "gate").path
            try place.write(
                "long", Place.shell("wait", "echo begun; while [ ! -e \(gate) ]; do sleep 0.1; done; echo over"),
                Place.shell("after", "true", needs: ["wait"]))
            let run = try place.start(["run", "long.json"])
            try await fact("the step runs, and is followed") { run.output.contains("wait running") || !run.isAlive }
            let list = try await place.run("list", "-o", "json")
            let id = try #require(try list.json["items"]?.arrayValue?.first?["id"]?.stringValue, "\(run.errors)\(list.err)")
            let watch = try place.start(["watch", id])
            let logs = [try place.start(["logs", id, "-f"]), try place.start(["logs", id, "wait", "-f"])]
            try await fact("everybody follows") {
                watch.output.contains("wait running") && logs.allSatisfy { $0.output.contains("begun") }
            }
            followers = [run, watch] + logs
        }

        func wait() async throws {
            try await fact("everybody has noticed that the engine is gone, and waits") {
                followers.allSatisfy { $0.errors.contains("waiting for") || !$0.isAlive }
            }
            for follower in followers { #expect(follower.isAlive, "\(follower.output)\(follower.errors)") }
        }

        func end() async throws {
            try Data().write(to: place.folder.appending(path: "gate"))
            for follower in followers {
                let said = await follower.result()
                #expect(said.status == 0, "\(said.out)\(said.err)")
            }
            for follower in followers[..<2] { #expect(follower.output.contains("after succeeded"), "\(follower.output)") }
            for follower in followers[2...] { #expect(follower.output.contains("over\n"), "\(follower.output)") }
        }
    }

    @Test(arguments: [SIGKILL, SIGTERM])
    func `flowd ends and starts again: they wait for it, do not take its home, and go on to the end of the run`(signal: Int32) async throws {
        let place = try Place()
        let inventory = place.folder.appending(path: "theirs.yaml").path
        try Self.inventory.write(toFile: inventory, atomically: true, encoding: .utf8)
        let served = try await Served.start(in: place, ["--inventory", inventory])
        let followed = try await Followed(in: place)
        signal == SIGKILL ? await served.kill() : await served.stop()
        try await followed.wait()
        let again = try await Served.start(in: place, ["--inventory", inventory])
        #expect(try await place.run("inventory", "list", "-o", "json").json["file"]?.stringValue == inventory)
        try await followed.end()
        await again.stop()
        try await place.leave()
    }

    @Test(.enabled(if: Account.nobody.obstacle == nil, "needs root and another account"), arguments: [SIGKILL, SIGTERM])
    func `the same where the home is another account's`(signal: Int32) async throws {
        let place = try Place()
        let served = try await Served.start(in: place, as: .nobody)
        let followed = try await Followed(in: place)
        signal == SIGKILL ? await served.kill() : await served.stop()
        try await followed.wait()
        let again = try await Served.start(in: place, as: .nobody)
        try await followed.end()
        await again.stop()
        try await place.leave()
    }

    @Test func `an engine that belonged to a killed command is waited for, too, and the next one goes on`() async throws {
        let place = try Place()
        let followed = try await Followed(in: place)
        // The first of them is the engine.
        await followed.followers[0].kill()
        let others = followed.followers.dropFirst()
        try await fact("the others say what they wait for") { others.allSatisfy { $0.errors.contains("belonged to another command") || !$0.isAlive } }
        var served: Served?
        // One of them may have the home for a moment, to look whether the run has ended.
        try await fact("flowd has the home") {
            served = try? await Served.start(in: place)
            return served != nil
        }
        try Data().write(to: place.folder.appending(path: "gate"))
        for follower in others {
            let said = await follower.result()
            #expect(said.status == 0, "\(said.out)\(said.err)")
        }
        await served?.stop()
        try await place.leave()
    }

    @Test func `a home that was served with another inventory is opened only by who names one`() async throws {
        let place = try Place()
        let home = place.folder.appending(path: ".flow").path
        let theirs = place.folder.appending(path: "theirs.yaml").path
        try Self.inventory.write(toFile: theirs, atomically: true, encoding: .utf8)
        try place.write("hello", Place.shell("x", "true"))
        await (try await Served.start(in: place, ["--inventory", theirs])).stop()
        func expectRefused() async throws {
            for arguments in [["run", "hello.json"], ["run", "hello.json", "--detach"]] {
                let refused = try await place.start(arguments).result()
                #expect(refused.status == 2 && refused.err.contains("it was last served with the hosts of \(theirs)"), "\(refused.err)")
                #expect(refused.err.contains("Next: --inventory \(theirs)"), "\(refused.err)")
            }
            let flowd = try await place.start(program: Place.binary("flowd").path, ["--home", home]).result()
            #expect(flowd.status == 2 && flowd.err.contains("last served with the hosts of \(theirs)"), "\(flowd.err)")
        }
        try await expectRefused()
        let list = try await place.run("list", "-o", "json")
        #expect(try list.status == 0 && list.json["items"]?.arrayValue?.isEmpty == true)
        #expect(list.err.contains("lastServedWith=\(theirs)"), "\(list.err)")
        #expect(try await place.run("run", "hello.json", "--inventory", theirs).status == 0)
        // What a command is given is for that command.
        try place.writeHome("inventory.yaml", "hosts: {}\n")
        #expect(try await place.run("run", "hello.json", "--inventory", "\(home)/inventory.yaml").status == 0)
        try await expectRefused()
        await (try await Served.start(in: place, ["--inventory", "\(home)/inventory.yaml"])).stop()
        #expect(try await place.run("run", "hello.json").status == 0)
        #expect(!FileManager.default.fileExists(atPath: "\(home)/served-inventory"))
        // What is no file is not waited for.
        for name in ["served-inventory", "served-inventory.new"] {
            try #require(mkfifo("\(home)/\(name)", 0o600) == 0)
            let refused = try await place.start(["run", "hello.json", "--inventory", theirs]).result()
            #expect(refused.status != 0 && refused.err.contains("it is a pipe, not a file"), "\(refused.err)")
            unlink("\(home)/\(name)")
        }
        try await place.leave()
    }

    @Test func `what a killed command was given binds while its run is open, and not after it`() async throws {
        let place = try Place()
        let gate = place.folder.appending(path: "gate").path
        let theirs = place.folder.appending(path: "theirs.yaml").path
        try Self.inventory.write(toFile: theirs, atomically: true, encoding: .utf8)
        try place.write("long", Place.shell("wait", "while [ ! -e \(gate) ]; do sleep 0.1; done"))
        try place.write("hello", Place.shell("x", "true"))
        let first = try place.start(["run", "long.json", "--key", "once", "--inventory", theirs])
        try await fact("the step runs") { first.output.contains("wait running") }
        await first.kill()
        let refused = try await place.run("run", "hello.json")
        #expect(refused.status == 2 && refused.err.contains("last served with the hosts of \(theirs)"), "\(refused.err)")
        try Data().write(to: URL(filePath: gate))
        #expect(try await place.run("run", "long.json", "--key", "once", "--inventory", theirs).status == 0)
        #expect(try await place.run("run", "hello.json").status == 0)
        try await place.leave()
    }
}
