import FlowAPI
import FlowModel
import Foundation
import Testing

/// The published schema of plans: what this version writes fits it, what it refuses does not.
@Suite("The schema of plans", .timeLimit(.minutes(10)))
struct PlanSchemaTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../..").standardized.path
    private static let file = "\(root)/docs/reference/plan.schema.json"

    /// `FLOW_SNAPSHOTS=record` writes it.
    @Test func `the schema in the docs is that of the types`() throws {
        if ProcessInfo.processInfo.environment["FLOW_SNAPSHOTS"] == "record" {
            try Data(SchemaProbe.planDocument.canonicalBytes).write(to: URL(filePath: Self.file))
        }
        let known = try JSON.parse([UInt8](try #require(FileManager.default.contents(atPath: Self.file))))
        #expect(known == SchemaProbe.planDocument, "make record writes it anew")
    }

    @Test func `every kind of step is in it once, a nap in two forms`() throws {
        let forms = SchemaProbe.planDocument["$defs"]?["PlanStep"]?["oneOf"]?.arrayValue ?? []
        let kinds = forms.compactMap { $0["properties"]?["kind"]?["const"]?.stringValue }
        let all = ["sleep", "sleep", "when"] + Node.Kind.ownSpecs.map(\.kind) + WorkKinds.all.map { $0.kind }
        #expect(kinds.sorted() == all.sorted())
    }

    /// Plans of format 1 with every form, written in the current one, and the same with a member too many in one step after the other.
    @Test(.enabled(if: OpenAPITests.hasValidator)) func `what is written fits it, and a member too many does not`() throws {
        let kept = try #require(FileManager.default.contents(atPath: "\(Self.root)/Tests/Fixtures/Plans/format-1.json"))
        let fixtures = try JSON.parse([UInt8](kept), maxDepth: Limits.planDepth)
        let plans = try (fixtures.arrayValue ?? []).map { try JSON(encoding: Self.current(try Plan(stored: $0["plan"] ?? .null))) }
        #expect(plans.count > 10)
        let folder = FileManager.default.temporaryDirectory.appending(path: "flow-plans-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try Data(JSON.array(plans).canonicalBytes).write(to: folder.appending(path: "plans.json"))
        let (status, output) = try OpenAPITests.python(
            """
            import json, jsonschema
            schema = json.load(open("\(Self.file)"))
            jsonschema.Draft202012Validator.check_schema(schema)
            check = jsonschema.Draft202012Validator(schema)
            refused = 0
            for plan in json.load(open("\(folder.path)/plans.json")):
                for error in check.iter_errors(plan): print(plan["flow"], list(error.path), error.message[:300])
                for step in plan["steps"]:
                    step["tiemout"] = 1
                    assert not check.is_valid(plan), step
                    del step["tiemout"]
                    refused += 1
            print("refused", refused)
            """)
        #expect(status == 0, "\(output)")
        #expect(output.hasPrefix("refused "), "\(output)")
    }

    private static func current(_ plan: Plan) -> Plan {
        Plan(
            flow: plan.flow, summary: plan.summary, parameters: plan.parameters, nodes: plan.nodes, assets: plan.assets, source: plan.source,
            dsl: plan.dsl, triggers: plan.triggers, control: plan.control,
            calls: plan.calls?.map { CalledFlow(plan: current($0.plan), binary: $0.binary) })
    }
}
