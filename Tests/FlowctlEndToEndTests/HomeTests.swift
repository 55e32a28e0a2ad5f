import FlowModel
import FlowTestKit
import Foundation
import Testing

@Suite("A home that cannot be one", .timeLimit(.minutes(5)))
struct HomeTests {
    private static func hello(_ place: Place) throws { try place.write("hello", Place.shell("x", "true")) }

    /// What every command says of it, and `flowd` too: refused with this status, for this reason, with a next step.
    private func expectRefused(
        _ place: Place, _ home: String, status: Int32, says: String, sourceLocation: Testing.SourceLocation = #_sourceLocation
    ) async throws {
        for arguments in [["run", "hello.json"], ["list"], ["run", "hello.json", "--detach"]] {
            let refused = try await place.start(arguments + ["--home", home]).result()
            #expect(refused.err.contains(says), "\(arguments): \(refused.err)", sourceLocation: sourceLocation)
            #expect(refused.err.contains("Next: "), "\(arguments): \(refused.err)", sourceLocation: sourceLocation)
            #expect(refused.status == status, "\(arguments): \(refused.err)", sourceLocation: sourceLocation)
        }
        let flowd = try await place.start(program: Place.binary("flowd").path, ["--home", home]).result()
        #expect(flowd.status == status && flowd.err.contains(says), "\(flowd.err)", sourceLocation: sourceLocation)
        let doctor = try await place.start(["doctor", "--home", home]).result()
        #expect(doctor.status == 5 && doctor.out.contains(says), "\(doctor.out)", sourceLocation: sourceLocation)
    }

    @Test func `one that others may write to is refused, and given back by chmod`() async throws {
        let place = try Place()
        try Self.hello(place)
        let home = place.folder.appending(path: "loose").path
        try FileManager.default.createDirectory(atPath: home, withIntermediateDirectories: false)
        chmod(home, 0o777)
        for arguments in [["run", "hello.json"], ["list"]] {
            let refused = try await place.start(arguments, environment: ["FLOW_HOME": home]).result()
            #expect(refused.status == 5)
            #expect(refused.err.contains("others than its owner may write to"), "\(refused.err)")
            #expect(refused.err.contains("Next: chmod 700 \(home)"), "\(refused.err)")
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: home).isEmpty, "nothing was made in it")
        chmod(home, 0o700)
        #expect(try await place.run("run", "hello.json", environment: ["FLOW_HOME": home]).status == 0)
        try await place.leave()
    }

    @Test func `a file, a directory that is nowhere, and a path too long for a socket are refused`() async throws {
        let place = try Place()
        try Self.hello(place)
        let file = place.folder.appending(path: "file").path
        try Data().write(to: URL(filePath: file))
        let cases = [
            (file, "is not a directory"), ("\(file)/inside", "Not a directory"),
            (place.folder.appending(path: "no/such/place").path, "No such file or directory"),
            (place.folder.appending(path: String(repeating: "x", count: 100)).path, "too long for a socket"),
        ]
        for (home, says) in cases {
            for command in ["run", "list"] {
                let refused = try await place.start((command == "run" ? ["run", "hello.json"] : ["list"]) + ["--home", home]).result()
                #expect(refused.status == 5 && refused.err.contains(says), "\(home): \(refused.err)")
                #expect(refused.err.contains("Next: "), "\(refused.err)")
            }
        }
        try await place.leave()
    }

    @Test(.enabled(if: Account.nobody.obstacle == nil, "needs an account that does not own the directory"))
    func `one that belongs to somebody else, or cannot be made, is refused`() async throws {
        let place = try Place()
        try Self.hello(place)
        let home = place.folder.appending(path: "theirs").path
        try FileManager.default.createDirectory(atPath: home, withIntermediateDirectories: false)
        chmod(home, 0o755)
        for (home, says) in [(home, "cannot be written: Permission denied"), ("\(home)/new", "cannot be made: Permission denied")] {
            for arguments in [["run", "hello.json"], ["list"], ["run", "hello.json", "--detach"]] {
                let refused = try await Account.nobody.start(place, arguments + ["--home", home]).result()
                #expect(refused.status == 5, "\(arguments): \(refused.err)")
                #expect(refused.err.contains("ermission denied") && refused.err.contains(home), "\(arguments): \(refused.err)")
                guard arguments.last != "--detach" else { continue }
                #expect(refused.err.contains(says) && refused.err.contains("Next: "), "\(refused.err)")
            }
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: home).isEmpty)
        try await place.leave()
    }

    @Test func `without HOME everything works as with it`() async throws {
        let place = try Place()
        try Self.hello(place)
        let bare = try place.start(program: "/usr/bin/env", ["-i", Place.binary("flowctl").path, "run", "hello.json"])
        let said = await bare.result()
        #expect(said.status == 0, "\(said.err)")
        #expect(try await place.runs().count == 1)
        try await place.leave()
    }

    @Test func `a file that is no database, one of another program and an empty one are refused and left as they are`()
        async throws
    {
        let place = try Place()
        try Self.hello(place)
        let home = place.folder.appending(path: ".flow").path
        var foreign = Array("SQLite format 3\0".utf8)
        foreign += [UInt8](repeating: 0, count: 4_096 - foreign.count)
        let cases: [([UInt8], String)] = [
            (Array("this is a diary\n".utf8), "it is not a SQLite database"), ([], "it is not a SQLite database"),
            (foreign, "it is the database of another program"),
        ]
        try place.makeHome()
        for (bytes, says) in cases {
            try Data(bytes).write(to: URL(filePath: "\(home)/journal.db"))
            try await expectRefused(place, home, status: 5, says: says)
            #expect(try Data(contentsOf: URL(filePath: "\(home)/journal.db")) == Data(bytes))
        }
        try await place.leave()
    }

    @Test func `a database of a newer Flow is refused, and opens again once it is put back`() async throws {
        let place = try Place()
        try Self.hello(place)
        #expect(try await place.run("run", "hello.json").status == 0)
        let home = place.folder.appending(path: ".flow").path
        let file = URL(filePath: "\(home)/journal.db")
        let good = try Data(contentsOf: file)
        var newer = good
        // SQLite's `user_version`, in the header.
        newer[63] = 99
        try newer.write(to: file)
        try await expectRefused(place, home, status: 5, says: "it was written by schema 99")
        #expect(try Data(contentsOf: file) == newer)
        try good.write(to: file)
        #expect(try await place.runs().count == 1)
        try await place.leave()
    }

    @Test func `the second engine on a home is refused and names the first; commands go to the first`() async throws {
        let place = try Place()
        try Self.hello(place)
        let served = try await Served.start(in: place)
        let home = place.folder.appending(path: ".flow").path
        for second in [
            try place.start(program: Place.binary("flowd").path, ["--home", home]), try place.start(["server", "--home", home]),
        ] {
            let refused = await second.result()
            #expect(refused.status == 5)
            #expect(refused.err.contains("the engine with pid "), "\(refused.err)")
            #expect(refused.err.contains("reachable at \(home)/flow.sock"), "\(refused.err)")
        }
        #expect(try await place.run("run", "hello.json").status == 0)
        await served.stop()
        try await place.leave()
    }

    @Test func `flowd.yaml: each fault at its line, all at once, and nothing is opened`() async throws {
        let place = try Place()
        try Self.hello(place)
        try place.makeHome()
        let home = place.folder.appending(path: ".flow").path
        let cases: [(String, [String])] = [
            (
                "lisen: 127.0.0.1:1\nretention:\n  days: soon\nlog: {level: loud}\nworkers: {concurrency: many}\n",
                [
                    "has 4 faults", ":1: lisen: unknown field; did you mean 'listen'?",
                    ":3: retention.days: must be a number, found a String: 'soon'",
                    ":4: log.level: must be one of debug, info, notice, warning, error, found a String: 'loud'",
                    ":5: workers.concurrency: must be a whole number",
                ]
            ),
            (
                "workers: {concurrency: 0}\n\nlisten: 0.0.0.0:7373\n",
                ["has 2 faults", ":1: workers.concurrency: must be from 1 to 100000, found 0", ":3: listen: '0.0.0.0:7373' is not loopback"]
            ),
            ("listen: [\n", ["has a fault", "YAML: "]), ("- a\n- b\n", ["the file: must be sections"]),
            ("listen: 127.0.0.1:1\nlisten: 127.0.0.1:2\n", ["listen: stands twice"]),
            ("a\u{1}b: 1", ["YAML: control characters are not allowed"]),
        ]
        for (text, lines) in cases {
            try place.writeHome("flowd.yaml", text)
            for line in lines { try await expectRefused(place, home, status: 2, says: line) }
            #expect(!FileManager.default.fileExists(atPath: "\(home)/journal.db"))
        }
        try FileManager.default.removeItem(atPath: "\(home)/flowd.yaml")
        try FileManager.default.createDirectory(atPath: "\(home)/flowd.yaml", withIntermediateDirectories: false)
        let directory = try await place.run("list")
        #expect(directory.status == 5 && directory.err.contains("flowd.yaml cannot be read: it is a directory, not a file."), "\(directory.err)")
        try await place.leave()
    }

    @Test func `inventory.yaml: each fault at its line, all at once; what needs no host goes on`() async throws {
        let place = try Place()
        try Self.hello(place)
        try place.makeHome()
        try place.writeHome(
            "inventory.yaml",
            """
            hosts:
              web-1: {adress: 127.0.0.1}
              web-2: {address: 127.0.0.1, port: 99999}
              web-3: 7
              web-4: {address: 127.0.0.1, hostKey: "ssh-foo AAAA"}
            groups:
              g: [nope, web-2]

            """)
        let file = place.folder.appending(path: ".flow/inventory.yaml").path
        for arguments in [["exec", "web-1", "--", "true"], ["hosts", "web-1"], ["ping", "web-1"], ["inventory", "list"]] {
            let refused = try await place.start(arguments).result()
            #expect(refused.status == 2, "\(arguments)")
            let lines = [
                "\(file):2: host 'web-1': has no key 'adress'. Did you mean 'address'?", "\(file):3: web-2.port: must be a whole number",
                "\(file):4: host 'web-3': must be a mapping", "\(file):5: web-4.hostKey: ", "\(file):7: group 'g': lists 'nope'",
            ]
            for line in lines { #expect(refused.err.contains(line), "\(arguments): \(refused.err)") }
        }
        #expect(try await place.runs().isEmpty)
        #expect(try await place.run("run", "hello.json").status == 0)
        try await place.leave()
    }

    @Test func `who only looks at a home leaves its open runs as they are, and the home free for flowd`() async throws {
        let place = try Place()
        let home = place.folder.appending(path: ".flow").path
        let trace = place.folder.appending(path: "trace").path
        let gate = place.folder.appending(path: "gate").path
        try place.write(
            "long", Place.shell("wait", "while [ ! -e \(gate) ]; do sleep 0.1; done"), Place.shell("after", "echo x >> \(trace)", needs: ["wait"]))
        let first = try place.start(["run", "long.json"])
        try await fact("the step runs") { first.output.contains("wait running") }
        first.signal(SIGKILL)
        _ = await first.result()
        try Data().write(to: URL(filePath: gate))
        let list = try await place.run("list")
        #expect(list.status == 0 && list.err.contains("stands still"), "\(list.err)")
        #expect(list.err.contains("flowd --home"))
        #expect(try await place.run("doctor").status == 0)
        #expect(!FileManager.default.fileExists(atPath: trace), "nothing was started by looking")
        let flowd = try place.start(program: Place.binary("flowd").path, ["--home", home])
        try await fact("flowd has the home and goes on with the run") { FileManager.default.fileExists(atPath: trace) }
        flowd.signal(SIGTERM)
        await flowd.ended()
        try await place.leave()
    }

    @Test func `flowd is told which program has the home, and how to take its place`() async throws {
        let place = try Place()
        let home = place.folder.appending(path: ".flow").path
        let server = try place.start(["server"])
        try await fact("the server serves") { FileManager.default.fileExists(atPath: place.socket) }
        let refused = try place.start(program: Place.binary("flowd").path, ["--home", home])
        await refused.ended()
        #expect(refused.status == 5 && refused.errors.contains("flowctl server)"), "\(refused.errors)")
        #expect(refused.errors.contains("pid \(server.pid) (") && refused.errors.contains("kill \(server.pid) ("), "\(refused.errors)")
        server.signal(SIGTERM)
        await server.ended()
        try await place.leave()
    }

    @Test func `a backup that is killed leaves nothing that looks like one, and the next one is whole`() async throws {
        let place = try Place()
        try place.write("hello", Place.shell("x", "true"))
        #expect(try await place.run("run", "hello.json").status == 0)
        try Data("half".utf8).write(to: place.folder.appending(path: "b.db.incomplete"))
        try Data("half".utf8).write(to: place.folder.appending(path: ".flow/backup-x.tmp"))
        let backup = try await place.run("backup", "b.db")
        #expect(backup.status == 0 && backup.err.contains("secret.key is not in it either"), "\(backup.err)")
        let names = try FileManager.default.contentsOfDirectory(atPath: place.folder.path)
        #expect(names.contains("b.db") && !names.contains("b.db.incomplete"))
        #expect(try !FileManager.default.contentsOfDirectory(atPath: place.folder.path + "/.flow").contains("backup-x.tmp"))
        #expect(try await place.run("backup", "b.db").status == 4)
        try await place.leave()
    }
}
