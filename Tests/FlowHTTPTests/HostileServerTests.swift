import FlowHTTP
import FlowTestKit
import Foundation
import Testing

@Suite("A hostile server", .timeLimit(.minutes(1)))
struct HostileServerTests {
    /// What a whole answer fails with when the server says this to a request and closes.
    private func failure(saying text: String, _ change: (inout HTTP.Request) -> Void = { _ in }) async throws -> HTTP.Failure? {
        try await failure({ peer in if peer.request() != nil { peer.send(text) } }, change)
    }

    private func failure(_ serve: @escaping @Sendable (Peer) -> Void, _ change: (inout HTTP.Request) -> Void = { _ in }) async throws -> HTTP.Failure?
    {
        let said = Shared<HTTP.Failure?>(nil)
        try await withServer(serve) { server, client in
            var request = HTTP.Request("GET", server.url, times: .short())
            change(&request)
            let failure = try await FlowHTTPTests.failure { [request] in try await client.send(request) }
            said.change { $0 = failure }
        }
        return said.value
    }

    @Test func `headers without end, in number and in size`() async throws {
        let endless: @Sendable (Peer) -> Void = { peer in
            guard peer.request() != nil, peer.send("HTTP/1.1 200 OK\r\n") else { return }
            while peer.send("A: b\r\n") {}
        }
        #expect(try await failure(endless) == .tooLarge(.headerCount, limit: 256))
        #expect(try await failure(endless) { $0.sizes.headerCount = .max } == .tooLarge(.headers, limit: 65_536))
        let announcements: @Sendable (Peer) -> Void = { peer in
            guard peer.request() != nil else { return }
            while peer.send("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n") {}
        }
        #expect(try await failure(announcements) == .tooLarge(.headerCount, limit: 256))
    }

    /// libcurl would undo them all, also where nobody asked for it, and the client's thread with it.
    @Test func `codings that nobody asked for are refused before a byte of the body is looked at`() async throws {
        for coding in ["gzip, chunked", "gzip, gzip, gzip, chunked", "br", "\tdeflate"] {
            let said = try await failure(saying: "HTTP/1.1 200 OK\r\nTransfer-Encoding: \(coding)\r\n\r\nxxxx")
            #expect(said == .notHTTP("its body is coded in a way that nobody asked for"), "\(coding)")
        }
        let layers = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip, gzip\r\nContent-Length: 4\r\n\r\nxxxx"
        #expect(try await failure(saying: layers) { $0.decompresses = true } == .notHTTP("its body is coded in a way that nobody asked for"))
        #expect(try await failure(saying: layers) == nil, "given as it comes")
        #expect(try await failure(saying: "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n0\r\n\r\n") == nil)
    }

    @Test(arguments: [true, false])
    func `a header of 100 MB, with and without a line's end`(hasLines: Bool) async throws {
        let sent = Shared(0)
        let piece = [UInt8](repeating: UInt8(ascii: "x"), count: 1 << 20)
        let said = try await failure({ peer in
            guard peer.request() != nil, peer.send("HTTP/1.1 200 OK\r\nA: ") else { return }
            for _ in 0..<100 {
                guard peer.send(piece), !hasLines || peer.send("\r\nA: ") else { return }
                sent.change { $0 += piece.count }
            }
        })
        guard case .tooLarge(.headers, _) = said else {
            Issue.record("\(said.debugDescription)")
            return
        }
        #expect(sent.value < 20 << 20)
    }

    @Test func `a head byte by byte gets no longer than any other`() async throws {
        let slow: @Sendable (Peer) -> Void = { peer in
            guard peer.request() != nil else { return }
            for byte in Array("HTTP/1.1 200 OK\r\nA: \(String(repeating: "x", count: 10_000))\r\n\r\n".utf8) {
                guard peer.send([byte]), !peer.isClosed(within: 20) else { return }
            }
        }
        #expect(try await failure(slow) { $0.times = .short(head: 0.3) } == .timedOut(.head, seconds: 0.3))
        let lines: @Sendable (Peer) -> Void = { peer in
            guard peer.request() != nil, peer.send("HTTP/1.1 200 OK\r\n") else { return }
            while peer.send("A: b\r\n"), !peer.isClosed(within: 20) {}
        }
        #expect(try await failure(lines) { $0.times = .short(head: 0.3) } == .timedOut(.head, seconds: 0.3))
    }

    @Test func `a body without end`() async throws {
        let piece = [UInt8](repeating: 0, count: 65_536)
        let endless: @Sendable (Peer) -> Void = { peer in
            guard peer.request() != nil, peer.send("HTTP/1.1 200 OK\r\n\r\n") else { return }
            while peer.send(piece) {}
        }
        #expect(try await failure(endless) { $0.sizes.bodyBytes = 1 << 20 } == .tooLarge(.body, limit: 1 << 20))
        let slow: @Sendable (Peer) -> Void = { peer in
            guard peer.request() != nil, peer.send("HTTP/1.1 200 OK\r\n\r\n") else { return }
            while peer.send("x"), !peer.isClosed(within: 20) {}
        }
        #expect(try await failure(slow) { $0.times = .short(whole: 0.5) } == .timedOut(.whole, seconds: 0.5))
    }

    @Test(arguments: [
        "Content-Length: 10\r\n\r\nabc", "Transfer-Encoding: chunked\r\n\r\n5\r\nabc", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        "Content-Length: 10\r\n\r\n",
    ])
    func `a body that ends too early`(rest: String) async throws {
        let said = try await failure(saying: "HTTP/1.1 200 OK\r\n\(rest)")
        guard case .connectionLost = said else {
            Issue.record("\(said.debugDescription)")
            return
        }
        #expect(said?.isBeforeSending == false)
    }

    @Test(arguments: [
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzzz\r\nabc",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFFFFF\r\nabc",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcdef\r\n0\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nabc", "HTTP/1.1 xyz\r\n\r\n", "HTTP/1.1 20\r\n\r\n", "\0\u{1}garbage\r\n\r\n",
        "SSH-2.0-OpenSSH_9.2\r\n",
        "<html>HTTP/0.9 was like this</html>", "HTTP/9.9 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
    ])
    func `what is not HTTP`(text: String) async throws {
        let said = try await failure(saying: text)
        guard case .notHTTP = said else {
            Issue.record("\(text.debugDescription): \(said.debugDescription)")
            return
        }
    }

    @Test func `a connection that ends at each byte of an answer, in order or cut off`() async throws {
        let answer = Array("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc".utf8)
        let next = Shared(0)
        let isCut = Shared(false)
        try await withServer({ peer in
            while peer.request() != nil {
                peer.send(Array(answer[..<next.value]))
                if next.value == answer.count { continue }
                return isCut.value ? peer.reset() : peer.close()
            }
        }) { server, client in
            for cut in [false, true] {
                for count in 0...answer.count {
                    next.change { $0 = count }
                    isCut.change { $0 = cut }
                    let said = try await FlowHTTPTests.failure { try await client.send(HTTP.Request("POST", server.url, times: .short())) }
                    switch said {
                    case nil: #expect(count == answer.count)
                    case .connectionLost: #expect(count < answer.count)
                    // Half of the first line can be taken for something else.
                    case .notHTTP: #expect(count < 16)
                    default: Issue.record("\(count) bytes: \(said.debugDescription)")
                    }
                }
            }
        }
    }

    @Test func `a gzip bomb, where decompression is asked for; else it is bytes like any other`() async throws {
        let bomb = try run(["sh", "-c", "head -c 300000000 /dev/zero | gzip -9"], in: "/tmp")
        #expect(bomb.count < 400_000)
        try await withServer({ peer in
            while let request = peer.request() {
                let isAsked = request.headers.contains { $0.hasPrefix("accept-encoding") }
                guard peer.send("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nX-Asked: \(isAsked)\r\nContent-Length: \(bomb.count)\r\n\r\n") else {
                    return
                }
                peer.send(bomb)
            }
        }) { server, client in
            var request = HTTP.Request("GET", server.url, times: .short())
            let plain = try await client.send(request)
            #expect(plain.body == bomb && plain.headers["x-asked"] == "false")
            request.decompresses = true
            request.sizes.bodyBytes = 1 << 20
            try await fails(client, request, .tooLarge(.body, limit: 1 << 20))
            // Nor does it fill the memory of who reads it slowly.
            request.sizes.bodyBytes = nil
            let before = try peakMemory()
            var bytes = 0
            for try await piece in try await client.open(request) { bytes += piece.count }
            #expect(bytes == 300_000_000)
            #expect(try peakMemory() - before < 100 << 20)
        }
    }

    @Test func `gzip that is none`() async throws {
        let said = try await failure(saying: "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 9\r\n\r\nnot gzip.") {
            $0.decompresses = true
        }
        guard case .notHTTP = said else {
            Issue.record("\(said.debugDescription)")
            return
        }
    }

    /// Bytes that this process had in memory at most.
    private func peakMemory() throws -> Int {
        let status = try String(contentsOf: URL(filePath: "/proc/self/status"), encoding: .utf8)
        let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") })
        return try #require(Int(line.split(separator: " ")[1])) << 10
    }
}
