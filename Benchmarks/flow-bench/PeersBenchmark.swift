import Foundation
import Glibc

/// No-op steps beside DBOS Transact doing the same, on SQLite and on PostgreSQL: chains of 50, every commit on the disk.
///
/// Rounds of the three alternate; the first of each is not counted. CPU is that of the whole process, for PostgreSQL that of the server too.
enum PeersBenchmark {
    private static let steps = 50
    private static let flowRuns = 200
    private static let peerWorkflows = 20
    private static let rounds = 5

    private struct Round: Decodable {
        var steps: Int
        var wallSeconds: Double
        var cpuSeconds: Double

        var stepsPerSecond: Double { Double(steps) / wallSeconds }
        var cpuMicroseconds: Double { cpuSeconds / Double(steps) * 1e6 }
    }

    static func run() async throws {
        try await withDirectory { directory in
            // PostgreSQL's server runs as another account, which must be able to come here.
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: directory)
            let sizes = ["--workflows", "\(peerWorkflows)", "--steps", "\(steps)"]
            let sqlite = try PacedPeer("dbos_steps.py", ["sqlite", directory + "/sqlite"] + sizes)
            defer { sqlite.stop() }
            let postgres = try PacedPeer("dbos_steps.py", ["postgres", directory + "/postgres"] + sizes)
            defer { postgres.stop() }
            var (ours, onSQLite, onPostgres): ([Round], [Round], [Round]) = ([], [], [])
            for _ in 0...rounds {
                onSQLite.append(try sqlite.round(Round.self))
                onPostgres.append(try postgres.round(Round.self))
                ours.append(try await round())
            }
            try report(ours, onSQLite, "SQLite")
            try report(ours, onPostgres, "PostgreSQL")
        }
    }

    private static func round() async throws -> Round {
        try await withDirectory { directory in
            let engine = try EngineUnderTest(in: directory)
            let cpu = clockSeconds(CLOCK_PROCESS_CPUTIME_ID)
            let took = try await engine.complete(flowRuns, of: EngineUnderTest.chain(of: steps)).fromFirstRequest
            let used = clockSeconds(CLOCK_PROCESS_CPUTIME_ID) - cpu
            try await engine.close()
            return Round(steps: flowRuns * steps, wallSeconds: took, cpuSeconds: used)
        }
    }

    private static func report(_ ours: [Round], _ theirs: [Round], _ store: String) throws {
        let (ours, theirs) = (ours.dropFirst(), theirs.dropFirst())
        let note =
            "peer: DBOS Transact on \(store), chains of \(steps) no-op steps, every commit on the disk; medians of \(rounds) alternating rounds"
        try Figure(
            figure: "no-op steps beside DBOS on \(store)", value: median(ours.map(\.stepsPerSecond)), unit: "steps/s",
            ceiling: median(theirs.map(\.stepsPerSecond)), target: .atLeast(30, of: .ratio), note: note
        ).print()
        try Figure(
            figure: "CPU of a no-op step beside DBOS on \(store)", value: median(ours.map(\.cpuMicroseconds)), unit: "us/step",
            ceiling: median(theirs.map(\.cpuMicroseconds)), target: .atMost(0.1, of: .ratio), note: note
        ).print()
    }
}
