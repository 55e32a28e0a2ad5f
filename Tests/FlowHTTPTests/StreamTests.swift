import FlowHTTP
import FlowTestKit
import Glibc
import Testing

@Suite("Streams", .timeLimit(.minutes(1)))
struct StreamTests {
    private func open(_ client: HTTP.Client, _ url: String, silence: Double? = nil) async throws -> HTTP.Stream {
        let times = HTTP.TimeLimits(connect: 5, head: 10, silence: silence, whole: nil)
        return try await client.open(HTTP.Request("GET", url, times: times, sizes: HTTP.SizeLimits(bodyBytes: nil)))
    }

    @Test func `pieces come as they are sent, and a stream that is silent stays open`() async throws {
        let (asks, ends) = (Shared(0), Shared(false))
        try await withServer({ peer in
            _ = peer.request()
            peer.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
            var sent = 0
            // A comment when somebody asks; else silent.
            while !ends.value, !peer.isClosed(within: 5) {
                while sent < asks.value {
                    peer.send("3\r\n:\(sent)\n\r\n")
                    sent += 1
                }
            }
            peer.send("0\r\n\r\n")
        }) { server, client in
            let stream = try await open(client, server.url)
            #expect(stream.head.headers["content-type"] == "text/event-stream")
            var iterator = stream.makeAsyncIterator()
            for number in 0..<5 {
                asks.change { $0 += 1 }
                #expect(try await iterator.next() == Array(":\(number)\n".utf8))
            }
            ends.change { $0 = true }
            #expect(try await iterator.next() == nil)
            #expect(try await iterator.next() == nil)
        }
    }

    @Test func `a stream that is silent for too long is said to be`() async throws {
        try await withServer({ peer in
            _ = peer.request()
            peer.send("HTTP/1.1 200 OK\r\n\r\n:\n")
            _ = peer.request()
        }) { server, client in
            let stream = try await open(client, server.url, silence: 0.2)
            var iterator = stream.makeAsyncIterator()
            #expect(try await iterator.next() == [58, 10])
            do {
                _ = try await iterator.next()
                Issue.record("more came")
            } catch {
                #expect(error as? HTTP.Failure == .timedOut(.silence, seconds: 0.2))
            }
        }
    }

    @Test func `no more is read than somebody takes`() async throws {
        let piece = [UInt8](repeating: 7, count: 65_536)
        let (sent, stuck) = (Shared(0), Fact<Int>())
        let whole = 64 << 20
        try await withServer({ peer in
            _ = peer.request()
            peer.send("HTTP/1.1 200 OK\r\nContent-Length: \(whole)\r\n\r\n")
            for _ in 0..<whole / piece.count {
                if !peer.canSend(within: 300) { stuck.tell(sent.value) }
                guard peer.send(piece) else { return }
                sent.change { $0 += piece.count }
            }
        }) { server, client in
            let stream = try await open(client, server.url)
            let held = try #require(await stuck.next())
            // What the kernel holds, and what waits here.
            #expect(held < 24 << 20, "\(held)")
            var bytes = 0
            for try await piece in stream {
                bytes += piece.count
                #expect(piece.count <= 300 << 10)
            }
            #expect(bytes == whole)
        }
    }

    @Test func `cancelling, letting go and closing end the connection at once`() async throws {
        let ended = Fact<Bool>()
        let begun = Fact<Void>()
        try await withServer({ peer in
            _ = peer.request()
            peer.send("HTTP/1.1 200 OK\r\n\r\n:\n")
            begun.tell(())
            ended.tell(peer.isClosed(within: 10_000))
        }) { server, client in
            // While it is read.
            let reader = Task {
                for try await _ in try await open(client, server.url) {}
            }
            _ = await begun.next()
            reader.cancel()
            await #expect(throws: CancellationError.self) { try await reader.value }
            #expect(await ended.next() == true)
            // Before the head: the whole answer is waited for.
            let sender = Task { try await client.send(HTTP.Request("GET", server.url)) }
            _ = await begun.next()
            sender.cancel()
            await #expect(throws: CancellationError.self) { try await sender.value }
            #expect(await ended.next() == true)
            // Nobody has it any more.
            _ = try await open(client, server.url)
            #expect(await ended.next() == true)
            // One that is cancelled already sends nothing.
            let connections = server.connections
            let never = Task {
                withUnsafeCurrentTask { $0?.cancel() }
                return try await client.send(HTTP.Request("GET", server.url))
            }
            await #expect(throws: CancellationError.self) { try await never.value }
            #expect(server.connections == connections)
            let last = try await open(client, server.url)
            await client.close()
            #expect(await ended.next() == true)
            do {
                for try await _ in last {}
                Issue.record("it ended in order")
            } catch {
                #expect(error as? HTTP.Failure == .closed)
            }
        }
    }

    @Test func `a connection that breaks off in the middle gives what came before`() async throws {
        try await withServer({ peer in
            _ = peer.request()
            peer.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
        }) { server, client in
            let stream = try await open(client, server.url)
            var all: [UInt8] = []
            do {
                for try await piece in stream { all += piece }
                Issue.record("it ended in order")
            } catch {
                #expect(error as? HTTP.Failure == .connectionLost("less came than was announced"))
            }
            #expect(all == Array("abc".utf8))
        }
    }
}
