import Foundation

/// How soon the engine reacts at half of what it can do: from the report of a step's end to the dispatch of the next one. Between them stand the inbox,
/// the decision and the commit, so this is more than the target counts, which is from the commit on.
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
            let took = try await engine.complete(
                runs, of: EngineUnderTest.chain(of: steps), spreadOver: Double(runs) / (full / 2)
            ).fromFirstRequest
            try await engine.close()
            return took
        }
        let reactions = hands.reactions
        let load = Double(runs * steps) / took
        for (name, share, target) in [("half of them", 0.5, 1.0), ("99 %", 0.99, 25.0)] {
            try Figure(
                figure: "reaction at half load: \(name) within", value: reactions[Int(Double(reactions.count) * share)] * 1000, unit: "ms",
                target: .atMost(target, of: .value),
                note: """
                    from the report of a step's end to the next one's dispatch, commit included; \(Int(load)) steps/s where \(Int(full)) \
                    were the most; \(reactions.count) steps of \(runs) runs
                    """
            ).print()
        }
    }
}
