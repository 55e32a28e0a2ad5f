import FlowTestKit
import Testing

@Suite("Simulation")
struct SimulationTests {
    @Test func `every seed ends with a journal that folds to the run, and no step runs twice without leave`() throws {
        var events = 0
        for seed in 0..<3_000 as Range<UInt64> {
            var simulation = RunSimulation(seed: seed)
            try simulation.simulate()
            events += simulation.eventCount
        }
        #expect(events > 30_000)
    }
}
