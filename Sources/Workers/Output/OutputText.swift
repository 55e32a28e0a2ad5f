import FlowModel

/// Output of programs, made fit for a journal and for people.
package enum OutputText {
    /// Without NUL, which JSON texts here do not hold, and without the marks of sealed secrets.
    package static func keepable(_ text: String) -> String {
        let isFit = text.unicodeScalars.allSatisfy { $0 != "\0" && $0 != "\u{E0F1}" && $0 != "\u{E0F2}" }
        guard !isFit else { return text }
        var out = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            out.append(scalar == "\0" || scalar == "\u{E0F1}" || scalar == "\u{E0F2}" ? "\u{FFFD}" : scalar)
        }
        return String(out)
    }

    /// Output as a value for others.
    package struct Value: Hashable, Sendable {
        /// nil: it is no text.
        package var text: String?
        package var isCut: Bool
        /// Why it is no text.
        package var fault: String?
    }

    /// What `$(…)` would give: the bytes as text without the newlines at their end.
    ///
    /// More than `Limits.stdoutValueBytes` are cut at the last whole character. Bytes that are not UTF-8, NUL, and the two characters that
    /// mark sealed secrets are no text: nothing stands in for them in what others may take for a value.
    package static func value(_ bytes: [UInt8]) -> Value {
        var bytes = bytes[...]
        let isCut = bytes.count > Limits.stdoutValueBytes
        if isCut {
            bytes = bytes.prefix(Limits.stdoutValueBytes)
            // A character has three continuation bytes at most.
            var end = bytes.count
            while end > bytes.count - 4, end > 0, bytes[end - 1] & 0xC0 == 0x80 { end -= 1 }
            if end > 0, bytes[end - 1] >= 0xC0 {
                let length = bytes[end - 1] >= 0xF0 ? 4 : bytes[end - 1] >= 0xE0 ? 3 : 2
                if end - 1 + length > bytes.count { bytes = bytes.prefix(end - 1) }
            }
        } else {
            while bytes.last == 0x0A { bytes.removeLast() }
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            return Value(isCut: isCut, fault: "byte \(firstOddByte(bytes)) of it is not UTF-8")
        }
        guard text == keepable(text) else { return Value(isCut: isCut, fault: "it holds NUL, or a character that no value may hold") }
        return Value(text: text, isCut: isCut)
    }

    /// The place of the first byte that no UTF-8 text has there, from 0.
    private static func firstOddByte(_ bytes: ArraySlice<UInt8>) -> Int {
        var decoder = UTF8()
        var input = bytes.makeIterator()
        var place = 0
        while case .scalarValue(let scalar) = decoder.decode(&input) { place += UTF8.width(scalar) }
        return place
    }

    /// The last line that is not blank, for people: at most 200 characters, control characters and escape sequences taken out.
    package static func lastLine(_ bytes: [UInt8]) -> String? {
        // A carriage return starts a line over, as progress bars do.
        for line in bytes.split(whereSeparator: { $0 == 0x0A || $0 == 0x0D }).reversed() {
            let text = plain(String(decoding: line, as: UTF8.self))
            if text.contains(where: { !$0.isWhitespace }) { return text }
        }
        return nil
    }

    /// Without control and direction characters and without the escape sequences of terminals.
    private static func plain(_ text: String) -> String {
        var out = String.UnicodeScalarView()
        var count = 0
        var scalars = text.unicodeScalars.makeIterator()
        while count < WorkerLimits.lastLineCharacters, let scalar = scalars.next() {
            if scalar == "\u{1B}" || scalar == "\u{9B}" {
                skipSequence(scalar, &scalars)
            } else if scalar == "\t" {
                out.append(" ")
                count += 1
            } else if isShown(scalar) {
                out.append(scalar)
                count += 1
            }
        }
        return String(out)
    }

    private static func skipSequence(_ start: Unicode.Scalar, _ scalars: inout String.UnicodeScalarView.Iterator) {
        guard start == "\u{9B}" || scalars.next() == "[" else { return }
        while let scalar = scalars.next(), !("\u{40}"..."\u{7E}").contains(scalar) {}
    }

    private static func isShown(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator: false
        default: true
        }
    }
}
