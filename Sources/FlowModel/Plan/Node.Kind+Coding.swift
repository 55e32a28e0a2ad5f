/// In plans of format 1: `{"map":{"_0":{…}}}`.
extension Node.Kind: Codable {
    private struct Name: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }

        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    private struct Content<Value: Codable>: Codable {
        let value: Value

        enum CodingKeys: String, CodingKey { case value = "_0" }
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Name.self)
        guard container.allKeys.count == 1, let name = container.allKeys.first else {
            throw DecodingError.dataCorrupted(
                .init(codingPath: decoder.codingPath, debugDescription: "a step has one kind, found \(container.allKeys.count)"))
        }
        func content<Value: Codable>(_ type: Value.Type = Value.self) throws -> Value {
            try container.decode(Content<Value>.self, forKey: name).value
        }
        switch name.stringValue {
        case "approval": self = .approval(try content())
        case "sleep": self = .sleep(try content())
        case "sleepUntil": self = .sleepUntil(try content())
        case "waitFor": self = .waitFor(try content())
        case "choice": self = .choice(try content())
        case "map": self = .map(try content())
        case "repeatUntil": self = .repeatUntil(try content())
        case "rollout": self = .rollout(try content())
        case "call": self = .call(try content())
        default:
            guard let kind = WorkKinds.named(name.stringValue) else {
                let known = (Node.Kind.ownNames + WorkKinds.all.map { $0.kind }).joined(separator: ", ")
                throw DecodingError.dataCorrupted(
                    .init(codingPath: decoder.codingPath, debugDescription: "there is no kind of step '\(name.stringValue)'; there are: \(known)"))
            }
            func work<Spec: WorkSpec>(_ kind: Spec.Type) throws -> Node.Kind { .work(Work(try content(Spec.self))) }
            self = try work(kind)
        }
    }

    private static let ownNames = ["approval", "sleep", "sleepUntil", "waitFor", "choice", "map", "repeatUntil", "rollout", "call"]

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Name.self)
        func put(_ name: String, _ value: some Codable) throws { try container.encode(Content(value: value), forKey: Name(stringValue: name)) }
        switch self {
        case .work(let work): try put(work.kind, work.spec)
        case .approval(let spec): try put("approval", spec)
        case .sleep(let seconds): try put("sleep", seconds)
        case .sleepUntil(let moment): try put("sleepUntil", moment)
        case .waitFor(let spec): try put("waitFor", spec)
        case .choice(let condition): try put("choice", condition)
        case .map(let spec): try put("map", spec)
        case .repeatUntil(let spec): try put("repeatUntil", spec)
        case .rollout(let spec): try put("rollout", spec)
        case .call(let spec): try put("call", spec)
        }
    }
}
