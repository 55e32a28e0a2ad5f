import FlowHTTP
import FlowTestKit
import Foundation
import Glibc
import Testing

@Suite("HTTP client", .timeLimit(.minutes(1)))
struct ClientTests {
    @Test func `what the caller says goes out and nothing else, and what comes is told in its order`() async throws {
        let seen = Fact<[String]>()
        try await withServer({ peer in
            while let request = peer.request() {
                seen.tell([request.line] + request.headers)
                peer.send("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nB: 1\r\nA: 2\r\nb:  3 \r\nEmpty:\r\n")
                peer.send("Folded: a\r\n b\r\nContent-Length: 2\r\n\r\nhi")
            }
        }) { server, client in
            let headers: HTTP.Headers = ["X-One": "a", "x-two": "", "X-One": "b"]
            let answer = try await client.send(HTTP.Request("GET", "\(server.url)/a/../b?c=%20", headers: headers))
            #expect(await seen.next() == ["GET /a/../b?c=%20 HTTP/1.1", "host: 127.0.0.1:\(server.port)", "x-one: a", "x-two:", "x-one: b"])
            #expect(answer.status == 200)
            #expect(answer.body == Array("hi".utf8))
            #expect(answer.headers.fields.map(\.name) == ["B", "A", "b", "Empty", "Folded", "Content-Length"])
            #expect(
                answer.headers.all("b") == ["1", "3"] && answer.headers["A"] == "2" && answer.headers["empty"] == ""
                    && answer.headers["folded"] == "a b")
        }
    }

    @Test(arguments: ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "PURGE"])
    func `methods go out as they are, with a length where they have a body`(method: String) async throws {
        let seen = Fact<Peer.Request>()
        try await withServer({ peer in
            while let request = peer.request() {
                seen.tell(request)
                peer.send("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n" + (method == "HEAD" ? "" : "abc"))
            }
        }) { server, client in
            let plain = try await client.send(HTTP.Request(method, server.url))
            let first = try #require(await seen.next())
            #expect(first.line == "\(method) / HTTP/1.1")
            #expect(first.headers.contains("content-length: 0") == ["POST", "PUT", "PATCH"].contains(method))
            #expect(plain.body.count == (method == "HEAD" ? 0 : 3))
            #expect(plain.headers["content-length"] == "3")
            guard method != "HEAD" else { return }
            let body = (0..<200_000).map { UInt8(truncatingIfNeeded: $0) }
            _ = try await client.send(HTTP.Request(method, server.url, body: .bytes(body)))
            let second = try #require(await seen.next())
            #expect(second.line == "\(method) / HTTP/1.1" && second.body == body)
            #expect(!second.headers.contains { $0.hasPrefix("expect") || $0.hasPrefix("content-type") || $0.hasPrefix("transfer-encoding") })
        }
    }

    @Test func `a file is sent piece by piece, again where a redirect says so, and one that is none is refused`() async throws {
        try await withFolder { folder in
            let path = "\(folder)/file"
            let body = (0..<5_000_001).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
            try Data(body).write(to: URL(filePath: path))
            let seen = Shared<[[UInt8]]>([])
            try await withServer({ peer in
                while let request = peer.request() {
                    seen.change { $0.append(request.body) }
                    if request.path == "/first" { peer.answer("307 There", ["Location: /second"]) } else { peer.answer() }
                }
            }) { server, client in
                var request = HTTP.Request("PUT", "\(server.url)/first", body: .file(path))
                request.redirects = 1
                try await succeeds(client, request)
                #expect(seen.value.count == 2 && seen.value.allSatisfy { $0 == body })
                mkfifo("\(folder)/pipe", 0o600)
                for none in ["\(folder)/none", folder, "\(folder)/pipe", "/dev/zero"] {
                    guard case .invalid(let why) = try await failure({ try await client.send(HTTP.Request("PUT", server.url, body: .file(none))) })
                    else {
                        Issue.record("\(none) was sent")
                        return
                    }
                    #expect(why.hasPrefix(none))
                }
            }
        }
    }

    @Test func `a server on a unix socket, one that is not there, and one that may not be opened`() async throws {
        try await withFolder { folder in
            let server = try RawServer(socket: "\(folder)/s") { peer in while let request = peer.request() { peer.answer("200 OK", [], request.line) }
            }
            let client = HTTP.Client()
            var request = HTTP.Request("GET", "http://flow/x")
            request.socket = "\(folder)/s"
            request.egress = EgressRules()
            #expect(try await client.send(request).body == Array("GET /x HTTP/1.1".utf8))
            request.socket = "\(folder)/none"
            try await fails(client, request, .refused("\(folder)/none"))
            request.socket = "\(folder)/s/x"
            try await fails(client, request, .refused("\(folder)/s/x"))
            request.socket = "/" + String(repeating: "x", count: 200)
            #expect(try await failure { try await client.send(request) }?.description.contains("107 bytes") == true)
            await client.close()
            server.stop()
        }
    }

    @Test func `a unix socket whose server takes no more is called busy`() async throws {
        try await withFolder { folder in
            let listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
            defer { close(listener) }
            #expect(RawServer.bind(listener, path: "\(folder)/s") == 0 && listen(listener, 0) == 0)
            let client = HTTP.Client()
            var request = HTTP.Request("GET", "http://localhost/", times: .short(head: 0.3))
            request.socket = "\(folder)/s"
            // Nobody accepts: the first waits for its answer, and fills the line.
            async let first = failure { [request] in try await client.send(request) }
            try await Task.sleep(for: .milliseconds(50))
            try await fails(client, request, .busy("\(folder)/s"))
            #expect(try await first == .timedOut(.head, seconds: 0.3))
            #expect(HTTP.Failure.busy("/x").isBeforeSending && HTTP.Failure.busy("/x").description.contains("/x is busy"))
            await client.close()
        }
    }

    @Test func `what cannot be sent is refused before anything is connected to`() async throws {
        try await withServer({ _ in }) { server, client in
            func isRefused(_ what: String, _ change: (inout HTTP.Request) -> Void) async throws {
                var request = HTTP.Request("GET", server.url)
                change(&request)
                let said = try await failure { [request] in try await client.send(request) }
                if case .invalid = said { return }
                Issue.record("\(what.debugDescription): \(said.debugDescription)")
            }
            let urls = [
                "", "x", "ftp://127.0.0.1/", "file:///etc/passwd", "//127.0.0.1", "http://", "http://a b/", "http://a:99999/",
                "http://a/\r\nX: y",
            ]
            for url in urls { try await isRefused(url) { $0.url = url } }
            for method in ["", "get", "GET /x", "G\r\nET"] { try await isRefused(method) { $0.method = method } }
            let headers = [
                ("", "x"), ("a b", "x"), ("a:", "x"), ("a\r\nb", "x"), ("a", "x\r\ny: z"), ("a", "x\0"), ("Content-Length", "3"),
                ("transfer-encoding", "chunked"),
            ]
            for (name, value) in headers { try await isRefused(name) { $0.headers.add(name, value) } }
            try await isRefused("HEAD with a body") { ($0.method, $0.body) = ("HEAD", .bytes([1])) }
            try await isRefused("a socket by a proxy") { ($0.socket, $0.proxy) = ("/tmp/x", .url("http://127.0.0.1:1")) }
            try await isRefused("a proxy of SOCKS") { $0.proxy = .url("socks5://127.0.0.1:1") }
            #expect(server.connections == 0)
        }
    }

    @Test func `nobody there, and no such name`() async throws {
        let server = try RawServer { _ in }
        server.stop()
        let client = HTTP.Client()
        try await fails(client, HTTP.Request("GET", server.url), .refused("127.0.0.1:\(server.port)"))
        // No resolver asks anybody for a label of 64 letters.
        let name = String(repeating: "x", count: 64)
        try await fails(client, HTTP.Request("GET", "http://user:secret@\(name)/"), .nameNotFound(name))
        await client.close()
        try await fails(client, HTTP.Request("GET", server.url), .closed)
    }

    @Test func `credentials of a URL are sent and never said`() async throws {
        let seen = Fact<[String]>()
        try await withServer({ peer in
            while let request = peer.request() {
                seen.tell(request.headers)
                if request.path == "/good" { peer.answer() } else { peer.send("HTTP/1.1 200 OK\r\nContent-Length: s3cret\r\n\r\n") }
            }
        }) { server, client in
            let said = try await failure { try await client.send(HTTP.Request("GET", "http://me:s3cret@127.0.0.1:\(server.port)/")) }
            #expect(await seen.next()?.contains("authorization: basic bwu6cznjcmv0") == true)
            let good = try await client.send(HTTP.Request("GET", "http://me:s3cret@127.0.0.1:\(server.port)/good"))
            #expect(good.head.url == "\(server.url)/good")
            #expect(said != nil && said?.description.contains("s3cret") == false, "\(said.debugDescription)")
        }
    }

    @Test func `a proxy is asked when the request says so, and those of the environment only when it says that`() async throws {
        let seen = Fact<String>()
        try await withServer({ peer in
            while let request = peer.request() {
                seen.tell(request.line)
                peer.answer("200 OK", [], "from the proxy")
            }
        }) { server, client in
            var request = HTTP.Request("GET", "http://nobody.invalid/x")
            request.proxy = .url(server.url)
            #expect(try await client.send(request).body == Array("from the proxy".utf8))
            #expect(await seen.next() == "GET http://nobody.invalid/x HTTP/1.1")
            request.egress = EgressRules(isLoopbackAllowed: true)
            try await succeeds(client, request)
            request.egress = EgressRules()
            guard case .forbiddenAddress = try await failure({ try await client.send(request) }) else {
                Issue.record("the rules did not see the proxy's address")
                return
            }
            request.egress = EgressRules(isLoopbackAllowed: true)
            request.url = "http://169.254.169.254/latest"
            guard case .forbiddenAddress = try await failure({ try await client.send(request) }) else {
                Issue.record("the rules did not see where the proxy was to go")
                return
            }
            setenv("http_proxy", server.url, 1)
            defer { unsetenv("http_proxy") }
            let name = String(repeating: "x", count: 64)
            var other = HTTP.Request("GET", "http://\(name)/y")
            try await fails(client, other, .nameNotFound(name))
            other.proxy = .environment
            try await succeeds(client, other)
        }
    }

    @Test func `a proxy that will not connect is said to`() async throws {
        try await withServer({ peer in
            _ = peer.request()
            peer.answer("403 No", [], "no")
        }) { server, client in
            var request = HTTP.Request("GET", "https://127.0.0.1:1/", headers: ["authorization": "Bearer x"])
            request.proxy = .url(server.url)
            guard case .proxy(let why) = try await failure({ try await client.send(request) }) else {
                Issue.record("it was connected to")
                return
            }
            #expect(why.contains("403"))
        }
    }
}
