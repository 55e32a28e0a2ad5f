/// Follows the quoting of a shell script, to tell where a quoted variable may stand for one literal argument.
///
/// It knows what sh, dash, bash and busybox agree on. Where they read a text differently, or where it lost its way, every
/// interpolation that follows is refused: a refusal costs the author a line, a wrong acceptance costs an injection.
package struct ShellLexer {
    package enum Symbol: Hashable, Sendable {
        case byte(UInt8)
        /// An interpolated value.
        case value
    }

    /// Why the value with this number (from 0) may not stand where it does.
    package struct Refusal: Hashable, Sendable {
        package var value: Int
        package var reason: String
    }

    enum Context {
        case command(ShellCommandFrame)
        case doubleQuotes, singleQuotes, ansiQuotes, backticks, braces, comment
        case arithmetic(depth: Int)
    }

    let symbols: [Symbol]
    var at = 0
    var stack: [Context] = [.command(ShellCommandFrame(.top))]
    var hereDocuments: [HereDocument] = []
    /// Set where shells differ: from here on nothing is accepted.
    var doubt: String?
    var values = 0
    var refusals: [Refusal] = []

    struct HereDocument {
        var delimiter: [UInt8]
        var stripsTabs: Bool
    }

    package static func refusals(in symbols: [Symbol]) -> [Refusal] {
        var lexer = ShellLexer(symbols: symbols)
        while lexer.at < symbols.count { lexer.step() }
        return lexer.refusals
    }

    private init(symbols: [Symbol]) { self.symbols = symbols }

    /// The byte at a distance from here; nil for a value and past the end.
    func byte(_ distance: Int = 0) -> UInt8? {
        guard symbols.indices.contains(at + distance), case .byte(let byte) = symbols[at + distance] else { return nil }
        return byte
    }

    func isValue(_ distance: Int = 0) -> Bool {
        symbols.indices.contains(at + distance) && symbols[at + distance] == .value
    }

    private mutating func step() {
        switch stack.last {
        case .command(let frame): stepCommand(frame)
        case .doubleQuotes: stepDoubleQuotes()
        case .singleQuotes: stepPlain(until: UInt8(ascii: "'"), place: "inside single quotes")
        case .ansiQuotes: stepAnsiQuotes()
        case .backticks: stepEscaped(until: UInt8(ascii: "`"), place: "inside backticks; use $( ) instead")
        case .comment: stepComment()
        case .braces: stepBraces()
        case .arithmetic(let depth): stepArithmetic(depth)
        case nil: at = symbols.count
        }
    }

    /// Takes the value at the current place: accepted, or refused with a reason.
    mutating func takeValue(refusing reason: String?) {
        if let reason = reason ?? doubt ?? enclosing() { refusals.append(Refusal(value: values, reason: reason)) }
        values += 1
        at += 1
    }

    /// A context further out in which even a nested command cannot protect a value.
    private func enclosing() -> String? {
        for context in stack {
            switch context {
            case .backticks: return "inside backticks; use $( ) instead"
            case .braces: return "inside ${ }"
            case .arithmetic: return "inside arithmetic"
            case .singleQuotes, .ansiQuotes: return "inside quotes"
            case .command, .doubleQuotes, .comment: break
            }
        }
        return nil
    }

    // MARK: - Quotes

    private mutating func stepPlain(until end: UInt8, place: String) {
        if isValue() { return takeValue(refusing: place) }
        passNewline()
        if byte() == end { stack.removeLast() }
        at += 1
    }

    private mutating func stepEscaped(until end: UInt8, place: String) {
        if isValue() { return takeValue(refusing: place) }
        passNewline()
        if byte() == UInt8(ascii: "\\"), byte(1) != nil {
            at += 2
        } else {
            stepPlain(until: end, place: place)
        }
    }

    private mutating func stepAnsiQuotes() {
        if byte() == UInt8(ascii: "\\") { doubt = "after $'…' with a backslash, which shells read differently" }
        stepEscaped(until: UInt8(ascii: "'"), place: "inside quotes")
    }

    private mutating func stepDoubleQuotes() {
        switch byte() {
        case UInt8(ascii: "`"): push(.backticks)
        case UInt8(ascii: "$"): dollar()
        default:
            stepEscaped(
                until: UInt8(ascii: "\""), place: "inside double quotes; close them before it, the value is quoted anyway")
        }
    }

    private mutating func stepBraces() {
        switch byte() {
        case UInt8(ascii: "\""): push(.doubleQuotes)
        case UInt8(ascii: "`"): push(.backticks)
        case UInt8(ascii: "$"): dollar()
        case UInt8(ascii: "'"):
            // Inside double quotes shells disagree on whether this opens a quotation.
            doubt = doubt ?? "after a quote inside ${ }, which shells read differently"
            at += 1
        default: stepEscaped(until: UInt8(ascii: "}"), place: "inside ${ }")
        }
    }

    private mutating func stepArithmetic(_ depth: Int) {
        switch byte() {
        case nil: takeValue(refusing: "inside arithmetic, where shells run what a value says")
        case UInt8(ascii: "("): replaceTop(.arithmetic(depth: depth + 1))
        case UInt8(ascii: ")") where depth > 1:
            if depth == 2, byte(1) != UInt8(ascii: ")") { doubt = doubt ?? "after (( that does not end in ))" }
            replaceTop(.arithmetic(depth: depth - 1))
        case UInt8(ascii: ")"):
            stack.removeLast()
            at += 1
        case UInt8(ascii: "\""): push(.doubleQuotes)
        case UInt8(ascii: "'"): push(.singleQuotes)
        case UInt8(ascii: "`"): push(.backticks)
        case UInt8(ascii: "$"): dollar()
        default:
            passNewline()
            at += byte() == UInt8(ascii: "\\") && byte(1) != nil ? 2 : 1
        }
    }

    private mutating func stepComment() {
        if isValue() { return takeValue(refusing: "inside a comment") }
        // The newline that ends the comment also ends the command.
        if byte() == UInt8(ascii: "\n") { stack.removeLast() } else { at += 1 }
    }

    // MARK: - Steps shared by several contexts

    mutating func push(_ context: Context, taking count: Int = 1) {
        stack.append(context)
        at += count
    }

    private mutating func replaceTop(_ context: Context) {
        stack[stack.count - 1] = context
        at += 1
    }

    /// A newline inside quotes while a here-document waits for its text: shells differ on where that begins.
    private mutating func passNewline() {
        if byte() == UInt8(ascii: "\n"), !hereDocuments.isEmpty {
            doubt = doubt ?? "after a here-document that begins inside quotes"
        }
    }

    /// What a dollar sign begins.
    mutating func dollar() {
        let isCommand = if case .command = stack.last { true } else { false }
        switch byte(1) {
        case UInt8(ascii: "(") where byte(2) == UInt8(ascii: "("): push(.arithmetic(depth: 2), taking: 3)
        case UInt8(ascii: "("): push(.command(ShellCommandFrame(.substitution)), taking: 2)
        case UInt8(ascii: "{"): push(.braces, taking: 2)
        case UInt8(ascii: "'") where isCommand: push(.ansiQuotes, taking: 2)
        case UInt8(ascii: "["):
            doubt = doubt ?? "after $[ ], which shells read differently"
            at += 2
        case nil where isValue(1):
            at += 1
            takeValue(refusing: "right after a dollar sign")
        default: at += 1
        }
    }
}
