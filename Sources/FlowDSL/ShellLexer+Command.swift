/// A command as far as it was read: enough to know its first words.
struct ShellCommandFrame {
    enum Kind { case top, subshell, substitution }

    let kind: Kind
    /// The finished words of the simple command; a quoted or expanded piece is `\u{1}`.
    var words: [String] = []
    var word: String?
    /// Inside `[[ ]]`.
    var isTest = false

    init(_ kind: Kind) { self.kind = kind }

    mutating func add(_ piece: String) { word = (word ?? "") + piece }

    mutating func endCommand() {
        endWord()
        words = []
    }

    mutating func endWord() {
        guard let ended = word else { return }
        word = nil
        if words.isEmpty, ended == "[[" { isTest = true }
        if ended == "]]" { isTest = false }
        if words.isEmpty, ShellCommandFrame.openers.contains(ended) { return }
        words.append(ended)
    }

    /// After these a command begins.
    private static let openers: Set<String> = ["if", "then", "else", "elif", "while", "until", "do", "{", "!", "time"]
    /// These run the command that follows them.
    private static let prefixes: Set<String> = ["sudo", "env", "command", "builtin", "exec", "nohup", "time", "nice"]
    /// Their operands are read as commands, names or arithmetic.
    private static let evaluators: Set<String> = [
        "eval", "let", "trap", "unset", "read", "getopts", "alias", "mapfile", "readarray",
    ]
    private static let declarers: Set<String> = ["declare", "typeset", "local", "readonly", "export"]
    /// Options of declarers that leave a value what it is: with `-i` it is arithmetic, with `-n` a name, with `-a` and `-A` a list to expand.
    private static let harmlessOptions = Set("grxtlup")
    private static let shells: Set<String> = ["sh", "bash", "dash", "zsh", "ksh", "mksh", "ash", "busybox", "su", "runuser"]
    /// These join their words and give them to a shell, on another machine, after one operand that says which.
    private static let remoteShells: Set<String> = ["ssh", "autossh", "slogin", "rsh", "pdsh", "pssh", "parallel-ssh", "clush"]
    /// The same, here, with all their operands.
    private static let joiners: Set<String> = ["watch", "parallel"]

    /// Why a value may not stand as the next piece of this command; nil when it may.
    var refusal: String? {
        if isTest { return "inside [[ ]], where bash can run what a value says; use [ ]" }
        if let word, word.contains("["), word.first?.isLetter == true || word.first == "_" {
            return "inside a subscript, where bash can run what a value says"
        }
        guard let name = words.contains("eval") ? "eval" : own.first else { return nil }
        if ShellCommandFrame.evaluators.contains(name) { return "after '\(name)', which runs or names what a value says" }
        if let reason = declarerRefusal(name) ?? joinerRefusal ?? shellRefusal { return reason }
        if let last = own.last, last == "-v" || last == "-R", ["printf", "test", "["].contains(name) { return "as the name of a variable" }
        return nil
    }

    /// The command without what only says how it runs.
    private var own: ArraySlice<String> { words.drop { $0.contains("=") || $0.hasPrefix("-") || ShellCommandFrame.prefixes.contains($0) } }

    /// The option of a declarer that gives values another meaning, from here on.
    var reinterpretation: String? {
        guard let name = own.first, ShellCommandFrame.declarers.contains(name) else { return nil }
        let option = own.dropFirst().first { $0.hasPrefix("-") && !ShellCommandFrame.harmlessOptions.isSuperset(of: $0.dropFirst()) }
        return option.map { "\(name) \($0)" }
    }

    private func declarerRefusal(_ name: String) -> String? {
        guard ShellCommandFrame.declarers.contains(name) else { return nil }
        if let reinterpretation { return "after '\(reinterpretation)', which can run what a value says" }
        return word?.contains("=") == true ? nil : "as a name after '\(name)'; write \(name) NAME=…"
    }

    /// Wherever it stands: whatever runs it, and with whatever options, may stand before it.
    private var joinerRefusal: String? {
        if let start = words.firstIndex(where: { ShellCommandFrame.remoteShells.contains(Self.program($0)) }) {
            let hasHost = words[(start + 1)...].contains { !$0.hasPrefix("-") }
            let name = Self.program(words[start])
            return hasHost ? "after '\(name) HOST', whose words the other side reads as a command again; give the step on:" : nil
        }
        let joiner = own.first.map(Self.program).flatMap { ShellCommandFrame.joiners.contains($0) ? $0 : nil }
        return joiner.map { "after '\($0)', which gives its words to a shell" }
    }

    /// The command of a shell is what comes first after `-c`, other options left out; `su` takes it right behind that, too.
    private var shellRefusal: String? {
        guard let shell = words.lastIndex(where: { ShellCommandFrame.shells.contains(Self.program($0)) }) else { return nil }
        let reason = "as the command of a shell; pass it as a later argument"
        if let word, Self.takesCommand(word) || word.hasPrefix("--command=") { return reason }
        let after = words[(shell + 1)...]
        guard let option = after.lastIndex(where: { Self.takesCommand($0) || $0 == "--command" }) else { return nil }
        var isName = Self.takesName(after[option])
        let hasCommand = after[(option + 1)...].contains { word in
            defer { isName = Self.takesName(word) }
            return !isName && !word.hasPrefix("-") && !word.hasPrefix("+")
        }
        return hasCommand ? nil : reason
    }

    private static func takesCommand(_ word: String) -> Bool { word.hasPrefix("-") && !word.hasPrefix("--") && word.contains("c") }

    /// `-o` and its likes, whose next word is the name of an option.
    private static func takesName(_ word: String) -> Bool { word.hasSuffix("o") || word.hasSuffix("O") }

    private static func program(_ word: String) -> String { String(word.split(separator: "/").last ?? "") }
}

extension ShellLexer {
    mutating func stepCommand(_ frame: ShellCommandFrame) {
        var frame = frame
        guard let byte = byte() else {
            takeValue(refusing: frame.refusal)
            frame.add("\u{1}")
            return replace(frame)
        }
        switch byte {
        case UInt8(ascii: "\\"): backslash(&frame)
        case UInt8(ascii: "'"): quote(&frame, .singleQuotes)
        case UInt8(ascii: "\""): quote(&frame, .doubleQuotes)
        case UInt8(ascii: "`"): quote(&frame, .backticks)
        case UInt8(ascii: "$"):
            frame.add("\u{1}")
            replace(frame)
            dollar()
        case UInt8(ascii: "#") where frame.word == nil: push(.comment)
        case UInt8(ascii: " "), UInt8(ascii: "\t"):
            endWord(&frame)
            advance(frame)
        case UInt8(ascii: "\n"):
            endWord(&frame)
            frame.endCommand()
            advance(frame)
            readHereDocuments()
        case UInt8(ascii: ";"), UInt8(ascii: "&"), UInt8(ascii: "|"):
            endWord(&frame)
            frame.endCommand()
            advance(frame)
        case UInt8(ascii: "("): open(&frame)
        case UInt8(ascii: ")"): close(&frame)
        case UInt8(ascii: "<"), UInt8(ascii: ">"): redirect(&frame, byte)
        default:
            frame.add(String(UnicodeScalar(byte)))
            advance(frame)
        }
    }

    private mutating func replace(_ frame: ShellCommandFrame) { stack[stack.count - 1] = .command(frame) }

    private mutating func advance(_ frame: ShellCommandFrame, by count: Int = 1) {
        replace(frame)
        at += count
    }

    private mutating func endWord(_ frame: inout ShellCommandFrame) {
        // The `)` after a pattern of `case` looks like the end of a substitution.
        if frame.kind == .substitution, frame.word == "case" { doubt = doubt ?? "after 'case' inside $( )" }
        frame.endWord()
        if let declaration = frame.reinterpretation { doubt = doubt ?? "after '\(declaration)', with which bash can run what a variable is given" }
    }

    private mutating func quote(_ frame: inout ShellCommandFrame, _ context: Context) {
        frame.add("\u{1}")
        replace(frame)
        push(context)
    }

    private mutating func backslash(_ frame: inout ShellCommandFrame) {
        if isValue(1) {
            replace(frame)
            at += 1
            return takeValue(refusing: "right after a backslash")
        }
        if byte(1) != UInt8(ascii: "\n") { frame.add("\u{1}") }
        advance(frame, by: 2)
    }

    private mutating func open(_ frame: inout ShellCommandFrame) {
        let isArithmetic = byte(1) == UInt8(ascii: "(") && frame.word == nil
        endWord(&frame)
        if !isArithmetic { frame.endCommand() }
        replace(frame)
        if isArithmetic { push(.arithmetic(depth: 2), taking: 2) } else { push(.command(ShellCommandFrame(.subshell))) }
    }

    private mutating func close(_ frame: inout ShellCommandFrame) {
        endWord(&frame)
        frame.endCommand()
        replace(frame)
        // At the top it ends a pattern of `case`.
        if frame.kind == .substitution, !hereDocuments.isEmpty { doubt = doubt ?? "after a here-document inside $( )" }
        if frame.kind != .top { stack.removeLast() }
        at += 1
    }

    // MARK: - Redirections and here-documents

    private mutating func redirect(_ frame: inout ShellCommandFrame, _ byte: UInt8) {
        endWord(&frame)
        replace(frame)
        if byte == UInt8(ascii: "<"), self.byte(1) == byte {
            at += 2
            if self.byte() == byte { at += 1 } else { readDelimiter() }
        } else {
            let next = self.byte(1)
            at += next == UInt8(ascii: "&") || next == UInt8(ascii: "|") || next == UInt8(ascii: ">") ? 2 : 1
        }
    }

    private mutating func readDelimiter() {
        var document = HereDocument(delimiter: [], stripsTabs: false)
        if byte() == UInt8(ascii: "-") {
            document.stripsTabs = true
            at += 1
        }
        while byte() == UInt8(ascii: " ") || byte() == UInt8(ascii: "\t") { at += 1 }
        while at < symbols.count {
            guard let byte = byte() else {
                takeValue(refusing: "as the delimiter of a here-document")
                continue
            }
            if Array(" \t\n;&|()<>".utf8).contains(byte) { break }
            if byte == UInt8(ascii: "$") || byte == UInt8(ascii: "`") { doubt = doubt ?? "after an unusual here-document" }
            if !Array("'\"\\".utf8).contains(byte) { document.delimiter.append(byte) }
            at += 1
        }
        hereDocuments.append(document)
    }

    /// Passes over the texts of the here-documents that wait; called at the start of a line.
    private mutating func readHereDocuments() {
        for document in hereDocuments {
            var line: [UInt8]? = []
            var isOver = false
            while at < symbols.count, !isOver {
                guard let byte = byte() else {
                    takeValue(refusing: "inside a here-document; pass it in env: or as a variable before it")
                    line = nil
                    continue
                }
                at += 1
                if byte == UInt8(ascii: "\n") {
                    isOver = line == document.delimiter
                    line = []
                } else if !(document.stripsTabs && line == [] && byte == UInt8(ascii: "\t")) {
                    line?.append(byte)
                }
            }
        }
        hereDocuments = []
    }
}
