import FlowLoading
import FlowModel
import Foundation
import Testing

@Suite("The flows of this repository")
struct RepositoryFlowTests {
    @Test func `hello loads, with a Swift step and data that makes edges`() async throws {
        let flow = try await Shared.loader().load(file: "\(Fixtures.repository)/flows/hello.swift")
        #expect(flow.plan.flow == "hello")
        #expect(flow.binary != nil && flow.binaryDigest != nil)
        let report = try #require(flow.plan.nodes.first { $0.id == "report" })
        #expect(Set(report.needs) == ["greet", "measure", "count"])
    }
}
