import FlowTestKit
import Foundation
import Testing

@Suite("Simulation")
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
}
