import FlowModel

/// The command or script of a step, for people: what stands for a value that is not known yet is in braces, as in other texts.
enum CommandText {
    /// Lines of a command that are shown.
    private static let shownLines = 12

    static func lines(_ spec: ShellSpec, of plan: Plan, _ words: ExpressionText) -> [String] {
        switch spec.source {
        case .text(let text):
            let command = spec.variables.reduce(text) { text, variable in
                text.replacing("\"${\(variable.name)}\"", with: words.word(variable.value))
            }
            // By scalars: to Swift CR LF is one character. Not at CR, which is part of a command, and shown.
            let lines = command.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false).map { String($0) }
            let shown = lines.prefix(shownLines).enumerated().map { ($0.offset == 0 ? "$ " : "  ") + $0.element }
            return lines.count > shownLines ? shown + ["  … \(lines.count - shownLines) more lines"] : shown
        case .asset(let digest):
            let name = plan.assets.first { $0.digest == digest }?.name ?? digest.short
            return ["$ " + ([name] + spec.arguments.map(words.word)).joined(separator: " ")]
        }
    }
}
