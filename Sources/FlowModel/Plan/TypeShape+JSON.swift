/// In plans: `"string"`, `{"list":"int"}`, `{"dictionary":"string"}`, `{"optional":"string"}`, `{"object":[{"name":"path","shape":"string"}]}`.
extension TypeShape: JSONValueCodable {
    private static let plain: [(name: String, shape: TypeShape)] = [
        ("any", .any), ("string", .string), ("int", .int), ("double", .double), ("bool", .bool),
    ]
    private static let forms = plain.map { "\"\($0.name)\"" } + ["list", "dictionary", "optional", "object"].map { "{\"\($0)\":…}" }

    package init(json: JSON) throws(JSONMisfit) {
        if case .string(let name) = json {
            guard let shape = TypeShape.plain.first(where: { $0.name == name })?.shape else { throw TypeShape.misfit("\"\(name)\"") }
            self = shape
            return
        }
        var members = try JSONMembers(json, as: "a type")
        switch members.names {
        case ["list"]: self = .list(try members.value("list"))
        case ["dictionary"]: self = .dictionary(try members.value("dictionary"))
        case ["optional"]: self = .optional(try members.value("optional"))
        case ["object"]: self = .object(try members.list("object", Field.init(json:)))
        default: throw TypeShape.misfit("an object of \(members.names.isEmpty ? "nothing" : members.names.joined(separator: ", "))")
        }
    }

    private static func misfit(_ found: String) -> JSONMisfit {
        JSONMisfit("must be one of \(forms.joined(separator: ", ")), found \(found)")
    }

    package var json: JSON {
        switch self {
        case .any: "any"
        case .string: "string"
        case .int: "int"
        case .double: "double"
        case .bool: "bool"
        case .list(let element): ["list": element.json]
        case .dictionary(let value): ["dictionary": value.json]
        case .optional(let inner): ["optional": inner.json]
        case .object(let fields): ["object": .array(fields.map { ["name": .string($0.name), "shape": $0.shape.json] })]
        }
    }

    package static var schema: JSON {
        let shape: JSON = ["$ref": "#/components/schemas/TypeShape"]
        func form(_ name: String, _ content: JSON) -> JSON {
            ["type": "object", "properties": [name: content], "required": [.string(name)], "additionalProperties": false]
        }
        let field: JSON = [
            "type": "object", "properties": ["name": ["type": "string"], "shape": shape], "required": ["name", "shape"],
            "additionalProperties": false,
        ]
        return [
            "description": "The type of a value.",
            "oneOf": [
                ["type": "string", "enum": .array(plain.map { .string($0.name) })], form("list", shape), form("dictionary", shape),
                form("optional", shape), form("object", ["type": "array", "items": field]),
            ],
        ]
    }
}

extension TypeShape.Field {
    fileprivate init(json: JSON) throws(JSONMisfit) {
        var members = try JSONMembers(json, as: "a field")
        self.init(name: try members.text("name"), shape: try members.value("shape"))
        try members.end()
    }
}
