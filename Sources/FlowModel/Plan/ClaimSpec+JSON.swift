/// `{"lock":"db"}`, `{"lock":"db","shared":true}`, `{"limit":"builds","weight":1,"of":4}`, `{"rate":"api","count":10,"seconds":60}`,
/// `{"overlap":"release"}`.
extension ClaimSpec: JSONValueCodable {
    package init(json: JSON) throws(JSONMisfit) {
        var members = try JSONMembers(json, as: "a claim")
        let forms = ["lock", "limit", "rate", "overlap"].filter { members.names.contains($0) }
        guard forms.count == 1, let form = forms.first else {
            throw JSONMisfit("must name one of lock, limit, rate, overlap, found \(members.names.joined(separator: ", "))")
        }
        let name = try members.value(form, as: Expression.self)
        switch form {
        case "lock": self.init(name: name, kind: try members.bool("shared", unlessAbsent: false) ? .shared : .exclusive)
        case "limit": self.init(name: name, kind: .slots(weight: try members.int("weight"), of: try members.int("of")))
        case "rate": self.init(name: name, kind: .rate(count: try members.int("count"), seconds: try members.number("seconds")))
        default: self.init(name: name, kind: .overlap)
        }
        try members.end()
    }

    package var json: JSON {
        switch kind {
        case .exclusive: ["lock": name.json]
        case .shared: ["lock": name.json, "shared": true]
        case .slots(let weight, let of): ["limit": name.json, "weight": .int(weight), "of": .int(of)]
        case .rate(let count, let seconds): ["rate": name.json, "count": .int(count), "seconds": .double(seconds)]
        case .overlap: ["overlap": name.json]
        }
    }

    package static var schema: JSON {
        let name: JSON = ["$ref": "#/components/schemas/Expression"]
        func form(_ members: [String: JSON], _ required: [JSON]) -> JSON {
            ["type": "object", "properties": .object(members), "required": .array(required), "additionalProperties": false]
        }
        let whole: JSON = ["type": "integer"]
        return [
            "description": "What is taken while it runs: a lock, slots of a limit, a turn at a rate.",
            "oneOf": [
                form(["lock": name, "shared": ["type": "boolean"]], ["lock"]),
                form(["limit": name, "weight": whole, "of": whole], ["limit", "weight", "of"]),
                form(["rate": name, "count": whole, "seconds": ["type": "number"]], ["rate", "count", "seconds"]),
                form(["overlap": name], ["overlap"]),
            ],
        ]
    }
}
