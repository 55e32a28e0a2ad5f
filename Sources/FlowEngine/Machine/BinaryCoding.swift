import FlowModel

/// Writes the journal's binary form: variable-length integers (LEB128), texts and bytes with their length before them.
struct BinaryWriter {
    private(set) var bytes: [UInt8] = []

    mutating func write(_ value: Int) {
        // Zigzag, so that small negative numbers stay short.
        var rest = UInt64(bitPattern: Int64(value << 1) ^ Int64(value >> 63))
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    mutating func write(_ value: Bool) { bytes.append(value ? 1 : 0) }

    mutating func write(_ text: String) {
        write(text.utf8.count)
        bytes += text.utf8
    }

    mutating func write(_ value: JSON) {
        let json = value.canonicalBytes
        write(json.count)
        bytes += json
    }

    mutating func write(_ instant: Instant) { write(Int(instant.milliseconds)) }
    mutating func write(_ digest: Digest) { write(digest.hex) }

    mutating func write<Value>(_ value: Value?, _ write: (inout BinaryWriter, Value) -> Void) {
        self.write(value != nil)
        if let value { write(&self, value) }
    }

    mutating func write(_ value: String?) { write(value) { $0.write($1) } }
    mutating func write(_ value: Int?) { write(value) { $0.write($1) } }
    mutating func write(_ value: Bool?) { write(value) { $0.write($1) } }
}

/// Reads what `BinaryWriter` wrote. Anything else is an error, never a trap.
struct BinaryReader {
    struct Malformed: Error { var message: String }

    private let bytes: [UInt8]
    private var at = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var isAtEnd: Bool { at == bytes.count }

    mutating func byte() throws -> UInt8 {
        guard at < bytes.count else { throw Malformed(message: "it ends too early") }
        at += 1
        return bytes[at - 1]
    }

    mutating func int() throws -> Int {
        var value: UInt64 = 0
        for shift in stride(from: 0 as UInt64, to: 70, by: 7) {
            let next = try byte()
            value |= UInt64(next & 0x7F) << shift
            if next < 0x80 { return Int(Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)) }
        }
        throw Malformed(message: "a number is too long")
    }

    mutating func bool() throws -> Bool { try byte() != 0 }

    private mutating func slice() throws -> ArraySlice<UInt8> {
        let count = try int()
        guard count >= 0, count <= bytes.count - at else { throw Malformed(message: "a length is wrong") }
        at += count
        return bytes[at - count..<at]
    }

    mutating func text() throws -> String {
        guard let text = String(validating: try slice(), as: UTF8.self) else { throw Malformed(message: "a text is not UTF-8") }
        return text
    }

    mutating func json() throws -> JSON { try JSON.parse(try slice(), maxDepth: Limits.planDepth) }
    mutating func instant() throws -> Instant { Instant(milliseconds: Int64(try int())) }

    mutating func digest() throws -> Digest {
        guard let digest = Digest(hex: try text()) else { throw Malformed(message: "a digest is wrong") }
        return digest
    }

    mutating func optional<Value>(_ read: (inout BinaryReader) throws -> Value) throws -> Value? {
        try bool() ? try read(&self) : nil
    }

    mutating func state<State: RawRepresentable<String>>(_ type: State.Type) throws -> State {
        let word = try text()
        guard let state = State(rawValue: word) else { throw Malformed(message: "'\(word)' is not known") }
        return state
    }
}
