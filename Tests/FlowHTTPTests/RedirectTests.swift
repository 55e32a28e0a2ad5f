import FlowHTTP
import FlowTestKit
import Foundation
import Testing

@Suite("Redirects", .timeLimit(.minutes(1)))
struct RedirectTests {
    /// Answers `/n` with a redirect to where the query says, else with what it was asked.
    private static let serve: @Sendable (Peer) -> Void = { peer in
        while let request = peer.request() {
            let parts = request.path.split(separator: "?", maxSplits: 1)
            if let status = Int(parts[0].dropFirst()), parts.count == 2 {
                peer.answer("\(status) Go", ["Location: \(parts[1].removingPercentEncoding ?? "")"], "elsewhere")
            } else {
                peer.answer("200 OK", [], "\(request.head)\r\n\r\n\(String(decoding: request.body, as: UTF8.self))")
            }
        }
    }

    private func said(_ response: HTTP.Response) -> String { String(decoding: response.body, as: UTF8.self).lowercased() }

    @Test func `are answers unless they are asked for, and then as many as that`() async throws {
        try await withServer(Self.serve) { server, client in
            var request = HTTP.Request("GET", "\(server.url)/302?/302%3F/end")
            #expect(try await client.send(request).status == 302)
            #expect(server.connections == 1)
            request.redirects = 1
            guard case .redirect = try await failure({ try await client.send(request) }) else {
                Issue.record("two were followed")
                return
            }
            request.redirects = 2
            let end = try await client.send(request)
            #expect(end.status == 200 && end.head.url == "\(server.url)/end")
        }
    }

    @Test(arguments: [
        (301, "POST", "GET", false), (302, "POST", "GET", false), (303, "PUT", "GET", false), (307, "POST", "POST", true),
        (308, "PATCH", "PATCH", true),
        (302, "PUT", "PUT", true), (303, "GET", "GET", false),
    ])
    func `change the method as everybody does`(status: Int, method: String, becomes: String, keepsBody: Bool) async throws {
        try await withServer(Self.serve) { server, client in
            var request = HTTP.Request(method, "\(server.url)/\(status)?/end", headers: ["content-type": "x/y", "x-a": "b"])
            if method != "GET" { request.body = .bytes(Array("the body".utf8)) }
            request.redirects = 1
            let text = try said(await client.send(request))
            #expect(text.hasPrefix("\(becomes.lowercased()) /end") && text.contains("x-a: b"))
            #expect(text.hasSuffix("the body") == keepsBody && (method == "GET" || text.contains("x/y") == keepsBody), "\(text)")
        }
    }

    @Test func `take credentials along to the same host only`() async throws {
        try await withServer(Self.serve) { server, client in
            try await withServer(Self.serve) { other, _ in
                let headers: HTTP.Headers = ["authorization": "Bearer t", "cookie": "c=d", "x-api-key": "b", "accept": "a/b"]
                var request = HTTP.Request("GET", "\(server.url)/302?/end", headers: headers)
                request.redirects = 3
                let same = try said(await client.send(request))
                #expect(same.contains("bearer t") && same.contains("c=d"))
                for url in ["\(other.url)/end", "http://localhost:\(server.port)/end", "//localhost:\(server.port)/end"] {
                    request.url = "http://me:pw@127.0.0.1:\(server.port)/302?\(url)"
                    let text = try said(await client.send(request))
                    for credential in ["bearer", "basic", "c=d", "x-api-key"] { #expect(!text.contains(credential), "\(text)") }
                    #expect(text.contains("accept: a/b"), "\(text)")
                }
            }
        }
    }

    @Test func `take along what the URL says of user and password, to the same place only`() async throws {
        try await withServer(Self.serve) { server, client in
            try await withServer(Self.serve) { other, _ in
                func text(_ location: String, from base: String = "http://m%40e:p%3Aw@127.0.0.1:\(server.port)") async throws -> String {
                    var request = HTTP.Request("GET", "\(base)/302?\(location)")
                    request.redirects = 3
                    let answer = try await client.send(request)
                    #expect(!answer.head.url.contains("@"))
                    return said(answer)
                }
                let mine = "authorization: basic " + Data("m@e:p:w".utf8).base64EncodedString().lowercased()
                for location in ["/end", "\(server.url)/end", "//127.0.0.1:\(server.port)/end", "/302%3F\(server.url)/end"] {
                    #expect(try await text(location).contains(mine), "\(location)")
                }
                for location in [
                    "\(other.url)/end", "http://localhost:\(server.port)/end", "//127.0.0.1:\(other.port)/end",
                    "\(other.url)/302%3F\(server.url)/end",
                ] {
                    #expect(try await !text(location).contains("authorization"), "\(location)")
                }
                // Another user that the answer names is that one.
                let named = try await text("http://you@127.0.0.1:\(server.port)/end")
                #expect(named.contains("basic " + Data("you:".utf8).base64EncodedString().lowercased()))
            }
        }
    }

    @Test func `to other protocols, in a loop, to nowhere and to metadata are not followed`() async throws {
        try await withServer(Self.serve) { server, client in
            func failed(_ location: String, _ rules: EgressRules? = nil) async throws -> HTTP.Failure? {
                var request = HTTP.Request("GET", "\(server.url)/302?\(location)")
                request.redirects = 20
                request.egress = rules
                return try await failure { try await client.send(request) }
            }
            for location in ["file:///etc/passwd", "ftp://127.0.0.1/", "gopher://127.0.0.1:\(server.port)/_x", "javascript:x", "http://"] {
                guard case .redirect = try await failed(location) else {
                    Issue.record("\(location) was followed")
                    continue
                }
            }
            let rules = EgressRules(isLoopbackAllowed: true)
            for address in ["169.254.169.254", "[::ffff:169.254.169.254]", "0xa9fea9fe", "2852039166", "[fe80::1]"] {
                guard case .behindRedirect(.forbiddenAddress) = try await failed("http://\(address)/latest/meta-data", rules) else {
                    Issue.record("\(address) was followed")
                    continue
                }
            }
        }
    }

    @Test func `a loop ends`() async throws {
        try await withServer({ peer in while peer.request() != nil { peer.answer("302 Go", ["Location: /again"]) } }) { server, client in
            var request = HTTP.Request("GET", server.url)
            request.redirects = 20
            let said = try await failure { [request] in try await client.send(request) }
            #expect(said == .redirect("there were more than 20"))
        }
    }

    @Test func `from a unix socket lead to nobody else`() async throws {
        try await withFolder { folder in
            let server = try RawServer(socket: "\(folder)/s", Self.serve)
            let client = HTTP.Client()
            var request = HTTP.Request("GET", "http://flow/302?/end")
            request.socket = "\(folder)/s"
            request.redirects = 1
            try await succeeds(client, request)
            request.url = "http://flow/302?http://127.0.0.1:1/"
            guard case .redirect = try await failure({ try await client.send(request) }) else {
                Issue.record("it was followed")
                return
            }
            await client.close()
            server.stop()
        }
    }
}
