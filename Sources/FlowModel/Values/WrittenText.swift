/// Text that people write with any editor on any system: UTF-8, perhaps with a byte order mark before it, lines that end in LF, CR LF or CR.
package enum WrittenText {
    /// Why bytes are not such a text, as the end of a sentence about their file.
    package struct Fault: Error, Hashable, Sendable {
        package let message: String

        package init(message: String) { self.message = message }
    }

    /// U+FEFF, which some editors put before a text.
    package static let mark: Unicode.Scalar = "\u{FEFF}"

    /// The bytes of a text behind its byte order mark. Refuses an encoding that says by its mark that it is another one.
    package static func bytes(of file: [UInt8]) throws(Fault) -> ArraySlice<UInt8> {
        if file.starts(with: [0xFE, 0xFF]) || file.starts(with: [0xFF, 0xFE]) {
            throw Fault(message: "it is UTF-16, not UTF-8 (iconv -f UTF-16 -t UTF-8 makes it that)")
        }
        return file.starts(with: [0xEF, 0xBB, 0xBF]) ? file.dropFirst(3) : file[...]
    }

    /// The text of a file, without its byte order mark unless that is kept for writing the file again.
    package static func text(of file: [UInt8], keepsMark: Bool = false) throws(Fault) -> String {
        let bytes = try bytes(of: file)
        guard let text = String(validating: keepsMark ? file[...] : bytes, as: UTF8.self) else { throw Fault(message: "it is not UTF-8") }
        return text
    }

    package static func withoutMark(_ text: String) -> String {
        text.unicodeScalars.first == mark ? String(text.unicodeScalars.dropFirst()) : text
    }

    /// The lines, each without its end. Behind the last end there is a line, which may be empty.
    ///
    /// Not `split(separator: "\n")`: for Swift CR and LF together are one character, and not that one.
    package static func lines(of text: String) -> [Substring] {
        let bytes = text.utf8
        var lines: [Substring] = []
        var (start, at) = (bytes.startIndex, bytes.startIndex)
        while at < bytes.endIndex {
            let byte = bytes[at]
            guard byte == 0x0A || byte == 0x0D else {
                bytes.formIndex(after: &at)
                continue
            }
            lines.append(text[start..<at])
            bytes.formIndex(after: &at)
            if byte == 0x0D, at < bytes.endIndex, bytes[at] == 0x0A { bytes.formIndex(after: &at) }
            start = at
        }
        lines.append(text[start...])
        return lines
    }
}
