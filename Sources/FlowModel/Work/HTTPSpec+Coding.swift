extension HTTPSpec: Codable {
    private enum CodingKeys: String, CodingKey {
        case method, url, headers, query, body, authorization, expect, xml, redirects, tls, proxy, connectSeconds, responseSeconds, bodyBytes
    }

    package init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            try values.decode(Method.self, forKey: .method), try values.decode(Expression.self, forKey: .url),
            headers: try values.decode(.headers, unlessAbsent: []), query: try values.decode(.query, unlessAbsent: []),
            body: try values.decodeIfPresent(Body.self, forKey: .body),
            authorization: try values.decodeIfPresent(Authorization.self, forKey: .authorization),
            expect: try values.decode(.expect, unlessAbsent: [StatusRange.success]), xml: try values.decodeIfPresent(Extraction.self, forKey: .xml),
            redirects: try values.decode(.redirects, unlessAbsent: 0), tls: try values.decodeIfPresent(Identity.self, forKey: .tls),
            proxy: try values.decodeIfPresent(Expression.self, forKey: .proxy), connectSeconds: try values.decode(.connectSeconds, unlessAbsent: 10),
            responseSeconds: try values.decode(.responseSeconds, unlessAbsent: 60),
            bodyBytes: try values.decode(.bodyBytes, unlessAbsent: Limits.httpBodyBytes))
    }

    package func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(method, forKey: .method)
        try values.encode(url, forKey: .url)
        try values.encode(headers, forKey: .headers, unless: [])
        try values.encode(query, forKey: .query, unless: [])
        try values.encodeIfPresent(body, forKey: .body)
        try values.encodeIfPresent(authorization, forKey: .authorization)
        try values.encode(expect, forKey: .expect)
        try values.encodeIfPresent(xml, forKey: .xml)
        try values.encode(redirects, forKey: .redirects, unless: 0)
        try values.encodeIfPresent(tls, forKey: .tls)
        try values.encodeIfPresent(proxy, forKey: .proxy)
        try values.encode(connectSeconds, forKey: .connectSeconds)
        try values.encode(responseSeconds, forKey: .responseSeconds)
        try values.encode(bodyBytes, forKey: .bodyBytes)
    }
}

/// `{"json":…}`, `{"form":[{"name","value"}]}`, `{"text":…}`, `{"file":"/path"}`.
extension HTTPSpec.Body: JSONValueCodable {
    package init(json: JSON) throws(JSONMisfit) {
        var members = try JSONMembers(json, as: "a body")
        switch members.names {
        case ["json"]: self = .json(try members.value("json"))
        case ["text"]: self = .text(try members.value("text"))
        case ["file"]: self = .file(try members.value("file"))
        case ["form"]:
            self = .form(
                try members.list("form") { (json) throws(JSONMisfit) in
                    var field = try JSONMembers(json, as: "a field")
                    let read = HTTPSpec.Field(name: try field.text("name"), value: try field.value("value"))
                    try field.end()
                    return read
                })
        default: throw JSONMisfit("must be one of {\"json\":…}, {\"form\":…}, {\"text\":…}, {\"file\":…}")
        }
    }

    package var json: JSON {
        switch self {
        case .json(let value): ["json": value.json]
        case .text(let text): ["text": text.json]
        case .file(let path): ["file": path.json]
        case .form(let fields): ["form": .array(fields.map { ["name": .string($0.name), "value": $0.value.json] })]
        }
    }

    package static var schema: JSON {
        let value: JSON = ["$ref": "#/components/schemas/Expression"]
        func form(_ name: String, _ content: JSON) -> JSON {
            ["type": "object", "properties": [name: content], "required": [.string(name)], "additionalProperties": false]
        }
        let field: JSON = [
            "type": "object", "properties": ["name": ["type": "string"], "value": value], "required": ["name", "value"],
            "additionalProperties": false,
        ]
        return [
            "description": "What is sent.",
            "oneOf": [form("json", value), form("text", value), form("file", value), form("form", ["type": "array", "items": field])],
        ]
    }
}

/// `{"bearer":…}`, `{"user":…,"password":…}`.
extension HTTPSpec.Authorization: JSONValueCodable {
    package init(json: JSON) throws(JSONMisfit) {
        var members = try JSONMembers(json, as: "an authorization")
        switch members.names {
        case ["bearer"]: self = .bearer(try members.value("bearer"))
        case ["password", "user"]: self = .basic(user: try members.value("user"), password: try members.value("password"))
        default: throw JSONMisfit("must be one of {\"bearer\":…}, {\"user\":…,\"password\":…}")
        }
    }

    package var json: JSON {
        switch self {
        case .bearer(let token): ["bearer": token.json]
        case .basic(let user, let password): ["user": user.json, "password": password.json]
        }
    }

    package static var schema: JSON {
        let value: JSON = ["$ref": "#/components/schemas/Expression"]
        func form(_ names: [String]) -> JSON {
            [
                "type": "object", "properties": .object(Dictionary(uniqueKeysWithValues: names.map { ($0, value) })),
                "required": .array(names.map(JSON.string)), "additionalProperties": false,
            ]
        }
        return ["description": "Who asks.", "oneOf": [form(["bearer"]), form(["user", "password"])]]
    }
}
