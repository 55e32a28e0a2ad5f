import FlowModel
import Glibc

/// The frames between worker and flow host: the length of a JSON document in four bytes, most significant first, then the document.
/// `FlowHost.swift` in FlowDSL has both sides' messages.
enum HostFrames {
    static func frame(_ message: JSON) -> [UInt8] {
        let body = message.canonicalBytes
        return (0..<4).map { UInt8(truncatingIfNeeded: body.count >> (24 - 8 * $0)) } + body
    }

    /// What came.
    struct Message {
        var json: JSON
        /// Whether a text of it had NUL, which texts here do not hold: U+FFFD is there instead.
        var heldNUL: Bool
    }

    /// Puts pieces of a stream together again.
    struct Reader {
        private var bytes: [UInt8] = []
        /// Where the next frame begins.
        private var at = 0

        mutating func add(_ piece: [UInt8]) {
            bytes.removeFirst(at)
            at = 0
            bytes += piece
        }

        /// Bytes that are in no message yet.
        var rest: Int { bytes.count - at }

        /// The next whole message; nil when it is not there yet. Throws when the other side breaks the rules.
        mutating func next() throws -> Message? {
            guard bytes.count - at >= 4 else { return nil }
            let length = bytes[at..<at + 4].reduce(0) { $0 << 8 | Int($1) }
            guard length <= WorkerLimits.hostFrameBytes else {
                throw CallError("it sent a frame of \(length) bytes; at most \(WorkerLimits.hostFrameBytes) are accepted", EPROTO)
            }
            guard bytes.count - at >= 4 + length else { return nil }
            defer { at += 4 + length }
            return try message(bytes[at + 4..<at + 4 + length])
        }

        private func message(_ body: ArraySlice<UInt8>) throws -> Message {
            do {
                let (fit, heldNUL) = HostFrames.replacingNUL(Array(body))
                return Message(json: try JSON.parse(fit), heldNUL: heldNUL)
            } catch {
                throw CallError("it sent a frame that is not JSON (\(error))", EPROTO)
            }
        }
    }

    /// The document with U+FFFD for every escaped NUL.
    private static func replacingNUL(_ body: [UInt8]) -> (body: [UInt8], heldNUL: Bool) {
        var (out, heldNUL) = (body, false)
        var at = 0
        while at + 5 < out.count {
            guard out[at] == UInt8(ascii: "\\") else {
                at += 1
                continue
            }
            if out[(at + 1)...(at + 5)].elementsEqual("u0000".utf8) {
                out.replaceSubrange((at + 2)...(at + 5), with: "fffd".utf8)
                heldNUL = true
            }
            // What is escaped is not looked at again: it may be a backslash.
            at += 2
        }
        return (out, heldNUL)
    }
}
