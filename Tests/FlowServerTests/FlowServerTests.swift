import FlowModel
import FlowServer
import FlowWire
import Foundation
import Glibc
import Testing

@Suite("Server", .timeLimit(.minutes(2)))
struct FlowServerTests {
    @Test func `a second engine on a home is refused and names the first; closing lets it in`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let first = try await FlowServer.open(.init(home: home.path))
        let error = await #expect(throws: FlowError.self) { try await FlowServer.open(.init(home: home.path)) }
        #expect(error?.code == .owned)
        #expect(error?.message.contains("pid \(getpid())") == true)
        let health = try await Client(socket: first.socket).value(Wire.Health.self, "GET", "/healthz")
        #expect(health.status == "ok")
        try await first.close()
        #expect(access(first.socket, F_OK) != 0)
        let second = try await FlowServer.open(.init(home: home.path))
        try await second.close()
    }

    @Test func `only the owner and group reach the socket, nobody else the home`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let server = try await FlowServer.open(.init(home: home.path))
        let attributes = try FileManager.default.attributesOfItem(atPath: server.socket)
        #expect((attributes[.posixPermissions] as? NSNumber)?.intValue == 0o660)
        for file in try FileManager.default.contentsOfDirectory(atPath: home.path) where file != "flow.sock" {
            let mode = try FileManager.default.attributesOfItem(atPath: "\(home.path)/\(file)")[.posixPermissions] as? NSNumber
            #expect((mode?.intValue ?? 0o777) & 0o077 == 0, "\(file)")
        }
        try await server.close()
    }

    @Test func `a home that others may write to is refused`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        chmod(home.path, 0o777)
        await #expect(throws: FlowError.self) { try await FlowServer.open(.init(home: home.path)) }
    }

    @Test func `a run that waits for a person is there after a restart and goes on`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let first = try await FlowServer.open(.init(home: home.path))
        let run = try await Client(socket: first.socket).start("gate", [Nodes.approval("go"), Nodes.sleep("nap", 0, after: ["go"])])
        #expect(run.state == .waiting)
        try await first.close()
        let second = try await FlowServer.open(.init(home: home.path))
        let client = Client(socket: second.socket)
        let approval = try #require(try await client.value(Wire.Page<Wire.Approval>.self, "GET", "/v1/approvals").items.first)
        let body = #"{"decision":"approved","digest":"\#(approval.digest)"}"#
        _ = try await client.value(Wire.Approval.self, "POST", "/v1/approvals/\(approval.id)/decisions", body)
        let events = try await client.events(of: run.id) { $0.contains("event: end") }
        #expect(events.contains(#"{"state":"succeeded"}"#))
        try await second.close()
    }

    @Test func `a database out of a backup starts with its open runs paused`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let server = try await FlowServer.open(.init(home: home.path))
        let client = Client(socket: server.socket)
        let open = try await client.start("nap", [Nodes.sleep("nap", 3_600)])
        let done = try await client.start("done", [Nodes.sleep("nap", 0)])
        _ = try await client.events(of: done.id) { $0.contains("event: end") }
        let (status, copy) = try await client.send("GET", "/v1/backup")
        #expect(status == 200)
        try await server.close()

        let other = try TemporaryHome()
        defer { other.remove() }
        try Data(copy).write(to: URL(filePath: other.path + "/journal.db"))
        chmod(other.path + "/journal.db", 0o600)
        for name in ["secret.key", "secret.check"] {
            try Data(try home.read(name)).write(to: URL(filePath: "\(other.path)/\(name)"))
            chmod("\(other.path)/\(name)", 0o600)
        }
        let restored = try await FlowServer.open(.init(home: other.path))
        let again = Client(socket: restored.socket)
        #expect(try await again.value(Wire.Run.self, "GET", "/v1/runs/\(open.id)").state == .paused)
        #expect(try await again.value(Wire.Run.self, "GET", "/v1/runs/\(done.id)").state == .succeeded)
        #expect(try FileManager.default.contentsOfDirectory(atPath: home.path).contains { $0.hasPrefix("backup-") } == false)
        try await restored.close()
    }

    @Test func `an idle engine ends by itself, one with work to do does not`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let server = try await FlowServer.open(.init(home: home.path, idleSeconds: 0.2))
        let run = try await Client(socket: server.socket).start("nap", [Nodes.sleep("nap", 2)])
        try await server.wait()
        let again = try await FlowServer.open(.init(home: home.path))
        let found = try await Client(socket: again.socket).value(Wire.Run.self, "GET", "/v1/runs/\(run.id)")
        #expect(found.state == .succeeded, "it ended before its run did")
        try await again.close()
    }

    @Test func `an open event stream does not keep the server from closing`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let server = try await FlowServer.open(.init(home: home.path))
        let client = Client(socket: server.socket)
        let run = try await client.start("nap", [Nodes.sleep("nap", 3_600)])
        try await withThrowingTaskGroup(of: Void.self) { group in
            let (opened, signal) = AsyncStream.makeStream(of: Void.self)
            group.addTask {
                _ = try await client.events(of: run.id) { _ in
                    signal.yield()
                    return false
                }
                signal.finish()
            }
            for await _ in opened { break }
            try await server.close()
            try await group.waitForAll()
        }
    }

    @Test func `a bad configuration is refused and the home is free again`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        try home.write("flowd.yaml", "listen: 0.0.0.0:1\n")
        await #expect(throws: FlowError.self) { try await FlowServer.open(.init(home: home.path)) }
        try home.write("flowd.yaml", "listen: 127.0.0.1:0\n")
        let server = try await FlowServer.open(.init(home: home.path))
        #expect(try #require(server.port) > 0)
        try await server.close()
    }

    @Test func `inputs and selectors are checked before anything is kept`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        try home.write("inventory.yaml", "hosts: {web-1: {address: 127.0.0.1}}\n")
        let server = try await FlowServer.open(.init(home: home.path))
        let client = Client(socket: server.socket)
        func problem(_ body: String) async throws -> FlowError {
            let error = await #expect(throws: FlowError.self) { try await client.value(Wire.Run.self, "POST", "/v1/runs", body) }
            return try #require(error)
        }
        #expect(try await problem(#"{"exec":{"selector":"web-2","command":"true"}}"#).code == .selector)
        #expect(try await problem(#"{"exec":{"selector":"web-1","command":"true"},"limit":"db*"}"#).code == .selector)
        #expect(try await problem(#"{"exec":{"selector":"web-1","command":"true"},"inputs":{"x":1}}"#).code == .inputs)
        #expect(try await problem(#"{"exec":{"selector":"web-1","command":""}}"#).code == .usage)
        #expect(try await problem(#"{"flow":"nope"}"#).code == .notFound)
        #expect(try await client.value(Wire.Page<Wire.Run>.self, "GET", "/v1/runs").items.isEmpty)
        let preview = try await client.value(Wire.Preview.self, "POST", "/v1/plans", #"{"exec":{"selector":"web-1","command":"true"}}"#)
        #expect(preview.targets == ["web-1": ["web-1"]])
        try await server.close()
    }
}
