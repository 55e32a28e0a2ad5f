/// Reads a pattern: what is common to the languages of regular expressions, without what cannot be matched in bounded time.
struct PatternParser {
    private let scalars: [Unicode.Scalar]
    private var at = 0
    private var depth = 0
    private var flags = Flags()

    private struct Flags {
        var ignoresCase = false
        var dotTakesNewlines = false
        var hasLines = false
    }

    init(_ text: String) { scalars = Array(text.unicodeScalars) }

    mutating func parse() throws(PatternError) -> PatternTree {
        let tree = try choice()
        guard peek == nil else { throw fault("a ')' without its '('") }
        return tree
    }

    // MARK: - Characters

    private var peek: Unicode.Scalar? { at < scalars.count ? scalars[at] : nil }

    private mutating func next() throws(PatternError) -> Unicode.Scalar {
        guard let scalar = peek else { throw fault("it ends in the middle") }
        at += 1
        return scalar
    }

    private mutating func take(_ text: String) -> Bool {
        let wanted = Array(text.unicodeScalars)
        guard scalars[at...].starts(with: wanted) else { return false }
        at += wanted.count
        return true
    }

    private func fault(_ message: String, at position: Int? = nil) -> PatternError {
        PatternError(message: message, position: (position ?? at) + 1)
    }

    // MARK: - Structure

    private mutating func choice() throws(PatternError) -> PatternTree {
        var parts = [try sequence()]
        while take("|") { parts.append(try sequence()) }
        return parts.count == 1 ? parts[0] : .choice(parts)
    }

    private mutating func sequence() throws(PatternError) -> PatternTree {
        var parts: [PatternTree] = []
        while let scalar = peek, scalar != "|", scalar != ")" {
            if take("\\Q") {
                while peek != nil, !take("\\E") { parts.append(.scalar(.one(try next(), ignoresCase: flags.ignoresCase))) }
                continue
            }
            let start = at
            // `(?i)` is for all that follows it in the group that it stands in, so it is no group itself.
            let outer = flags
            if take("(?"), let flag = peek, "ism-".unicodeScalars.contains(flag), try !setFlags(from: start) { continue }
            (at, flags) = (start, outer)
            let atom = try atom()
            parts.append(try quantified(atom, from: start))
        }
        return parts.isEmpty ? .empty : .sequence(parts)
    }

    private mutating func quantified(_ atom: PatternTree, from start: Int) throws(PatternError) -> PatternTree {
        guard let (atLeast, atMost) = try quantifier() else { return atom }
        switch atom {
        case .place, .empty: throw fault("there is nothing to repeat", at: start)
        default: break
        }
        // Which of several matches is found first makes no difference to whether there is one.
        if !take("?"), peek == "+" { throw fault("'+' after a repetition (possessive) \(PatternParser.unbounded)") }
        if let more = peek, "*+?".unicodeScalars.contains(more) { throw fault("there is nothing to repeat") }
        return .repeated(atom, atLeast: atLeast, atMost: atMost)
    }

    private mutating func quantifier() throws(PatternError) -> (Int, Int?)? {
        if take("*") { return (0, nil) }
        if take("+") { return (1, nil) }
        if take("?") { return (0, 1) }
        let start = at
        guard take("{") else { return nil }
        let low = number()
        let isRange = take(",")
        let high = isRange ? number() : low
        guard take("}"), low != nil || high != nil else {
            // `{` stands for itself where it is no repetition.
            at = start
            return nil
        }
        for count in [low, high] {
            if let count, count > Limits.patternRepetitions {
                throw fault("a repetition of more than \(Limits.patternRepetitions)", at: start)
            }
        }
        if let low, let high, low > high { throw fault("a repetition of at least \(low) and at most \(high)", at: start) }
        return (low ?? 0, high)
    }

    private mutating func number() -> Int? {
        var value: Int?
        while let digit = peek, ("0"..."9").contains(digit) {
            // Larger ones are refused by their value.
            value = min((value ?? 0) * 10 + Int(digit.value - 48), 1_000_000)
            at += 1
        }
        return value
    }

    private mutating func atom() throws(PatternError) -> PatternTree {
        let start = at
        switch try next() {
        case "(": return try group(from: start)
        case "[": return .scalar(try bracket(from: start))
        case ".":
            let newline: ScalarSet.Item = .range(10...10)
            return .scalar(flags.dotTakesNewlines ? ScalarSet(items: [], isNegated: true) : ScalarSet(items: [newline], isNegated: true))
        case "^": return .place(flags.hasLines ? .lineStart : .textStart)
        case "$": return .place(flags.hasLines ? .lineEnd : .textEnd)
        case "*", "+", "?": throw fault("there is nothing to repeat", at: start)
        case "\\": return try escape(from: start)
        case let scalar:
            if scalar == "{" {
                at = start
                if try quantifier() != nil { throw fault("there is nothing to repeat", at: start) }
                at = start + 1
            }
            return .scalar(.one(scalar, ignoresCase: flags.ignoresCase))
        }
    }

    private mutating func group(from start: Int) throws(PatternError) -> PatternTree {
        guard depth < Limits.patternDepth else { throw fault("more than \(Limits.patternDepth) groups in each other", at: start) }
        depth += 1
        defer { depth -= 1 }
        let outer = flags
        defer { flags = outer }
        if take("?") {
            if let refused = refusedGroup { throw fault("\(refused) \(PatternParser.unbounded)", at: start) }
            if take("P<") || take("<") {
                while let scalar = peek, scalar != ">" {
                    guard ScalarClass.word.contains(scalar) else { throw fault("a group's name has letters, digits and _") }
                    at += 1
                }
                _ = try next()
            } else if !take(":") {
                _ = try setFlags(from: start)
            }
        }
        let tree = try choice()
        guard take(")") else { throw fault("a '(' without its ')'", at: start) }
        return .sequence([tree])
    }

    private static let unbounded = "cannot be matched in bounded time"

    private var refusedGroup: String? {
        let rest = String(String.UnicodeScalarView(scalars[at...].prefix(2)))
        if rest.hasPrefix("=") || rest.hasPrefix("!") { return "looking ahead, (?=…) or (?!…)," }
        if rest == "<=" || rest == "<!" { return "looking behind, (?<=…) or (?<!…)," }
        if rest.hasPrefix(">") { return "an atomic group, (?>…)," }
        return rest.hasPrefix("(") || rest.hasPrefix("R") ? "a condition or a recursion" : nil
    }

    /// After `(?`. Whether they are for this group only, `(?i:…)`; else for what follows in the group around it, `(?i)`.
    private mutating func setFlags(from start: Int) throws(PatternError) -> Bool {
        var isOn = true
        while true {
            switch try next() {
            case "i": flags.ignoresCase = isOn
            case "s": flags.dotTakesNewlines = isOn
            case "m": flags.hasLines = isOn
            case "-": isOn = false
            case ":": return true
            case ")": return false
            default: throw fault("a group that is not known; there are (…), (?:…), (?<name>…), and the flags i, s, m", at: start)
            }
        }
    }

    // MARK: - Escapes and sets

    private mutating func escape(from start: Int) throws(PatternError) -> PatternTree {
        switch peek {
        case "A": at += 1; return .place(.textStart)
        case "z", "Z": at += 1; return .place(.textEnd)
        case "b": at += 1; return .place(.wordEdge)
        case "B": at += 1; return .place(.noWordEdge)
        default: break
        }
        switch try escaped(from: start) {
        case .range(let range): return .scalar(ScalarSet(items: [.range(range)], ignoresCase: flags.ignoresCase))
        case let item: return .scalar(ScalarSet(items: [item]))
        }
    }

    /// After the backslash: a character, or a class of them.
    private mutating func escaped(from start: Int) throws(PatternError) -> ScalarSet.Item {
        func one(_ scalar: Unicode.Scalar) -> ScalarSet.Item { .range(scalar.value...scalar.value) }
        let scalar = try next()
        switch scalar {
        case "d": return .class(.digit, isNegated: false)
        case "D": return .class(.digit, isNegated: true)
        case "w": return .class(.word, isNegated: false)
        case "W": return .class(.word, isNegated: true)
        case "s": return .class(.space, isNegated: false)
        case "S": return .class(.space, isNegated: true)
        case "p", "P": return .class(try category(from: start), isNegated: scalar == "P")
        case "n": return one("\n")
        case "r": return one("\r")
        case "t": return one("\t")
        case "f": return one("\u{C}")
        case "v": return one("\u{B}")
        case "e": return one("\u{1B}")
        case "a": return one("\u{7}")
        case "0": return one("\0")
        case "x": return one(try numbered(digits: 2, from: start))
        case "u": return one(try numbered(digits: 4, from: start))
        case "1"..."9", "k", "g": throw fault("a reference to a group \(PatternParser.unbounded)", at: start)
        default:
            guard !scalar.properties.isAlphabetic, scalar.properties.generalCategory != .decimalNumber else {
                throw fault("'\\\(scalar)' is not known", at: start)
            }
            return one(scalar)
        }
    }

    private mutating func category(from start: Int) throws(PatternError) -> ScalarClass {
        var name = ""
        if take("{") {
            while !take("}") { name.unicodeScalars.append(try next()) }
        } else {
            name.unicodeScalars.append(try next())
        }
        guard let named = ScalarClass(category: name) else {
            throw fault("'\(name)' is no general category of Unicode, such as L, Lu, Nd, P", at: start)
        }
        return named
    }

    /// `\xHH`, `\uHHHH`, `\x{H…}`, `\u{H…}`
    private mutating func numbered(digits: Int, from start: Int) throws(PatternError) -> Unicode.Scalar {
        var text = ""
        if take("{") {
            while !take("}") { text.unicodeScalars.append(try next()) }
        } else {
            for _ in 0..<digits { text.unicodeScalars.append(try next()) }
        }
        guard text.count <= 8, let value = UInt32(text, radix: 16), let scalar = Unicode.Scalar(value) else {
            throw fault("'\(text)' is no number of a character", at: start)
        }
        return scalar
    }

    private mutating func bracket(from start: Int) throws(PatternError) -> ScalarSet {
        var set = ScalarSet(items: [], ignoresCase: flags.ignoresCase)
        set.isNegated = take("^")
        var isFirst = true
        while isFirst || peek != "]" {
            for operation in ["&&", "--", "~~"] {
                if take(operation) { throw fault("'\(operation)' in […]; write the characters, or escape them", at: at - 2) }
            }
            let place = at
            let low = try member(from: place)
            isFirst = false
            guard case .range(let first) = low, peek == "-", at + 1 < scalars.count, scalars[at + 1] != "]" else {
                set.items.append(low)
                continue
            }
            if take("--") { throw fault("'--' in […]; write the characters, or escape them", at: at - 2) }
            at += 1
            guard case .range(let last) = try member(from: at), first.lowerBound <= last.lowerBound else {
                throw fault("a range from a character to one before it, or to a class", at: place)
            }
            set.items.append(.range(first.lowerBound...last.lowerBound))
        }
        at += 1
        return set
    }

    private mutating func member(from place: Int) throws(PatternError) -> ScalarSet.Item {
        if take("[:") {
            var name = ""
            while !take(":]") { name.unicodeScalars.append(try next()) }
            guard let named = ScalarClass(posix: name) else { throw fault("'[:\(name):]' is not known", at: place) }
            return .class(named, isNegated: false)
        }
        let scalar = try next()
        switch scalar {
        case "[": throw fault("a '[' in […]; write \\[", at: place)
        case "\\":
            if take("b") { return .range(8...8) }
            return try escaped(from: place)
        default: return .range(scalar.value...scalar.value)
        }
    }
}
