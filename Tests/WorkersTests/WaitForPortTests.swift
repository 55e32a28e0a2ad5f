import FlowModel
import Foundation
import Glibc
import Testing
import Workers

/// Ports that are open, closed, or become so; machines that answer.
@Suite("Waiting for ports and machines", .timeLimit(.minutes(1)))
struct WaitForPortTests {
    let folder: TestFolder

    init() throws { folder = try TestFolder() }

    /// A socket on loopback that takes connections once it listens; its port is its own as long as it is there.
    private final class Port: Sendable {
        let number: Int
        private let socket: Int32

        init() throws {
            socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = inet_addr("127.0.0.1")
            var size = socklen_t(MemoryLayout<sockaddr_in>.size)
            let socket = socket
            let bound = withUnsafeMutablePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(socket, $0, size) == 0 && getsockname(socket, $0, &size) == 0 }
            }
            try #require(socket >= 0 && bound)
            number = Int(UInt16(bigEndian: address.sin_port))
        }

        deinit { Glibc.close(socket) }

        func open() { listen(socket, 8) }
        func shut() { shutdown(socket, Int32(SHUT_RDWR)) }
    }

    private func order(
        _ endpoint: String, answers: Bool = true, within seconds: Int = 30, step: String = "wait"
    ) -> AttemptOrder {
        .of(WatchWork(.port(endpoint), span: WatchSpan(answers: answers, intervalSeconds: 1, timeoutSeconds: seconds)), step: step)
    }

    @Test func `a port that is there is found at once`() async throws {
        let (test, port) = (try PoolUnderTest(folder: folder), try Port())
        port.open()
        try await test.with { pool async throws in
            let order = order("127.0.0.1:\(port.number)")
            let result = try await test.carryOut(order, on: pool)
            #expect(result.output?["tries"] == 1 && (result.output?["seconds"]?.doubleValue ?? -1) >= 0, "\(result)")
            #expect(WatchSpan.shape.faults(in: result.output ?? .null).isEmpty)
            #expect(try await test.output(order.id) == "127.0.0.1:\(port.number): it answers\n")
        }
    }

    @Test func `one that opens later ends the wait, and the last answer can be read meanwhile`() async throws {
        let (test, port) = (try PoolUnderTest(folder: folder), try Port())
        try await test.with { pool async throws in
            let order = order("127.0.0.1:\(port.number)")
            pool.dispatch(order)
            var line: String?
            for _ in 0..<200 where line == nil {
                line = try await test.outputs.lastLine(order.id.run, order.id.step, attempt: 1)
                try await Task.sleep(for: .milliseconds(50))
            }
            #expect(line == "127.0.0.1:\(port.number): connection refused")
            port.open()
            let result = try await test.result(of: order.id)
            #expect((result.output?["tries"]?.intValue ?? 0) >= 2, "\(result)")
        }
    }

    @Test func `one that closes ends the wait for that`() async throws {
        let (test, port) = (try PoolUnderTest(folder: folder), try Port())
        port.open()
        try await test.with { pool async throws in
            let order = order("127.0.0.1:\(port.number)", answers: false)
            pool.dispatch(order)
            var line: String?
            for _ in 0..<200 where line == nil {
                line = try await test.outputs.lastLine(order.id.run, order.id.step, attempt: 1)
                try await Task.sleep(for: .milliseconds(50))
            }
            #expect(line == "127.0.0.1:\(port.number): it answers")
            port.shut()
            #expect(try await test.result(of: order.id).output != nil)
        }
    }

    @Test func `what does not come fails with the last answer`() async throws {
        let (test, port, open) = (try PoolUnderTest(folder: folder), try Port(), try Port())
        open.open()
        try await test.with { pool async throws in
            let closed = try await test.carryOut(order("127.0.0.1:\(port.number)", within: 1, step: "a"), on: pool)
            #expect(closed.failure?.cause == .exitStatus)
            #expect(closed.failure?.message.contains("did not answer within 1 s: connection refused") == true, "\(closed)")
            let answering = try await test.carryOut(order("127.0.0.1:\(open.number)", answers: false, within: 1, step: "b"), on: pool)
            #expect(answering.failure?.message.contains("still answered after 1 s") == true, "\(answering)")
            // Nobody knows what a name without an address does: it is neither open nor closed, whatever words are in it.
            for (number, name) in ["no-such-host.invalid", "refused.invalid", "unreachable.invalid", "a..b"].enumerated() {
                let nowhere = try await test.carryOut(order("\(name):1", answers: false, within: 1, step: "c\(number)"), on: pool)
                #expect(nowhere.failure?.message.contains("could not be looked at within 1 s") == true, "\(nowhere)")
            }
        }
    }

    @Test func `an endpoint that is none is refused before anything is started`() async throws {
        let test = try PoolUnderTest(folder: folder)
        try await test.with { pool async throws in
            for (number, text) in ["", "web-1", "web-1:0", "web-1:65536", "-e:1", "a b:1", "$(id):1", "::1:80", "[web]:80"].enumerated() {
                let result = try await test.carryOut(order(text, step: "s\(number)"), on: pool)
                #expect(result.failure?.cause == .input, "\(text): \(result)")
                #expect(result.failure?.message.contains("is not an address and a port") == true)
            }
        }
    }

    @Test func `what only waits leaves its place to others`() async throws {
        let (test, port) = (try PoolUnderTest(folder: folder), try Port())
        try await test.with(places: .init(hosts: 1, here: 1)) { pool async throws in
            let waiting = (0..<3).map { order("127.0.0.1:\(port.number)", within: 3600, step: "w\($0)") }
            for order in waiting { pool.dispatch(order) }
            // One place: each begins when the one before has given it back, and so does a command.
            #expect(try await test.carryOut(.of(ShellWork(interpreter: .sh, source: .text("true")), step: "command"), on: pool).failure == nil)
            port.open()
            for order in waiting { #expect(try await test.result(of: order.id).output != nil) }
        }
    }

    @Test func `a stop ends it`() async throws {
        let (test, port) = (try PoolUnderTest(folder: folder), try Port())
        try await test.with { pool async throws in
            let order = order("127.0.0.1:\(port.number)", within: 3600)
            pool.dispatch(order)
            #expect(try await comesTrue { test.reports.events(of: order.id).contains { if case .started = $0 { true } else { false } } })
            pool.stop(order.id, force: false)
            #expect(try await test.result(of: order.id).outcome == .cancelled)
        }
    }

    // MARK: - Machines

    private func ping(_ host: String, answers: Bool = true, step: String) -> AttemptOrder {
        .of(WatchWork(.machine(host), span: WatchSpan(answers: answers, intervalSeconds: 1, timeoutSeconds: 1)), step: step)
    }

    /// By ICMP or by TCP, as this machine has it: loopback answers either way.
    @Test func `a machine that is there answers, and what is no machine is neither there nor gone`() async throws {
        let test = try PoolUnderTest(folder: folder)
        try await test.with { pool async throws in
            let there = try await test.carryOut(ping("127.0.0.1", step: "a"), on: pool)
            #expect(there.output?["tries"] == 1, "\(there)")
            let still = try await test.carryOut(ping("127.0.0.1", answers: false, step: "b"), on: pool)
            #expect(still.failure?.message.contains("127.0.0.1 still answered after 1 s") == true, "\(still)")
            let nowhere = try await test.carryOut(ping("no-such-host.invalid", answers: false, step: "c"), on: pool)
            #expect(nowhere.failure?.message.contains("could not be looked at within 1 s") == true, "\(nowhere)")
            for (number, text) in ["", "-f", "a b", "web/1"].enumerated() {
                let result = try await test.carryOut(ping(text, step: "s\(number)"), on: pool)
                #expect(result.failure?.cause == .input && result.failure?.message.contains("is not an address or the name") == true, "\(result)")
            }
        }
    }
}
