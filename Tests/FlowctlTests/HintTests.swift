import FlowCommand
import Foundation
import Testing

/// What Flow tells people to type is understood when they type it: every `flowctl …` in a text of the sources is parsed by the real commands.
@Suite("Hints can be typed", .timeLimit(.minutes(10)))
struct HintTests {
    @Test func `every command that a text names is there, with all that it needs`() throws {
        let sources = folder.appending(path: "../../Sources").standardizedFileURL
        var (checked, faults): (Int, [String]) = (0, [])
        let files = try #require(FileManager.default.enumerator(at: sources, includingPropertiesForKeys: nil))
        for case let file as URL in files where file.pathExtension == "swift" {
            let text = try String(contentsOf: file, encoding: .utf8)
            for (number, line) in text.components(separatedBy: "\n").enumerated() {
                for hint in Hint.all(in: line) {
                    checked += 1
                    guard let fault = hint.fault else { continue }
                    faults.append("\(file.lastPathComponent):\(number + 1): flowctl \(hint.words.joined(separator: " ")): \(fault)")
                }
            }
        }
        #expect(checked > 150, "only \(checked) commands were found")
        #expect(faults.isEmpty, "\(faults.joined(separator: "\n"))")
    }

    @Test func `a hint that names no command, or lacks what it needs, is found`() {
        func faulty(_ line: String) -> [Bool] { Hint.all(in: line).map { $0.fault != nil } }
        #expect(faulty(#"hint: "flowctl events \(run.id)""#) == [true])
        #expect(faulty(#"hint: "flowctl resolve \(run.id) b --as succeeded --output JSON")"#) == [true])
        #expect(faulty(#"hint: "flowctl retry \(run.id), or: flowctl skip \(run.id) '\(step.path)' -m REASON")"#) == [false, false])
        #expect(faulty(#"help: "The step, as 'flowctl steps' names it.""#) == [false])
        #expect(faulty(#"help: "The step, as 'flowctl stepz' names it.""#) == [true])
        #expect(faulty(#"say("that this flowctl does not understand")"#).isEmpty)
        #expect(faulty(#"/// flowctl nonsense"#).isEmpty)
    }
}

/// A command in a text.
private struct Hint {
    var words: [String]
    /// It is only named, as in: what 'flowctl steps' shows.
    var isNamed: Bool

    /// What follows the name of the program where it is spoken of.
    private static let prose: Set<String> = ["does", "must", "uses", "that", "takes", "and", "is", "has"]
    /// Where one command ends in a sentence.
    private static let ends = [
        ", then", ", or", ", where", ", so", ", from", "; ", " (", ". ", ": ", "  ", " | ", " > ", " with the", " gives up", " by ", " #",
    ]
    private static let stand = [
        "place": "1 1", "kind.rawValue": "freeze", "N": "1", "N/min": "1/min", "JSON": "{}", "PORT": "22", "succeeded|failed|retry": "retry",
    ]

    static func all(in line: String) -> [Hint] {
        guard !line.trimmingCharacters(in: .whitespaces).hasPrefix("//") else { return [] }
        let parts = plain(line).components(separatedBy: "flowctl ")
        return zip(parts, parts.dropFirst()).compactMap { before, rest in
            let isNamed = before.hasSuffix("'")
            var text = rest
            for end in ends + (isNamed ? ["'"] : []) { text = text.components(separatedBy: end).first ?? text }
            let words = split(text)
            // `flowctl … --home DIR` stands for any command.
            guard let first = words.first, !prose.contains(first), !first.hasPrefix("<"), !words.contains("…") else { return nil }
            return Hint(words: words, isNamed: isNamed)
        }
    }

    var fault: String? {
        if isNamed {
            let known = flowctlCommands().contains { Array(words.prefix($0.count)) == $0 && !$0.isEmpty }
            return known ? nil : "there is no such command"
        }
        return flowctlFault(words)
    }

    /// The line up to the end of its text, with something in place of each interpolation; nothing where no text of it names the program.
    private static func plain(_ line: String) -> String {
        var (out, depth, expression) = ("", 0, "")
        var characters = Substring(line)
        while let character = characters.popFirst() {
            if depth > 0 {
                depth += character == "(" ? 1 : character == ")" ? -1 : 0
                if depth > 0 { expression.append(character) } else { out += stand[expression] ?? "1" }
            } else if character == "\\", characters.first == "(" {
                characters.removeFirst()
                (depth, expression) = (1, "")
            } else if character == "\\", characters.first == "n" {
                characters.removeFirst()
                out += ". "
            } else if character == "`" {
                out.append("'")
            } else if character == "\"" {
                // A sentence ends with its text.
                out += ". "
            } else {
                out.append(character)
            }
        }
        return out
    }

    private static func split(_ text: String) -> [String] {
        var words: [String] = []
        var quote: Character?
        var word: String?
        for character in text {
            if character == quote {
                quote = nil
            } else if quote == nil, character == "'" {
                (quote, word) = (character, word ?? "")
            } else if quote == nil, character == " " {
                if let word { words.append(word) }
                word = nil
            } else {
                word = (word ?? "") + String(character)
            }
        }
        if let word { words.append(word) }
        return words.map { word in
            let bare = word.trimmingCharacters(in: CharacterSet(charactersIn: ",.:;)"))
            return stand[bare] ?? bare
        }.filter { !$0.isEmpty }
    }
}
