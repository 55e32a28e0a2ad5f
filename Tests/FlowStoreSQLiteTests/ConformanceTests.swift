import FlowTestKit
import Foundation
import Testing

@Suite("Store conformance", .timeLimit(.minutes(240)))
struct ConformanceTests {
    @Test(arguments: StoreConformance.checks)
    func `the SQLite store keeps every promise of a store`(_ check: StoreConformance.Check) async throws {
        try await check.run(on: SQLiteHouse())
    }

    @Test(arguments: StoreConformance.checks)
    func `the memory store keeps every promise of a store`(_ check: StoreConformance.Check) async throws {
        try await check.run(on: MemoryHouse())
    }

    /// `make crash` takes every call of the SQLite store too.
    private static let isAll = ProcessInfo.processInfo.environment["FLOW_POWER_CUTS"] == "all"

    @Test(.timeLimit(.minutes(10)))
    func `whatever call of the memory store goes wrong, no answer is a lie, and the engine goes on or ends`() async throws {
        let report = try await StoreConformance.faults(on: MemoryHouse())
        print("L1: memory, \(report.calls) calls, \(report.cases) cases, \(report.ends) ends of the engine, \(report.faults.count) bad")
        #expect(report.faults == [])
        #expect(report.calls > 80 && report.ends > 100)
    }

    @Test(.timeLimit(.minutes(30)))
    func `whatever call of the SQLite store goes wrong, no answer is a lie, and the engine goes on or ends`() async throws {
        let (stride, offset) = Self.isAll ? (1, 0) : (5, Int.random(in: 0..<5))
        let report = try await StoreConformance.faults(on: SQLiteHouse(), stride: stride, offset: offset)
        print(
            """
            L1: SQLite, every \(stride)th of \(report.calls) calls from the \(offset + 1)th, \(report.cases) cases, \(report.ends) ends of \
            the engine, \(report.faults.count) bad
            """)
        #expect(report.faults == [])
        #expect(report.cases >= 80)
    }
}
