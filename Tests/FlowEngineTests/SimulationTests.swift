import FlowTestKit
import Foundation
import Testing

@Suite("Simulation")
struct SimulationTests {
    @Test func `every seed ends with a journal that folds to the run, and no step runs twice without leave`() throws {
        var events = 0
        let seeds = ProcessInfo.processInfo.environment["FLOW_SEEDS"].flatMap(UInt64.init) ?? 3_000
        for seed in 0..<seeds {
            var simulation = RunSimulation(seed: seed)
            try simulation.simulate()
            events += simulation.eventCount
        }
        #expect(events > 30_000)
    }
}
