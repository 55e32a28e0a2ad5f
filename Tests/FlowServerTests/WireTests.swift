import FlowAPI
import FlowModel
import FlowServer
import FlowWire
import Foundation
import Testing

/// What comes over TCP and is not as it should be, to the last byte.
@Suite("HTTP on the wire", .timeLimit(.minutes(2)))
struct WireTests {
    private struct Case: Sendable {
        var text: String
        /// The statuses of all answers until the server closes.
        var statuses: [Int]
    }

    private func token(_ server: FlowServer) async throws -> String {
        let made = try await Client(socket: server.socket).value(Wire.Token.self, "POST", "/v1/tokens", #"{"name":"t"}"#)
        return try #require(made.token)
    }

    private func statuses(_ text: String) -> [Int] {
        text.matches(of: #/HTTP/1\.[01] (\d\d\d) /#).compactMap { Int($0.output.1) }
    }

    private func withServer(_ settings: String = "", _ body: (FlowServer, Int, String) async throws -> Void) async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        try home.write("flowd.yaml", "listen: 127.0.0.1:0\n" + settings)
        let server = try await FlowServer.open(.init(home: home.path))
        try await body(server, try #require(server.port), try await token(server))
        try await server.close()
    }

    @Test func `what is not HTTP, or not meant for this server, has its answer and ends the connection`() async throws {
        try await withServer { _, port, token in
            let host = "Host: 127.0.0.1\r\n"
            let who = "Authorization: Bearer \(token)\r\n"
            let trailers = (0..<90).map { "x-\($0): \(String(repeating: "t", count: 1_000))\r\n" }.joined()
            let start = "POST /v1/runs HTTP/1.1\r\n\(host)\(who)"
            let cases = [
                Case(text: "nonsense\r\n\r\n", statuses: [400]),
                Case(text: "\(start)Transfer-Encoding: xchunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", statuses: [400]),
                Case(text: "\(start)Transfer-Encoding: chunked, xchunked\r\n\r\n0\r\n\r\n", statuses: [400]),
                Case(text: "\(start)Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", statuses: [400]),
                Case(text: "\(start)Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n", statuses: [400]),
                Case(text: "\(start)Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\(trailers)\r\n", statuses: [400]),
                Case(text: "\(start)Content-Length: 10\r\n\r\n{}", statuses: [400]),
                Case(text: "\(start)Content-Length: -1\r\n\r\n{}", statuses: [400]),
                Case(text: "\(start)Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", statuses: [400]),
                Case(text: "GET /v1/me HTTP/1.1\r\n\(host)\(who)Transfer-Encoding: xchunked\r\n\r\n", statuses: [400]),
                Case(text: "GET /healthz HTTP/1.1\r\n\r\n", statuses: [400]),
                Case(text: "GET /healthz HTTP/1.1\r\n\(host)\(host)\r\n", statuses: [400]),
                Case(text: "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: localhost\r\n\r\n", statuses: [400]),
                Case(text: "GET /healthz HTTP/1.1\r\nHost: a b\r\n\r\n", statuses: [400]),
                Case(text: "GET /healthz HTTP/1.1\r\nHost: x@127.0.0.1\r\n\r\n", statuses: [400]),
                Case(text: "GET /healthz HTTP/1.1\r\nHost: evil.example:\(port)\r\n\r\n", statuses: [403]),
                Case(text: "GET http://127.0.0.1/healthz HTTP/1.1\r\n\(host)\r\n", statuses: [400]),
                Case(text: "GET /healthz HTTP/1.0\r\n\r\n", statuses: [200]),
                Case(text: "GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", statuses: [200]),
                Case(text: "GET /healthz HTTP/1.1\r\n\(host)Connection: Close\r\n\r\n", statuses: [200]),
                Case(text: "GET /healthz HTTP/1.1\r\n\(host)Connection: foo, CLOSE\r\n\r\n", statuses: [200]),
                Case(text: "GET /v1/me HTTP/1.1\r\n\(host)\r\n", statuses: [401]),
                Case(text: "GET /healthz HTTP/1.1\r\n\(host)\(trailers)\r\n", statuses: [431]),
                Case(
                    text: "GET /healthz HTTP/1.1\r\n\(host)" + (0..<101).map { "x\($0): y\r\n" }.joined() + "\r\n", statuses: [431]),
                // One after the other in one breath: in order, and nothing behind the one that is refused.
                Case(
                    text: "GET /healthz HTTP/1.1\r\n\(host)\r\nGET /v1/me HTTP/1.1\r\n\(host)\(who)\r\nGET /healthz HTTP/1.1\r\n\r\n"
                        + "GET /healthz HTTP/1.1\r\n\(host)\r\n", statuses: [200, 200, 400]),
                Case(
                    text: "GET /healthz HTTP/1.1\r\n\(host)\r\nGET /healthz HTTP/1.1\r\n\(host)Connection: close\r\n\r\n"
                        + "GET /healthz HTTP/1.1\r\n\(host)\r\n", statuses: [200, 200]),
            ]
            for each in cases {
                let answer = try await onThread {
                    let client = try RawClient(port: port)
                    client.send(each.text)
                    client.finish()
                    return client.readAll()
                }
                #expect(statuses(answer) == each.statuses, "\(each.text.prefix(200))\n→ \(answer.prefix(600))")
                if each.statuses.last != 200 {
                    #expect(answer.contains("application/problem+json"), "\(each.text.prefix(200))\n→ \(answer.prefix(600))")
                }
                #expect(answer.lowercased().contains("connection: close") || each.statuses.last == 200)
            }
        }
    }

    @Test func `an answer that ends the connection ends it, whether or not the other side does`() async throws {
        try await withServer { _, port, token in
            for text in [
                "GET /healthz HTTP/1.0\r\n\r\n", "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
                "GET /healthz HTTP/1.1\r\n\r\n", "GET /v1/me HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer wrong\r\n\r\n",
            ] {
                // `readAll` returns at the end of what comes: the connection is closed by the server.
                let answer = try await onThread {
                    let client = try RawClient(port: port)
                    client.send(text)
                    return client.readAll()
                }
                #expect(statuses(answer).count == 1, "\(text) \(answer)")
            }
            _ = token
        }
    }

    @Test func `a token that nobody looks at keeps no connection`() async throws {
        try await withServer { _, port, token in
            let (strangers, known) = try await onThread {
                func ask(_ path: String, _ token: String) throws -> RawClient {
                    let client = try RawClient(port: port, from: "127.0.0.9")
                    client.send("GET \(path) HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer \(token)\r\n\r\n")
                    _ = client.read(until: "\r\n\r\n")
                    return client
                }
                let known = try ask("/v1/me", token)
                let strangers = try (0..<APILimits.strangersOfAddress).map { try ask($0 % 2 == 0 ? "/healthz" : "/nothing", "junk") }
                // One more makes the first of them leave, as soon as that one has been silent for long enough.
                for _ in 0..<200 where !strangers.contains(where: \.isClosed) {
                    Thread.sleep(forTimeInterval: 0.05)
                    _ = try ask("/healthz", "junk")
                }
                return (strangers.count(where: \.isClosed), known.isClosed)
            }
            #expect(strangers > 0)
            #expect(!known)
        }
    }

    @Test func `a path has one spelling`() async throws {
        try await withServer { _, port, token in
            for (path, status) in [
                ("/v1/me", 200), ("//v1/me", 404), ("/v1//me", 404), ("/v1/me/", 404), ("/v1/users/", 404), ("/v1/users?", 200),
                ("/v1/runs?flow=//", 200),
                ("/", 404), ("/v1/./me", 404), ("/v1/x/../me", 404), ("/%76%31/me", 404),
            ] {
                let answer = try await onThread {
                    let client = try RawClient(port: port)
                    client.send("GET \(path) HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer \(token)\r\nConnection: close\r\n\r\n")
                    return client.readAll()
                }
                #expect(statuses(answer) == [status], "\(path) \(answer.prefix(300))")
            }
        }
    }

    @Test func `names are served that the configuration has, numbers and localhost; on the socket any`() async throws {
        try await withServer("hosts: [flow.example.org]\n") { server, port, _ in
            for (host, status) in [
                ("flow.example.org", 200), ("FLOW.example.org.:\(port)", 200), ("localhost:\(port)", 200), ("127.0.0.1:1", 200),
                ("[::1]:\(port)", 200),
                ("flow.example.org.evil.example", 403), ("evil.example", 403), ("127.0.0.1.evil.example", 403), ("", 400),
            ] {
                let answer = try await onThread {
                    let client = try RawClient(port: port)
                    client.send("GET /healthz HTTP/1.1\r\nHost: \(host)\r\nConnection: close\r\n\r\n")
                    return client.readAll()
                }
                #expect(statuses(answer) == [status], "\(host) \(answer.prefix(300))")
            }
            #expect(try await Client(socket: server.socket).send("GET", "/healthz").status == 200)
        }
    }

    @Test func `connections that only stay keep neither others nor the socket out`() async throws {
        try await withServer { server, port, token in
            let idle = try (0..<300).map { _ in try RawClient(port: port) }
            // Somebody else, from another address.
            let answer = try await onThread {
                let client = try RawClient(port: port, from: "127.0.0.2")
                client.send("GET /v1/me HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer \(token)\r\nConnection: close\r\n\r\n")
                return client.readAll()
            }
            #expect(statuses(answer) == [200])
            #expect(try await Client(socket: server.socket).send("GET", "/healthz").status == 200)
            // More of one address than may be without a credential are not kept.
            while idle.filter(\.isClosed).count < 44 { await Task.yield() }
            // Also from there somebody who asks is let in: in the end, those who stay make room.
            var again = ""
            while statuses(again) != [200] {
                again = try await onThread {
                    let client = try RawClient(port: port)
                    client.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                    return client.readAll()
                }
            }
            let metrics = String(decoding: try await Client(socket: server.socket).send("GET", "/metrics").body, as: UTF8.self)
            #expect(metrics.contains("flow_connections_refused_total"))
        }
    }
}
