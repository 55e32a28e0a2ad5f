import FlowModel
import Glibc

/// The frames between worker and flow host: the length of a JSON document in four bytes, most significant first, then the document.
/// `FlowHost.swift` in FlowDSL has both sides' messages.
enum HostFrames {
    static func frame(_ message: JSON) -> [UInt8] {
        let body = message.canonicalBytes
        return (0..<4).map { UInt8(truncatingIfNeeded: body.count >> (24 - 8 * $0)) } + body
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

        /// The next whole message; nil when it is not there yet. Throws when the other side breaks the rules.
        mutating func next() throws -> JSON? {
            guard bytes.count - at >= 4 else { return nil }
            let length = bytes[at..<at + 4].reduce(0) { $0 << 8 | Int($1) }
            guard length <= WorkerLimits.hostFrameBytes else {
                throw CallError("it sent a frame of \(length) bytes; at most \(WorkerLimits.hostFrameBytes) are accepted", EPROTO)
            }
            guard bytes.count - at >= 4 + length else { return nil }
            defer { at += 4 + length }
            return try message(bytes[at + 4..<at + 4 + length])
        }

        private func message(_ body: ArraySlice<UInt8>) throws -> JSON {
            do {
                // A text of the author's may hold NUL, which values here do not.
                return try JSON.parse(HostFrames.replacingNUL(Array(body)))
            } catch {
                throw CallError("it sent a frame that is not JSON (\(error))", EPROTO)
            }
        }
    }

    /// The document with U+FFFD for every escaped NUL.
    private static func replacingNUL(_ body: [UInt8]) -> [UInt8] {
        var out = body
        var at = 0
        while at + 5 < out.count {
            guard out[at] == UInt8(ascii: "\\") else {
                at += 1
                continue
            }
            if out[(at + 1)...(at + 5)].elementsEqual("u0000".utf8) { out.replaceSubrange((at + 2)...(at + 5), with: "fffd".utf8) }
            // What is escaped is not looked at again: it may be a backslash.
            at += 2
        }
        return out
    }
}
