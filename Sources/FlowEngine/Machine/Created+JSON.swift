import FlowModel

extension Created {
    /// Written once for a run, so it may be JSON: readable, and open to additions.
    var json: JSON {
        var members: [String: JSON] = [
            "flow": .string(flow), "revision": .string(revision.hex), "plan": .string(plan.hex), "inputs": .object(inputs),
            "user": .string(user), "person": .string(person),
        ]
        if let binary { members["binary"] = .string(binary.hex) }
        if let key { members["key"] = .string(key) }
        if let parent {
            members["parent"] = ["run": .string(parent.run.text), "step": .string(parent.step.text), "generation": .int(parent.generation)]
        }
        if !callers.isEmpty {
            members["callers"] = .array(callers.map { ["run": .string($0.run.text), "step": .string($0.step.text)] })
        }
        if let limit {
            members["limit"] = ["selector": .string(limit.selector), "hosts": .array(limit.hosts.map(JSON.string))]
        }
        if let priority { members["priority"] = .int(priority) }
        if !shapers.isEmpty { members["shapers"] = .array(shapers.map(\.json)) }
        if let isRegistered { members["registered"] = .bool(isRegistered) }
        if let isUngated { members["ungated"] = .bool(isUngated) }
        if let shapedSince { members["shapedSince"] = .int(Int(shapedSince.milliseconds)) }
        if !holdBefore.isEmpty { members["holdBefore"] = .array(holdBefore.sorted().map(JSON.string)) }
        if !labels.isEmpty { members["labels"] = .object(labels.mapValues(JSON.string)) }
        if !targets.isEmpty { members["targets"] = targets.json }
        return .object(members)
    }

    init(json: JSON) throws {
        func digest(_ name: String) -> Digest? { json[name]?.stringValue.flatMap(Digest.init(hex:)) }
        guard let flow = json["flow"]?.stringValue, let revision = digest("revision"), let plan = digest("plan"),
            let inputs = json["inputs"]?.objectValue, let user = json["user"]?.stringValue,
            let person = json["person"]?.stringValue
        else { throw BinaryReader.Malformed(message: "the run's first entry lacks a member") }
        self.init(
            flow: flow, revision: revision, plan: plan, binary: digest("binary"), inputs: inputs,
            targets: [String: [Host]](json: json["targets"]),
            labels: (json["labels"]?.objectValue ?? [:]).mapValues(\.text), key: json["key"]?.stringValue, user: user,
            person: person, holdBefore: Set((json["holdBefore"]?.arrayValue ?? []).map(\.text)), parent: CallID(json: json["parent"]),
            callers: (json["callers"]?.arrayValue ?? []).compactMap(ClaimRow.ID.init(json:)), priority: json["priority"]?.intValue,
            limit: HostLimit(json: json["limit"]), shapers: try (json["shapers"]?.arrayValue ?? []).map { try Shaper(json: $0) },
            isRegistered: json["registered"]?.boolValue, isUngated: json["ungated"]?.boolValue,
            shapedSince: json["shapedSince"]?.intValue.map { Instant(milliseconds: Int64($0)) })
    }
}

extension Shaper {
    var json: JSON {
        var members: [String: JSON] = ["user": .string(user), "person": .string(person), "deed": .string(deed.rawValue)]
        if let subject { members["subject"] = .string(subject) }
        if let caller { members["caller"] = .string(caller.text) }
        if let called { members["called"] = .string(called.text) }
        return .object(members)
    }

    /// Nobody is left out: a rule about people would not hold for who cannot be read.
    init(json: JSON) throws {
        guard let user = json["user"]?.stringValue, let person = json["person"]?.stringValue,
            let deed = json["deed"]?.stringValue.flatMap(Deed.init(rawValue:))
        else { throw BinaryReader.Malformed(message: "somebody who shaped a run cannot be read") }
        self.init(
            user: user, person: person, deed, json["subject"]?.stringValue, caller: json["caller"]?.stringValue.flatMap { RunID($0) },
            called: json["called"]?.stringValue.flatMap { RunID($0) })
    }
}

extension HostLimit {
    fileprivate init?(json: JSON?) {
        guard let selector = json?["selector"]?.stringValue, let hosts = json?["hosts"]?.arrayValue else { return nil }
        self.init(selector: selector, hosts: hosts.map(\.text))
    }
}

extension ClaimRow.ID {
    fileprivate init?(json: JSON) {
        guard let run = json["run"]?.stringValue.flatMap({ RunID($0) }), let step = json["step"]?.stringValue else { return nil }
        self.init(run: run, step: StepPath(step))
    }
}

extension CallID {
    fileprivate init?(json: JSON?) {
        guard let run = json?["run"]?.stringValue.flatMap({ RunID($0) }), let step = json?["step"]?.stringValue,
            let generation = json?["generation"]?.intValue
        else { return nil }
        self.init(run: run, step: StepPath(step), generation: generation)
    }
}

extension InputEdit {
    var json: JSON { ["inputs": .object(inputs), "targets": targets.json] }

    init(json: JSON) throws {
        guard let inputs = json["inputs"]?.objectValue else { throw BinaryReader.Malformed(message: "an edit has no inputs") }
        self.init(inputs: inputs, targets: [String: [Host]](json: json["targets"]))
    }
}

extension [String: [Host]] {
    var json: JSON { .object(mapValues { .array($0.map(\.json)) }) }

    init(json: JSON?) {
        self = (json?.objectValue ?? [:]).mapValues { ($0.arrayValue ?? []).compactMap(Host.init(json:)) }
    }
}

extension Host {
    fileprivate var json: JSON {
        var members: [String: JSON] = [
            "name": .string(name), "address": .string(address), "port": .int(port),
            "hostKeys": .array(hostKeys.map(JSON.string)), "labels": .object(labels.mapValues(JSON.string)),
        ]
        if let user { members["user"] = .string(user) }
        if let identityFile { members["identityFile"] = .string(identityFile) }
        return .object(members)
    }

    fileprivate init?(json: JSON) {
        guard let name = json["name"]?.stringValue, let address = json["address"]?.stringValue,
            let port = json["port"]?.intValue
        else { return nil }
        self.init(
            name: name, address: address, port: port, user: json["user"]?.stringValue,
            identityFile: json["identityFile"]?.stringValue, hostKeys: (json["hostKeys"]?.arrayValue ?? []).map(\.text),
            labels: (json["labels"]?.objectValue ?? [:]).mapValues(\.text))
    }
}
