package import FlowModel

extension SchemaProbe {
    /// The JSON schema of a plan, with all that it needs in `$defs`: `docs/reference/plan.schema.json`.
    package static var planDocument: JSON {
        var probe = SchemaProbe()
        _ = probe.schema(of: Plan.self)
        let document: JSON = [
            "$schema": "https://json-schema.org/draft/2020-12/schema", "title": .string("A plan of Flow, format \(Plan.currentFormat)"),
            "$ref": "#/components/schemas/Plan", "$defs": .object(probe.components),
        ]
        return document.replacing("#/components/schemas/", with: "#/$defs/")
    }

    /// A plan, each of whose steps has the members of its kind and no others.
    mutating func plan() -> JSON {
        var plan = strict([
            ("flow", String.self, false), ("summary", String.self, true), ("parameters", [Parameter].self, true),
            ("triggers", [TriggerSpec].self, true), ("calls", [CalledFlow].self, true), ("control", FlowControl.self, true),
            ("assets", [Asset].self, true), ("source", Digest.self, true), ("dsl", String.self, false),
        ])
        plan.add("format", ["const": .int(Plan.currentFormat)])
        plan.add("steps", ["type": "array", "items": ["$ref": "#/components/schemas/PlanStep"]])
        components["PlanStep"] = step()
        return .object(plan)
    }

    private mutating func step() -> JSON {
        let forms: [(kind: String, fields: [Field])] =
            [("sleep", [("seconds", Expression.self, false)]), ("sleep", [("until", Expression.self, false)])]
            + [("when", [("condition", Expression.self, false)])]
            + Node.Kind.ownSpecs.map { ($0.kind, SchemaProbe.fields(of: $0.spec)) }
            + WorkKinds.all.map { ($0.kind, SchemaProbe.fields(of: $0)) }
        let schemas = forms.map { kind, fields in
            var form = strict(SchemaProbe.everyStep + fields)
            form.add("kind", ["const": .string(kind)])
            return JSON.object(form)
        }
        return ["description": "A step of a plan; its kind says which members it has.", "oneOf": .array(schemas)]
    }

    /// What every step has.
    private static var everyStep: [Field] {
        [
            ("id", String.self, false), ("name", String.self, false), ("scope", String.self, true), ("part", Node.Part.self, true),
            ("finally", Bool.self, true), ("needs", [String].self, true), ("guards", [BranchGuard].self, true), ("policy", Policy.self, true),
            ("output", TypeShape.self, true), ("location", SourceLocation.self, true),
        ]
    }

    private mutating func strict(_ fields: [Field]) -> [String: JSON] {
        var form = object(fields).objectValue ?? [:]
        form["additionalProperties"] = false
        return form
    }
}

extension [String: JSON] {
    /// A member that must be there.
    fileprivate mutating func add(_ name: String, _ schema: JSON) {
        var properties = self["properties"]?.objectValue ?? [:]
        properties[name] = schema
        self["properties"] = .object(properties)
        self["required"] = .array((self["required"]?.arrayValue ?? []) + [.string(name)])
    }
}

extension JSON {
    fileprivate func replacing(_ text: String, with other: String) -> JSON {
        switch self {
        case .string(let value): .string(value.hasPrefix(text) ? other + value.dropFirst(text.count) : value)
        case .array(let elements): .array(elements.map { $0.replacing(text, with: other) })
        case .object(let members): .object(members.mapValues { $0.replacing(text, with: other) })
        case .null, .bool, .int, .double: self
        }
    }
}
