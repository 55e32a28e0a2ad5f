internal import Glibc

/// Texts for parsers, on a seed: good ones, extremes, and what small changes make of good ones.
package struct TextFuzz {
    /// Texts that each parser tries; `FLOW_FUZZ=100000` for a night's worth.
    package static let cases = getenv("FLOW_FUZZ").flatMap { Int(String(cString: $0)) } ?? 2_000

    /// What parsers have fallen over: edges of 64 bits, numbers that are none, digits that are not ASCII, ends of lines, marks.
    package static let extremes = [
        "", " ", "-", "+", "0", "-0", "+1", "-1", "00", "1e400", "1e17", "-1e300", "0x1p3", "nan", "inf", "-inf", "9223372036854775807",
        "-9223372036854775808", "9223372036854775808", "18446744073709551616", "999999999", "1000000000", "٣", "１", "\u{0}", "\n", "\r",
        "\r\n", "\u{85}", "\u{2028}", "\u{2029}", "\u{FEFF}", "\t", "é", "e\u{301}", "\u{301}", "👩‍👩‍👧", "\u{E0F1}", "..", "::", "%", "*", "?", "#", "\"",
        "'",
        "\\", "[", "]", "{", "}", "&a", "*a", "|", ">", "---", "...", "@", "~", "null", String(repeating: "9", count: 400),
        String(repeating: "(", count: 500), String(repeating: "[", count: 2_000), String(repeating: "{a: ", count: 2_000),
    ]

    package var random: SeededRandom

    package init(seed: UInt64) { random = SeededRandom(seed: seed) }

    /// A good text with up to five changes, or an extreme alone.
    package mutating func text(from good: [String]) -> String {
        if random.chance(0.03) { return random.pick(Self.extremes) }
        var scalars = Array(random.pick(good).unicodeScalars)
        for _ in 0..<random.int(0...5) { change(&scalars, good) }
        var text = String.UnicodeScalarView()
        text.append(contentsOf: scalars)
        return String(text)
    }

    private mutating func change(_ scalars: inout [Unicode.Scalar], _ good: [String]) {
        let at = random.int(0...scalars.count)
        let end = min(scalars.count, at + random.int(0...4))
        switch random.int(0...5) {
        case 0: scalars.removeSubrange(at..<end)
        case 1: scalars.insert(contentsOf: Array(random.pick(Self.extremes).unicodeScalars), at: at)
        case 2: scalars.replaceSubrange(at..<end, with: Array(random.pick(Self.extremes).unicodeScalars))
        case 3: scalars.insert(contentsOf: scalars[at..<end], at: random.int(0...scalars.count))
        case 4: if at < scalars.count, let scalar = Unicode.Scalar(UInt32(random.int(0x20...0x7E))) { scalars[at] = scalar }
        default: number(&scalars)
        }
    }

    /// Another number in place of one.
    private mutating func number(_ scalars: inout [Unicode.Scalar]) {
        let digits = scalars.indices.filter { ("0"..."9").contains(scalars[$0]) }
        guard !digits.isEmpty else { return }
        let first = random.pick(digits)
        let end = scalars[first...].firstIndex { !("0"..."9").contains($0) } ?? scalars.count
        let number = random.chance(0.5) ? "\(random.int(-2...70))" : random.pick(Self.extremes)
        scalars.replaceSubrange(first..<end, with: Array(number.unicodeScalars))
    }

    /// A number of seconds, also one that is none.
    package mutating func seconds() -> Double {
        switch random.int(0...3) {
        case 0: random.pick([0, -0.0, 1, -1, 0.0005, 1e17, -1e17, 1e300, -1e300, .infinity, -.infinity, .nan, .greatestFiniteMagnitude, 9.3e15])
        case 1: Double(random.int(-100_000...100_000)) / 7
        case 2: Double(random.int(-4_000_000_000...4_000_000_000))
        default: Double(bitPattern: random.next())
        }
    }

    package mutating func integer() -> Int {
        random.chance(0.5) ? random.pick([0, 1, -1, Int.max, Int.min, Int.max - 1, 1 << 32, 1 << 53, -1 << 40]) : random.int(-1_000_000...1_000_000)
    }
}
