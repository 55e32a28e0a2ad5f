import FlowTestKit
import Foundation
import Glibc
import Synchronization
import Testing

/// Somebody on a port of loopback who is no Flow server, and counts who comes.
final class Impostor: Sendable {
    let port: Int
    private let listener: Int32
    private let count = Mutex(0)

    var visits: Int { count.withLock { $0 } }
    var url: String { "http://127.0.0.1:\(port)" }

    /// Answers every request with what `answer` makes of its first line, and closes.
    init(_ answer: @escaping @Sendable (String) -> String) throws {
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var place = sockaddr_in()
        place.sin_family = sa_family_t(AF_INET)
        inet_pton(AF_INET, "127.0.0.1", &place.sin_addr)
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let listener = listener
        let isBound = withUnsafeMutablePointer(to: &place) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, size) == 0 && listen(listener, 64) == 0 && getsockname(listener, $0, &size) == 0
            }
        }
        guard isBound else { throw NotSo(description: "no port for an impostor") }
        port = Int(in_port_t(bigEndian: place.sin_port))
        Thread.detachNewThread { [self] in
            while case let client = accept(listener, nil, nil), client >= 0 {
                count.withLock { $0 += 1 }
                var buffer = [UInt8](repeating: 0, count: 65_536)
                let read = Glibc.read(client, &buffer, buffer.count)
                let request = String(decoding: buffer.prefix(max(0, read)), as: UTF8.self)
                let bytes = Array(answer(String(request.prefix { $0 != "\r\n" })).utf8)
                _ = send(client, bytes, bytes.count, Int32(MSG_NOSIGNAL))
                shutdown(client, Int32(SHUT_WR))
                close(client)
            }
        }
    }

    func stop() {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }

    static func http(_ status: String, _ type: String, _ body: String) -> String {
        "HTTP/1.1 \(status)\r\nContent-Type: \(type)\r\nContent-Length: \(body.utf8.count)\r\nConnection: close\r\n\r\n\(body)"
    }
}

@Suite("A server that is none", .timeLimit(.minutes(5)))
struct HostileServerTests {
    @Test(arguments: [
        ("", "the connection ended before the answer was complete"), ("\0\u{1}garbage\r\n\r\n", "what came from there is not HTTP"),
        (Impostor.http("200 OK", "text/html", "<html>\u{1B}[31m"), "something that this flowctl does not understand"),
        (Impostor.http("500 Oh", "text/plain", ""), "answered with HTTP status 500 and without saying why"),
        (Impostor.http("200 OK", "application/json", String(repeating: "[", count: 100_000)), "does not understand"),
    ])
    func `ends every command with 5 and a reason, after a few tries at most`(answer: String, says: String) async throws {
        let place = try Place()
        try place.write("hello", Place.shell("x", "true"))
        let impostor = try Impostor { _ in answer }
        let commands = [["list"], ["run", "hello.json"], ["watch", "0000"], ["logs", "0000"], ["why", "0000"]]
        for arguments in commands {
            let said = try await place.start(arguments, environment: ["FLOW_SERVER": impostor.url]).result()
            #expect(said.status == 5, "\(arguments): \(said.err)")
            #expect(said.err.contains(says), "\(arguments): \(said.err)")
            #expect(!said.err.contains("\u{1B}"), "what it sent does not reach the terminal")
        }
        #expect(impostor.visits <= 4 * commands.count)
        impostor.stop()
        try await place.leave()
    }

    /// A run that a server says is running, whose events end as soon as they were asked for, or never get on.
    @Test(arguments: ["", "id: 1\nevent: record\ndata: {\"sequence\":1,\"at\":\"2026-01-01T00:00:00.000Z\",\"events\":[]}\n\n"])
    func `whose events come to nothing is asked again with pauses, not in a loop`(events: String) async throws {
        let run = """
            {"id":"019a9c31-7d2e-7c4b-8f10-0123456789ab","flow":"x","revision":"\(String(repeating: "0", count: 64))",\
            "state":"running","inputs":{},"labels":{},"actor":"a","createdAt":"2026-01-01T00:00:00.000Z","counts":{},"sequence":1,"steps":[]}
            """
        let impostor = try Impostor { line in
            line.contains("/events")
                ? Impostor.http("200 OK", "text/event-stream", events) : Impostor.http("200 OK", "application/json", run)
        }
        let place = try Place()
        for command in ["watch", "logs"] {
            let before = impostor.visits
            let follower = try place.start(
                [command, "019a9c31-7d2e-7c4b-8f10-0123456789ab"] + (command == "logs" ? ["-f"] : []),
                environment: ["FLOW_SERVER": impostor.url])
            let start = ContinuousClock.now
            try await fact("it asks again") { impostor.visits >= before + 6 }
            // Five tries come with pauses that double from 0.2 s: without them they come within milliseconds.
            #expect(ContinuousClock.now - start > .seconds(1), "\(command) spins")
            follower.signal(SIGKILL)
            _ = await follower.result()
        }
        impostor.stop()
        try await place.leave()
    }
}
