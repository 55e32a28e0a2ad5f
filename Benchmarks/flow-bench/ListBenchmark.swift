import FlowModel
import Foundation

/// What `flowctl list` asks, of a flowd with a million finished runs: the newest, of a flow, failed ones, by labels, and pages far behind.
enum ListBenchmark {
    private static let runs = 1_000_000
    private static let rounds = 200

    static func run() async throws {
        try await withDirectory { directory in
            let home = directory + "/home"
            try FileManager.default.createDirectory(atPath: home, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            try await prepare(in: home)
            let server = try await ServerUnderTest(in: directory)
            defer { server.stop() }
            let connection = try HTTPConnection(socket: home + "/flow.sock")
            defer { connection.close() }
            var took: [String: [Double]] = [:]
            for round in 0..<rounds {
                for (name, query) in queries(round) {
                    let start = clockSeconds(CLOCK_MONOTONIC)
                    let answer = try connection.exchange(HTTPConnection.request("GET", "/v1/runs?limit=50" + query))
                    guard answer.status == 200 else { throw BenchmarkFailure(String(decoding: answer.body, as: UTF8.self)) }
                    took[name, default: []].append((clockSeconds(CLOCK_MONOTONIC) - start) * 1000)
                }
            }
            func percentile(_ values: [Double], _ share: Double) -> Double { values.sorted()[Int(Double(values.count) * share)] }
            let each = took.sorted { $0.key < $1.key }.map { "\($0.key) \(String(format: "%.1f", percentile($0.value, 0.99)))" }
            let all = took.values.flatMap(\.self)
            try Figure(
                figure: "list over 1,000,000 finished runs, p99", value: percentile(all, 0.99), unit: "ms", target: .atMost(50, of: .value),
                note: """
                    p50 \(String(format: "%.1f", percentile(all, 0.5))) ms over \(all.count) requests; p99 of each in ms: \
                    \(each.joined(separator: ", "))
                    """
            ).print()
        }
    }

    private static func queries(_ round: Int) -> [(String, String)] {
        [
            ("newest", ""), ("flow", "&flow=flow-\(round % 20)"), ("failed", "&state=failed"), ("label", "&label=team%3Dteam-\(round % 50)"),
            ("flow, state and label", "&flow=flow-\(round % 20)&state=failed&label=team%3Dteam-\(round % 50)"),
            ("flow and label", "&flow=flow-\(round % 20)&label=team%3Dteam-\(round % 50)"),
            ("page far behind", "&after=\(id((round * 4_973) % runs))"),
        ]
    }

    /// Ids in order of age, as the engine makes them.
    private static func id(_ number: Int) -> String {
        let text = String(format: "%012x", 0x019f_0000_0000 + number)
        return "\(text.prefix(8))-\(text.suffix(4))-7000-8000-000000000000"
    }

    /// One run that the engine carried out, then its rows again and again under other ids: as many runs by the engine take minutes.
    private static func prepare(in home: String) async throws {
        let engine = try EngineUnderTest(in: home)
        _ = try await engine.complete(1, of: EngineUnderTest.chain(of: 3))
        try await engine.close()
        let numbers = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < \(runs - 1))"
        let id = "printf('%08x-%04x-7000-8000-000000000000', (1782411952128 + i) >> 16, (1782411952128 + i) & 65535)"
        try Database.execute(
            [
                """
                \(numbers) INSERT INTO run (number, id, flow, revision, inputs, labels, actor, person, key, fingerprint, createdAt, state, isLive,
                startedAt, endedAt) SELECT i + 10, \(id), 'flow-' || (i % 20), revision, inputs,
                json_object('team', 'team-' || (i % 50), 'ticket', 'OPS-' || i), actor, person, NULL, fingerprint, createdAt + i,
                iif(i % 10 = 3, 'failed', 'succeeded'), 0, startedAt + i, endedAt + i FROM n JOIN run r ON r.number = 1
                """,
                """
                \(numbers) INSERT INTO run_now (run, reason, waiting, counts, headSequence, headHash)
                SELECT i + 10, reason, waiting, counts, headSequence, headHash FROM n JOIN run_now r ON r.run = 1
                """,
                "\(numbers) INSERT INTO label SELECT 'team', 'team-' || (i % 50), \(id) FROM n",
                "\(numbers) INSERT INTO label SELECT 'ticket', 'OPS-' || i, \(id) FROM n",
            ], in: home)
    }
}
