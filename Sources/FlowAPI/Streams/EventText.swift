import FlowEngine
import FlowModel
import FlowWire

/// Journal records as messages of `text/event-stream`.
enum EventText {
    static func message(_ record: JournalRecord) throws -> String {
        let events = try record.events().map(cut)
        let data: JSON = ["sequence": .int(record.sequence), "at": .string(record.at.description), "events": .array(events)]
        return "id: \(record.sequence)\nevent: \(Wire.Record.eventName)\ndata: \(data.canonical)\n\n"
    }

    static func end(_ state: RunState) throws -> String {
        let data = String(decoding: try Answer.encode(Wire.StreamEnd(state: state)), as: UTF8.self)
        return "event: \(Wire.Record.endName)\ndata: \(data)\n\n"
    }

    /// Members that people fill, and that may be large. The rest is Flow's own and small, or needed by who follows.
    private static let filled = ["inputs", "prompt", "fields", "message", "comment", "reason"]

    /// The event without large values: a text is cut, anything else is left out; `cut` names the members.
    private static func cut(_ event: JSON) -> JSON {
        guard case .object(var members) = event else { return event }
        var names: [JSON] = []
        for name in filled {
            guard let value = members[name] else { continue }
            if case .string(let text) = value {
                guard text.utf8.count > APILimits.eventValueBytes else { continue }
                members[name] = .string(text.cut(toBytes: APILimits.eventValueBytes))
            } else {
                guard value.canonicalBytes.count > APILimits.eventValueBytes else { continue }
                members[name] = nil
            }
            names.append(.string(name))
        }
        if !names.isEmpty { members["cut"] = .array(names) }
        return .object(members)
    }
}
