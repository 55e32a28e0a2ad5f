import FlowTestKit
import Testing

@Suite("Store conformance")
struct ConformanceTests {
    @Test(arguments: StoreConformance.checks)
    func `the SQLite store keeps every promise of a store`(_ check: StoreConformance.Check) async throws {
        try await check.run(on: SQLiteHouse())
    }

    @Test(arguments: StoreConformance.checks)
    func `the memory store keeps every promise of a store`(_ check: StoreConformance.Check) async throws {
        try await check.run(on: MemoryHouse())
    }
}
