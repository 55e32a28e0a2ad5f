import FlowCommand
import FlowModel
import FlowWire
import Testing

@Suite("Every command finds its engine, or is it", .timeLimit(.minutes(10)))
struct SessionTests {
    private static let health = World.Reply.json(["status": "ok", "version": "1.2.3"])
    private static let noRuns = World.Reply.json(Sample.page([]))

    @Test func `an engine that serves the home's socket is used`() async {
        let world = World(environment: [:]) { call, _ in call.path == "/healthz" ? SessionTests.health : SessionTests.noRuns }
        #expect(await world.run("list") == .succeeded)
        #expect(world.known.opened == 0)
        #expect(world.calls.allSatisfy { $0.server == .socket("/work/.flow/flow.sock") })
    }

    @Test(
        arguments: [
            (["FLOW_HOME": "/srv/flow/"], [], "/srv/flow/flow.sock"), ([:], ["--home", "there"], "/work/there/flow.sock"),
            (["FLOW_SERVER": "http://x", "FLOW_HOME": "/a"], ["--home", "/b"], "/b/flow.sock"),
        ] as [([String: String], [String], String)])
    func `the home is where it is said to be`(environment: [String: String], arguments: [String], socket: String) async {
        let world = World(environment: environment) { call, _ in
            call.path == "/healthz" ? SessionTests.health : SessionTests.noRuns
        }
        #expect(await runFlowctl(["list"] + arguments, in: world.surroundings) == .succeeded)
        #expect(world.calls.allSatisfy { $0.server == .socket(socket) })
    }

    @Test func `a server is asked with its token, and no engine is opened`() async {
        let world = World(environment: ["FLOW_SERVER": "https://flow.test:8443/", "FLOW_TOKEN": "secret"]) { _, _ in
            SessionTests.noRuns
        }
        #expect(await world.run("list") == .succeeded)
        #expect(world.calls.map(\.server) == [.url("https://flow.test:8443")])
        #expect(world.calls.first?.headers["authorization"] == "Bearer secret")
        #expect(world.known.opened == 0)
    }

    @Test func `an engine that ends before it answered is followed by another, and nothing is started twice`() async {
        let world = World(environment: [:]) { call, world in
            if call.path == "/healthz" {
                return world.isOpen || world.requests.count < 2 ? SessionTests.health : .failure(TransportFailure(.nobody, ""))
            }
            guard call.method == "POST" else { return SessionTests.noRuns }
            // The first engine takes the request, and is gone before it can say so.
            guard world.isOpen else { return .failure(TransportFailure(.lost, "")) }
            return .json(Sample.json(Sample.run(.succeeded)), status: 200)
        }
        #expect(await world.run("exec", "web", "--detach", "--", "true") == .succeeded)
        let keys = world.calls.filter { $0.method == "POST" }.map { $0.headers["idempotency-key"] }
        #expect(keys.count == 2 && keys[0] != nil && keys[0] == keys[1], "\(keys)")
        #expect(!world.err.contains("before"), "nobody gave that key")
    }

    @Test(arguments: ["", "a\nb", "ü", String(repeating: "k", count: 257)])
    func `a key that no header can carry is refused before anything is asked`(key: String) async {
        let world = World(environment: [:]) { _, _ in SessionTests.health }
        #expect(await world.run("exec", "web", "--key", key, "--", "true") == .usage)
        #expect(world.err.contains("--key takes 1 to 256 printable ASCII characters"))
        #expect(world.calls.isEmpty)
    }

    @Test func `a command on a run whose answer was lost is not sent again`() async {
        let world = World(environment: [:], files: ["/work/.flow": ""]) { call, _ in
            call.path == "/healthz" ? SessionTests.health : .failure(TransportFailure(.lost, ""))
        }
        #expect(await world.run("pause", Sample.id.text) == .unavailable)
        #expect(world.calls.filter { $0.method == "POST" }.count == 1)
    }

    @Test func `a token never goes to a socket`() async {
        let world = World(environment: ["FLOW_TOKEN": "secret"]) { call, _ in
            call.path == "/healthz" ? SessionTests.health : SessionTests.noRuns
        }
        #expect(await world.run("list") == .succeeded)
        #expect(world.calls.allSatisfy { $0.headers["authorization"] == nil })
        #expect(world.err.contains("FLOW_TOKEN is not used"), "\(world.err)")
    }

    @Test func `without one the command opens the home, and closes it when it is done`() async {
        let world = World(environment: [:]) { call, world in
            guard world.isOpen else { return .failure(TransportFailure(.nobody, "")) }
            return call.path == "/healthz" ? SessionTests.health : SessionTests.noRuns
        }
        #expect(await world.run("list") == .succeeded)
        #expect(world.known.opened == 1 && world.known.closed == 1 && world.known.detached == 0)
    }

    @Test func `it closes the home after an error, too`() async {
        let missing = Sample.json(Wire.Problem(FlowError(.notFound, subject: "x", "There is no run 'x'.")))
        let world = World(environment: [:]) { call, world in
            guard world.isOpen else { return .failure(TransportFailure(.nobody, "")) }
            if call.path == "/healthz" { return SessionTests.health }
            return call.path == "/v1/runs/x" ? .json(missing, status: 404) : SessionTests.noRuns
        }
        #expect(await world.run("show", "x") == .notFound)
        #expect(world.known.opened == 1 && world.known.closed == 1)
    }

    @Test func `runs that can go on are left with an engine, and it is said`() async {
        let world = World(environment: [:]) { call, world in
            guard world.isOpen else { return .failure(TransportFailure(.nobody, "")) }
            return call.path == "/healthz"
                ? SessionTests.health : .json(Sample.page([Sample.json(Sample.run(.running, steps: nil))]))
        }
        // What may change something takes the runs up.
        #expect(await world.run("watch", "x") != .usage)
        #expect(world.known.closed == 1 && world.known.detached == 1)
        #expect(world.err.contains("1 run goes on in the background"))
    }

    @Test func `who only looks leaves no engine behind, and says that nobody works on the open runs`() async {
        let world = World(environment: [:]) { call, world in
            guard world.isOpen else { return .failure(TransportFailure(.nobody, "")) }
            return call.path == "/healthz"
                ? SessionTests.health : .json(Sample.page([Sample.json(Sample.run(.running, steps: nil))]))
        }
        #expect(await world.run("list") == .succeeded)
        #expect(world.known.opened == 1 && world.known.closed == 1 && world.known.detached == 0)
        #expect(world.err.contains("1 run is open here and stands still"), "\(world.err)")
    }

    @Test func `a run that waits for a person needs no engine`() async {
        let wait = Waiting(kind: .approval, subject: "go", since: Sample.at(0))
        let world = World(environment: [:]) { call, world in
            guard world.isOpen else { return .failure(TransportFailure(.nobody, "")) }
            let run = Sample.json(Sample.run(.waiting, steps: nil, waitingFor: [wait]))
            return call.path == "/healthz" ? SessionTests.health : .json(Sample.page([run]))
        }
        #expect(await world.run("list") == .succeeded)
        #expect(world.known.detached == 0)
    }

    @Test func `a home that another engine owns by now is reached through it`() async {
        let owned = FlowError(.owned, subject: "/work/.flow", "Another engine owns it.")
        let world = World(environment: [:], openError: owned) { call, world in
            guard world.calls.count > 3 else { return .failure(TransportFailure(.nobody, "")) }
            return call.path == "/healthz" ? SessionTests.health : SessionTests.noRuns
        }
        #expect(await world.run("list") == .succeeded)
    }

    @Test func `an owner that does not answer is named`() async {
        let owned = FlowError(.owned, subject: "/work/.flow", "Nothing was opened: process 4711 owns /work/.flow.")
        let world = World(environment: [:], openError: owned)
        #expect(await world.run("list") == .unavailable)
        #expect(world.err.contains("process 4711"))
    }

    @Test func `a socket that may not be opened is said to be that`() async {
        let world = World(environment: [:]) { _, _ in .failure(TransportFailure(.denied, "")) }
        #expect(await world.run("list") == .unavailable)
        #expect(world.err.contains("this user may not open /work/.flow/flow.sock"))
        #expect(world.known.opened == 0)
    }

    @Test func `a command about a run in a place without Flow makes nothing there`() async {
        let world = World(environment: [:])
        #expect(await world.run("cancel", "019a") == .notFound)
        #expect(world.known.opened + world.known.detached == 0)
        #expect(world.err.contains("/work/.flow does not exist"))
    }

    @Test func `a version is no reason to start an engine`() async {
        let world = World(environment: [:])
        #expect(await world.run("version") == .succeeded)
        #expect(world.out == "flowctl 1.2.3\n")
        #expect(world.known.opened == 0)
    }

    @Test func `doctor says what is wrong instead of failing of it`() async throws {
        let damaged = FlowError(
            .database, subject: "/work/.flow", "Nothing was opened: /work/.flow/flow.db is of schema 9, this one knows 7.")
        let world = World(environment: [:], openError: damaged)
        #expect(await world.run("doctor") == .unavailable)
        try expectSnapshot(world.out, "doctor")
    }
}
