/// A SHA-256 digest, written as 64 lower-case hexadecimal digits. Who computes it decides with what; this is the name only.
package struct Digest: Hashable, Sendable, Codable, CustomStringConvertible, Comparable {
    // Made for every journal record: four words, and nothing on the heap.
    private let first: UInt64
    private let second: UInt64
    private let third: UInt64
    private let fourth: UInt64

    /// nil unless `hex` is 64 lower-case hexadecimal digits.
    package init?(hex: String) {
        var digits = HexDigits(hex.utf8)
        guard hex.utf8.count == 64, let first = digits.word(16), let second = digits.word(16), let third = digits.word(16),
            let fourth = digits.word(16)
        else { return nil }
        (self.first, self.second, self.third, self.fourth) = (first, second, third, fourth)
    }

    /// The digest made of 32 bytes.
    package init(bytes: UnsafeRawBufferPointer) {
        precondition(bytes.count == 32, "a digest has 32 bytes")
        func word(_ offset: Int) -> UInt64 { UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) }
        (first, second, third, fourth) = (word(0), word(8), word(16), word(24))
    }

    package init(bytes: [UInt8]) { self = bytes.withUnsafeBytes { Digest(bytes: $0) } }

    package var hex: String {
        String(unsafeUninitializedCapacity: 64) { buffer in
            write(to: UnsafeMutableRawBufferPointer(buffer))
            return 64
        }
    }

    package var bytes: [UInt8] {
        [first, second, third, fourth].flatMap { word in withUnsafeBytes(of: word.bigEndian) { [UInt8]($0) } }
    }

    /// The digits of `hex`, without a text in between.
    package func appendHex(to bytes: inout [UInt8]) {
        withUnsafeTemporaryAllocation(byteCount: 64, alignment: 1) { buffer in
            write(to: buffer)
            bytes.append(contentsOf: buffer)
        }
    }

    private func write(to buffer: UnsafeMutableRawBufferPointer) {
        for (number, word) in [first, second, third, fourth].enumerated() { HexDigits.write(word, digits: 16, to: buffer, at: number * 16) }
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let digest = Digest(hex: text) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "'\(text)' is not a SHA-256 digest")
        }
        self = digest
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(hex)
    }

    package var description: String { hex }
    /// The first twelve digits, for people.
    package var short: String { String(hex.prefix(12)) }
    package static func < (one: Digest, other: Digest) -> Bool {
        (one.first, one.second, one.third, one.fourth) < (other.first, other.second, other.third, other.fourth)
    }
}

/// Identifies a run: a UUIDv7, written in lower-case text (RFC 9562), so that ids sort by the time they were made.
package struct RunID: Hashable, Sendable, Codable, CustomStringConvertible, Comparable {
    private let high: UInt64
    private let low: UInt64

    /// nil unless `text` is a UUID.
    package init?(_ text: String) {
        guard text.utf8.count == 36 else { return nil }
        var digits = HexDigits(text.utf8)
        var words: [UInt64] = []
        for count in [8, 4, 4, 4, 12] {
            guard words.isEmpty || digits.skip(0x2D), let word = digits.word(count, takingCapitals: true) else { return nil }
            words.append(word)
        }
        high = words[0] << 32 | words[1] << 16 | words[2]
        low = words[3] << 48 | words[4]
    }

    /// The UUIDv7 of a time and 10 random bytes; both come from outside, so that the core stays pure.
    package init(at instant: Instant, random: [UInt8]) {
        precondition(random.count == 10, "a run id takes 10 random bytes")
        let time = UInt64(bitPattern: instant.milliseconds) << 16
        high = time | UInt64(random[0] & 0x0F | 0x70) << 8 | UInt64(random[1])
        low = random[3...].reduce(UInt64(random[2] & 0x3F | 0x80)) { $0 << 8 | UInt64($1) }
    }

    /// The time in it: when the run began.
    package var instant: Instant { Instant(milliseconds: Int64(high >> 16)) }

    package var text: String {
        String(unsafeUninitializedCapacity: 36) { buffer in
            write(to: UnsafeMutableRawBufferPointer(buffer))
            return 36
        }
    }

    /// The characters of `text`, without a text in between.
    package func append(to bytes: inout [UInt8]) {
        withUnsafeTemporaryAllocation(byteCount: 36, alignment: 1) { buffer in
            write(to: buffer)
            bytes.append(contentsOf: buffer)
        }
    }

    private func write(to buffer: UnsafeMutableRawBufferPointer) {
        HexDigits.write(high >> 32, digits: 8, to: buffer, at: 0)
        HexDigits.write(high >> 16, digits: 4, to: buffer, at: 9)
        HexDigits.write(high, digits: 4, to: buffer, at: 14)
        HexDigits.write(low >> 48, digits: 4, to: buffer, at: 19)
        HexDigits.write(low, digits: 12, to: buffer, at: 24)
        for dash in [8, 13, 18, 23] { buffer[dash] = 0x2D }
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let id = RunID(text) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "'\(text)' is not a run id")
        }
        self = id
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }

    package var description: String { text }
    package static func < (one: RunID, other: RunID) -> Bool { (one.high, one.low) < (other.high, other.low) }
}

/// Hexadecimal digits, read one word after the other.
private struct HexDigits {
    private var rest: Substring.UTF8View

    init(_ text: String.UTF8View) { rest = text[...] }

    /// The next `count` digits, 16 at most; nil when there is another character among them.
    mutating func word(_ count: Int, takingCapitals: Bool = false) -> UInt64? {
        var word: UInt64 = 0
        for _ in 0..<count {
            guard let character = rest.popFirst() else { return nil }
            switch character {
            case 0x30...0x39: word = word << 4 | UInt64(character - 0x30)
            case 0x61...0x66: word = word << 4 | UInt64(character - 0x57)
            case 0x41...0x46 where takingCapitals: word = word << 4 | UInt64(character - 0x37)
            default: return nil
            }
        }
        return word
    }

    mutating func skip(_ character: UInt8) -> Bool { rest.popFirst() == character }

    /// The last `digits` digits of the word.
    static func write(_ word: UInt64, digits: Int, to buffer: UnsafeMutableRawBufferPointer, at start: Int) {
        var word = word
        for position in stride(from: start + digits - 1, through: start, by: -1) {
            let value = UInt8(truncatingIfNeeded: word & 15)
            buffer[position] = value < 10 ? 0x30 + value : 0x57 + value
            word >>= 4
        }
    }
}

/// The right of one attempt over another of the same step: the engine's epoch first, then the attempt's number.
///
/// A host refuses a fence that is not greater than the one it recorded (design §6).
package struct Fence: Hashable, Sendable, Codable, Comparable, CustomStringConvertible {
    package var epoch: Int
    package var attempt: Int

    package init(epoch: Int, attempt: Int) {
        self.epoch = epoch
        self.attempt = attempt
    }

    package static func < (one: Fence, other: Fence) -> Bool {
        (one.epoch, one.attempt) < (other.epoch, other.attempt)
    }
    package var description: String { "\(epoch).\(attempt)" }
}
