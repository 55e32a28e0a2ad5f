import Foundation

/// Step completions a second over 1,000 runs at once.
enum StepsBenchmark {
    private static let runs = 1_000
    private static let steps = 40
    private static let rounds = 3

    static func run() async throws {
        var figures: [Double] = []
        var ceilings: [Double] = []
        for _ in 0..<rounds {
            ceilings.append(try await withDirectory { try RawJournal.transitionsPerSecond(in: $0, batch: 100) })
            figures.append(
                try await withDirectory { directory in
                    let engine = try EngineUnderTest(in: directory)
                    let took = try await engine.complete(runs, of: EngineUnderTest.chain(of: steps)).fromFirstRequest
                    try await engine.close()
                    return Double(runs * steps) / took
                })
        }
        try Figure(
            figure: "step completions, 1,000 runs at once, no-op steps", value: median(figures), unit: "steps/s",
            ceiling: median(ceilings), target: .atLeast(10_000, of: .value),
            note: "ceiling: raw C, journal row + state row, 100 transitions a commit; medians of \(rounds)"
        ).print()
    }
}

/// Steps a second in one run, each of which waits for the one before: one commit each.
///
/// Counted from the receipt of the start, whose cost is another figure, and on a log that has grown to its size, as the ceiling is:
/// while a log grows each `fsync` has to write its length too.
enum SequentialBenchmark {
    private static let steps = 5_000
    private static let warmUp = 1_500
    private static let rounds = 5

    static func run() async throws {
        var figures: [Double] = []
        var ceilings: [Double] = []
        var cpu: [Double] = []
        for _ in 0..<rounds {
            ceilings.append(try await withDirectory { try RawJournal.transitionsPerSecond(in: $0, batch: 1) })
            figures.append(
                try await withDirectory { directory in
                    let engine = try EngineUnderTest(in: directory)
                    _ = try await engine.complete(1, of: EngineUnderTest.chain(of: warmUp))
                    let took = try await engine.complete(1, of: EngineUnderTest.chain(of: steps))
                    try await engine.close()
                    cpu.append(took.cpuSeconds / Double(steps) * 1e6)
                    return Double(steps) / took.fromLastReceipt
                })
        }
        let ratios = zip(figures, ceilings).map { $0 / $1 }
        try Figure(
            figure: "sequential steps in one run", value: median(figures), unit: "steps/s", ceiling: median(figures) / median(ratios),
            target: .atLeast(0.5, of: .ratio),
            note: """
                ceiling: raw C, journal row + state row, one transition a commit; median of the ratios of \(rounds) pairs, which went \
                from \(percent(ratios.min())) to \(percent(ratios.max())) %; CPU of a step \(Int(median(cpu))) us, `fsync` included
                """
        ).print()
    }

    private static func percent(_ ratio: Double?) -> Int { Int(((ratio ?? 0) * 100).rounded()) }
}
