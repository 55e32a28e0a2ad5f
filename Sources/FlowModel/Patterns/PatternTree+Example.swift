extension Pattern {
    /// A short text that the pattern matches, made of plain characters where it may be: `1.1.1` of `\d+\.\d+\.\d+`. nil where none is found.
    package static func example(of text: String) -> String? {
        var parser = PatternParser(text)
        guard let tree = try? parser.parse(), let example = tree.example, let pattern = try? Pattern(text) else { return nil }
        // Places between characters are not looked at when it is put together.
        var steps = Limits.patternSteps
        return pattern.matches(example, steps: &steps) == true ? example : nil
    }
}

extension PatternTree {
    private static let longest = 1_000

    /// What it may match, each part as often as it must be there; nil where that has no end or no plain characters.
    fileprivate var example: String? {
        switch self {
        case .empty, .place: return ""
        case .scalar(let set): return set.example.map { String(Character($0)) }
        case .sequence(let parts):
            var text = ""
            for part in parts {
                guard let example = part.example, text.utf8.count + example.utf8.count <= PatternTree.longest else { return nil }
                text += example
            }
            return text
        case .choice(let parts): return parts.lazy.compactMap(\.example).first
        case .repeated(let part, let least, _):
            guard least > 0 else { return "" }
            guard let example = part.example, example.utf8.count <= PatternTree.longest / least else { return nil }
            return String(repeating: example, count: least)
        }
    }
}

extension ScalarSet {
    /// A plain character of it.
    fileprivate var example: Unicode.Scalar? {
        let plain = "1aA-_. ".unicodeScalars + (0x21...0x7E).map { Unicode.Scalar(UInt8($0)) }
        return plain.first(where: contains)
    }
}
