import FlowAPI
import FlowCrypto
import FlowEngine
import FlowHTTP
import FlowModel
import FlowTestKit
import FlowWire
import Foundation
import Hummingbird
import Logging
import NIOCore
import ServiceLifecycle
import Synchronization
import Testing

/// A served API over a real engine on a store in memory, with scripted hands.
struct Harness: Sendable {
    let client: Client
    let socketClient: Client
    let engine: Engine
    let store: MemoryStore
    let hands: ScriptedHands
    let catalogue: TestCatalogue
    let identities: TestIdentities
    let outputs: TestOutputs
    let hub: ChangeHub
    let port: Int
    let socketPath: String

    /// Serves on a free port of 127.0.0.1 and on a socket for as long as `body` takes.
    static func run(
        accounts: [Wire.User] = [], heartbeatSeconds: Double = APILimits.heartbeatSeconds, _ body: @escaping @Sendable (Harness) async throws -> Void
    ) async throws {
        let hands = ScriptedHands()
        let store = MemoryStore()
        let environment = EngineEnvironment(
            now: { Instant(milliseconds: Int64(Date().timeIntervalSince1970 * 1000)) },
            random: { count in (0..<count).map { _ in UInt8.random(in: .min ... .max) } },
            hash: { Digest(of: $0) })
        let engine = try Engine(store: store, dispatcher: hands, environment: environment)
        hands.connect(engine)
        let meters = Meters()
        let hub = ChangeHub(meters: meters, heartbeatSeconds: heartbeatSeconds)
        let catalogue = TestCatalogue()
        for plan in Plans.all { catalogue.add(plan) }
        let identities = TestIdentities(accounts: accounts)
        let outputs = TestOutputs()
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let api = API(
            engine: engine, reader: store, identities: identities, catalogue: catalogue,
            preparation: TestPreparation(catalogue: catalogue), hosts: TestHosts(), schedules: TestSchedules(), hooks: TestHooks(),
            changeRules: TestChangeRules(),
            blobs: TestBlobs(), outputs: outputs,
            caretaker: TestCaretaker(), hub: hub, meters: meters, now: environment.now, logger: logger)
        let socket = "/tmp/flow-api-\(UUID().uuidString.prefix(8)).sock"
        let ready = AsyncStream.makeStream(of: Int?.self)
        func application(_ address: BindAddress, _ listener: Listener) -> some Service {
            Application(
                responder: Edge(api: api, listener: listener), configuration: .init(address: address),
                onServerRunning: { ready.continuation.yield($0.localAddress?.port) }, logger: logger)
        }
        var configuration = ServiceGroupConfiguration(
            services: [
                application(.hostname("127.0.0.1", port: 0), .network), application(.unixDomainSocket(path: socket), .socket),
                HubService(hub: hub, changes: engine.changes()),
            ], logger: logger)
        configuration.maximumGracefulShutdownDuration = .seconds(10)
        let group = ServiceGroup(configuration: configuration)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            var port: Int?
            var count = 0
            for await found in ready.stream {
                port = port ?? found
                count += 1
                if count == 2 { break }
            }
            let http = HTTP.Client()
            let harness = Harness(
                client: Client(http: http, base: "http://127.0.0.1:\(try #require(port))"),
                socketClient: Client(http: http, base: "http://localhost", socket: socket), engine: engine, store: store,
                hands: hands,
                catalogue: catalogue, identities: identities, outputs: outputs, hub: hub, port: try #require(port), socketPath: socket)
            do {
                try await body(harness)
            } catch {
                Issue.record(error)
            }
            await http.close()
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
        }
        await engine.shutdown()
        try? FileManager.default.removeItem(atPath: socket)
    }

    /// Waits for the run to satisfy `condition`: looks again after every change.
    func run(_ id: RunID, until condition: @Sendable (Wire.Run) -> Bool) async throws -> Wire.Run {
        let changes = engine.changes()
        var iterator = changes.makeAsyncIterator()
        while true {
            let run = try await client.get("/v1/runs/\(id)", as: "alice").decode(Wire.Run.self)
            if condition(run) { return run }
            guard await iterator.next() != nil else { throw FlowError(.internal, subject: "\(id)", "the engine ended; \(run)") }
        }
    }

    func start(_ flow: String, as user: String = "alice", inputs: [String: JSON] = [:]) async throws -> Wire.Run {
        try await client.post("/v1/runs", Wire.Start(flow: flow, inputs: inputs), as: user).decode(Wire.Run.self)
    }
}

private struct HubService: Service {
    let hub: ChangeHub
    let changes: AsyncStream<RunChange>
    func run() async throws {
        await cancelWhenGracefulShutdown { await hub.run(changes) }
        hub.close()
    }
}

/// What came back.
struct Reply: Sendable {
    var status: Int
    var headers: HTTP.Headers
    var body: [UInt8]

    var text: String { String(decoding: body, as: UTF8.self) }
    func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
        do {
            return try JSONDecoder().decode(type, from: Data(body))
        } catch {
            throw FlowError(.internal, subject: "\(type)", "not decodable (\(status)): \(text) \(error)")
        }
    }
    var problem: Wire.Problem { get throws { try decode(Wire.Problem.self) } }
}

struct Client: Sendable {
    let http: HTTP.Client
    let base: String
    var socket: String?

    func send(
        _ method: String, _ path: String, token: String? = nil, headers: [String: String] = [:], body: [UInt8]? = nil
    ) async throws -> Reply {
        let response = try await open(method, path, token: token, headers: headers, body: body)
        return Reply(status: response.status, headers: response.headers, body: try await response.collect(upTo: 64 << 20))
    }

    func open(
        _ method: String, _ path: String, token: String? = nil, headers: [String: String] = [:], body: [UInt8]? = nil
    ) async throws -> HTTP.Stream {
        var request = HTTP.Request(method, base + path, times: HTTP.TimeLimits(whole: 30), sizes: HTTP.SizeLimits(bodyBytes: nil))
        request.socket = socket
        if let token { request.headers.add("authorization", "Bearer \(token)") }
        for (name, value) in headers { request.headers.add(name, value) }
        if let body { request.body = .bytes(body) }
        return try await http.open(request)
    }

    func get(_ path: String, as user: String) async throws -> Reply { try await send("GET", path, token: "token-\(user)") }

    func post(_ path: String, _ body: some Encodable, as user: String, headers: [String: String] = [:]) async throws -> Reply {
        try await send("POST", path, token: "token-\(user)", headers: headers, body: Array(try JSONEncoder().encode(body)))
    }
}
