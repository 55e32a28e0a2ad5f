import FlowCrypto
import FlowModel
import FlowServer
import FlowWire
import Foundation
import Testing

/// What a hook would start is looked at when it is added, and when its flow changes: nobody is there when a request comes.
@Suite("What hooks take", .timeLimit(.minutes(5)))
struct HookInputTests {
    private static func plan(_ parameters: [Parameter]) throws -> String {
        let nap = Node(id: "nap", name: "nap", kind: .sleep(.literal(0)))
        return try JSON(encoding: Wire.Register(plan: Plan(flow: "release", parameters: parameters, nodes: [nap], dsl: "test"))).canonical
    }

    private static let version = Parameter(name: "version", kind: .string)
    private static let hosts = Parameter(name: "hosts", kind: .selector)
    private static let channel = Parameter(name: "channel", kind: .string, fallback: "stable")

    private func withServer(_ home: TemporaryHome, _ work: (Client) async throws -> Void) async throws {
        try home.write("inventory.yaml", "hosts:\n  web-1: {address: 10.0.0.1}\n")
        let server = try await FlowServer.open(.init(home: home.path))
        try await work(Client(socket: server.socket))
        try await server.close()
    }

    private func put(_ client: Client, take: [String: String]?, inputs: [String: String] = [:]) async throws -> (status: Int, text: String) {
        var body: [String: JSON] = ["flow": "release", "inputs": .object(inputs.mapValues(JSON.string))]
        body["take"] = take.map { .object($0.mapValues(JSON.string)) }
        let answer = try await client.send("PUT", "/v1/hooks/push", JSON.object(body).canonical)
        return (answer.status, String(decoding: answer.body, as: UTF8.self))
    }

    @Test func `what no request could make good is refused when the hook is added`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        try await withServer(home) { client in
            _ = try await client.value(Wire.Flow.self, "PUT", "/v1/flows/release", try Self.plan([Self.version, Self.hosts, Self.channel]))
            let misspelt = try await put(client, take: ["versoin": "/tag"], inputs: ["hosts": "web-1"])
            #expect(misspelt.status == 422 && misspelt.text.contains("did you mean 'version'") && misspelt.text.contains("neither given nor taken"))
            let lacking = try await put(client, take: ["version": "/tag"])
            #expect(lacking.status == 422 && lacking.text.contains("\"subject\":\"hosts\""), "\(lacking.text)")
            for take in [["version": "/tag"], nil] {
                let nowhere = try await put(client, take: take, inputs: ["hosts": "web-9"])
                #expect(nowhere.status == 422 && nowhere.text.contains("web-9"), "\(nowhere.text)")
                #expect(try await put(client, take: take, inputs: ["hosts": "web-1"]).status == 200)
            }
            #expect(try await put(client, take: nil, inputs: ["versoin": "1"]).status == 422)
            #expect(try await put(client, take: ["version": "/tag", "hosts": "/hosts", "channel": "/channel"]).status == 200)
        }
    }

    @Test func `a revision that lacks what a hook takes is registered, and names the hook, as doctor does`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        try await withServer(home) { client in
            _ = try await client.value(Wire.Flow.self, "PUT", "/v1/flows/release", try Self.plan([Self.version]))
            #expect(try await put(client, take: ["version": "/tag"]).status == 200)
            let flow = try await client.value(Wire.Flow.self, "PUT", "/v1/flows/release", try Self.plan([Self.channel]))
            #expect(flow.warnings?.map(\.subject) == ["hook push"])
            let findings = try await client.value(Wire.Page<Wire.Finding>.self, "GET", "/v1/doctor").items
            #expect(findings.contains { $0.message.contains("hook push") && $0.message.contains("version") }, "\(findings)")
        }
    }

    /// The database came back from a backup, and the key did not.
    @Test func `a hook whose secret cannot be opened stands still, is told so, and has another one made`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        var secret = ""
        func send(_ client: Client) async throws -> (status: Int, body: [UInt8]) {
            let (id, time) = (UUID().uuidString, "\(Int(Date().timeIntervalSince1970))")
            let key = try #require(Data(base64Encoded: String(secret.dropFirst("whsec_".count))))
            let code = HMAC.sha256.code(of: Array("\(id).\(time).{}".utf8), key: Array(key))
            let headers = ["webhook-id": id, "webhook-timestamp": time, "webhook-signature": "v1," + Data(code).base64EncodedString()]
            return try await client.send("POST", "/v1/hooks/push", "{}", headers: headers)
        }
        try await withServer(home) { client in
            _ = try await client.value(Wire.Flow.self, "PUT", "/v1/flows/release", try Self.plan([Self.channel]))
            secret = try #require(try await client.value(Wire.Hook.self, "PUT", "/v1/hooks/push", #"{"flow":"release"}"#).secret)
            #expect(try await send(client).status == 201)
        }
        try FileManager.default.removeItem(atPath: home.path + "/secret.key")
        _ = try await FlowServer.repair(home: home.path, forgettingSecrets: true)
        try await withServer(home) { client in
            let refused = try await send(client)
            let text = String(decoding: refused.body, as: UTF8.self)
            #expect(refused.status == 409 && text.contains("its secret cannot be opened"), "\(text)")
            let hook = try #require(try await client.value(Wire.Page<Wire.Hook>.self, "GET", "/v1/hooks").items.first)
            #expect(hook.fault?.contains("flowctl hook add push release --new-secret") == true, "\(hook)")
            let findings = try await client.value(Wire.Page<Wire.Finding>.self, "GET", "/v1/doctor").items
            #expect(findings.contains { $0.message.contains("hook push") && $0.message.contains("--new-secret") }, "\(findings)")
            let again = try await client.value(Wire.Hook.self, "PUT", "/v1/hooks/push?newSecret=true", #"{"flow":"release"}"#)
            secret = try #require(again.secret)
            #expect(again.fault == nil)
            #expect(try await send(client).status == 201)
        }
    }
}
