import Foundation
import Glibc
import Testing

/// More connections that only stay than the engine has descriptors for.
@Suite("Idle crowds", .serialized, .timeLimit(.minutes(5)))
struct CrowdTests {
    private static let crowd = 600
    private static let descriptors = 256

    struct Kind: Sendable, CustomStringConvertible {
        /// Each asks one question first, with a token that is accepted.
        var isKnown: Bool
        /// How many addresses they come from.
        var addresses: Int

        var description: String { "\(isKnown ? "with a credential" : "without one"), from \(addresses)" }
    }

    private static let kinds = [false, true].flatMap { isKnown in [1, 8].map { Kind(isKnown: isKnown, addresses: $0) } }

    @Test(arguments: kinds) func `connections that only stay keep nobody out`(_ kind: Kind) async throws {
        let place = try Place()
        let served = try await Served.start(in: place, descriptors: Self.descriptors)
        let token = try await served.token("ada", role: "viewer")
        let port = served.port
        let question = "GET /v1/me HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer \(token)\r\n"
        let crowd = try await onThread {
            try (0..<Self.crowd).map { number in
                let connection = try Connection(port: port, from: "127.0.1.\(1 + number % kind.addresses)")
                if kind.isKnown { _ = connection.ask(question + "\r\n", reads: 1) }
                return connection
            }
        }
        // From an address of the crowd and from another: they make room, and go on doing so.
        for round in 0..<10 {
            for address in ["127.0.1.1", "127.0.2.1"] {
                try await fact("\(address) is let in, round \(round)") {
                    try await onThread {
                        let answer = try Connection(port: port, from: address).ask(question + "Connection: close\r\n\r\n", reads: .max)
                        return answer.hasPrefix("HTTP/1.1 200 ")
                    }
                }
            }
            let list = try await place.run("list")
            #expect(list.status == 0, "the socket: \(list.err)")
        }
        withExtendedLifetime(crowd) {}
        // Steps run: the engine has descriptors for them.
        try place.write("one", Place.shell("x", "true"))
        let run = try await place.run("run", "one.json")
        #expect(run.status == 0, "\(run.err)")
        await served.stop()
        try await place.leave()
    }
}

/// A TCP connection that may come from any address of loopback. Waits at most 20 s for an answer.
private final class Connection: Sendable {
    private let file: Int32

    init(port: Int, from source: String) throws {
        file = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var timeout = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(file, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        guard Connection.with(source, 0, { bind(file, $0, $1) }) == 0, Connection.with("127.0.0.1", port, { connect(file, $0, $1) }) == 0 else {
            let reason = String(cString: strerror(errno))
            close(file)
            throw CocoaError(.fileReadUnknown, userInfo: [NSDebugDescriptionErrorKey: "no connection from \(source): \(reason)"])
        }
    }

    deinit { close(file) }

    private static func with(_ address: String, _ port: Int, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        var place = sockaddr_in()
        place.sin_family = sa_family_t(AF_INET)
        place.sin_port = in_port_t(UInt16(port).bigEndian)
        place.sin_addr.s_addr = inet_addr(address)
        return withUnsafePointer(to: &place) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
        }
    }

    /// Sends a text and reads so many pieces of the answer, or until the other side closes.
    func ask(_ text: String, reads: Int) -> String {
        let bytes = Array(text.utf8)
        guard send(file, bytes, bytes.count, Int32(bitPattern: UInt32(MSG_NOSIGNAL))) == bytes.count else { return "" }
        var answer = ""
        var buffer = [UInt8](repeating: 0, count: 16_384)
        for _ in 0..<reads {
            let count = recv(file, &buffer, buffer.count, 0)
            guard count > 0 else { break }
            answer += String(decoding: buffer.prefix(count), as: UTF8.self)
        }
        return answer
    }
}

private func onThread<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        Thread.detachNewThread { continuation.resume(with: Result { try work() }) }
    }
}
