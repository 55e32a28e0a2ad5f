extension Plan: Codable {
    private enum CodingKeys: String, CodingKey {
        case format, flow, summary, parameters, steps, triggers, calls, control, assets, source, dsl
    }

    /// Refuses what it does not know, of format 1 too.
    package init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        let format = try values.decode(Int.self, forKey: .format)
        switch format {
        case Plan.currentFormat: try self.init(current: values)
        case PlanFormat1.number:
            let json = JSON.object(try Plan.members(of: decoder))
            do throws(JSONMisfit) {
                let (plan, faults) = StrictDecoder.check(Plan.self, try PlanFormat1.flat(json, isStrict: true))
                guard let plan else {
                    throw JSONMisfit(faults.first?.message ?? "cannot be read", at: faults.first.map { [$0.subject] } ?? [])
                }
                self.init(plan, asRead: json)
            } catch {
                throw DecodingError.dataCorrupted(
                    .init(codingPath: decoder.codingPath + error.path.map { NameKey($0) }, debugDescription: error.message))
            }
        default:
            let read = Plan.formats.map(String.init).joined(separator: ", ")
            throw DecodingError.dataCorruptedError(forKey: .format, in: values, debugDescription: "must be one of \(read), found \(format)")
        }
    }

    /// A plan that a store has kept. What one of format 1 has that nobody knows was never looked at, and is not now.
    package init(stored json: JSON) throws {
        if json["format"] == .int(PlanFormat1.number) {
            self.init(try PlanFormat1.flat(json, isStrict: false).read(as: Plan.self), asRead: json)
        } else {
            self = try StrictDecoder.decode(Plan.self, from: json)
        }
    }

    private init(_ plan: Plan, asRead: JSON) {
        self.asRead = asRead
        (flow, summary, parameters, nodes) = (plan.flow, plan.summary, plan.parameters, plan.nodes)
        (triggers, control, assets) = (plan.triggers, plan.control, plan.assets)
        (source, dsl) = (plan.source, plan.dsl)
        calls = plan.calls.map { calls in
            zip(calls, asRead["calls"]?.arrayValue ?? []).map { call, read in
                CalledFlow(plan: Plan(call.plan, asRead: read["plan"] ?? .null), binary: call.binary)
            }
        }
    }

    private init(current values: KeyedDecodingContainer<CodingKeys>) throws {
        self.init(
            flow: try values.decode(String.self, forKey: .flow), summary: try values.decodeIfPresent(String.self, forKey: .summary),
            parameters: try values.decode(.parameters, unlessAbsent: []), nodes: try values.decode([Node].self, forKey: .steps),
            assets: try values.decode(.assets, unlessAbsent: []), source: try values.decodeIfPresent(Digest.self, forKey: .source),
            dsl: try values.decode(String.self, forKey: .dsl), triggers: try values.decodeIfPresent([TriggerSpec].self, forKey: .triggers),
            control: try values.decodeIfPresent(FlowControl.self, forKey: .control),
            calls: try values.decodeIfPresent([CalledFlow].self, forKey: .calls))
    }

    package func encode(to encoder: any Encoder) throws {
        if let asRead { return try asRead.encode(to: encoder) }
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(Plan.currentFormat, forKey: .format)
        try values.encode(flow, forKey: .flow)
        try values.encodeIfPresent(summary, forKey: .summary)
        try values.encode(parameters, forKey: .parameters, unless: [])
        try values.encode(nodes, forKey: .steps)
        try values.encodeIfPresent(triggers, forKey: .triggers)
        try values.encodeIfPresent(calls, forKey: .calls)
        try values.encodeIfPresent(control, forKey: .control)
        try values.encode(assets, forKey: .assets, unless: [])
        try values.encodeIfPresent(source, forKey: .source)
        try values.encode(dsl, forKey: .dsl)
    }

    /// Those that are read.
    package static let formats = [PlanFormat1.number, currentFormat]

    /// All members as they are.
    private static func members(of decoder: any Decoder) throws -> [String: JSON] {
        let values = try decoder.container(keyedBy: NameKey.self)
        var members: [String: JSON] = [:]
        for key in values.allKeys { members[key.stringValue] = try values.decode(JSON.self, forKey: key) }
        return members
    }
}
