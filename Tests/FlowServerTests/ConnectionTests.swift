import FlowAPI
import FlowServer
import NIOCore
import NIOEmbedded
import NIOHTTP1
import Testing

/// The bounds of connections, with time that the test makes pass.
@Suite("Connections")
struct ConnectionTests {
    private struct World {
        let connections: Connections

        init(all: Int = 10, ofAddress: Int = 10, isNetwork: Bool = true) {
            connections = Connections(.init(all: all, strangersOfAddress: ofAddress), isNetwork: isNetwork, meters: Meters())
        }

        func open(_ address: String, isNetwork: Bool = true) throws -> EmbeddedChannel {
            let channel = EmbeddedChannel()
            try channel.pipeline.syncOperations.addHandler(
                ConnectionHandler(connections: connections, hosts: .any, isNetwork: isNetwork))
            try channel.connect(to: SocketAddress(ipAddress: address, port: 1)).wait()
            channel.embeddedEventLoop.run()
            return channel
        }
    }

    private func ask(_ channel: EmbeddedChannel, token: Bool, answer status: HTTPResponseStatus?) throws {
        var head = HTTPRequestHead(version: .http1_1, method: .GET, uri: "/v1/me", headers: ["host": "localhost"])
        if token { head.headers.add(name: "authorization", value: "Bearer x") }
        try channel.writeInbound(HTTPServerRequestPart.head(head))
        try channel.writeInbound(HTTPServerRequestPart.end(nil))
        guard let status else { return }
        try channel.writeOutbound(HTTPServerResponsePart.head(HTTPResponseHead(version: .http1_1, status: status)))
        try channel.writeOutbound(HTTPServerResponsePart.end(nil))
    }

    @Test func `who asks nothing is not waited for long, and who is known is`() throws {
        let world = World()
        let silent = try world.open("10.0.0.1")
        let known = try world.open("10.0.0.1")
        try ask(known, token: true, answer: .ok)
        let open = try world.open("10.0.0.1")
        try ask(open, token: false, answer: .ok)
        let busy = try world.open("10.0.0.1")
        try ask(busy, token: true, answer: nil)
        for channel in [silent, known, open, busy] { channel.embeddedEventLoop.advanceTime(by: .seconds(APILimits.headerSeconds)) }
        #expect(!silent.isActive)
        #expect(known.isActive)
        #expect(!open.isActive, "a question that is open to anyone makes nobody known")
        #expect(busy.isActive, "a request that is under way is not cut")
    }

    @Test func `a credential that is refused ends the connection`() throws {
        let world = World()
        let channel = try world.open("10.0.0.1")
        try ask(channel, token: true, answer: .unauthorized)
        channel.embeddedEventLoop.advanceTime(by: .seconds(APILimits.lingerSeconds))
        #expect(!channel.isActive)
    }

    @Test func `too many of one address meet their bound, others do not notice`() throws {
        let world = World(all: 100, ofAddress: 2)
        let first = [try world.open("10.0.0.1"), try world.open("10.0.0.1")]
        #expect(!(try world.open("10.0.0.1")).isActive)
        #expect(try world.open("10.0.0.2").isActive)
        // Who is known does not count.
        try ask(first[0], token: true, answer: .ok)
        #expect(try world.open("10.0.0.1").isActive)
        #expect(!(try world.open("10.0.0.1")).isActive)
        // Nor who has gone.
        try first[1].close().wait()
        #expect(try world.open("10.0.0.1").isActive)
    }

    @Test func `on the socket there are no strangers, and a bound for all`() throws {
        let world = World(all: 3, ofAddress: 1, isNetwork: false)
        let open = try (0..<3).map { _ in try world.open("127.0.0.1", isNetwork: false) }
        #expect(open.allSatisfy { $0.isActive })
        #expect(!(try world.open("127.0.0.1", isNetwork: false)).isActive)
    }
}
