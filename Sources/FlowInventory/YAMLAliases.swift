/// Finds anchors and aliases before the parser sees them: a few lines of them can stand for more nodes than there is memory.
enum YAMLAliases {
    /// The line of the first `&name` or `*name` that stands where a value can begin.
    ///
    /// Quoted texts and comments are skipped. In doubt it finds one too many: the text can then be quoted.
    static func firstLine(in text: String) -> Int? {
        var line = 1
        var quote: UInt8?
        var isEscaped = false
        var isComment = false
        // Whether a value can begin here, and the byte before.
        var canBegin = true
        var previous = UInt8(ascii: "\n")
        for byte in text.utf8 {
            defer { previous = byte }
            if byte == UInt8(ascii: "\n") {
                line += 1
                isComment = false
                if quote == nil { canBegin = true }
                continue
            }
            if isComment { continue }
            if let open = quote {
                if isEscaped {
                    isEscaped = false
                } else if byte == UInt8(ascii: "\\"), open == UInt8(ascii: "\"") {
                    isEscaped = true
                } else if byte == open {
                    quote = nil
                }
                continue
            }
            switch byte {
            case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"): break
            case UInt8(ascii: "#") where previous == UInt8(ascii: " ") || previous == UInt8(ascii: "\n"): isComment = true
            case UInt8(ascii: "["), UInt8(ascii: "{"), UInt8(ascii: ","), UInt8(ascii: ":"), UInt8(ascii: "-"),
                UInt8(ascii: "?"):
                canBegin = true
            case UInt8(ascii: "\""), UInt8(ascii: "'"):
                if canBegin { quote = byte }
                canBegin = false
            case UInt8(ascii: "&"), UInt8(ascii: "*"):
                if canBegin { return line }
            default: canBegin = false
            }
        }
        return nil
    }
}
