/// `{"role":"release-manager","count":2}`, `{"user":"bob"}`, `{"all":[…]}`, `{"any":[…],"count":1}`, and `{"count":1}` for anyone.
extension ApprovalRule: JSONValueCodable {
    package init(json: JSON) throws(JSONMisfit) {
        // Rows of gates hold rules as plans of format 1 do, too.
        var members = try JSONMembers(try PlanFormat1.rule(json) ?? json, as: "a rule of an approval")
        func rules(_ name: String) throws(JSONMisfit) -> [ApprovalRule] {
            try members.list(name) { (json) throws(JSONMisfit) in try ApprovalRule(json: json) }
        }
        let forms = members.names.filter { $0 != "count" }
        guard forms.count <= 1 else { throw JSONMisfit("must be about one of role, user, all, any, found \(forms.joined(separator: ", "))") }
        func count() throws(JSONMisfit) -> Int { members.names.contains("count") ? try members.int("count") : 1 }
        switch forms.first {
        case "role": self = .role(try members.text("role"), count: try count())
        case "user": self = .user(try members.text("user"))
        case "all": self = .all(try rules("all"))
        case "any": self = .any(try rules("any"), count: try count())
        default: self = .anyone(count: try count())
        }
        try members.end()
    }

    package var json: JSON {
        switch self {
        case .role(let role, let count): ["role": .string(role), "count": .int(count)]
        case .user(let name): ["user": .string(name)]
        case .anyone(let count): ["count": .int(count)]
        case .all(let rules): ["all": .array(rules.map(\.json))]
        case .any(let rules, let count): ["any": .array(rules.map(\.json)), "count": .int(count)]
        }
    }

    package static var schema: JSON {
        let rules: JSON = ["type": "array", "items": ["$ref": "#/components/schemas/ApprovalRule"]]
        let count: JSON = ["type": "integer", "minimum": 1, "default": 1]
        func form(_ members: [String: JSON], _ required: [JSON]) -> JSON {
            ["type": "object", "properties": .object(members), "required": .array(required), "additionalProperties": false]
        }
        return [
            "description": "Who must vote: so many of a role, a user, all or some of other rules, or anyone.",
            "oneOf": [
                form(["role": ["type": "string"], "count": count], ["role"]), form(["user": ["type": "string"]], ["user"]),
                form(["all": rules], ["all"]), form(["any": rules, "count": count], ["any"]), form(["count": count], []),
            ],
        ]
    }
}
