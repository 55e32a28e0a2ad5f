/// Numbers as XPath 1.0 reads and writes them.
enum XPathNumber {
    /// Digits that are read; those behind them change no number, and reading them would take long.
    private static let longest = 400

    /// `-?[0-9]+(.[0-9]*)?|.[0-9]+` with spaces round it; nil: it is not a number.
    static func value(of bytes: ArraySlice<UInt8>) -> Double? {
        func isSpace(_ byte: UInt8) -> Bool { [0x20, 0x09, 0x0A, 0x0D].contains(byte) }
        var rest = bytes.drop(while: isSpace)
        while let last = rest.last, isSpace(last) { rest.removeLast() }
        let sign = rest.first == UInt8(ascii: "-") ? "-" : ""
        if !sign.isEmpty { rest.removeFirst() }
        func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
        let whole = rest.prefix(while: isDigit)
        rest = rest.dropFirst(whole.count)
        var fraction: ArraySlice<UInt8> = []
        if rest.first == UInt8(ascii: ".") {
            rest.removeFirst()
            fraction = rest
            rest = []
        }
        guard rest.isEmpty, fraction.allSatisfy(isDigit), !whole.isEmpty || !fraction.isEmpty else { return nil }
        let significant = whole.drop { $0 == UInt8(ascii: "0") }
        guard significant.count <= longest else { return sign.isEmpty ? .infinity : -.infinity }
        return Double("\(sign)0\(String(decoding: significant, as: UTF8.self)).\(String(decoding: fraction.prefix(longest), as: UTF8.self))0")
    }

    /// Without an exponent, as short as leads back to the same number.
    static func text(of value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Infinity" : "Infinity" }
        if value == 0 { return "0" }
        let parts = "\(value.magnitude)".split(separator: "e", maxSplits: 1)
        let mantissa = parts[0].split(separator: ".")
        let whole = String(mantissa[0])
        let fraction = mantissa.count > 1 && mantissa[1] != "0" ? String(mantissa[1]) : ""
        let digits = whole + fraction
        let point = whole.count + (parts.count > 1 ? Int(parts[1]) ?? 0 : 0)
        let sign = value < 0 ? "-" : ""
        if point <= 0 { return "\(sign)0.\(String(repeating: "0", count: -point))\(digits)" }
        if point >= digits.count { return sign + digits + String(repeating: "0", count: point - digits.count) }
        return "\(sign)\(digits.prefix(point)).\(digits.dropFirst(point))"
    }

    /// To the nearest whole number, upwards in the middle.
    static func rounded(_ value: Double) -> Double {
        let below = value.rounded(.down)
        return value - below < 0.5 ? below : value.rounded(.up)
    }
}
