internal import FlowModel

/// Built by hand, because runs that wait are written often and Codable is slow.
extension Waiting {
    var json: JSON {
        var members: [String: JSON] = [
            "kind": .string(kind.rawValue), "subject": .string(subject), "since": .int(Int(since.milliseconds)),
        ]
        if let until { members["until"] = .int(Int(until.milliseconds)) }
        if let release { members["release"] = .string(release) }
        if let reason { members["reason"] = .string(reason) }
        return .object(members)
    }

    init?(json: JSON) {
        guard let kind = json["kind"]?.stringValue.flatMap(WaitKind.init), let subject = json["subject"]?.stringValue,
            let since = json["since"]?.intValue
        else { return nil }
        self.init(
            kind: kind, subject: subject, since: Instant(milliseconds: Int64(since)),
            until: json["until"]?.intValue.map { Instant(milliseconds: Int64($0)) }, release: json["release"]?.stringValue,
            reason: json["reason"]?.stringValue)
    }
}
