internal import FlowModel

/// Reads a selector by descent: `|` binds weakest, then `&`, then `!`, then terms and parentheses.
struct SelectorParser {
    private let text: String
    private let characters: [Character]
    private var position = 0
    private var depth = 0

    init(_ text: String) throws(FlowError) {
        self.text = text
        characters = Array(text)
        guard text.utf8.count <= InventoryLimits.selectorBytes else {
            throw FlowError(
                .selector, subject: "selector",
                "The selector was not read: it has \(text.utf8.count) bytes, at most \(InventoryLimits.selectorBytes) are allowed."
            )
        }
    }

    mutating func parse() throws(FlowError) -> SelectorExpression {
        let expression = try union()
        if let character = peek() {
            throw fault(character == ")" ? "there is no '(' for this ')'" : "expected & or | before '\(character)'")
        }
        return expression
    }

    private func fault(_ problem: String, at: Int? = nil) -> FlowError {
        let shown = text.count > 200 ? "\(text.prefix(200))…" : text
        return FlowError(
            .selector, subject: shown, "Selector '\(shown)' was not read: \(problem) (character \((at ?? position) + 1)).",
            hint: "examples: web-1, 'web-*', 'group:web & !role=canary', '(idc=js | idc=sh) & role=db'")
    }

    private mutating func peek() -> Character? {
        while position < characters.count, characters[position].isWhitespace { position += 1 }
        return position < characters.count ? characters[position] : nil
    }

    private mutating func take(_ character: Character) -> Bool {
        guard peek() == character else { return false }
        position += 1
        return true
    }

    private mutating func union() throws(FlowError) -> SelectorExpression {
        var parts = [try intersection()]
        while take("|") { parts.append(try intersection()) }
        return parts.count == 1 ? parts[0] : .any(parts)
    }

    private mutating func intersection() throws(FlowError) -> SelectorExpression {
        var parts = [try complement()]
        while take("&") { parts.append(try complement()) }
        return parts.count == 1 ? parts[0] : .all(parts)
    }

    private mutating func complement() throws(FlowError) -> SelectorExpression {
        depth += 1
        defer { depth -= 1 }
        guard depth <= InventoryLimits.selectorDepth else {
            throw fault("nested deeper than \(InventoryLimits.selectorDepth)")
        }
        if take("!") { return .not(try complement()) }
        guard take("(") else { return try term() }
        let start = position - 1
        let inner = try union()
        guard take(")") else {
            if let character = peek() { throw fault("expected & or | or ')' before '\(character)'") }
            throw fault("this '(' is never closed", at: start)
        }
        return inner
    }

    private mutating func term() throws(FlowError) -> SelectorExpression {
        guard let first = peek() else {
            throw fault(
                characters.allSatisfy(\.isWhitespace) ? "it is empty" : "expected a name, group:NAME or key=value at the end")
        }
        let start = position
        while position < characters.count, !characters[position].isWhitespace, !"!&|()".contains(characters[position]) {
            position += 1
        }
        guard position > start else { throw fault("expected a name, group:NAME or key=value instead of '\(first)'") }
        return try term(String(characters[start..<position]), at: start)
    }

    private func term(_ word: String, at start: Int) throws(FlowError) -> SelectorExpression {
        if let equals = word.firstIndex(of: "=") {
            let key = String(word[..<equals])
            if let problem = HostRules.label(key) { throw fault(problem, at: start) }
            return .label(key, Glob(String(word[word.index(after: equals)...])))
        }
        if word.hasPrefix("group:") {
            let name = String(word.dropFirst(6))
            if HostRules.name(name) != nil { throw fault("'\(name)' is not a group's name", at: start) }
            return .group(name, at: start + 1)
        }
        let isPattern = Glob.isPattern(word)
        // A pattern is a part of a name: with a letter before it, and without its wild cards, it would be one.
        let plain = isPattern ? "a" + word.filter { $0 != "*" && $0 != "?" } : word
        guard HostRules.name(plain) == nil else { throw fault("'\(word)' is not a name", at: start) }
        return isPattern ? .glob(Glob(word)) : .name(word, at: start + 1)
    }
}
