import FlowLoading
import FlowModel
import Foundation
import Testing

@Suite("Plans in JSON", .timeLimit(.minutes(10)))
struct PlanFileTests {
    private let plan = Plan(
        flow: "small", parameters: [Parameter(name: "n", kind: .int, fallback: 1)],
        nodes: [Node(id: "a", name: "a", kind: .shell(ShellSpec(source: .text("true"))))], dsl: "1")

    private func load(_ json: String) async throws -> Result<LoadedFlow, FlowError> {
        let folder = try TemporaryFolder()
        return await outcome(try folder.write(json, to: "plan.json"), try Shared.loader())
    }

    @Test func `a plan in JSON is loaded as a flow file is`() async throws {
        let flow = try await load(try JSON(encoding: plan).canonical).get()
        #expect(flow.plan == plan)
        #expect(flow.revision == (try revision(of: plan)))
    }

    private static let broken: [(String, String)] = [
        ("{", "is not JSON"), ("[]", "\"format\" is none"), (#"{"format":9}"#, "\"format\" is 9"),
        (#"{"format":1}"#, "missing"),
    ]

    @Test(arguments: broken)
    func `what is not a plan says why`(_ json: String, _ reason: String) async throws {
        guard case .failure(let error) = try await load(json) else { return #expect(Bool(false)) }
        #expect(error.description.contains(reason))
    }

    @Test func `a member that a plan does not have is refused, not lost`() async throws {
        var json = try #require(try JSON(encoding: plan).objectValue)
        json["flwo"] = "typo"
        guard case .failure(let error) = try await load(JSON.object(json).canonical) else { return #expect(Bool(false)) }
        #expect(error.errors.first?.subject == "flwo")
    }

    @Test func `Swift steps need the program that only a flow file gives`() async throws {
        var plan = plan
        plan.nodes.append(Node(id: "b", name: "b", kind: .step(SwiftStepSpec(inputs: []))))
        guard case .failure(let error) = try await load(try JSON(encoding: plan).canonical) else { return #expect(Bool(false)) }
        #expect(error.errors.contains { $0.message.contains("no program") })
    }

    @Test func `members that a step does not hand out are refused`() async throws {
        var plan = plan
        let reads = ShellSpec(
            source: .text("true"), variables: [.init(name: "flow_1", value: .output(node: "a", path: ["stdot"]))])
        plan.nodes.append(Node(id: "b", name: "b", kind: .shell(reads), needs: ["a"]))
        #expect(
            PlanDetails.faults(in: plan).map(\.message) == [
                "it reads 'stdot' of step 'a': there is no 'stdot'; it has: exitStatus, stdout, changed"
            ])
    }
}
