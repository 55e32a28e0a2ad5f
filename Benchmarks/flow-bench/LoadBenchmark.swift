import FlowLoading
import Foundation

/// Loading a flow file of a hundred lines: compiled anew, and from the cache.
enum LoadBenchmark {
    static func run() async throws {
        let (cold, warm) = try await withDirectory { directory in
            let loader = FlowLoader(environment: FlowLoader.environment.merging(["FLOW_CACHE": directory + "/cache"]) { $1 })
            // The first load also fills the compiler's module cache, once for each toolchain.
            try source(0, steps: 100).write(toFile: directory + "/f.swift", atomically: true, encoding: .utf8)
            _ = try await loader.load(file: directory + "/f.swift")
            var cold: [Double] = []
            var warm: [Double] = []
            for round in 1...5 {
                try source(round, steps: 100).write(toFile: directory + "/f.swift", atomically: true, encoding: .utf8)
                cold.append(try await loader.load(file: directory + "/f.swift").timings.totalSeconds)
                for _ in 0..<5 { warm.append(try await loader.load(file: directory + "/f.swift").timings.totalSeconds) }
            }
            return (median(cold), median(warm))
        }
        try Figure(
            figure: "recompile a flow of 100 steps", value: cold, unit: "s", target: .atMost(1.5, of: .value),
            note: "median of 5"
        ).print()
        try Figure(
            figure: "load it from the cache", value: warm * 1000, unit: "ms", target: .atMost(20, of: .value),
            note: "median of 25"
        ).print()
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
