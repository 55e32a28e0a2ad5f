import FlowModel
import FlowServer
import FlowStoreSQLite
import FlowWire
import Logging
import Synchronization
import Testing

@Suite("The clock on the wall", .timeLimit(.minutes(2)))
struct ClockTrustTests {
    private static let start = Instant(milliseconds: 1_700_000_000_000)

    @Test func `a jump is noticed in either direction, and what keeps a clock right is none`() {
        var trust = ClockTrust(wall: Self.start, elapsed: 0, seen: nil)
        #expect(trust.look(wall: Self.start + 10, elapsed: 10_000) == nil)
        #expect(trust.look(wall: Self.start + 20.5, elapsed: 20_000) == nil)
        #expect(trust.look(wall: Self.start + 90, elapsed: 30_000)?.seconds == 59.5)
        #expect(trust.look(wall: Self.start + 40, elapsed: 40_000)?.seconds == -60)
        #expect(trust.look(wall: Self.start + 50, elapsed: 50_000) == nil)
        var restarted = ClockTrust(wall: Self.start, elapsed: 0, seen: Self.start + 86_400)
        #expect(restarted.look(wall: Self.start, elapsed: 0)?.seconds == -86_400, "set back while no engine lived")
    }

    @Test func `a clock far ahead is doubted until it is right again, or has stood for a day, across restarts`() {
        let far = Self.start + 200 * 86_400
        var trust = ClockTrust(wall: far, elapsed: 0, seen: Self.start)
        _ = trust.look(wall: far, elapsed: 0)
        #expect(trust.doubted == far && trust.believed == Self.start)
        _ = trust.look(wall: far + 3_600, elapsed: 3_600_000)
        #expect(trust.doubted == far)
        var right = trust
        _ = right.look(wall: Self.start + 3_700, elapsed: 3_700_000)
        #expect(right.doubted == nil && right.believed == Self.start + 3_700)
        var next = ClockTrust(wall: far + 86_399, elapsed: 9, seen: trust.believed, doubted: trust.doubted)
        _ = next.look(wall: far + 86_399, elapsed: 9)
        #expect(next.doubted == far)
        _ = next.look(wall: far + 86_400, elapsed: 1_009)
        #expect(next.doubted == nil && next.believed == far + 86_400)
        var week = ClockTrust(wall: Self.start + 6 * 86_400, elapsed: 0, seen: Self.start)
        _ = week.look(wall: Self.start + 6 * 86_400, elapsed: 0)
        #expect(week.doubted == nil, "a machine that was off for some days")
    }

    /// What was logged, as it comes.
    private struct Messages: LogHandler {
        let lines: AsyncStream<String>.Continuation
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.info
        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }
        func log(event: LogEvent) { lines.yield("\(event.message)") }
    }

    @Test func `an engine started two hundred days ahead deletes nothing, says so, and goes on when the clock is right`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        try home.write("flowd.yaml", "retention: {days: 30}\n")
        let day = Mutex(0.0)
        let clocks = Clocks(
            wall: { Clocks.machine.wall() + day.withLock { $0 } * 86_400 }, elapsed: Clocks.machine.elapsed)
        func serve() async throws -> (FlowServer, AsyncStream<String>) {
            let (lines, continuation) = AsyncStream.makeStream(of: String.self)
            var options = FlowServer.Options(home: home.path, logger: Logger(label: "test") { _ in Messages(lines: continuation) })
            options.clocks = clocks
            return (try await FlowServer.open(options), lines)
        }
        let first = try await serve()
        let client = Client(socket: first.0.socket)
        let run = try await client.start("nap", [Nodes.sleep("nap", 0)])
        _ = try await client.events(of: run.id) { $0.contains("event: end") }
        try await first.0.close()

        day.withLock { $0 = 200 }
        let second = try await serve()
        for await line in second.1 where line.hasPrefix("retention") {
            #expect(line == "retention is held")
            break
        }
        let finding = try await client.value(Wire.Page<Wire.Finding>.self, "GET", "/v1/doctor").items.first { $0.name == "clock" }
        #expect(finding?.level == .fail && finding?.message.contains("retention is held") == true, "\(finding?.message ?? "")")
        #expect(try await client.value(Wire.Run.self, "GET", "/v1/runs/\(run.id)").state == .succeeded)
        try await second.0.close()

        day.withLock { $0 = 0 }
        let third = try await serve()
        #expect(try await client.value(Wire.Run.self, "GET", "/v1/runs/\(run.id)").state == .succeeded)
        let later = try await client.value(Wire.Page<Wire.Finding>.self, "GET", "/v1/doctor").items.first { $0.name == "clock" }
        #expect(later?.level != .fail, "\(later?.message ?? "")")
        try await third.0.close()
    }
}
