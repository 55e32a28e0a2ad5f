/// A word or sign of an expression, and where it begins.
struct XPathToken: Hashable, Sendable {
    enum Kind: Hashable, Sendable {
        case sign(String)
        /// `and`, `or`, `div`, `mod`, and `*` where it multiplies.
        case operation(String)
        case literal(String)
        case number(Double)
        /// With its prefix, if it has one: `a:b`.
        case name(String)
        /// `*`, or `a:*`.
        case wildcard(prefix: String?)
        case end
    }

    var kind: Kind
    var place: Int
}

/// Cuts an expression into words and signs.
struct XPathLexer {
    private let text: String
    private let bytes: [UInt8]
    private var place = 0
    private var tokens: [XPathToken] = []

    private init(_ text: String) {
        self.text = text
        bytes = Array(text.utf8)
    }

    static func tokens(of text: String) throws(XPathFault) -> [XPathToken] {
        var lexer = XPathLexer(text)
        if let place = lexer.bytes.firstIndex(where: { $0 < 0x20 && ![0x09, 0x0A, 0x0D].contains($0) }) {
            throw XPathFault(text: text, place: place, why: "it has a control character in it, which is in no XML")
        }
        while try lexer.takeOne() {}
        lexer.tokens.append(XPathToken(kind: .end, place: lexer.bytes.count))
        return lexer.tokens
    }

    private func fault(_ why: String) -> XPathFault { XPathFault(text: text, place: place, why: why) }

    private func byte(_ ahead: Int = 0) -> UInt8 { place + ahead < bytes.count ? bytes[place + ahead] : 0 }

    /// False at the end.
    private mutating func takeOne() throws(XPathFault) -> Bool {
        while [0x20, 0x09, 0x0A, 0x0D].contains(byte()) { place += 1 }
        guard place < bytes.count else { return false }
        let start = place
        let kind: XPathToken.Kind
        switch byte() {
        case UInt8(ascii: "'"), UInt8(ascii: "\""): kind = try literal()
        case UInt8(ascii: "0")...UInt8(ascii: "9"): kind = try number()
        case UInt8(ascii: ".") where (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte(1)): kind = try number()
        case UInt8(ascii: "*"):
            place += 1
            kind = isBehindOperand ? .operation("*") : .wildcard(prefix: nil)
        default: kind = beginsName(scalar) ? try name() : try sign()
        }
        tokens.append(XPathToken(kind: kind, place: start))
        return true
    }

    /// Whether what comes now is an operator, if it can be one: the rule of XPath 1.0, 3.7.
    private var isBehindOperand: Bool {
        switch tokens.last?.kind {
        case nil, .operation: false
        case .sign(let sign): [")", "]", ".", ".."].contains(sign)
        case .literal, .number, .name, .wildcard, .end: true
        }
    }

    private mutating func literal() throws(XPathFault) -> XPathToken.Kind {
        guard let end = bytes[(place + 1)...].firstIndex(of: byte()) else { throw fault("a quoted text has no end") }
        defer { place = end + 1 }
        return .literal(String(decoding: bytes[(place + 1)..<end], as: UTF8.self))
    }

    private mutating func number() throws(XPathFault) -> XPathToken.Kind {
        let start = place
        func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
        while isDigit(byte()) { place += 1 }
        if byte() == UInt8(ascii: ".") {
            place += 1
            while isDigit(byte()) { place += 1 }
        }
        guard let value = XPathNumber.value(of: bytes[start..<place]) else { throw fault("this is not a number") }
        return .number(value)
    }

    private mutating func sign() throws(XPathFault) -> XPathToken.Kind {
        for sign in ["//", "::", "..", "!=", "<=", ">=", "/", "(", ")", "[", "]", ".", "@", ",", "|", "+", "-", "=", "<", ">"]
        where bytes[place...].starts(with: sign.utf8) {
            place += sign.utf8.count
            return .sign(sign)
        }
        if byte() == UInt8(ascii: "$") { throw fault("it has a variable, and there are none: write the value itself") }
        throw fault("'\(String(decoding: bytes[place...], as: UTF8.self).prefix(1))' has no meaning there")
    }

    // MARK: Names

    /// Whether a name may begin with what stands there: XML 1.0, 2.3. A `:` belongs to no part of a name.
    private func beginsName(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x41...0x5A, 0x5F, 0x61...0x7A, 0xC0...0xD6, 0xD8...0xF6, 0xF8...0x2FF, 0x370...0x37D, 0x37F...0x1FFF, 0x200C...0x200D: true
        case 0x2070...0x218F, 0x2C00...0x2FEF, 0x3001...0xD7FF, 0xF900...0xFDCF, 0xFDF0...0xFFFD, 0x10000...0xEFFFF: true
        default: false
        }
    }

    private func goesOn(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x2D, 0x2E, 0x30...0x39, 0xB7, 0x300...0x36F, 0x203F...0x2040: true
        default: beginsName(scalar)
        }
    }

    /// What stands there; at the end a zero, which is in no expression.
    private var scalar: Unicode.Scalar {
        text.unicodeScalars[text.utf8.index(text.startIndex, offsetBy: place)...].first ?? "\0"
    }

    private mutating func plainName() -> String {
        let start = place
        while case let next = scalar, goesOn(next) { place += next.utf8.count }
        return String(decoding: bytes[start..<place], as: UTF8.self)
    }

    private mutating func name() throws(XPathFault) -> XPathToken.Kind {
        let first = plainName()
        if isBehindOperand {
            guard ["and", "or", "div", "mod"].contains(first) else {
                place -= first.utf8.count
                throw fault("'\(first)' is no operator: and, or, div and mod are")
            }
            return .operation(first)
        }
        guard byte() == UInt8(ascii: ":"), byte(1) != UInt8(ascii: ":") else { return .name(first) }
        place += 1
        if byte() == UInt8(ascii: "*") {
            place += 1
            return .wildcard(prefix: first)
        }
        guard beginsName(scalar) else { throw fault("a name is missing") }
        return .name("\(first):\(plainName())")
    }
}
