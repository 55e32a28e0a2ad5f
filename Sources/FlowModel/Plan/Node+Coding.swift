/// A step is one flat object: what every step has, its kind, and what that kind says: `{"id":"a","name":"a","kind":"shell","command":"true"}`.
extension Node: Codable {
    enum CodingKeys: String, CodingKey, CaseIterable {
        case id, name, scope, part, finally, kind, needs, guards, policy, output, location
    }

    package init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            id: try values.decode(String.self, forKey: .id), name: try values.decode(String.self, forKey: .name),
            scope: try values.decodeIfPresent(String.self, forKey: .scope), part: try values.decode(.part, unlessAbsent: .body),
            isFinally: try values.decode(.finally, unlessAbsent: false), kind: try Kind(from: decoder),
            needs: try values.decode(.needs, unlessAbsent: []), guards: try values.decode(.guards, unlessAbsent: []),
            policy: try values.decode(.policy, unlessAbsent: Policy()), output: try values.decodeIfPresent(TypeShape.self, forKey: .output),
            location: try values.decodeIfPresent(SourceLocation.self, forKey: .location))
    }

    package func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(id, forKey: .id)
        try values.encode(name, forKey: .name)
        try values.encodeIfPresent(scope, forKey: .scope)
        try values.encode(part, forKey: .part, unless: .body)
        try values.encode(isFinally, forKey: .finally, unless: false)
        try kind.encode(to: encoder)
        try values.encode(needs, forKey: .needs, unless: [])
        try values.encode(guards, forKey: .guards, unless: [])
        try values.encode(policy, forKey: .policy, unless: Policy())
        try values.encodeIfPresent(output, forKey: .output)
        try values.encodeIfPresent(location, forKey: .location)
    }
}

extension Node.Kind: Codable {
    /// The engine's own kinds, but for those of one value; kinds of work are in `WorkKinds`.
    package static let ownSpecs: [(kind: String, spec: any (Codable & Sendable).Type)] = [
        ("approval", ApprovalSpec.self), ("waitFor", SignalSpec.self), ("map", MapSpec.self), ("repeatUntil", RepeatSpec.self),
        ("rollout", RolloutSpec.self), ("call", CallSpec.self),
    ]
    private static let ownNames = ["sleep", "when"] + ownSpecs.map(\.kind)

    private enum CodingKeys: String, CodingKey { case kind, seconds, until, condition }

    package init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        let name = try values.decode(String.self, forKey: .kind)
        switch name {
        case "approval": self = .approval(try ApprovalSpec(from: decoder))
        case "sleep":
            if let until = try values.decodeIfPresent(Expression.self, forKey: .until) {
                self = .sleepUntil(until)
            } else {
                self = .sleep(try values.decode(Expression.self, forKey: .seconds))
            }
        case "waitFor": self = .waitFor(try SignalSpec(from: decoder))
        case "when": self = .choice(try values.decode(Expression.self, forKey: .condition))
        case "map": self = .map(try MapSpec(from: decoder))
        case "repeatUntil": self = .repeatUntil(try RepeatSpec(from: decoder))
        case "rollout": self = .rollout(try RolloutSpec(from: decoder))
        case "call": self = .call(try CallSpec(from: decoder))
        default:
            guard let kind = WorkKinds.named(name) else {
                let known = (Node.Kind.ownNames + WorkKinds.all.map { $0.kind }).joined(separator: ", ")
                throw DecodingError.dataCorruptedError(
                    forKey: .kind, in: values, debugDescription: "there is no kind of step '\(name)'; there are: \(known)")
            }
            self = .work(Work(try kind.init(from: decoder)))
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        func put(_ name: String, _ spec: any Encodable) throws {
            try values.encode(name, forKey: .kind)
            try spec.encode(to: encoder)
        }
        switch self {
        case .work(let work): try put(work.kind, work.spec)
        case .approval(let spec): try put("approval", spec)
        case .sleep(let seconds):
            try values.encode("sleep", forKey: .kind)
            try values.encode(seconds, forKey: .seconds)
        case .sleepUntil(let moment):
            try values.encode("sleep", forKey: .kind)
            try values.encode(moment, forKey: .until)
        case .waitFor(let spec): try put("waitFor", spec)
        case .choice(let condition):
            try values.encode("when", forKey: .kind)
            try values.encode(condition, forKey: .condition)
        case .map(let spec): try put("map", spec)
        case .repeatUntil(let spec): try put("repeatUntil", spec)
        case .rollout(let spec): try put("rollout", spec)
        case .call(let spec): try put("call", spec)
        }
    }
}

/// The elements are `hosts`, a selector, or `list`, a list value.
extension MapSpec: Codable {
    private enum CodingKeys: String, CodingKey { case hosts, list, width, minSucceeded, keepsGoing, title }

    package init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        let hosts = try values.decodeIfPresent(Expression.self, forKey: .hosts)
        let list = try values.decodeIfPresent(Expression.self, forKey: .list)
        self.init(
            elements: .list(.literal([])), width: try values.decode(Int.self, forKey: .width),
            minSucceeded: try values.decodeIfPresent(Amount.self, forKey: .minSucceeded),
            keepsGoing: try values.decodeIfPresent(Bool.self, forKey: .keepsGoing), title: try values.decodeIfPresent(String.self, forKey: .title))
        switch (hosts, list) {
        case (let selector?, nil): elements = .hosts(selector)
        case (nil, let value?): elements = .list(value)
        default:
            let found = hosts == nil ? "neither" : "both"
            throw DecodingError.dataCorrupted(
                .init(codingPath: decoder.codingPath, debugDescription: "must have 'hosts' or a 'list', found \(found)"))
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        switch elements {
        case .hosts(let selector): try values.encode(selector, forKey: .hosts)
        case .list(let value): try values.encode(value, forKey: .list)
        }
        try values.encode(width, forKey: .width)
        try values.encodeIfPresent(minSucceeded, forKey: .minSucceeded)
        try values.encodeIfPresent(keepsGoing, forKey: .keepsGoing)
        try values.encodeIfPresent(title, forKey: .title)
    }
}
