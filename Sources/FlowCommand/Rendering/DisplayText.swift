/// Text as a screen shows it.
extension String {
    /// The text with everything that could steer a terminal or reorder a line made visible. `keeping` stay as they are, and so do the sequences
    /// of `Style` where there are `colours`.
    package func neutralised(keeping: Set<Unicode.Scalar> = [], colours: Bool = false) -> String {
        guard !utf8.allSatisfy({ (0x20..<0x7F).contains($0) }),
            unicodeScalars.contains(where: { $0.steersTerminals && !keeping.contains($0) })
        else { return self }
        var out = String.UnicodeScalarView()
        var colour = 0
        for (index, scalar) in zip(unicodeScalars.indices, unicodeScalars) {
            if colours, scalar == "\u{1B}" { colour = unicodeScalars[index...].colourLength }
            if colour > 0 {
                colour -= 1
                out.append(scalar)
            } else if !scalar.steersTerminals || keeping.contains(scalar) {
                out.append(scalar)
            } else if scalar.value < 0x20, let picture = Unicode.Scalar(0x2400 + scalar.value) {
                out.append(picture)
            } else if scalar.value == 0x7F {
                out.append("\u{2421}")
            } else {
                out.append(contentsOf: "<U+\(String(scalar.value, radix: 16, uppercase: true))>".unicodeScalars)
            }
        }
        return String(out)
    }

    /// Columns of a terminal that the text takes.
    var displayWidth: Int {
        // Nearly all that is shown: one column for each byte, without looking anything up.
        utf8.allSatisfy { (0x20..<0x7F).contains($0) } ? utf8.count : reduce(0) { $0 + $1.displayWidth }
    }

    /// The text cut to `width` columns, its end marked when something is missing.
    func clipped(to width: Int) -> String {
        guard displayWidth > width else { return self }
        guard width > 1 else { return width == 1 ? "…" : "" }
        var out = ""
        var used = 0
        for character in self {
            guard used + character.displayWidth < width else { break }
            out.append(character)
            used += character.displayWidth
        }
        return out + "…"
    }

    func padded(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - displayWidth)) }
}

extension Character {
    var displayWidth: Int {
        guard let scalar = unicodeScalars.first else { return 0 }
        if scalar.properties.isEmojiPresentation { return 2 }
        switch scalar.value {
        case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F,
            0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x20000...0x3FFFD:
            return 2
        default:
            return scalar.properties.generalCategory == .nonspacingMark ? 0 : 1
        }
    }
}

extension Unicode.Scalar {
    /// Control characters, and those that change the direction of text or break a line.
    fileprivate var steersTerminals: Bool {
        switch value {
        case 0..<0x20, 0x7F..<0xA0, 0x200E, 0x200F, 0x2028...0x202E, 0x2066...0x2069, 0xFEFF: true
        default: false
        }
    }
}

extension Substring.UnicodeScalarView {
    /// How many scalars a sequence of `Style` takes here (ECMA-48, SGR); 0 when there is none. Others could hide what stands behind them.
    fileprivate var colourLength: Int {
        guard dropFirst().first == "[" else { return 0 }
        let digits = dropFirst(2).prefix { ("0"..."9").contains($0) }
        let isKnown = Style.Colour(rawValue: String(Substring(digits))) != nil
        return isKnown && dropFirst(2 + digits.count).first == "m" ? digits.count + 3 : 0
    }
}
