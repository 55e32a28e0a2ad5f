import FlowModel
import FlowServer
import FlowWire
import Foundation
import GRDB
import Glibc
import Testing

@Suite("Damage", .timeLimit(.minutes(2)))
struct DamageTests {
    /// Changes the database of a home that nobody has open.
    private func change(_ home: TemporaryHome, _ work: (Database) throws -> Void) throws {
        let queue = try DatabaseQueue(path: home.path + "/journal.db")
        try queue.write(work)
        try queue.close()
    }

    /// One bit in the middle of the newest journal record: SQLite's own check does not see it.
    private func flipABit(_ home: TemporaryHome) throws {
        try change(home) { database in
            let found = try GRDB.Row.fetchOne(database, sql: "SELECT sequence, bytes FROM journal ORDER BY sequence DESC LIMIT 1")
            let row = try #require(found)
            var bytes: Data = row["bytes"]
            bytes[bytes.count / 2] ^= 1
            try database.execute(
                sql: "UPDATE journal SET bytes = ? WHERE sequence = ?", arguments: [bytes, row["sequence"] as Int])
        }
    }

    private func findings(_ client: Client, _ name: String) async throws -> [Wire.Finding] {
        try await client.value(Wire.Page<Wire.Finding>.self, "GET", "/v1/doctor").items.filter { $0.name == name }
    }

    private func ended(_ client: Client, _ flow: String) async throws -> Wire.Run {
        let run = try await client.start(flow, [Nodes.sleep("nap", 0)])
        _ = try await client.events(of: run.id) { $0.contains("event: end") }
        return run
    }

    @Test func `a sound home is found sound, journal and rows`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let server = try await FlowServer.open(.init(home: home.path))
        let client = Client(socket: server.socket)
        _ = try await ended(client, "done")
        _ = try await client.start("gate", [Nodes.approval("go"), Nodes.shell("after", "true", after: ["go"])])
        let failed = try await client.start("fails", [Nodes.shell("fail", "echo oops >&2; exit 3")])
        _ = try await client.events(of: failed.id) { $0.contains("event: end") }
        for name in ["journal", "rows"] {
            let found = try await findings(client, name)
            #expect(found.map(\.level) == [.ok], "\(found)")
        }
        try await server.close()
    }

    @Test func `a lock that no journal knows of is named by doctor, and gone with the next thing that happens in its run`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let first = try await FlowServer.open(.init(home: home.path))
        let run = try await Client(socket: first.socket).start("gate", [Nodes.approval("go")])
        try await first.close()
        try change(home) { database in
            let demands = #"[{"lock":"db"}]"#
            try database.execute(
                sql: "INSERT INTO claim (run, path, priority, demands, since, grantedAt) SELECT number, 'ghost', 5, ?, 1, 1 FROM run",
                arguments: [demands])
        }
        try FileManager.default.createDirectory(
            atPath: home.path + "/blobs/ab", withIntermediateDirectories: true)
        try Data([1]).write(to: URL(filePath: home.path + "/blobs/ab/" + String(repeating: "0", count: 62)))
        let second = try await FlowServer.open(.init(home: home.path))
        let client = Client(socket: second.socket)
        let locks = try await findings(client, "locks")
        #expect(locks.map(\.level) == [.fail], "\(locks)")
        #expect(locks.first?.message.contains("lock 'db' of 'ghost'") == true, "\(locks)")
        #expect(try await findings(client, "orphans").map(\.level) == [.warn])
        _ = try await client.value(Wire.Run.self, "POST", "/v1/runs/\(run.id)/pause", "{}")
        #expect(try await findings(client, "locks").map(\.level) == [.ok])
        #expect(try await client.value(Wire.Page<Wire.Lock>.self, "GET", "/v1/locks").items == [])
        try await second.close()
    }

    @Test func `a changed bit in a journal record is named by doctor, that run is refused, and the others go on`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let first = try await FlowServer.open(.init(home: home.path))
        let sound = try await ended(Client(socket: first.socket), "sound")
        let damaged = try await ended(Client(socket: first.socket), "damaged")
        try await first.close()
        try flipABit(home)
        let second = try await FlowServer.open(.init(home: home.path))
        let client = Client(socket: second.socket)
        let found = try await findings(client, "journal")
        #expect(found.map(\.level) == [.fail])
        #expect(found.first?.message.contains("run \(damaged.id)") == true, "\(found)")
        let error = await #expect(throws: FlowError.self) {
            try await client.value(Wire.Run.self, "POST", "/v1/runs/\(damaged.id)/retry", "{}")
        }
        #expect(error?.code == .database)
        #expect(error?.message.contains("Nothing was changed") == true)
        #expect(error?.hint == "flowctl doctor")
        #expect(try await client.value(Wire.Run.self, "GET", "/v1/runs/\(sound.id)").state == .succeeded)
        _ = try await ended(client, "another")
        try await second.close()
    }

    @Test func `an open run whose journal is damaged stands still and says so, and keeps no engine alive`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let first = try await FlowServer.open(.init(home: home.path))
        let run = try await Client(socket: first.socket).start("nap", [Nodes.sleep("nap", 3_600)])
        // A command's answer comes after everything before it.
        _ = try await Client(socket: first.socket).value(Wire.Run.self, "POST", "/v1/runs/\(run.id)/pause", "{}")
        _ = try await Client(socket: first.socket).value(Wire.Run.self, "POST", "/v1/runs/\(run.id)/resume", "{}")
        try await first.close()
        try flipABit(home)
        let second = try await FlowServer.open(.init(home: home.path, idleSeconds: 0.5))
        let client = Client(socket: second.socket)
        // The engine meets the damage when it touches the run.
        let refused = await #expect(throws: FlowError.self) {
            try await client.value(Wire.Run.self, "POST", "/v1/runs/\(run.id)/cancel", "{}")
        }
        #expect(refused?.code == .database)
        let shown = try await client.value(Wire.Run.self, "GET", "/v1/runs/\(run.id)")
        #expect(shown.state == .paused)
        #expect(shown.reason?.contains("its journal is damaged") == true, "\(shown.reason ?? "")")
        let why = try await client.value(Wire.Why.self, "GET", "/v1/runs/\(run.id)/why")
        #expect(why.summary.contains("its journal is damaged") && why.summary.contains("flowctl doctor"), "\(why.summary)")
        let listed = try await client.value(Wire.Page<Wire.Run>.self, "GET", "/v1/runs").items
        #expect(listed.map(\.state) == [.paused])
        // Nobody asks any more: it ends, although the run's row says that the run waits for a time.
        for _ in 0..<1_500 where access(second.socket, F_OK) == 0 { try await Task.sleep(for: .milliseconds(20)) }
        #expect(access(second.socket, F_OK) != 0, "it still serves")
        try await second.close()
    }

    @Test func `a row that is not what the journal says is named by doctor, with both values`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let first = try await FlowServer.open(.init(home: home.path))
        let run = try await ended(Client(socket: first.socket), "done")
        try await first.close()
        try change(home) { try $0.execute(sql: "UPDATE run SET state = 'failed'; UPDATE step SET state = 'skipped'") }
        let second = try await FlowServer.open(.init(home: home.path))
        let client = Client(socket: second.socket)
        #expect(try await findings(client, "journal").map(\.level) == [.ok], "no hash covers the rows")
        let found = try await findings(client, "rows")
        #expect(found.allSatisfy { $0.level == .fail } && found.count == 2, "\(found)")
        let messages = found.map(\.message).joined(separator: "\n")
        #expect(messages.contains("run \(run.id): state is 'failed' in its row, 'succeeded' in its journal"), "\(messages)")
        #expect(messages.contains("step 'nap': state is 'skipped' in its row, 'succeeded' in its journal"), "\(messages)")
        try await second.close()
    }

    @Test func `a damaged index is named by doctor, which answers, with the command that mends it`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let first = try await FlowServer.open(.init(home: home.path))
        let run = try await ended(Client(socket: first.socket), "done")
        try await first.close()
        // Every index of the table of runs, and that of the journal: each in turn loses its root page.
        for index in ["run_state", "run_flow", "run_ended", "run_live", "journal_run", "sqlite_autoindex_run_1", "step_output", "user_person"] {
            let sound = try home.read("journal.db")
            let page = try rootPage(of: index, home)
            var bytes = sound
            for place in (page - 1) * 4_096..<page * 4_096 { bytes[place] = 0x5A }
            try home.write("journal.db", bytes)
            do {
                let server = try await FlowServer.open(.init(home: home.path))
                let (status, body) = try await Client(socket: server.socket).send("GET", "/v1/doctor")
                let text = String(decoding: body, as: UTF8.self)
                // Without the table of people nobody can be told who asks, and that is said instead.
                #expect(status == (index == "user_person" ? 500 : 200) && text.contains("flowctl repair"), "\(index): \(status) \(text.prefix(300))")
                try await server.close()
            } catch let error as FlowError {
                // What the engine needs to start is refused then, not guessed.
                #expect([.database, .storage].contains(error.code), "\(index): \(error.code) \(error.message)")
            }
            let report = try await FlowServer.repair(home: home.path, forgettingSecrets: false)
            #expect(report.lost == [] && report.copy != nil, "\(index): \(report)")
            let mended = try await FlowServer.open(.init(home: home.path))
            let journal = try await findings(Client(socket: mended.socket), "journal")
            #expect(journal.map(\.level) == [.ok], "\(index): \(journal)")
            #expect(try await Client(socket: mended.socket).value(Wire.Run.self, "GET", "/v1/runs/\(run.id)").state == .succeeded)
            try await mended.close()
        }
    }

    private func rootPage(of index: String, _ home: TemporaryHome) throws -> Int {
        let queue = try DatabaseQueue(path: home.path + "/journal.db")
        defer { try? queue.close() }
        return try queue.read { database in
            try #require(try Int.fetchOne(database, sql: "SELECT rootpage FROM sqlite_master WHERE name = ?", arguments: [index]), "\(index)")
        }
    }

    @Test func `every file of a home is its owner's alone, whatever the mask is`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let mask = umask(0)
        defer { umask(mask) }
        let server = try await FlowServer.open(.init(home: home.path))
        let client = Client(socket: server.socket)
        let run = try await client.start("writes", [Nodes.shell("say", "head -c 300000 /dev/zero | tr '\\0' x")])
        _ = try await client.events(of: run.id) { $0.contains("event: end") }
        let (status, _) = try await client.send("GET", "/v1/backup")
        #expect(status == 200)
        let files = FileManager.default.enumerator(atPath: home.path)
        var seen = 0
        // What is in the spool is for the accounts of steps to write, in a folder that only its owner enters.
        while let name = files?.nextObject() as? String {
            if name.hasPrefix("spool/") { continue }
            let mode = try FileManager.default.attributesOfItem(atPath: "\(home.path)/\(name)")[.posixPermissions] as? Int ?? 0
            // The home itself keeps others from the socket, unless it is opened to a group.
            #expect(mode & 0o077 == 0 || name == "flow.sock" && mode == 0o660, "\(name) \(String(mode, radix: 8))")
            seen += 1
        }
        #expect(seen > 5)
        try await server.close()
    }
}
