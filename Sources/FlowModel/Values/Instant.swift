/// A moment in UTC, in whole milliseconds since 1970-01-01T00:00:00Z. Made outside the core, compared inside it.
///
/// What can be written are the years 0000 to 9999. Arithmetic ends at their edges and never overflows: a sum that lies beyond is the
/// nearest moment within.
package struct Instant: Hashable, Sendable, Comparable, CustomStringConvertible {
    package var milliseconds: Int64

    package init(milliseconds: Int64) { self.milliseconds = milliseconds }

    /// `0000-01-01T00:00:00.000Z`
    package static let earliest = Instant(milliseconds: -62_167_219_200_000)
    /// `9999-12-31T23:59:59.999Z`
    package static let latest = Instant(milliseconds: 253_402_300_799_999)

    package static func < (one: Instant, other: Instant) -> Bool { one.milliseconds < other.milliseconds }

    /// So many seconds later; what is not a number adds nothing.
    package static func + (instant: Instant, seconds: Double) -> Instant {
        guard !seconds.isNaN else { return instant }
        // More than any two moments are apart, and within what 64 bits hold.
        let step = Int64(min(max((seconds * 1000).rounded(), -0x1p62), 0x1p62))
        let (sum, overflows) = instant.milliseconds.addingReportingOverflow(step)
        if overflows { return step < 0 ? earliest : latest }
        return min(max(Instant(milliseconds: sum), earliest), latest)
    }

    /// Seconds from `other` to `self`.
    package func seconds(since other: Instant) -> Double { (Double(milliseconds) - Double(other.milliseconds)) / 1000 }

    /// RFC 3339 with milliseconds: `2026-02-01T13:40:00.000Z`. A moment that cannot be written is shown as the nearest that can.
    package var description: String {
        let milliseconds = min(max(self, .earliest), .latest).milliseconds
        let day = Int(milliseconds.floorDivided(by: 86_400_000))
        let rest = Int(milliseconds) - day * 86_400_000
        let date = CivilDate(daysSince1970: day)
        func pad(_ value: Int, _ width: Int) -> String {
            let digits = String(value)
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        let clock = "\(pad(rest / 3_600_000, 2)):\(pad(rest / 60_000 % 60, 2)):\(pad(rest / 1000 % 60, 2))"
        return "\(pad(date.year, 4))-\(pad(date.month, 2))-\(pad(date.day, 2))T\(clock).\(pad(rest % 1000, 3))Z"
    }

    /// Reads RFC 3339 in UTC: `2026-02-01T13:40:00Z`, with or without a fraction of the second, of which milliseconds are kept.
    ///
    /// nil for anything else, and for what no calendar or clock here has: 31 November, 24:00, and the leap second :60, which POSIX time
    /// does not count.
    package init?(_ text: String) {
        var reader = MomentReader(text)
        guard let year = reader.number(4), reader.take("-"), let month = reader.number(2), reader.take("-"), let day = reader.number(2),
            reader.take("T"), let hour = reader.number(2), reader.take(":"), let minute = reader.number(2), reader.take(":"),
            let second = reader.number(2), let thousandths = reader.fraction(), reader.take("Z"), reader.isAtEnd
        else { return nil }
        let date = CivilDate(year: year, month: month, day: day)
        guard date.exists, hour < 24, minute < 60, second < 60 else { return nil }
        let seconds = ((date.daysSince1970 * 24 + hour) * 60 + minute) * 60 + second
        milliseconds = Int64(seconds * 1000 + thousandths)
    }
}

/// The fields of a moment, each of a fixed number of ASCII digits.
private struct MomentReader {
    private var rest: Substring.UTF8View

    init(_ text: String) { rest = text[...].utf8 }

    var isAtEnd: Bool { rest.isEmpty }

    mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard rest.first == UInt8(ascii: character) else { return false }
        rest.removeFirst()
        return true
    }

    mutating func number(_ digits: Int) -> Int? {
        var value = 0
        for _ in 0..<digits {
            guard let digit = digit() else { return nil }
            value = value * 10 + digit
        }
        return value
    }

    /// Thousandths of a second; 0 when there is no fraction, nil for a point without digits.
    mutating func fraction() -> Int? {
        guard take(".") else { return 0 }
        guard var value = digit() else { return nil }
        for _ in 0..<2 { value = value * 10 + (digit() ?? 0) }
        while digit() != nil {}
        return value
    }

    private mutating func digit() -> Int? {
        guard let byte = rest.first, (0x30...0x39).contains(byte) else { return nil }
        rest.removeFirst()
        return Int(byte - 0x30)
    }
}

extension Instant: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let instant = Instant(text) else {
            throw DecodingError.dataCorruptedError(
                in: container, debugDescription: "'\(text)' is not a time such as 2026-02-01T13:40:00.000Z, on a day that exists")
        }
        self = instant
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

extension Int64 {
    fileprivate func floorDivided(by divisor: Int64) -> Int64 {
        let quotient = self / divisor
        return self % divisor < 0 ? quotient - 1 : quotient
    }
}
