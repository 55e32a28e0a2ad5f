import FlowHTTP
import FlowTestKit
import Foundation
import Testing

@Suite("Connections", .timeLimit(.minutes(1)))
struct PoolTests {
    private static let serve: @Sendable (Peer) -> Void = { peer in
        while peer.request() != nil { guard peer.answer("200 OK", [], "ok") else { return } }
    }

    @Test func `are used again, but for what must not be sent twice`() async throws {
        try await withServer(Self.serve) { server, client in
            for _ in 0..<10 { try await succeeds(client, HTTP.Request("GET", server.url)) }
            #expect(server.connections == 1)
            for _ in 0..<3 { try await succeeds(client, HTTP.Request("POST", server.url)) }
            #expect(server.connections == 4)
            var told = HTTP.Request("POST", server.url)
            told.mayBeRepeated = true
            try await succeeds(client, told)
            #expect(server.connections == 4)
        }
    }

    @Test func `one that ends under a request: what may be is sent again, the rest is not`() async throws {
        let seen = Shared<[String]>([])
        try await withServer({ peer in
            guard let first = peer.request() else { return }
            seen.change { $0.append(first.line) }
            peer.answer()
            guard let second = peer.request() else { return }
            seen.change { $0.append(second.line) }
            peer.reset()
        }) { server, client in
            try await succeeds(client, HTTP.Request("GET", "\(server.url)/1"))
            try await succeeds(client, HTTP.Request("GET", "\(server.url)/2"))
            #expect(seen.value == ["GET /1 HTTP/1.1", "GET /2 HTTP/1.1", "GET /2 HTTP/1.1"])
        }
        seen.change { $0 = [] }
        try await withServer({ peer in
            guard let first = peer.request() else { return }
            seen.change { $0.append(first.line) }
            if first.line.hasPrefix("GET") { peer.answer() } else { peer.reset() }
        }) { server, client in
            try await succeeds(client, HTTP.Request("GET", "\(server.url)/1"))
            guard case .connectionLost = try await failure({ try await client.send(HTTP.Request("POST", "\(server.url)/2")) }) else {
                Issue.record("it was sent again")
                return
            }
            #expect(seen.value == ["GET /1 HTTP/1.1", "POST /2 HTTP/1.1"])
        }
    }

    @Test func `200 requests at once, over as many connections as are allowed`() async throws {
        try await withServer(limits: HTTP.ClientLimits(transfersPerHost: 20), Self.serve) { server, client in
            try await withThrowingTaskGroup(of: Int.self) { group in
                for number in 0..<200 {
                    group.addTask { try await client.send(HTTP.Request(number % 2 == 0 ? "GET" : "POST", server.url, times: .short())).status }
                }
                var good = 0
                for try await status in group where status == 200 { good += 1 }
                #expect(good == 200)
            }
            // Those that are idle stay beside those in use, and the server sees an end a moment later.
            #expect(server.mostAtOnce <= 2 * 20 + HTTP.ClientLimits().idleConnections, "\(server.mostAtOnce)")
        }
    }

    @Test func `one that is idle for its time is closed, also while another is in use`() async throws {
        let closed = Fact<Bool>()
        try await withServer(
            limits: HTTP.ClientLimits(idleSeconds: 1),
            { peer in
                guard let request = peer.request() else { return }
                if request.path == "/stream" {
                    peer.send("HTTP/1.1 200 OK\r\n\r\n:\n")
                    _ = peer.request()
                } else {
                    peer.answer()
                    closed.tell(peer.isClosed(within: 10_000))
                }
            }
        ) { server, client in
            let stream = try await client.open(HTTP.Request("GET", "\(server.url)/stream"))
            try await succeeds(client, HTTP.Request("GET", server.url))
            #expect(await closed.next() == true)
            #expect(stream.head.status == 200)
        }
    }

    @Test func `rules hold for a connection that another request opened`() async throws {
        try await withServer(Self.serve) { server, client in
            var request = HTTP.Request("GET", server.url)
            try await succeeds(client, request)
            request.egress = EgressRules()
            guard case .forbiddenAddress(let refusal) = try await failure({ try await client.send(request) }) else {
                Issue.record("the connection was used")
                return
            }
            #expect(refusal.description == "127.0.0.1 may not be connected to: it is this machine")
            request.url = "http://localhost:\(server.port)"
            #expect(try await failure { try await client.send(request) } != nil)
            request.egress = EgressRules(isLoopbackAllowed: true)
            try await succeeds(client, request)
        }
    }

    @Test func `threads and descriptors stay what they are over 1000 requests`() async throws {
        func count(_ what: String) throws -> Int { try FileManager.default.contentsOfDirectory(atPath: "/proc/self/\(what)").count }
        // The server is another process's in earnest: its connections count here, too, and are closed by it.
        try await withServer(Self.serve) { server, client in
            for number in 0..<50 { _ = try await client.send(HTTP.Request(number % 2 == 0 ? "GET" : "POST", server.url)) }
            let (threads, files) = (try count("task"), try count("fd"))
            for number in 0..<1_000 {
                let request = HTTP.Request(number % 2 == 0 ? "GET" : "POST", server.url)
                if number % 10 == 9 {
                    _ = try await client.open(request)
                } else {
                    _ = try await client.send(request)
                }
            }
            let slack = 2 * HTTP.ClientLimits().idleConnections
            #expect(try count("task") <= threads + slack)
            #expect(try count("fd") <= files + slack)
        }
        let (threads, files) = (try count("task"), try count("fd"))
        for _ in 0..<20 { try await withServer(Self.serve) { server, client in _ = try await client.send(HTTP.Request("GET", server.url)) } }
        #expect(try count("task") <= threads + 4)
        #expect(try count("fd") <= files + 4)
    }
}
