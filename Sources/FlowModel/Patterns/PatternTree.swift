/// A pattern, read.
indirect enum PatternTree {
    case empty
    case scalar(ScalarSet)
    case place(PatternPlace)
    case sequence([PatternTree])
    case choice([PatternTree])
    /// nil: as often as there are.
    case repeated(PatternTree, atLeast: Int, atMost: Int?)
}

/// A place between two characters.
enum PatternPlace {
    case textStart, textEnd, lineStart, lineEnd, wordEdge, noWordEdge

    func holds(between before: Unicode.Scalar?, and after: Unicode.Scalar?) -> Bool {
        func isWord(_ scalar: Unicode.Scalar?) -> Bool { scalar.map(ScalarClass.word.contains) ?? false }
        return switch self {
        case .textStart: before == nil
        case .textEnd: after == nil
        case .lineStart: before == nil || before == "\n"
        case .lineEnd: after == nil || after == "\n"
        case .wordEdge: isWord(before) != isWord(after)
        case .noWordEdge: isWord(before) == isWord(after)
        }
    }
}

/// Characters that stand for one in a pattern: `[a-z_]`, `\d`, `.`, `x`.
struct ScalarSet {
    enum Item {
        case range(ClosedRange<UInt32>)
        case `class`(ScalarClass, isNegated: Bool)
    }

    var items: [Item]
    var isNegated = false
    var ignoresCase = false

    static func one(_ scalar: Unicode.Scalar, ignoresCase: Bool) -> ScalarSet {
        ScalarSet(items: [.range(scalar.value...scalar.value)], ignoresCase: ignoresCase)
    }

    func contains(_ scalar: Unicode.Scalar) -> Bool {
        guard ignoresCase else { return holds(scalar) != isNegated }
        return ScalarSet.cases(of: scalar).contains(where: holds) != isNegated
    }

    private func holds(_ scalar: Unicode.Scalar) -> Bool {
        items.contains { item in
            switch item {
            case .range(let range): range.contains(scalar.value)
            case .class(let named, let isNegated): named.contains(scalar) != isNegated
            }
        }
    }

    /// The character, and its other cases where these are one character each.
    private static func cases(of scalar: Unicode.Scalar) -> [Unicode.Scalar] {
        [scalar]
            + [scalar.properties.lowercaseMapping, scalar.properties.uppercaseMapping].compactMap { text in
                text.unicodeScalars.count == 1 ? text.unicodeScalars.first : nil
            }
    }
}

/// Characters with a name: `\d`, `[:alpha:]`, `\p{Lu}`.
enum ScalarClass {
    case digit, word, space, blank, letter, lower, upper, letterOrDigit, punctuation, control, visible, printable, hexDigit
    case category([Unicode.GeneralCategory])

    func contains(_ scalar: Unicode.Scalar) -> Bool {
        let properties = scalar.properties
        return switch self {
        case .digit: properties.generalCategory == .decimalNumber
        case .word:
            properties.isAlphabetic || [.decimalNumber, .connectorPunctuation].contains(properties.generalCategory)
                || ScalarClass.marks.contains(properties.generalCategory)
        case .space: properties.isWhitespace
        case .blank: scalar == "\t" || properties.generalCategory == .spaceSeparator
        case .letter: properties.isAlphabetic
        case .lower: properties.isLowercase
        case .upper: properties.isUppercase
        case .letterOrDigit: properties.isAlphabetic || properties.generalCategory == .decimalNumber
        case .punctuation: ScalarClass.named("P")?.contains(properties.generalCategory) ?? false
        case .control: properties.generalCategory == .control
        case .visible: properties.generalCategory != .control && !properties.isWhitespace
        case .printable: properties.generalCategory != .control
        case .hexDigit: properties.isASCIIHexDigit
        case .category(let categories): categories.contains(properties.generalCategory)
        }
    }

    /// `[:name:]`
    init?(posix name: String) {
        let known: [String: ScalarClass] = [
            "alnum": .letterOrDigit, "alpha": .letter, "blank": .blank, "cntrl": .control, "digit": .digit, "graph": .visible,
            "lower": .lower, "print": .printable, "punct": .punctuation, "space": .space, "upper": .upper, "word": .word,
            "xdigit": .hexDigit,
        ]
        guard let named = known[name] else { return nil }
        self = named
    }

    /// `\p{name}`: a general category of Unicode, or its first letter.
    init?(category name: String) {
        guard let categories = ScalarClass.named(name) else { return nil }
        self = .category(categories)
    }

    private static let marks: [Unicode.GeneralCategory] = [.nonspacingMark, .spacingMark, .enclosingMark]

    private static func named(_ name: String) -> [Unicode.GeneralCategory]? {
        let all: [(name: String, category: Unicode.GeneralCategory)] = [
            ("Lu", .uppercaseLetter), ("Ll", .lowercaseLetter), ("Lt", .titlecaseLetter), ("Lm", .modifierLetter), ("Lo", .otherLetter),
            ("Mn", .nonspacingMark), ("Mc", .spacingMark), ("Me", .enclosingMark), ("Nd", .decimalNumber), ("Nl", .letterNumber),
            ("No", .otherNumber), ("Pc", .connectorPunctuation), ("Pd", .dashPunctuation), ("Ps", .openPunctuation),
            ("Pe", .closePunctuation), ("Pi", .initialPunctuation), ("Pf", .finalPunctuation), ("Po", .otherPunctuation),
            ("Sm", .mathSymbol), ("Sc", .currencySymbol), ("Sk", .modifierSymbol), ("So", .otherSymbol), ("Zs", .spaceSeparator),
            ("Zl", .lineSeparator), ("Zp", .paragraphSeparator), ("Cc", .control), ("Cf", .format), ("Cs", .surrogate),
            ("Co", .privateUse), ("Cn", .unassigned),
        ]
        let found = all.filter { $0.name == name || name.count == 1 && $0.name.hasPrefix(name) }.map(\.category)
        return found.isEmpty ? nil : found
    }
}
