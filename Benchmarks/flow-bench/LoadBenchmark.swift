import FlowLoading
import Foundation
import Glibc

/// Loading a flow file of a hundred lines: compiled anew, and from the cache.
enum LoadBenchmark {
    static func run() async throws {
        let (cold, warm, evaluation, cpu) = try await withDirectory { directory in
            let loader = FlowLoader(
                environment: FlowLoader.environment.merging([
                    "FLOW_CACHE": directory + "/cache", "FLOW_DSL": try installed(in: directory),
                ]) { $1 })
            // The first load also fills the compiler's module cache, once for each toolchain.
            try source(0, steps: 100).write(toFile: directory + "/f.swift", atomically: true, encoding: .utf8)
            _ = try await loader.load(file: directory + "/f.swift")
            var cold: [Double] = []
            var warm: [Double] = []
            var evaluation: [Double] = []
            var cpu: [Double] = []
            for round in 1...5 {
                try source(round, steps: 100).write(toFile: directory + "/f.swift", atomically: true, encoding: .utf8)
                let before = cpuSecondsOfChildren()
                let timings = try await loader.load(file: directory + "/f.swift").timings
                cpu.append(cpuSecondsOfChildren() - before)
                cold.append(timings.totalSeconds)
                evaluation.append(timings.evaluateSeconds ?? 0)
                for _ in 0..<5 { warm.append(try await loader.load(file: directory + "/f.swift").timings.totalSeconds) }
            }
            return (median(cold), median(warm), median(evaluation), median(cpu))
        }
        try Figure(
            figure: "recompile a flow of 100 steps", value: cold, unit: "s", target: .atMost(1.5, of: .value),
            note: """
                compiler, and confined evaluation, which took \(Int(evaluation * 1000)) ms of it; their CPU \(String(format: "%.2f", cpu)) s; \
                medians of 5
                """
        ).print()
        try Figure(
            figure: "load it from the cache", value: warm * 1000, unit: "ms", target: .atMost(20, of: .value),
            note: "median of 25"
        ).print()
    }

    /// CPU of the processes that were waited for.
    private static func cpuSecondsOfChildren() -> Double {
        var usage = rusage()
        getrusage(RUSAGE_CHILDREN.rawValue, &usage)
        return [usage.ru_utime, usage.ru_stime].reduce(0) { $0 + Double($1.tv_sec) + Double($1.tv_usec) / 1e6 }
    }

    /// FlowDSL as `make install` lays it out: one archive. A build tree has sixty object files, which cost a quarter of a second.
    private static func installed(in directory: String) throws -> String {
        let home = directory + "/dsl"
        let built = Bundle.main.bundleURL.path
        try FileManager.default.createDirectory(atPath: home, withIntermediateDirectories: true)
        for name in ["Modules", "libFlowDSL.a"] {
            guard FileManager.default.fileExists(atPath: "\(built)/\(name)") else { throw BenchmarkFailure("\(built)/\(name) was not built") }
            try FileManager.default.createSymbolicLink(atPath: "\(home)/\(name)", withDestinationPath: "\(built)/\(name)")
        }
        return home
    }

    private static func source(_ round: Int, steps: Int) -> String {
        let statements = (1...steps).map { "        shell(\"s\($0)\", \"echo \\($name) \($0)\")" }.joined(separator: "\n")
        return """
            import FlowDSL

            // round \(round)
            @main struct Hundred: Flow {
                @Param("A name") var name: String = "x"

                var body: some FlowBody {
            \(statements)
                }
            }
            """
    }
}
