import FlowHTTP
import FlowModel
import FlowServer
import FlowWire
import Foundation
import Testing

@Suite("Requests that are refused at the door", .timeLimit(.minutes(1)))
struct RefusalTests {
    private struct Reply {
        var status: Int
        var type: String?
        var body: [UInt8]

        var problem: Wire.Problem { get throws { try JSONDecoder().decode(Wire.Problem.self, from: Data(body)) } }
    }

    /// A server on a port of loopback, as flowd serves one.
    private func withServer(_ work: (FlowServer, Client, HTTP.Client) async throws -> Void) async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        try home.write("flowd.yaml", "listen: 127.0.0.1:0\n")
        let server = try await FlowServer.open(.init(home: home.path))
        let http = HTTP.Client()
        do {
            try await work(server, Client(socket: server.socket), http)
        } catch {
            await http.close()
            try await server.close()
            throw error
        }
        await http.close()
        try await server.close()
    }

    private func send(
        _ http: HTTP.Client, _ server: FlowServer, _ method: String, _ path: String, token: String?, body: String? = nil
    ) async throws -> Reply {
        var request = HTTP.Request(method, "http://127.0.0.1:\(server.port ?? 0)\(path)", times: HTTP.TimeLimits(whole: 20))
        if let token { request.headers.add("authorization", "Bearer \(token)") }
        if let body { request.body = .bytes(Array(body.utf8)) }
        let response = try await http.send(request)
        return Reply(status: response.status, type: response.headers["content-type"], body: response.body)
    }

    private func token(_ client: Client, _ user: String, _ role: String) async throws -> String {
        _ = try await client.value(Wire.User.self, "PUT", "/v1/users/\(user)", #"{"roles":["\#(role)"]}"#)
        let made = try await client.value(Wire.Token.self, "POST", "/v1/tokens", #"{"name":"t","user":"\#(user)"}"#)
        return try #require(made.token)
    }

    @Test func `too large, too deep, without a token, and somebody else's: 413, 400, 401, 403, and nothing is started`() async throws {
        try await withServer { server, client, http in
            let author = try await token(client, "ada", "author")
            let viewer = try await token(client, "eve", "viewer")
            let nested = String(repeating: "[", count: 63) + String(repeating: "]", count: 63)
            let exec = #"{"exec":{"selector":"x","command":"true"}}"#
            let cases: [(token: String?, body: String, status: Int, code: FlowError.Code)] = [
                (author, #"{"flow":"x"}"# + String(repeating: " ", count: Limits.jsonBodyBytes), 413, .tooLarge),
                (author, #"{"flow":"x","inputs":{"a":\#(nested)}}"#, 400, .usage),
                (author, #"{"flow":"x","inpust":{}}"#, 400, .usage), (author, "{", 400, .usage),
                (nil, exec, 401, .unauthenticated), ("wrong", exec, 401, .unauthenticated), ("", exec, 401, .unauthenticated),
                (author + "x", exec, 401, .unauthenticated), (viewer, exec, 403, .forbidden),
            ]
            for (token, body, status, code) in cases {
                let reply = try await send(http, server, "POST", "/v1/runs", token: token, body: body)
                #expect(reply.status == status, "\(body.prefix(60)): \(reply.status)")
                #expect(reply.type == "application/problem+json")
                let problem = try reply.problem
                #expect(problem.code == code && problem.status == status)
                #expect(!problem.detail.isEmpty && !problem.title.isEmpty && !problem.type.isEmpty)
            }
            #expect(try await client.value(Wire.Page<Wire.Run>.self, "GET", "/v1/runs").items.isEmpty)
        }
    }

    @Test func `the approval of one's own run is 403, with another digest 409, and the gate stays open for others`() async throws {
        try await withServer { server, client, http in
            let ada = try await token(client, "ada", "author")
            let bob = try await token(client, "bob", "operator")
            let gate = Node(
                id: "go", name: "go",
                kind: .approval(ApprovalSpec(prompt: .literal("Go?"), rules: [.anyone(count: 1)])))
            let start = Wire.Start(plan: Plan(flow: "gate", nodes: [gate], dsl: "test"))
            let body = String(decoding: try JSONEncoder().encode(start), as: UTF8.self)
            #expect(try await send(http, server, "POST", "/v1/runs", token: ada, body: body).status == 201)
            let open = try await client.value(Wire.Page<Wire.Approval>.self, "GET", "/v1/approvals").items
            let approval = try #require(open.first)
            let path = "/v1/approvals/\(approval.id)/decisions"
            func vote(_ token: String?, _ digest: String) async throws -> Reply {
                try await send(
                    http, server, "POST", path, token: token, body: #"{"decision":"approved","digest":"\#(digest)"}"#)
            }
            let own = try await vote(ada, approval.digest.hex)
            #expect(own.status == 403)
            #expect(try own.problem.hint?.contains("flowctl approve") == true)
            #expect(try await vote(nil, approval.digest.hex).status == 401)
            #expect(try await vote(bob, String(repeating: "0", count: 64)).status == 409)
            #expect(try await client.value(Wire.Run.self, "GET", "/v1/runs/\(approval.run)").state == .waiting)
            #expect(try await vote(bob, approval.digest.hex).status == 200)
            #expect(try await vote(bob, approval.digest.hex).status == 409)
        }
    }
}
