import Foundation

/// Measures, always beside the ceiling of the machine or a peer in the same run. One JSON object a line on stdout.
///
///     flow-bench steps sequential      the named ones; without names all
@main struct Main {
    private static let benchmarks: [(name: String, run: @Sendable () async throws -> Void)] = [
        ("steps", StepsBenchmark.run), ("sequential", SequentialBenchmark.run), ("reaction", ReactionBenchmark.run),
        ("rollout", RolloutBenchmark.run), ("load", LoadBenchmark.run), ("accept", AcceptBenchmark.run), ("idle", IdleBenchmark.run),
        ("parked", ParkedBenchmark.run), ("schedules", SchedulesBenchmark.run), ("long", LongRunBenchmark.run), ("list", ListBenchmark.run),
        ("hosts", HostsBenchmark.run), ("peers", PeersBenchmark.run),
    ]

    static func main() async {
        // A peer that ended is told by the write that fails.
        signal(SIGPIPE, SIG_IGN)
        let names = CommandLine.arguments.dropFirst()
        let unknown = names.filter { name in !benchmarks.contains { $0.name == name } }
        guard unknown.isEmpty else {
            let known = benchmarks.map(\.name).joined(separator: ", ")
            complain("no benchmark '\(unknown.joined(separator: "', '"))'; there are \(known)")
            exit(2)
        }
        var failed = false
        for benchmark in benchmarks where names.isEmpty || names.contains(benchmark.name) {
            do {
                try await benchmark.run()
            } catch {
                complain("\(benchmark.name): \(error)")
                failed = true
            }
        }
        exit(failed ? 1 : 0)
    }

    private static func complain(_ message: String) {
        FileHandle.standardError.write(Data("flow-bench: \(message)\n".utf8))
    }
}
