import FlowModel
import FlowServer
import FlowStoreSQLite
import FlowWire
import Foundation
import Glibc
import Hummingbird
import Logging
import NIOCore
import Synchronization
import Testing

@Suite("Notification hook", .timeLimit(.minutes(1)))
struct NotificationTests {
    @Test func `a waiting approval is told to the address, again until it was taken`() async throws {
        let received = AsyncStream.makeStream(of: String.self)
        let refusals = Refusals()
        let router = Router()
        router.post("hook") { request, _ -> HTTPResponse.Status in
            let body = try await request.body.collect(upTo: 1 << 20)
            received.continuation.yield(String(buffer: body))
            return refusals.next() ? .internalServerError : .ok
        }
        let ports = AsyncStream.makeStream(of: Int.self)
        let application = Application(
            router: router, configuration: .init(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { ports.continuation.yield($0.localAddress?.port ?? 0) },
            logger: Logger(label: "quiet") { _ in SwiftLogNoOpLogHandler() })
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await application.run() }
            var port = 0
            for await found in ports.stream {
                port = found
                break
            }
            let home = try TemporaryHome()
            defer { home.remove() }
            try home.write("flowd.yaml", "notify: {url: 'http://127.0.0.1:\(port)/hook'}\n")
            let server = try await FlowServer.open(.init(home: home.path))
            let run = try await Client(socket: server.socket).start("gate", [Nodes.approval("go")])
            var messages: [JSON] = []
            for await text in received.stream {
                messages.append(try JSON.parse(text))
                if messages.count == 2 { break }
            }
            #expect(messages[0] == messages[1], "a repetition is the same message")
            #expect(messages[0]["run"]?.stringValue == run.id.text)
            #expect(messages[0]["step"]?.stringValue == "go")
            #expect(messages[0]["id"]?.intValue != nil)
            try await server.close()
            group.cancelAll()
        }
    }

    @Test func `a command gets the message on its standard input`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let target = "\(home.path)/told"
        try home.write("hook.sh", "#!/bin/sh\ncat > \(target).new && mv \(target).new \(target)\n", mode: 0o700)
        try home.write("flowd.yaml", "notify: {command: ['\(home.path)/hook.sh', 'an argument']}\n")
        let server = try await FlowServer.open(.init(home: home.path))
        let run = try await Client(socket: server.socket).start("gate", [Nodes.approval("go")])
        while access(target, F_OK) != 0 { try await Task.sleep(for: .milliseconds(10)) }
        let message = try JSON.parse(try home.read("told"))
        #expect(message["run"]?.stringValue == run.id.text)
        try await server.close()
    }

    @Test func `a standstill is told anew when it was mended in between, and when its reason is another`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let now = Instant(milliseconds: 1_700_000_000_000)
        let store = try SQLiteStore.open(in: home.path, now: now)
        let standstills = Standstills(store)
        func note(_ items: [(String, String)]) async throws {
            let items = items.map { Standstills.Item(.schedule, $0.0, reason: $0.1) }
            try await standstills.note(items, at: now) { $0.map { .string("\($0.name) \($0.reason)") } }
        }
        func told() async throws -> [JSON] { try await standstills.notices(after: 0, limit: 100).map(\.body) }
        try await note([("a", "gone"), ("b", "gone")])
        try await note([("a", "gone"), ("b", "gone")])
        #expect(try await told() == ["a gone", "b gone"])
        try await note([("b", "demoted")])
        try await note([("a", "gone"), ("b", "demoted")])
        #expect(try await told() == ["a gone", "b gone", "b demoted", "a gone"])
        // Written anew by somebody else: it is known no more.
        let alice = Actor(person: "alice", user: "alice", names: ["alice"], roles: [])
        _ = try await Schedules(store).put([("a", ScheduleSpec(flow: "f"))], by: alice, at: now)
        try await note([("a", "gone"), ("b", "demoted")])
        #expect(try await told().count == 5)
        try await standstills.remove(notice: 1)
        #expect(try await told().first == "b gone")
        // Nobody takes them: the oldest are forgotten.
        try await note((0...Limits.notices).map { ("n\($0)", "gone") })
        #expect(try await standstills.notices(after: 0, limit: 10_000).count == Limits.notices)
        try store.close()
    }

    @Test func `a command whose time is over is ended with what it started, whatever session that is in`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let note = "\(home.path)/pid"
        let script = "#!/bin/sh\nsetsid sleep 1000 </dev/null >/dev/null 2>&1 &\necho $! >\(note).new; mv \(note).new \(note)\nsleep 1000\n"
        try home.write("hook.sh", script, mode: 0o700)
        try home.write("flowd.yaml", "notify: {command: ['\(home.path)/hook.sh'], timeoutSeconds: 1}\n")
        let server = try await FlowServer.open(.init(home: home.path))
        _ = try await Client(socket: server.socket).start("gate", [Nodes.approval("go")])
        while access(note, F_OK) != 0 { try await Task.sleep(for: .milliseconds(10)) }
        let pid = try #require(pid_t(String(decoding: try home.read("pid").dropLast(), as: UTF8.self)))
        while kill(pid, 0) == 0 { try await Task.sleep(for: .milliseconds(20)) }
        try await server.close()
    }

    /// Refuses the first message only.
    private final class Refusals: Sendable {
        private let count = Mutex(0)
        func next() -> Bool {
            count.withLock { count in
                count += 1; return count == 1
            }
        }
    }
}
