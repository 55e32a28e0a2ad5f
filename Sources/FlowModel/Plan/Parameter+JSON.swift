/// `"string"`, `"int"`, `"double"`, `"bool"`, `"selector"`, `{"list":"string"}`.
extension Parameter.Kind: JSONValueCodable {
    private static let plain: [(name: String, kind: Parameter.Kind)] = [
        ("string", .string), ("int", .int), ("double", .double), ("bool", .bool), ("selector", .selector),
    ]

    package init(json: JSON) throws(JSONMisfit) {
        if case .string(let name) = json, let kind = Parameter.Kind.plain.first(where: { $0.name == name })?.kind {
            self = kind
            return
        }
        // Rows of gates hold fields as plans of format 1 do, too.
        if let flat = try PlanFormat1.parameterKind(json) {
            self = try Parameter.Kind(json: flat)
        } else if case .object(let members) = json, members.count == 1, let element = members["list"] {
            self = .list(try Parameter.Kind(json: element))
        } else {
            throw Parameter.Kind.misfit(json)
        }
    }

    private static func misfit(_ json: JSON) -> JSONMisfit {
        let forms = plain.map { "\"\($0.name)\"" }.joined(separator: ", ")
        return JSONMisfit("must be one of \(forms), {\"list\":…}, found \(json.stringValue.map { "\"\($0)\"" } ?? json.typeName)")
    }

    package var json: JSON {
        switch self {
        case .string: "string"
        case .int: "int"
        case .double: "double"
        case .bool: "bool"
        case .selector: "selector"
        case .list(let element): ["list": element.json]
        }
    }

    package static var schema: JSON {
        [
            "description": "The type of an input.",
            "oneOf": [
                ["type": "string", "enum": .array(plain.map { .string($0.name) })],
                [
                    "type": "object", "properties": ["list": ["$ref": "#/components/schemas/ParameterKind"]], "required": ["list"],
                    "additionalProperties": false,
                ],
            ],
        ]
    }
}

extension Parameter: Codable {
    private enum CodingKeys: String, CodingKey { case name, help, kind, fallback, pattern, choices, isSecret }

    package init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            name: try values.decode(String.self, forKey: .name), help: try values.decode(.help, unlessAbsent: ""),
            kind: try values.decode(Kind.self, forKey: .kind), fallback: try values.decodeIfPresent(JSON.self, forKey: .fallback),
            pattern: try values.decodeIfPresent(String.self, forKey: .pattern), choices: try values.decode(.choices, unlessAbsent: []),
            isSecret: try values.decode(.isSecret, unlessAbsent: false))
    }

    package func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(name, forKey: .name)
        try values.encode(help, forKey: .help, unless: "")
        try values.encode(kind, forKey: .kind)
        try values.encodeIfPresent(fallback, forKey: .fallback)
        try values.encodeIfPresent(pattern, forKey: .pattern)
        try values.encode(choices, forKey: .choices, unless: [])
        try values.encode(isSecret, forKey: .isSecret, unless: false)
    }
}
