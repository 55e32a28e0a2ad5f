/// Reads `text/event-stream` (HTML Living Standard §9.2) from pieces of bytes.
package struct EventStreamParser {
    package struct Message: Hashable, Sendable {
        package var id: String?
        package var event: String
        package var data: String
    }

    private var line: [UInt8] = []
    private var lastWasReturn = false
    private var id: String?
    private var event = ""
    private var data: [String] = []
    private var bytes = 0

    package init() {}

    /// The messages that `chunk` completes. Throws when one is larger than `CommandLimits.messageBytes`.
    package mutating func take(_ chunk: [UInt8]) throws(TransportFailure) -> [Message] {
        var messages: [Message] = []
        for byte in chunk {
            defer { lastWasReturn = byte == 0x0D }
            if byte == 0x0A, lastWasReturn { continue }
            guard byte == 0x0A || byte == 0x0D else {
                line.append(byte)
                bytes += 1
                guard bytes <= CommandLimits.messageBytes else {
                    throw TransportFailure(
                        .other, "a message of the event stream is larger than \(CommandLimits.messageBytes) bytes")
                }
                continue
            }
            if let message = endLine() { messages.append(message) }
        }
        return messages
    }

    private mutating func endLine() -> Message? {
        defer { line = [] }
        guard !line.isEmpty else { return dispatch() }
        let text = String(decoding: line, as: UTF8.self)
        guard !text.hasPrefix(":") else { return nil }
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        var value = parts.count == 2 ? parts[1] : ""
        if value.first == " " { value.removeFirst() }
        switch parts[0] {
        case "id": id = String(value)
        case "event": event = String(value)
        case "data": data.append(String(value))
        default: break
        }
        return nil
    }

    private mutating func dispatch() -> Message? {
        defer {
            event = ""
            data = []
            bytes = 0
        }
        guard !data.isEmpty else { return nil }
        return Message(id: id, event: event.isEmpty ? "message" : event, data: data.joined(separator: "\n"))
    }
}
