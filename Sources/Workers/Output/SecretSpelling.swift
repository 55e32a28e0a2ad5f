/// How programs write a value inside something else: each rule gives one spelling of the whole value.
///
/// A rule is what some widespread program does to every character; rules that come to the same for a value are one form. A value of plain
/// letters and digits has one.
struct SecretSpelling: Sendable {
    /// What a character becomes; nil: it stays as it is.
    private let escape: @Sendable (Unicode.Scalar) -> String?

    /// All spellings of a value, the plain one among them.
    static func all(of secret: String) -> Set<[UInt8]> {
        let plain = Array(secret.utf8)
        // A text in a text: a log in JSON that holds JSON, a Swift value that holds another one's description.
        let nesting = [inJSON(more: "", beyondASCII: false), inJSON(more: "", beyondASCII: true), inSwift]
        let twice = nesting.map { $0.spelling(of: $0.spelling(of: secret)) }
        return Set([plain, echoed(plain)] + (rules.map { $0.spelling(of: secret) } + twice).map { Array($0.utf8) })
    }

    private func spelling(of text: String) -> String {
        var out = ""
        for scalar in text.unicodeScalars {
            if let escaped = escape(scalar) { out += escaped } else { out.unicodeScalars.append(scalar) }
        }
        return out
    }

    private static let rules = json + html + url + quotes

    // MARK: - JSON

    /// Python's `json`, jq, JavaScript, Go, PHP, Java and .NET differ in what they escape beyond what must be, and in the case of digits.
    private static let json: [SecretSpelling] = [
        inJSON(more: "", beyondASCII: false), inJSON(more: "", beyondASCII: true), inJSON(more: "\u{7F}", beyondASCII: true),
        inJSON(more: "/", slash: true, beyondASCII: false), inJSON(more: "/", slash: true, beyondASCII: true),
        inJSON(more: "<>&\u{2028}\u{2029}", beyondASCII: false), inJSON(more: "<>&", beyondASCII: true),
        inJSON(more: "<>&='", beyondASCII: false), inJSON(more: "<>&='", beyondASCII: true),
        inJSON(more: "\"<>&'+`\u{7F}", beyondASCII: true, isUpper: true), inJSON(more: "\"<>&'", beyondASCII: true, isUpper: true),
        inJSON(more: "", beyondASCII: true, isUpper: true), inJSON(more: "<>&", beyondASCII: true, isUpper: true),
    ]

    private static let short: [Unicode.Scalar: String] = [
        "\"": #"\""#, "\\": #"\\"#, "\n": #"\n"#, "\r": #"\r"#, "\t": #"\t"#, "\u{8}": #"\b"#, "\u{C}": #"\f"#,
    ]

    private static func inJSON(more: String, slash: Bool = false, beyondASCII: Bool, isUpper: Bool = false) -> SecretSpelling {
        let more = Set(more.unicodeScalars)
        return SecretSpelling { scalar in
            if slash, scalar == "/" { return #"\/"# }
            guard more.contains(scalar) || beyondASCII && scalar.value > 0x7E else {
                return short[scalar] ?? (scalar.value < 0x20 ? codeUnits(scalar, isUpper) : nil)
            }
            return codeUnits(scalar, isUpper)
        }
    }

    private static func codeUnits(_ scalar: Unicode.Scalar, _ isUpper: Bool) -> String {
        UTF16.encode(scalar).map { $0.map { "\\u" + hex(UInt32($0), 4, isUpper) }.joined() } ?? ""
    }

    // MARK: - HTML and XML

    /// Python's `html.escape`, Go's `html/template`, PHP, Jinja, JavaScript's templates, and XML writers.
    private static let html: [SecretSpelling] = [
        inHTML([:]), inHTML(["\"": "&quot;"]), inHTML(["\"": "&quot;", "'": "&#x27;"]), inHTML(["\"": "&quot;", "'": "&#39;"]),
        inHTML(["\"": "&quot;", "'": "&#039;"]), inHTML(["\"": "&quot;", "'": "&apos;"]), inHTML(["\"": "&#34;", "'": "&#39;"]),
        inHTML(["\"": "&#34;", "'": "&#39;", "+": "&#43;"]), inHTML(["\"": "&quot;", "'": "&#x27;", "/": "&#x2F;"]),
        inHTML(["\"": "&quot;", "'": "&#39;", "/": "&#x2F;", "`": "&#x60;", "=": "&#x3D;"]),
        inHTML(["\"": "&quot;", "\n": "&#10;", "\r": "&#13;", "\t": "&#9;"]),
        inHTML(["\"": "&quot;", "\n": "&#xA;", "\r": "&#xD;", "\t": "&#x9;"]),
    ]

    private static func inHTML(_ more: [Unicode.Scalar: String]) -> SecretSpelling {
        let table: [Unicode.Scalar: String] = more.merging(["&": "&amp;", "<": "&lt;", ">": "&gt;"]) { own, _ in own }
        return SecretSpelling { table[$0] }
    }

    // MARK: - URLs

    /// What is left as it is differs: RFC 3986, JavaScript's `encodeURIComponent` and `encodeURI`, Python's `quote`, and forms, where a space is `+`.
    private static let url: [SecretSpelling] = [true, false].flatMap { isUpper in
        [
            inURL("-._~", isUpper), inURL("-._~!*'()", isUpper), inURL("-._~!*'();,/?:@&=+$#", isUpper), inURL("-._~/", isUpper),
            inURL("-._~", isUpper, isForm: true), inURL("-._*", isUpper, isForm: true), inURL("-._~$&+:=@!'()*,;", isUpper),
        ]
    }

    private static func inURL(_ kept: String, _ isUpper: Bool, isForm: Bool = false) -> SecretSpelling {
        let kept = Set(kept.unicodeScalars)
        return SecretSpelling { scalar in
            if isForm, scalar == " " { return "+" }
            if isPlain(scalar) || kept.contains(scalar) { return nil }
            return String(scalar).utf8.map { "%" + hex(UInt32($0), 2, isUpper) }.joined()
        }
    }

    // MARK: - Quotes of shells and languages

    private static let quotes: [SecretSpelling] = [
        // Within single quotes: `set -x` and `${x@Q}`, Python's `shlex.quote`, SQL.
        SecretSpelling { $0 == "'" ? #"'\''"# : nil }, SecretSpelling { $0 == "'" ? #"'"'"'"# : nil }, SecretSpelling { $0 == "'" ? "''" : nil },
        // Within double quotes.
        SecretSpelling { #"$`"\"#.unicodeScalars.contains($0) ? "\\" + String($0) : nil },
        SecretSpelling { #"$`"\!"#.unicodeScalars.contains($0) ? "\\" + String($0) : nil },
        SecretSpelling { $0 == "\"" ? "\"\"" : nil },
        // bash's `printf %q`, Python's `shlex.join` of bytes, Ruby's and zsh's: a backslash before whatever is special.
        backslashed(##" !"$&'()*,;<>?[\]^`{|}"##), backslashed(##" !"#$&'()*;<>?[\]^`{|}~"##), backslashed(##" !"#$%&'()*;<=>?[\]^`{|}~"##),
        backslashed(##" !"#$&'()*;<>?[\]`{|}~="##),
        // `$'…'` of shells.
        inDollarQuotes(isOctal: true), inDollarQuotes(isOctal: false),
        // Python's `repr` in either quotes, of text and of bytes; C, Go, Rust and JavaScript.
        inRepr(quote: "'", bytes: false), inRepr(quote: "\"", bytes: false), inRepr(quote: nil, bytes: false),
        inRepr(quote: "'", bytes: true), inRepr(quote: "\"", bytes: true), inRepr(quote: nil, bytes: true),
        inSwift, inASCII(quote: nil), inASCII(quote: "'"), inASCII(quote: "\""),
    ]

    /// Python's `unicode_escape` and `ascii`.
    private static func inASCII(quote: Unicode.Scalar?) -> SecretSpelling {
        let table: [Unicode.Scalar: String] = ["\\": #"\\"#, "\n": #"\n"#, "\r": #"\r"#, "\t": #"\t"#]
        return SecretSpelling { scalar in
            if scalar == quote { return "\\" + String(scalar) }
            if let known = table[scalar] { return known }
            switch scalar.value {
            case 0x20..<0x7F: return nil
            case ..<0x100: return #"\x"# + hex(scalar.value, 2, false)
            case ..<0x1_0000: return #"\u"# + hex(scalar.value, 4, false)
            default: return #"\U"# + hex(scalar.value, 8, false)
            }
        }
    }

    /// Swift's own: `String.debugDescription`, and with it any array, optional, struct or error that a text is in.
    private static let inSwift = SecretSpelling { scalar in
        switch scalar {
        case "\\": #"\\"#
        case "'": #"\'"#
        case "\"": #"\""#
        case "\0": #"\0"#
        case "\n": #"\n"#
        case "\r": #"\r"#
        case "\t": #"\t"#
        default: scalar.value < 0x20 || scalar.value == 0x7F ? #"\u{"# + hex(scalar.value, 2, true) + "}" : nil
        }
    }

    private static func backslashed(_ special: String) -> SecretSpelling {
        let special = Set(special.unicodeScalars)
        return SecretSpelling { special.contains($0) ? "\\" + String($0) : nil }
    }

    private static let controls: [Unicode.Scalar: String] = [
        "\\": #"\\"#, "\n": #"\n"#, "\r": #"\r"#, "\t": #"\t"#, "\u{7}": #"\a"#, "\u{8}": #"\b"#, "\u{B}": #"\v"#, "\u{C}": #"\f"#,
        "\u{1B}": #"\E"#,
    ]

    private static func inDollarQuotes(isOctal: Bool) -> SecretSpelling {
        SecretSpelling { scalar in
            if scalar == "'" { return #"\'"# }
            if let known = controls[scalar] { return known }
            guard scalar.value < 0x20 || scalar.value == 0x7F || isOctal && scalar.value > 0x7F else { return nil }
            return String(scalar).utf8.map { "\\" + String(repeating: "0", count: max(0, 3 - String($0, radix: 8).count)) + String($0, radix: 8) }
                .joined()
        }
    }

    private static func inRepr(quote: Unicode.Scalar?, bytes: Bool) -> SecretSpelling {
        let table: [Unicode.Scalar: String] = ["\\": #"\\"#, "\n": #"\n"#, "\r": #"\r"#, "\t": #"\t"#]
        return SecretSpelling { scalar in
            if scalar == quote { return "\\" + String(scalar) }
            if let known = table[scalar] { return known }
            guard scalar.value < 0x20 || scalar.value == 0x7F || bytes && scalar.value > 0x7F else { return nil }
            return String(scalar).utf8.map { #"\x"# + hex(UInt32($0), 2, false) }.joined()
        }
    }

    // MARK: - What echo makes of it

    /// As `echo` of `sh` and `printf %b` print it: `\n` and its like become what they stand for.
    static func echoed(_ bytes: [UInt8]) -> [UInt8] {
        var out: [UInt8] = []
        var rest = bytes[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "\\"), let next = rest.first else {
                out.append(byte)
                continue
            }
            if let meant = echoes[next] {
                rest.removeFirst()
                out.append(meant)
            } else if next == UInt8(ascii: "0") {
                let digits = rest.dropFirst().prefix(3).prefix { (0x30...0x37).contains($0) }
                rest = rest.dropFirst(1 + digits.count)
                out.append(UInt8(truncatingIfNeeded: digits.reduce(0) { $0 * 8 + Int($1 - 0x30) }))
            } else {
                out.append(byte)
            }
        }
        return out
    }

    private static let echoes: [UInt8: UInt8] = [
        UInt8(ascii: "\\"): 0x5C, UInt8(ascii: "a"): 7, UInt8(ascii: "b"): 8, UInt8(ascii: "f"): 0xC, UInt8(ascii: "n"): 0xA,
        UInt8(ascii: "r"): 0xD, UInt8(ascii: "t"): 9, UInt8(ascii: "v"): 0xB,
    ]

    // MARK: - Digits

    private static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
        ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar) || ("0"..."9").contains(scalar)
    }

    private static func hex(_ value: UInt32, _ width: Int, _ isUpper: Bool) -> String {
        let digits = String(value, radix: 16, uppercase: isUpper)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}
