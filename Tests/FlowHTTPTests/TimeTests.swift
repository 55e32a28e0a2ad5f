import FlowHTTP
import FlowTestKit
import Testing

@Suite("Time limits", .timeLimit(.minutes(1)))
struct TimeTests {
    /// Accepts, reads, says this, and then nothing until the other side goes away.
    private static func says(_ text: String) -> @Sendable (Peer) -> Void {
        { peer in
            _ = peer.request()
            peer.send(text)
            _ = peer.request()
        }
    }

    @Test func `each part has its own, and says which it was`() async throws {
        try await withServer(Self.says("")) { server, client in
            let head = HTTP.Request("GET", server.url, times: .short(head: 0.2))
            try await fails(client, head, .timedOut(.head, seconds: 0.2))
            #expect(HTTP.Failure.timedOut(.head, seconds: 0.2).description == "no answer within 0.2 s")
            let whole = HTTP.Request("GET", server.url, times: .short(whole: 0.2))
            try await fails(client, whole, .timedOut(.whole, seconds: 0.2))
        }
        for text in ["HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"] {
            try await withServer(Self.says(text)) { server, client in
                let request = HTTP.Request("GET", server.url, times: .short(silence: 0.2))
                try await fails(client, request, .timedOut(.silence, seconds: 0.2))
            }
        }
    }

    @Test func `connecting is TLS, too`() async throws {
        // Accepts, and never says what TLS wants.
        try await withServer({ peer in _ = peer.request() }) { server, client in
            var request = HTTP.Request("GET", "https://127.0.0.1:\(server.port)/")
            request.times.connect = 0.2
            let said = try await failure { [request] in try await client.send(request) }
            #expect(said == .timedOut(.connect, seconds: 0.2))
            #expect(said?.isBeforeSending == true)
        }
    }

    @Test func `a request that nobody takes`() async throws {
        // Reads nothing: the kernels between the two hold some megabytes.
        let isOver = Fact<Void>()
        try await withServer({ peer in
            while !peer.isClosed(within: 100), peer.send("") {}
            isOver.tell(())
        }) { server, client in
            let body = HTTP.Request.Body.bytes([UInt8](repeating: 0, count: 64 << 20))
            let request = HTTP.Request("PUT", server.url, body: body, times: .short(head: 0.5))
            try await fails(client, request, .timedOut(.head, seconds: 0.5))
        }
    }

    @Test func `waiting for a place counts for the whole, and is bounded by itself`() async throws {
        let limits = HTTP.ClientLimits(transfersPerHost: 1, waiting: 1, waitSeconds: 0.3)
        try await withServer(limits: limits, Self.says("HTTP/1.1 200 OK\r\n\r\n")) { server, client in
            let holder = try await client.open(HTTP.Request("GET", server.url))
            let whole = HTTP.Request("GET", server.url, times: .short(whole: 0.1))
            try await fails(client, whole, .timedOut(.whole, seconds: 0.1))
            async let first = failure { try await client.send(HTTP.Request("GET", server.url, times: .short())) }
            async let second = failure { try await client.send(HTTP.Request("GET", server.url, times: .short())) }
            for said in [try await first, try await second] {
                guard case .overloaded = said else {
                    Issue.record("\(said.debugDescription)")
                    continue
                }
            }
            #expect(holder.head.status == 200)
        }
    }

    @Test func `who reads slowly is not taken for a server that is silent`() async throws {
        let piece = [UInt8](repeating: 1, count: 1 << 20)
        try await withServer({ peer in
            _ = peer.request()
            peer.send("HTTP/1.1 200 OK\r\nContent-Length: \(8 << 20)\r\n\r\n")
            for _ in 0..<8 { peer.send(piece) }
        }) { server, client in
            let stream = try await client.open(HTTP.Request("GET", server.url, times: .short(silence: 0.2), sizes: HTTP.SizeLimits(bodyBytes: nil)))
            var iterator = stream.makeAsyncIterator()
            var bytes = try await iterator.next()?.count ?? 0
            // Longer than the limit: the reader is what takes time.
            try await Task.sleep(for: .milliseconds(500))
            while let piece = try await iterator.next() { bytes += piece.count }
            #expect(bytes == 8 << 20)
        }
    }
}
