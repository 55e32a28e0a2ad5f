/// The command of a crontab's line, as cron and then the shell read it.
enum CrontabWords {
    /// What cron hands to the shell: `\%` is a plain %. nil when a bare % ends the command, and what follows is its input.
    static func command(_ written: Substring) -> String? {
        var command = String.UnicodeScalarView()
        var isEscaped = false
        for scalar in written.unicodeScalars {
            if isEscaped {
                if scalar == "%" { command.removeLast() }
                isEscaped = false
            } else if scalar == "%" {
                return nil
            } else {
                isEscaped = scalar == "\\"
            }
            command.append(scalar)
        }
        return String(command)
    }

    /// The text as one word for the shell behind cron. A % stands outside of quotes with its backslash: there both of them understand it, whatever is
    /// before it.
    static func quoted(_ text: String) -> String {
        let isPlain = shellQuoted(text) == text
        var word = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "%": word += isPlain ? "\\%" : "'\\%'"
            case "'": word += "'\\''"
            default: word.unicodeScalars.append(scalar)
            }
        }
        return isPlain ? word : "'\(word)'"
    }

    /// The words of a command in which everything special is quoted with ' or \; nil for any other, which is for a shell to read.
    static func words(of command: String) -> [String]? {
        var words: [String] = []
        var word: String.UnicodeScalarView?
        var scalars = command.unicodeScalars.makeIterator()
        while let scalar = scalars.next() {
            switch scalar {
            case " ", "\t":
                if let word { words.append(String(word)) }
                word = nil
            case "\\":
                guard let next = scalars.next() else { return nil }
                word = (word ?? .init()) + [next]
            case "'":
                var quoted = word ?? .init()
                while true {
                    guard let next = scalars.next() else { return nil }
                    if next == "'" { break }
                    quoted.append(next)
                }
                word = quoted
            default:
                guard shellQuoted(String(scalar)) == String(scalar) else { return nil }
                word = (word ?? .init()) + [scalar]
            }
        }
        if let word { words.append(String(word)) }
        return words
    }
}
