import Foundation

/// Step completions a second over 1,000 runs at once.
enum StepsBenchmark {
    static func run() async throws {
        var figures: [Double] = []
        var ceilings: [Double] = []
        for _ in 0..<3 {
            ceilings.append(
                try await withDirectory { directory in
                    var raw = try RawJournal(in: directory)
                    defer { raw.close() }
                    return try raw.transitionsPerSecond(batch: 100)
                })
            figures.append(
                try await withDirectory { directory in
                    let engine = try EngineUnderTest(in: directory)
                    let clock = ContinuousClock()
                    let start = clock.now
                    try await engine.complete(1_000, of: EngineUnderTest.chain(of: 40))
                    let elapsed = seconds(clock.now - start)
                    try await engine.close()
                    return 40_000 / elapsed
                })
        }
        try Figure(
            figure: "step completions, 1,000 runs at once, no-op steps", value: median(figures), unit: "steps/s",
            ceiling: median(ceilings), ratio: median(figures) / median(ceilings), target: ">= 5000 steps/s",
            note: "ceiling: raw C, journal row + state row, 100 transitions a commit; medians of 3"
        ).print()
    }
}

/// Steps a second in one run, each of which waits for the one before: one commit each.
enum SequentialBenchmark {
    static func run() async throws {
        var figures: [Double] = []
        var ceilings: [Double] = []
        for _ in 0..<3 {
            ceilings.append(
                try await withDirectory { directory in
                    var raw = try RawJournal(in: directory)
                    defer { raw.close() }
                    return try raw.transitionsPerSecond(batch: 1)
                })
            figures.append(
                try await withDirectory { directory in
                    let engine = try EngineUnderTest(in: directory)
                    let clock = ContinuousClock()
                    let start = clock.now
                    try await engine.complete(1, of: EngineUnderTest.chain(of: 5_000))
                    let elapsed = seconds(clock.now - start)
                    try await engine.close()
                    return 5_000 / elapsed
                })
        }
        try Figure(
            figure: "sequential steps in one run", value: median(figures), unit: "steps/s", ceiling: median(ceilings),
            ratio: median(figures) / median(ceilings), target: "ratio >= 0.4",
            note: "ceiling: raw C, one transition a commit; medians of 3"
        ).print()
    }
}
