internal import FlowModel

/// The lines of a YAML text, as its parser counts them, each with the end that it has. What is not touched stays as it is, byte by byte.
struct YAMLLines {
    struct Line {
        var content: Substring
        /// LF, CR LF, CR, NEL (U+0085), LS or PS (U+2028, U+2029); empty at the end of a text that does not end a line.
        var end: Substring
    }

    /// A byte order mark, or nothing.
    private let mark: Substring
    private(set) var lines: [Line] = []
    /// The end that the text's first line has.
    private let usualEnd: Substring

    init(_ text: String) {
        let body = text.unicodeScalars.first == WrittenText.mark ? text.unicodeScalars.dropFirst() : text.unicodeScalars[...]
        mark = text[..<body.startIndex]
        var (start, at) = (body.startIndex, body.startIndex)
        while at < body.endIndex {
            let scalar = body[at]
            let next = body.index(after: at)
            guard YAMLLines.isEnd(scalar) else {
                at = next
                continue
            }
            let end = scalar == "\r" && next < body.endIndex && body[next] == "\n" ? body.index(after: next) : next
            lines.append(Line(content: text[start..<at], end: text[at..<end]))
            (start, at) = (end, end)
        }
        if start < body.endIndex { lines.append(Line(content: text[start...], end: "")) }
        usualEnd = lines.first.map(\.end).flatMap { $0.isEmpty ? nil : $0 } ?? "\n"
    }

    private static func isEnd(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x0A, 0x0D, 0x85, 0x2028, 0x2029: true
        default: false
        }
    }

    var count: Int { lines.count }
    subscript(index: Int) -> Substring { lines[index].content }

    mutating func insert(_ contents: [String], at index: Int) { replace(index..<index, with: contents) }

    mutating func replace(_ range: Range<Int>, with contents: [String]) {
        endLast()
        lines.replaceSubrange(
            range,
            with: contents.map { Line(content: $0[...], end: usualEnd) })
    }

    private mutating func endLast() {
        if let last = lines.indices.last, lines[last].end.isEmpty { lines[last].end = usualEnd }
    }

    var text: String {
        var text = String(mark)
        for line in lines {
            text += line.content
            text += line.end
        }
        return text
    }
}
