/// Values that do harm wherever they are taken for anything but a value.
enum AwkwardTexts {
    /// The issue's own, with a backslash and with a real newline.
    static let known = ["a b;'\"$(touch pwned)\\n", "a b;'\"$(touch pwned)\n"]

    static let plain =
        known + [
            "", "'", "''", "\\", "\n", "\n\n", " ", "*", "~", "$HOME", "`id`", "!", "#", "-n", "--", "\u{1}\u{7F}", "a\r\nb\r", "\u{FEFF}",
            "e\u{301}", "👩‍👩‍👧", "\u{81}\u{88}\u{80}", "\u{1B}[31m", "=", "{a,b}", "%s\\0", "\u{202E}gnp.exe", "$((1))", "\\0101", "a\\",
        ]

    /// From a seed, so that a failure can be had again. Each is a mixture of what is awkward: controls, newlines, quotes, backslashes,
    /// directions, combining marks, and characters of every plane.
    static func random(_ count: Int, seed: UInt64 = 20_260_801) -> [String] {
        var state = seed
        func next(_ bound: UInt32) -> UInt32 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return UInt32(truncatingIfNeeded: state >> 33) % bound
        }
        let marks = Array("'\"\\`$(){}[]<>|&;*?!~#%=\n\r\t ".unicodeScalars)
        return (0..<count).map { _ in
            var text = String.UnicodeScalarView()
            for _ in 0..<next(16) {
                let value: UInt32 =
                    switch next(7) {
                    case 0: 1 + next(0x1F)
                    case 1, 2: marks[Int(next(UInt32(marks.count)))].value
                    case 3: 0x300 + next(0x70)
                    case 4: [0x200E, 0x200F, 0x202A, 0x202E, 0x2066, 0x2069, 0x2028, 0x85, 0xFEFF][Int(next(9))]
                    case 5: 0x1_0000 + next(0x10_0000)
                    default: 1 + next(0xFFFF)
                    }
                // Halves of pairs are no characters.
                if let scalar = UnicodeScalar(value) { text.append(scalar) }
            }
            return String(text)
        }
    }
}
