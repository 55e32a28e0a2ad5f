import FlowLoading
import FlowModel
import Foundation
import Testing

@Suite("The flows of this repository", .timeLimit(.minutes(10)))
struct RepositoryFlowTests {
    private static let flows = "\(Fixtures.repository)/flows"

    @Test func `hello loads, with a Swift step and data that makes edges`() async throws {
        let flow = try await Shared.loader().load(file: "\(Self.flows)/hello.swift")
        #expect(flow.plan.flow == "hello")
        #expect(flow.binary != nil && flow.binaryDigest != nil)
        let report = try #require(flow.plan.nodes.first { $0.id == "report" })
        #expect(Set(report.needs) == ["greet", "measure", "count"])
    }

    @Test func `every flow in flows loads, and says what it is for`() async throws {
        let names = try FileManager.default.contentsOfDirectory(atPath: Self.flows).filter { $0.hasSuffix(".swift") }.sorted()
        #expect(names.count >= 3)
        for (name, outcome) in zip(names, await loadAll(names.map { "\(Self.flows)/\($0)" })) {
            switch outcome {
            case .success(let flow): #expect(flow.plan.summary?.isEmpty == false, "\(name) has no static let summary")
            case .failure(let error): Issue.record("\(name): \(error)")
            }
        }
    }

    @Test func `every script beside a flow is one that a flow uses`() async throws {
        let loaded = await loadAll(["release", "server-init"].map { "\(Self.flows)/\($0).swift" })
        let used = Set(try loaded.flatMap { try $0.get().plan.assets.map(\.name) })
        let files = try FileManager.default.subpathsOfDirectory(atPath: Self.flows).filter { $0.contains("/") }
        #expect(Set(files) == used)
    }
}
