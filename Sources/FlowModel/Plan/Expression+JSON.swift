/// In plans a text, number, true or false stands for itself; everything else is an object of one operator:
/// `{"parameter":"version"}`, `{"output":"build","path":["value","sha256"]}`, `{"text":["Release ",{"parameter":"version"}]}`,
/// `{"equal":[a,b]}`, and `{"literal":…}` for null, lists and objects that stand for themselves.
extension Expression: JSONValueCodable {
    package init(json: JSON) throws(JSONMisfit) {
        switch json {
        case .bool, .int, .double, .string: self = .literal(json)
        // A member that is null is one that is not there.
        case .null: throw JSONMisfit(#"must be a value, found null: one that is null is {"literal":null}"#)
        case .array: throw JSONMisfit(#"must be a value, found a list: a list of values is {"list":[…]}, one that stands for itself {"literal":[…]}"#)
        case .object(let members):
            let operators = members.keys.filter { $0 != "path" }
            guard operators.count == 1, let name = operators.first else {
                throw JSONMisfit("must have one operator, found \(operators.isEmpty ? "none" : operators.sorted().joined(separator: ", "))")
            }
            var rest = try JSONMembers(json, as: "a value")
            self = try Expression.read(name, &rest)
            try rest.end()
        }
    }

    private static func read(_ name: String, _ members: inout JSONMembers) throws(JSONMisfit) -> Expression {
        switch name {
        case "literal": return .literal(try members.need(name))
        case "parameter": return .parameter(try members.text(name))
        case "output": return .output(node: try members.text(name), path: try path(&members))
        case "element": return .element(map: try members.text(name), path: try path(&members))
        case "run":
            let fact = try members.text(name)
            guard let fact = RunFact(rawValue: fact) else {
                throw JSONMisfit("must be one of \(RunFact.allCases.map(\.rawValue).joined(separator: ", ")), found '\(fact)'", at: [name])
            }
            return .run(fact)
        case "optional": return .optional(try members.value(name))
        case "not": return .not(try members.value(name))
        case "count": return .count(try members.value(name))
        case "text": return .text(try members.list(name) { (json) throws(JSONMisfit) in try Expression(json: json) })
        case "list": return .list(try members.list(name) { (json) throws(JSONMisfit) in try Expression(json: json) })
        case "object":
            let content = try members.need(name)
            guard case .object(let parts) = content else { throw JSONMisfit("must be an object, found \(content.typeName)", at: [name]) }
            var values: [String: Expression] = [:]
            for (key, part) in parts {
                do throws(JSONMisfit) { values[key] = try Expression(json: part) } catch { throw error.inside(key).inside(name) }
            }
            return .object(values)
        case "fallback": return try pair(name, &members, Expression.fallback)
        case "and": return try pair(name, &members, Expression.and)
        case "or": return try pair(name, &members, Expression.or)
        case "contains": return try pair(name, &members, Expression.contains)
        default:
            guard let comparison = Comparison(rawValue: name) else {
                throw JSONMisfit("there is no operator '\(name)'; there are: \(operators.joined(separator: ", "))")
            }
            return try pair(name, &members) { .compare(comparison, $0, $1) }
        }
    }

    private static func path(_ members: inout JSONMembers) throws(JSONMisfit) -> [String] {
        guard let json = members.take("path") else { return [] }
        return try JSONMembers.list(json) { (json) throws(JSONMisfit) in
            guard case .string(let name) = json else { throw JSONMisfit("must be a String, found \(json.typeName)") }
            return name
        }
    }

    private static func pair(
        _ name: String, _ members: inout JSONMembers, _ make: (Expression, Expression) -> Expression
    ) throws(JSONMisfit) -> Expression {
        let parts = try members.list(name) { (json) throws(JSONMisfit) in try Expression(json: json) }
        guard parts.count == 2 else { throw JSONMisfit("must have 2 values, found \(parts.count)", at: [name]) }
        return make(parts[0], parts[1])
    }

    private static let operators =
        ["literal", "parameter", "output", "element", "run", "optional", "fallback", "text", "list", "object", "not", "and", "or"]
        + Comparison.allCases.map(\.rawValue) + ["count", "contains"]

    package var json: JSON {
        func many(_ parts: [Expression]) -> JSON { .array(parts.map(\.json)) }
        func read(_ name: String, _ source: String, _ path: [String]) -> JSON {
            path.isEmpty ? [name: .string(source)] : [name: .string(source), "path": .array(path.map(JSON.string))]
        }
        switch self {
        case .literal(let value):
            switch value {
            case .bool, .int, .double, .string: return value
            case .null, .array, .object: return ["literal": value]
            }
        case .parameter(let name): return ["parameter": .string(name)]
        case .output(let node, let path): return read("output", node, path)
        case .element(let map, let path): return read("element", map, path)
        case .run(let fact): return ["run": .string(fact.rawValue)]
        case .optional(let inner): return ["optional": inner.json]
        case .fallback(let one, let other): return ["fallback": many([one, other])]
        case .text(let parts): return ["text": many(parts)]
        case .list(let parts): return ["list": many(parts)]
        case .object(let members): return ["object": .object(members.mapValues(\.json))]
        case .not(let inner): return ["not": inner.json]
        case .and(let one, let other): return ["and": many([one, other])]
        case .or(let one, let other): return ["or": many([one, other])]
        case .compare(let comparison, let one, let other): return [comparison.rawValue: many([one, other])]
        case .count(let inner): return ["count": inner.json]
        case .contains(let one, let other): return ["contains": many([one, other])]
        }
    }

    package static var schema: JSON {
        let value: JSON = ["$ref": "#/components/schemas/Expression"]
        let values: JSON = ["type": "array", "items": value]
        let pair: JSON = ["type": "array", "items": value, "minItems": 2, "maxItems": 2]
        let text: JSON = ["type": "string"]
        func form(_ name: String, _ content: JSON, path: Bool = false) -> JSON {
            var members: [String: JSON] = [name: content]
            if path { members["path"] = ["type": "array", "items": text] }
            return ["type": "object", "properties": .object(members), "required": [.string(name)], "additionalProperties": false]
        }
        let forms = [
            form("literal", [:]), form("parameter", text), form("output", text, path: true), form("element", text, path: true),
            form("run", ["type": "string", "enum": .array(RunFact.allCases.map { .string($0.rawValue) })]), form("optional", value),
            form("fallback", pair), form("text", values), form("list", values),
            form("object", ["type": "object", "additionalProperties": value]), form("not", value), form("and", pair), form("or", pair),
            form("count", value), form("contains", pair),
        ]
        return [
            "description": "A value: it stands for itself, or is one operator.",
            "oneOf": .array(
                [["type": ["string", "number", "boolean"]]] + forms + Comparison.allCases.map { form($0.rawValue, pair) }),
        ]
    }
}
