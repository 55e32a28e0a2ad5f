/// `5`, `"10%"`.
extension Amount: JSONValueCodable {
    package init(json: JSON) throws(JSONMisfit) {
        if case .int(let count) = json {
            self = .count(count)
        } else if case .string(let text) = json, text.hasSuffix("%"), let share = Double(text.dropLast()), share.isFinite {
            self = .percent(share)
        } else {
            throw JSONMisfit("must be a whole number or a share such as \"10%\", found \(json.stringValue.map { "\"\($0)\"" } ?? json.typeName)")
        }
    }

    package var json: JSON {
        switch self {
        case .count(let count): .int(count)
        case .percent: .string(description)
        }
    }

    package static var schema: JSON {
        [
            "description": "So many, or a share of all.",
            "oneOf": [["type": "integer", "minimum": 0], ["type": "string", "pattern": #"^[0-9.eE+-]+%$"#]],
        ]
    }
}

/// `"inventory"`, `"reverse"`, `"name"`, `"shuffle"`, `{"rank":"label"}`, `{"spread":"label"}`.
extension RolloutOrder: JSONValueCodable {
    private static let plain: [(name: String, order: RolloutOrder)] = [
        ("inventory", .inventory), ("reverse", .reverse), ("name", .name), ("shuffle", .shuffle),
    ]

    package init(json: JSON) throws(JSONMisfit) {
        if case .string(let name) = json, let order = RolloutOrder.plain.first(where: { $0.name == name })?.order {
            self = order
        } else if case .object(let members) = json, members.count == 1, case .string(let label)? = members["rank"] {
            self = .rank(label)
        } else if case .object(let members) = json, members.count == 1, case .string(let label)? = members["spread"] {
            self = .spread(label)
        } else {
            let forms = RolloutOrder.plain.map { "\"\($0.name)\"" }.joined(separator: ", ")
            throw JSONMisfit("must be one of \(forms), {\"rank\":\"LABEL\"}, {\"spread\":\"LABEL\"}")
        }
    }

    package var json: JSON {
        switch self {
        case .inventory: "inventory"
        case .reverse: "reverse"
        case .name: "name"
        case .shuffle: "shuffle"
        case .rank(let label): ["rank": .string(label)]
        case .spread(let label): ["spread": .string(label)]
        }
    }

    package static var schema: JSON {
        func form(_ name: String) -> JSON {
            ["type": "object", "properties": [name: ["type": "string"]], "required": [.string(name)], "additionalProperties": false]
        }
        return [
            "description": "In which order targets have their turn.",
            "oneOf": [["type": "string", "enum": .array(plain.map { .string($0.name) })], form("rank"), form("spread")],
        ]
    }
}

extension RolloutSpec: Codable {
    private enum CodingKeys: String, CodingKey {
        case targets, batches, order, concurrency, startRate, skipping, soakSeconds, budget, onBreach
    }

    package init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            targets: try values.decode(Expression.self, forKey: .targets), batches: try values.decode(BatchSizes.self, forKey: .batches),
            order: try values.decode(.order, unlessAbsent: .inventory), concurrency: try values.decodeIfPresent(Amount.self, forKey: .concurrency),
            soakSeconds: try values.decode(.soakSeconds, unlessAbsent: 0), budget: try values.decode(.budget, unlessAbsent: FailureBudget()),
            onBreach: try values.decode(.onBreach, unlessAbsent: .stopNew),
            startRate: try values.decodeIfPresent(StartRate.self, forKey: .startRate),
            skipping: try values.decodeIfPresent([String].self, forKey: .skipping))
    }

    // What decides how it goes is written in full: a plan says what it does, also to a version that takes other things for usual.
    package func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(targets, forKey: .targets)
        try values.encode(batches, forKey: .batches)
        try values.encode(order, forKey: .order)
        try values.encodeIfPresent(concurrency, forKey: .concurrency)
        try values.encodeIfPresent(startRate, forKey: .startRate)
        try values.encodeIfPresent(skipping, forKey: .skipping)
        try values.encode(soakSeconds, forKey: .soakSeconds)
        try values.encode(budget, forKey: .budget)
        try values.encode(onBreach, forKey: .onBreach)
    }
}

extension FailureBudget: Codable {
    private enum CodingKeys: String, CodingKey { case maxFailures, scope, counting }

    package init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            maxFailures: try values.decode(.maxFailures, unlessAbsent: .count(0)), scope: try values.decode(.scope, unlessAbsent: .rollout),
            counting: try values.decode(.counting, unlessAbsent: .both))
    }

    package func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(maxFailures, forKey: .maxFailures)
        try values.encode(scope, forKey: .scope)
        try values.encode(counting, forKey: .counting)
    }
}
