import FlowTestKit
import Foundation
import Testing

@Suite("Simulation", .timeLimit(.minutes(240)))
struct SimulationTests {
    @Test func `every seed ends with a journal that folds to the run, and no step runs twice without leave`() throws {
        var events: UInt64 = 0
        let environment = ProcessInfo.processInfo.environment
        let first = environment["FLOW_FIRST_SEED"].flatMap(UInt64.init) ?? 0
        let seeds = environment["FLOW_SEEDS"].flatMap(UInt64.init) ?? 3_000
        for seed in first..<first + seeds {
            var simulation = RunSimulation(seed: seed)
            try simulation.simulate()
            events += UInt64(simulation.eventCount)
        }
        #expect(events > seeds * 10)
    }

    @Test func `on every seed nobody is let in twice, each call has one run that is waited for, and every run comes to its end`() throws {
        var (grants, waits, deadlocks, called, undone) = (0, 0, 0, 0, 0)
        let environment = ProcessInfo.processInfo.environment
        let first = environment["FLOW_FIRST_SEED"].flatMap(UInt64.init) ?? 0
        let seeds = environment["FLOW_SEEDS"].flatMap(Int.init) ?? 1_500
        for seed in first..<first + UInt64(seeds) {
            var simulation = ManyRunsSimulation(seed: seed)
            try simulation.simulate()
            grants += simulation.grants
            waits += simulation.waits
            deadlocks += simulation.deadlocks
            called += simulation.called
            undone += simulation.undone
        }
        #expect(grants > seeds && waits > seeds && deadlocks > seeds / 100 && called > seeds / 10 && undone > seeds / 100)
    }
}
