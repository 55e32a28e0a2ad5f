import FlowModel
import Foundation

/// Sixty thousand schedules that are due in the same second, in a real flowd: how long after it the last of their runs has begun.
enum SchedulesBenchmark {
    private static let count = 60_000
    private static let waitSeconds = 60.0

    static func run() async throws {
        try await withDirectory { directory in
            // The next full minute that is far enough to be ready for.
            let due = (Int(Date().timeIntervalSince1970) / 60 + 2) * 60
            try await prepare(in: directory, due: due)
            let server = try await ServerUnderTest(in: directory)
            defer { server.stop() }
            let took = try await started(in: server, due: Double(due))
            try Figure(
                figure: "60,000 schedules due in one second", value: took, unit: "s", target: .atMost(10, of: .value),
                note: "from their second to the commit of the last of their runs, as another process sees it"
            ).print()
        }
    }

    /// One schedule that flowd took, then its row again and again under other names: each of so many over HTTP would be a commit of its own.
    private static func prepare(in directory: String, due: Int) async throws {
        let server = try await ServerUnderTest(in: directory)
        defer { server.stop() }
        try server.register(Plan(flow: "quick", nodes: [Node(id: "wait", name: "wait", kind: .sleep(.literal(86_400)))], dsl: "0"))
        _ = try server.ask("PUT", "/v1/schedules/s0", #"{"flow":"quick","at":"\#(minute(due))"}"#)
        server.stop()
        let numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < \(count - 1))"
        try Database.execute(
            [
                "\(numbers) INSERT INTO schedule SELECT 's' || i, revision, at, wall, pause FROM n JOIN schedule",
                "\(numbers) INSERT INTO schedule_revision SELECT 's' || i, revision, spec, user, person, at FROM n JOIN schedule_revision",
            ], in: server.home)
    }

    private static func minute(_ seconds: Int) -> String {
        let format = DateFormatter()
        format.locale = Locale(identifier: "en_US_POSIX")
        format.timeZone = TimeZone(identifier: "UTC")
        format.dateFormat = "yyyy-MM-dd HH:mm"
        return format.string(from: Date(timeIntervalSince1970: TimeInterval(seconds)))
    }

    /// Seconds after `due` at which all runs are there.
    private static func started(in server: ServerUnderTest, due: Double) async throws -> Double {
        while true {
            let count = try Database.count("run", in: server.home)
            let now = Date().timeIntervalSince1970
            if count == SchedulesBenchmark.count { return now - due }
            guard now < due + waitSeconds else { throw BenchmarkFailure("\(count) runs \(waitSeconds) s later") }
            try await Task.sleep(for: .milliseconds(now < due ? 100 : 50))
        }
    }
}
