import Foundation

/// How soon the engine reacts at half of what it can do: from the commit of a step's end to the dispatch of the next one, and from the report of the end,
/// before which stand the inbox, the decision and the commit of all that came together.
enum ReactionBenchmark {
    private static let runs = 1_000
    private static let steps = 80

    static func run() async throws {
        let full = try await withDirectory { directory in
            let engine = try EngineUnderTest(in: directory)
            let took = try await engine.complete(runs, of: EngineUnderTest.chain(of: 20)).fromFirstRequest
            try await engine.close()
            return Double(runs * 20) / took
        }
        let hands = PacedHands(secondsPerStep: Double(runs) / (full / 2))
        let took = try await withDirectory { directory in
            let engine = try EngineUnderTest(in: directory, hands: hands)
            hands.watch(engine.stamps)
            let took = try await engine.complete(
                runs, of: EngineUnderTest.chain(of: steps), spreadOver: Double(runs) / (full / 2)
            ).fromFirstRequest
            try await engine.close()
            return took
        }
        let load = "\(Int(Double(runs * steps) / took)) steps/s where \(Int(full)) were the most; \(runs * (steps - 1)) steps of \(runs) runs"
        for (share, words, target) in [(0.5, "half of them", 1.0), (0.99, "99 %", 25.0)] {
            try Figure(
                figure: "reaction at half load: \(words) within", value: milliseconds(hands.fromCommit, share), unit: "ms",
                target: .atMost(target, of: .value),
                note: """
                    from the commit of a step's end to the next one's dispatch; from the report of the end, with its wait and the commit: \
                    \(String(format: "%.1f", milliseconds(hands.fromReport, share))) ms; \(load)
                    """
            ).print()
        }
    }

    private static func milliseconds(_ sorted: [Double], _ share: Double) -> Double { sorted[Int(Double(sorted.count) * share)] * 1000 }
}
