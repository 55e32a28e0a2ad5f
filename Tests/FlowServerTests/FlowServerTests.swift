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

    @Test func `an engine takes all descriptors that it may have`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        var limit = rlimit()
        try #require(getrlimit(resource, &limit) == 0)
        limit.rlim_cur = min(512, limit.rlim_max)
        try #require(setrlimit(resource, &limit) == 0)
        let server = try await FlowServer.open(.init(home: home.path))
        try #require(getrlimit(resource, &limit) == 0)
        #expect(limit.rlim_cur == limit.rlim_max)
        try await server.close()
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
        let run = try await Client(socket: first.socket).start(
            "gate", [Nodes.approval("go"), Nodes.sleep("nap", 0, after: ["go"])])
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

    @Test func `a local step runs, and what it wrote can be read as two streams`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let server = try await FlowServer.open(.init(home: home.path))
        let client = Client(socket: server.socket)
        let run = try await client.start("say", [Nodes.shell("say", "echo hello; echo oops >&2; exit 3")])
        let events = try await client.events(of: run.id) { $0.contains("event: end") }
        #expect(events.contains(#"{"state":"failed"}"#))
        let path = "/v1/runs/\(run.id)/steps/say/attempts/1/output"
        #expect(try await client.send("GET", path).body == Array("hello\n".utf8))
        #expect(try await client.send("GET", path + "?stream=stderr").body == Array("oops\n".utf8))
        let step = try await client.value(Wire.Step.self, "GET", "/v1/runs/\(run.id)/steps/say")
        #expect(step.attempts.first?.exitStatus == 3)
        try await server.close()
    }

    @Test func `a script that runs outlives the server, is taken up again, and runs once`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let first = try await FlowServer.open(.init(home: home.path))
        // It waits for a word of this test, so that it certainly runs while no server does.
        let (effect, go) = (home.path + ".effect", home.path + ".go")
        defer { for file in [effect, go] { unlink(file) } }
        let command = "echo x >> \(effect); while [ ! -e \(go) ]; do sleep 0.05; done; echo done"
        let run = try await Client(socket: first.socket).start("long", [Nodes.shell("wait", command)])
        while access(effect, F_OK) != 0 { try await Task.sleep(for: .milliseconds(10)) }
        try await first.close()
        try Data().write(to: URL(fileURLWithPath: go))
        let second = try await FlowServer.open(.init(home: home.path))
        let client = Client(socket: second.socket)
        let events = try await client.events(of: run.id) { $0.contains("event: end") }
        #expect(events.contains(#"{"state":"succeeded"}"#))
        #expect(FileManager.default.contents(atPath: effect) == Data("x\n".utf8))
        try await second.close()
    }

    private func files(in directory: String) -> [String] {
        (FileManager.default.enumerator(atPath: directory)?.allObjects ?? []).compactMap { $0 as? String }
    }

    @Test func `a secret given to a called flow reaches its step there, and stays one`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let canary = "canary-51be07aa"
        let server = try await FlowServer.open(.init(home: home.path))
        let client = Client(socket: server.socket)
        let secret = Parameter(name: "pw", kind: .string, isSecret: true)
        let check = ShellSpec(
            source: .text("test \"$flow_1\" = 'it is \(canary.prefix(6))'\"$(printf %s \(canary.dropFirst(6)))\"; echo \"$flow_1\""),
            variables: [.init(name: "flow_1", value: .parameter("pw"))])
        let child = Plan(flow: "child", parameters: [secret], nodes: [Node(id: "use", name: "use", kind: .shell(check))], dsl: "test")
        func parent(_ input: FlowModel.Expression, _ called: Plan) -> Plan {
            let list = FlowModel.Expression.list([input])
            let each = FlowModel.Expression.element(map: "each", path: [])
            return Plan(
                flow: "parent", parameters: [secret],
                nodes: [
                    Node(id: "c", name: "c", kind: .call(CallSpec(flow: "child", inputs: ["pw": input]))),
                    Node(id: "each", name: "each", kind: .map(MapSpec(elements: .list(list), width: 1)), needs: ["c"]),
                    Node(id: "each/c", name: "c", scope: "each", kind: .call(CallSpec(flow: "child", inputs: ["pw": each]))),
                ], dsl: "test", calls: [CalledFlow(plan: called)])
        }
        func start(_ plan: Plan) async throws -> Wire.Run {
            let start = Wire.Start(plan: plan, inputs: ["pw": .string(canary)])
            return try await client.value(Wire.Run.self, "POST", "/v1/runs", String(decoding: try JSONEncoder().encode(start), as: UTF8.self))
        }
        let text = FlowModel.Expression.text([.literal("it is "), .parameter("pw")])
        let run = try await start(parent(text, child))
        let seen = try await client.events(of: run.id) { $0.contains("event: end") }
        #expect(seen.contains(#"{"state":"succeeded"}"#), "\(seen)")
        let runs = try await client.send("GET", "/v1/runs").body
        #expect(!String(decoding: runs, as: UTF8.self).contains(canary))
        #expect(try await client.value(Wire.Page<Wire.Run>.self, "GET", "/v1/runs?flow=child").items.count == 2)

        // To a parameter that is not secret: refused at load where it is seen there, else when the call begins.
        var open = child
        open.parameters[0].isSecret = false
        let refused = await #expect(throws: FlowError.self) { _ = try await start(parent(text, open)) }
        #expect(refused?.errors.first?.message.contains("gives the secret 'pw' to parameter 'pw' of flow 'child', which is not secret") == true)
        var late = parent(text, open)
        late.nodes.removeFirst()
        late.nodes[0].needs = []
        let failed = try await start(late)
        let events = try await client.events(of: failed.id) { $0.contains("event: end") }
        #expect(events.contains("pw: is not a secret parameter"), "\(events)")
        #expect(!events.contains(canary))
        try await server.close()
        for file in files(in: home.path) {
            let bytes = FileManager.default.contents(atPath: home.path + "/" + file) ?? Data()
            #expect(bytes.range(of: Data(canary.utf8)) == nil, "\(file)")
        }
    }

    @Test func `a secret reaches its step and no file or answer`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let canary = "canary-7c1d9f20"
        let server = try await FlowServer.open(.init(home: home.path))
        let client = Client(socket: server.socket)
        let shell = ShellSpec(
            source: .text("printf '%s' \"$flow_1\" | wc -c; echo \"it is $flow_1\""),
            variables: [.init(name: "flow_1", value: .parameter("password"))])
        let plan = Plan(
            flow: "secret", parameters: [Parameter(name: "password", kind: .string, isSecret: true)],
            nodes: [Node(id: "use", name: "use", kind: .shell(shell))], dsl: "test")
        let start = Wire.Start(plan: plan, inputs: ["password": .string(canary)])
        let body = String(decoding: try JSONEncoder().encode(start), as: UTF8.self)
        let run = try await client.value(Wire.Run.self, "POST", "/v1/runs", body)
        let events = try await client.events(of: run.id) { $0.contains("event: end") }
        #expect(events.contains(#"{"state":"succeeded"}"#))
        let output = try await client.send("GET", "/v1/runs/\(run.id)/steps/use/attempts/1/output").body
        #expect(String(decoding: output, as: UTF8.self).hasPrefix("\(canary.utf8.count)\nit is "))
        for path in ["", "/steps", "/why", "/plan"] {
            let answer = try await client.send("GET", "/v1/runs/\(run.id)\(path)").body
            #expect(!String(decoding: answer, as: UTF8.self).contains(canary), "\(path)")
        }
        #expect(!events.contains(canary))
        // What the host has of an attempt, as it was written, is taken away when its end is on record, which nobody waits for.
        while files(in: "\(home.path)/spool").contains(where: { $0.hasSuffix("stdout") }) { try await Task.sleep(for: .milliseconds(10)) }
        try await server.close()
        for case let file as String in FileManager.default.enumerator(atPath: home.path) ?? FileManager.DirectoryEnumerator() {
            guard let data = FileManager.default.contents(atPath: "\(home.path)/\(file)") else { continue }
            #expect(data.range(of: Data(canary.utf8)) == nil, "\(file)")
        }
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
        for name in ["secret.key"] {
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
            let error = await #expect(throws: FlowError.self) {
                try await client.value(Wire.Run.self, "POST", "/v1/runs", body)
            }
            return try #require(error)
        }
        #expect(try await problem(#"{"exec":{"selector":"web-2","command":"true"}}"#).code == .selector)
        #expect(try await problem(#"{"exec":{"selector":"web-1","command":"true"},"limit":"db*"}"#).code == .selector)
        #expect(try await problem(#"{"exec":{"selector":"web-1","command":"true"},"inputs":{"x":1}}"#).code == .inputs)
        #expect(try await problem(#"{"exec":{"selector":"web-1","command":""}}"#).code == .usage)
        #expect(try await problem(#"{"flow":"nope"}"#).code == .notFound)
        #expect(try await client.value(Wire.Page<Wire.Run>.self, "GET", "/v1/runs").items.isEmpty)
        let preview = try await client.value(
            Wire.Preview.self, "POST", "/v1/plans", #"{"exec":{"selector":"web-1","command":"true"}}"#)
        #expect(preview.targets == ["web-1": ["web-1"]])
        try await server.close()
    }

    @Test func `doctor says when no host can be found, and when that is over`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let server = try await FlowServer.open(.init(home: home.path))
        let client = Client(socket: server.socket)
        func inventory() async throws -> Wire.Finding {
            try #require(try await client.value(Wire.Page<Wire.Finding>.self, "GET", "/v1/doctor").items.first { $0.name == "inventory" })
        }
        #expect(try await inventory().level == .ok)
        try home.write("inventory.yaml", "garbage: [\n")
        let fault = try await inventory()
        #expect(fault.level == .fail && fault.message.contains("inventory.yaml") && fault.hint != nil, "\(fault)")
        let file = home.path + "/inventory.yaml"
        for target in ["inventory.yaml", "nowhere"] {
            try FileManager.default.removeItem(atPath: file)
            try FileManager.default.createSymbolicLink(atPath: file, withDestinationPath: target)
            let finding = try await inventory()
            #expect(finding.level == .fail && finding.message.contains("cannot be looked at"), "\(target): \(finding)")
        }
        try FileManager.default.removeItem(atPath: file)
        try home.write("inventory.yaml", "hosts: {web-1: {address: 127.0.0.1}}\n")
        #expect(try await inventory().message.hasPrefix("1 host in"))
        try await server.close()
    }

    @Test func `doctor counts the outputs of runs that are gone, and not those of runs that are there`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let server = try await FlowServer.open(.init(home: home.path))
        let client = Client(socket: server.socket)
        func orphans() async throws -> Wire.Finding {
            try #require(try await client.value(Wire.Page<Wire.Finding>.self, "GET", "/v1/doctor").items.first { $0.name == "orphans" })
        }
        let run = try await client.start("say", [Nodes.shell("say", "echo hello")])
        _ = try await client.events(of: run.id) { $0.contains("event: end") }
        #expect(try await orphans().level == .ok)
        let folder = home.path + "/output"
        let own = try #require(try FileManager.default.contentsOfDirectory(atPath: folder).first { $0 == run.id.text })
        for number in 1...2 {
            let gone = RunID(at: Instant(milliseconds: Int64(number)), random: [UInt8](repeating: 1, count: 10)).text
            try FileManager.default.copyItem(atPath: "\(folder)/\(own)", toPath: "\(folder)/\(gone)")
        }
        let finding = try await orphans()
        #expect(finding.level == .warn)
        #expect(finding.message.contains("outputs of 2 runs that are gone"), "\(finding.message)")
        try await server.close()
    }
}
