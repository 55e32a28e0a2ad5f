import FlowLoading
import FlowModel
import Foundation
import Testing

@Suite("Plans in JSON")
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

    /// A run that has such a step always failed there; the plan said nothing.
    @Test func `a selector that is made while the run goes on is refused, with what to write instead`() {
        func hosts(_ selector: FlowModel.Expression, around: [Node] = [], parameters: [Parameter] = []) -> [String] {
            let scope = around.last?.id
            let id = (scope.map { "\($0)/" } ?? "") + "each"
            let kinds: [Node.Kind] = [
                .map(MapSpec(elements: .hosts(selector), width: 1)), .rollout(RolloutSpec(targets: selector, batches: .all)),
            ]
            return kinds.flatMap { kind -> [String] in
                let nodes =
                    around + [
                        Node(id: id, name: "each", scope: scope, kind: kind),
                        Node(id: "\(id)/x", name: "x", scope: id, kind: .shell(ShellSpec(source: .text("true")))),
                    ]
                return PlanDetails.faults(in: Plan(flow: "t", parameters: parameters, nodes: nodes, dsl: "0")).map(\.message)
            }
        }
        let find = Node(id: "find", name: "find", kind: .shell(ShellSpec(source: .text("true"))))
        let made = FlowModel.Expression.output(node: "find", path: ["stdout"])
        for selector in [made, .text([.literal("group:"), made]), .fallback(made, .literal("all")), .text([.literal("web-"), .run(.id)])] {
            let found = hosts(selector)
            #expect(
                found.count == 2 && found.allSatisfy { $0.contains("known only while the run goes on") && $0.contains("flow of its own") }, "\(found)"
            )
        }
        let given = Parameter(name: "groups", kind: .list(.selector))
        func over(_ list: FlowModel.Expression) -> [Node] { [find, Node(id: "m", name: "m", kind: .map(MapSpec(elements: .list(list), width: 1)))] }
        let element = FlowModel.Expression.element(map: "m", path: [])
        #expect(hosts(element, around: over(.literal(["a"]))).count == 2)
        // Selectors that somebody gives are found when the run starts.
        #expect(hosts(element, around: over(.parameter("groups")), parameters: [given]).isEmpty)
        let input = hosts(FlowModel.Expression.parameter("where"), parameters: [Parameter(name: "where", kind: .selector)])
        #expect(input.isEmpty)
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
