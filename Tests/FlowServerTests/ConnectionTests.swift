import FlowAPI
import FlowServer
import Glibc
import NIOCore
import NIOEmbedded
import NIOHTTP1
import Testing

/// The bounds of connections, with time that the test makes pass.
@Suite("Connections", .timeLimit(.minutes(10)))
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

    private func ask(_ channel: EmbeddedChannel, token: Bool, isAccepted: Bool = true, answer status: HTTPResponseStatus?) throws {
        var head = HTTPRequestHead(version: .http1_1, method: .GET, uri: "/v1/me", headers: ["host": "localhost"])
        if token { head.headers.add(name: "authorization", value: "Bearer x") }
        try channel.writeInbound(HTTPServerRequestPart.head(head))
        try channel.writeInbound(HTTPServerRequestPart.end(nil))
        guard let status else { return }
        // As the door does.
        if token, isAccepted { channel.triggerUserOutboundEvent(CredentialAccepted(person: "alice"), promise: nil) }
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
        let junk = try world.open("10.0.0.1")
        try ask(junk, token: true, isAccepted: false, answer: .notFound)
        let busy = try world.open("10.0.0.1")
        try ask(busy, token: true, answer: nil)
        for channel in [silent, known, open, junk, busy] { channel.embeddedEventLoop.advanceTime(by: .seconds(APILimits.headerSeconds)) }
        #expect(!silent.isActive)
        #expect(known.isActive)
        #expect(!open.isActive, "a question that is open to anyone makes nobody known")
        #expect(!junk.isActive, "nor does a token that nobody looked at")
        #expect(busy.isActive, "a request that is under way is not cut")
    }

    @Test func `a credential that is refused ends the connection`() throws {
        let world = World()
        let channel = try world.open("10.0.0.1")
        try ask(channel, token: true, isAccepted: false, answer: .unauthorized)
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

    @Test func `too many strangers of an address make nobody leave who is known there`() throws {
        let world = World(all: 100, ofAddress: 1)
        let known = try world.open("10.0.0.1")
        try ask(known, token: true, answer: .ok)
        usleep(UInt32(APILimits.silentSeconds * 1_200_000))
        // The one who is too many now has not been silent for long enough; who is known has, and is not what there are too many of.
        #expect(try world.open("10.0.0.1").isActive)
        #expect(!(try world.open("10.0.0.1")).isActive)
        known.embeddedEventLoop.run()
        #expect(known.isActive)
    }

    @Test func `a stranger who does not take the answer makes room, after those who ask nothing`() throws {
        let world = World(all: 100, ofAddress: 2)
        let unread = try world.open("10.0.0.1")
        try ask(unread, token: false, answer: nil)
        let silent = try world.open("10.0.0.1")
        usleep(UInt32(APILimits.silentSeconds * 1_200_000))
        #expect(try world.open("10.0.0.1").isActive)
        silent.embeddedEventLoop.run()
        #expect(!silent.isActive && unread.isActive)
        #expect(try world.open("10.0.0.1").isActive)
        unread.embeddedEventLoop.run()
        #expect(!unread.isActive)
    }

    @Test func `a request that has just begun on an old connection is not cut, and one that has stalled is`() throws {
        let world = World(all: 100, ofAddress: 2)
        let asking = try world.open("10.0.0.1")
        try ask(asking, token: false, answer: .ok)
        let idle = try world.open("10.0.0.1")
        usleep(UInt32(APILimits.silentSeconds * 1_200_000))
        let head = HTTPRequestHead(version: .http1_1, method: .POST, uri: "/v1/hooks/x", headers: ["host": "localhost", "content-length": "9"])
        try asking.writeInbound(HTTPServerRequestPart.head(head))
        #expect(try world.open("10.0.0.1").isActive)
        for channel in [asking, idle] { channel.embeddedEventLoop.run() }
        #expect(asking.isActive && !idle.isActive)
        // From then on it is as silent as any other.
        usleep(UInt32(APILimits.silentSeconds * 1_200_000))
        #expect(try world.open("10.0.0.1").isActive)
        asking.embeddedEventLoop.run()
        #expect(!asking.isActive)
    }

    @Test func `one person's requests that never come to their end keep nobody out`() throws {
        let world = World(all: APILimits.arrivalsOfPerson + 2, ofAddress: 1_000)
        func upload(_ person: String) throws -> EmbeddedChannel {
            let channel = try world.open("10.0.0.1")
            let head = HTTPRequestHead(version: .http1_1, method: .POST, uri: "/v1/plans", headers: ["host": "localhost", "content-length": "9"])
            try channel.writeInbound(HTTPServerRequestPart.head(head))
            channel.triggerUserOutboundEvent(CredentialAccepted(person: person), promise: nil)
            return channel
        }
        let other = try upload("bob")
        let held = try (0...APILimits.arrivalsOfPerson).map { _ in try upload("carl") }
        usleep(UInt32(APILimits.silentSeconds * 1_200_000))
        #expect(try world.open("10.0.0.2").isActive)
        for channel in held { channel.embeddedEventLoop.run() }
        #expect(other.isActive && held.count { !$0.isActive } == 1)
        // As many as one person may need are left alone.
        #expect(!(try world.open("10.0.0.3")).isActive)
    }

    @Test func `what does not come to its end keeps nobody out, unless a credential came with it`() throws {
        for isKnown in [false, true] {
            let world = World(all: 2, ofAddress: 2)
            let held = [try world.open("10.0.0.1"), try world.open("10.0.0.1")]
            for channel in held {
                let head = HTTPRequestHead(
                    version: .http1_1, method: .POST, uri: "/v1/hooks/x", headers: ["host": "localhost", "content-length": "9"])
                try channel.writeInbound(HTTPServerRequestPart.head(head))
                try channel.writeInbound(HTTPServerRequestPart.body(ByteBuffer(string: "x")))
                if isKnown { channel.triggerUserOutboundEvent(CredentialAccepted(person: "alice"), promise: nil) }
            }
            // Until they have been silent for long enough to make room.
            if isKnown { usleep(UInt32(APILimits.silentSeconds * 1_200_000)) }
            var later = try world.open("10.0.0.2")
            for _ in 0..<100 where !later.isActive && !isKnown {
                usleep(50_000)
                later = try world.open("10.0.0.2")
            }
            for channel in held { channel.embeddedEventLoop.run() }
            #expect(later.isActive == !isKnown)
            let open = held.filter { $0.isActive }
            #expect(open.count == (isKnown ? 2 : 1))
        }
    }

    @Test func `on the socket there are no strangers, and a bound for all`() throws {
        let world = World(all: 3, ofAddress: 1, isNetwork: false)
        let open = try (0..<3).map { _ in try world.open("127.0.0.1", isNetwork: false) }
        #expect(open.allSatisfy { $0.isActive })
        #expect(!(try world.open("127.0.0.1", isNetwork: false)).isActive)
    }
}
