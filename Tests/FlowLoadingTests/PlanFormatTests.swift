import FlowCrypto
import FlowLoading
import FlowModel
import Foundation
import Testing

/// Plans of format 1, as the last version that wrote them did, with the revisions that they had: read for ever.
@Suite("Formats of plans", .timeLimit(.minutes(10)))
struct PlanFormatTests {
    struct Kept: CustomTestStringConvertible {
        var name: String
        var revision: Digest
        var plan: JSON
        var testDescription: String { name }
    }

    static let kept: [Kept] = {
        let path = "\(Fixtures.repository)/Tests/Fixtures/Plans/format-1.json"
        let bytes = FileManager.default.contents(atPath: path).map { [UInt8]($0) } ?? []
        return ((try? JSON.parse(bytes, maxDepth: Limits.planDepth))?.arrayValue ?? []).map {
            Kept(
                name: $0["name"]?.stringValue ?? "", revision: Digest(hex: $0["revision"]?.stringValue ?? "") ?? Digest(of: []),
                plan: $0["plan"] ?? .null)
        }
    }()

    /// The same plan, as a flow file would give it now.
    static func current(_ plan: Plan) -> Plan {
        Plan(
            flow: plan.flow, summary: plan.summary, parameters: plan.parameters, nodes: plan.nodes, assets: plan.assets, source: plan.source,
            dsl: plan.dsl, triggers: plan.triggers, control: plan.control,
            calls: plan.calls?.map { CalledFlow(plan: current($0.plan), binary: $0.binary) })
    }

    @Test func `they are there`() {
        #expect(Self.kept.count == 18)
        #expect(Self.kept.contains { !($0.plan["calls"]?.arrayValue ?? []).isEmpty })
    }

    @Test(arguments: kept) func `a plan of format 1 keeps its form, its bytes and its revision`(_ kept: Kept) throws {
        for plan in [try Plan(stored: kept.plan), try kept.plan.read(as: Plan.self), try kept.plan.decode(as: Plan.self)] {
            #expect(plan.format == 1)
            #expect(try JSON(encoding: plan) == kept.plan)
            #expect(try Digest(of: plan.canonicalBytes) == kept.revision)
            for (call, read) in zip(plan.calls ?? [], kept.plan["calls"]?.arrayValue ?? []) {
                #expect(call.plan.format == 1)
                #expect(try JSON(encoding: call.plan) == read["plan"])
            }
        }
    }

    @Test(arguments: kept) func `it says the same in the current format, which is flat`(_ kept: Kept) throws {
        let plan = Self.current(try Plan(stored: kept.plan))
        let json = try JSON(encoding: plan)
        #expect(json["format"] == 2)
        #expect(try json.read(as: Plan.self) == plan)
        #expect(try json.decode(as: Plan.self) == plan)
        #expect(try StrictDecoder.decode(Plan.self, from: json) == plan)
        #expect(try JSON(encoding: try json.read(as: Plan.self)).canonicalBytes == json.canonicalBytes)
        if kept.name != "every-form" { #expect(!json.canonical.contains(#""_0""#)) }
        #expect(json.canonicalBytes.count < kept.plan.canonicalBytes.count)
    }

    /// In every object but those that are an author's own values: there anything may stand.
    @Test(arguments: kept) func `a member that is not of the format is refused, wherever it stands`(_ kept: Kept) throws {
        let current = try JSON(encoding: Self.current(try Plan(stored: kept.plan)))
        for plan in [kept.plan, current] {
            let all = Self.objects(in: plan)
            #expect(all.count > 10)
            for path in all where Set(path).isDisjoint(with: ["literal", "fallback", "choices"]) && !["inputs", "environment"].contains(path.last) {
                let changed = Self.adding("zzz", at: path[...], to: plan)
                if StrictDecoder.check(Plan.self, changed).value != nil { Issue.record("\(path.joined(separator: ".")) may have more") }
            }
        }
    }

    @Test func `a stored plan of format 1 is read although it has more, one of the current format is not`() throws {
        let kept = try #require(Self.kept.first)
        _ = try Plan(stored: Self.adding("zzz", at: ["nodes", "0"], to: kept.plan))
        let current = try JSON(encoding: Self.current(try Plan(stored: kept.plan)))
        #expect(throws: FlowError.self) { try Plan(stored: Self.adding("zzz", at: ["steps", "0"], to: current)) }
    }

    @Test func `one that is changed is written as it is now`() throws {
        var plan = try Plan(stored: try #require(Self.kept.first).plan)
        plan.nodes[0].policy.timeoutSeconds = 77
        #expect(plan.format == 2)
        #expect(try JSON(encoding: plan).read(as: Plan.self).nodes[0].policy.timeoutSeconds == 77)
    }

    @Test func `another format is refused with those that are read`() throws {
        for format in [0, 3, -1, Int.max] {
            #expect(throws: (any Error).self) { try Plan(stored: ["format": .int(format), "flow": "a", "nodes": [], "dsl": "1"]) }
        }
    }

    private static func objects(in json: JSON) -> [[String]] {
        switch json {
        case .object(let members):
            [[]] + members.sorted { $0.key < $1.key }.flatMap { member in objects(in: member.value).map { [member.key] + $0 } }
        case .array(let elements): elements.enumerated().flatMap { element in objects(in: element.element).map { [String(element.offset)] + $0 } }
        default: []
        }
    }

    private static func adding(_ name: String, at path: ArraySlice<String>, to json: JSON) -> JSON {
        switch json {
        case .object(var members):
            if let first = path.first {
                members[first] = members[first].map { adding(name, at: path.dropFirst(), to: $0) }
            } else {
                members[name] = 1
            }
            return .object(members)
        case .array(var elements):
            guard let first = path.first, let index = Int(first) else { return json }
            elements[index] = adding(name, at: path.dropFirst(), to: elements[index])
            return .array(elements)
        default: return json
        }
    }
}
