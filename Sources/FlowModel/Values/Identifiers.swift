/// A SHA-256 digest, 64 lower-case hexadecimal digits. Who computes it decides with what; this is the name only.
package struct Digest: Hashable, Sendable, Codable, CustomStringConvertible, Comparable {
    package let hex: String

    /// nil unless `hex` is 64 lower-case hexadecimal digits.
    package init?(hex: String) {
        let isHex = hex.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
        guard hex.utf8.count == 64, isHex else { return nil }
        self.hex = hex
    }

    /// The digest made of 32 bytes.
    package init(bytes: some Sequence<UInt8>) {
        // Made for every journal record: without arrays in between.
        hex = String(unsafeUninitializedCapacity: 64) { buffer in
            var count = 0
            for byte in bytes {
                precondition(count < 64, "a digest has 32 bytes")
                buffer[count] = Digest.digit(byte >> 4)
                buffer[count + 1] = Digest.digit(byte & 15)
                count += 2
            }
            return count
        }
    }

    private static func digit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x57 + value }

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
    package static func < (one: Digest, other: Digest) -> Bool { one.hex < other.hex }
}

/// Identifies a run: a UUIDv7 in lower-case text (RFC 9562), so that ids sort by the time they were made.
package struct RunID: Hashable, Sendable, Codable, CustomStringConvertible, Comparable {
    package let text: String

    /// nil unless `text` is a UUID.
    package init?(_ text: String) {
        let lower = text.lowercased()
        let bytes = Array(lower.utf8)
        guard bytes.count == 36 else { return nil }
        for (index, byte) in bytes.enumerated() {
            let isDash = [8, 13, 18, 23].contains(index)
            let isHex = (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte)
            guard isDash ? byte == 0x2D : isHex else { return nil }
        }
        self.text = lower
    }

    /// The UUIDv7 of a time and 10 random bytes; both come from outside, so that the core stays pure.
    package init(at instant: Instant, random: [UInt8]) {
        precondition(random.count == 10, "a run id takes 10 random bytes")
        let time = UInt64(bitPattern: instant.milliseconds)
        var bytes = (0..<6).map { UInt8(truncatingIfNeeded: time >> UInt64(40 - 8 * $0)) } + random
        bytes[6] = bytes[6] & 0x0F | 0x70
        bytes[8] = bytes[8] & 0x3F | 0x80
        let digits = Array("0123456789abcdef".utf8)
        var out: [UInt8] = []
        for (index, byte) in bytes.enumerated() {
            if [4, 6, 8, 10].contains(index) { out.append(0x2D) }
            out += [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
        }
        text = String(decoding: out, as: UTF8.self)
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
    package static func < (one: RunID, other: RunID) -> Bool { one.text < other.text }
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
