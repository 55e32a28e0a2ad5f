import Foundation

/// The side effects of `torture.swift`: a line at the start and at the end of every execution, from the host's own hands.
enum Ledger {
    struct Line {
        var what: String
        var run: String
        var step: String
        var attempt: Int
        /// Seconds since boot.
        var at: Double
    }

    /// One attempt as the lines tell it.
    struct Execution {
        var attempt: Int
        var starts: Int
        var ends: Int
        var first: Double
        var last: Double
    }

    static func read(_ path: String) -> [Line] {
        let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
        return text.split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ").map(String.init)
            guard words.count == 5, let attempt = Int(words[3]), let at = Double(words[4]) else { return nil }
            return Line(what: words[0], run: words[1], step: words[2], attempt: attempt, at: at)
        }
    }

    /// By attempt number.
    static func executions(of step: String, in lines: [Line]) -> [Execution] {
        Dictionary(grouping: lines.filter { $0.step == step }, by: \.attempt)
            .map { attempt, lines in
                Execution(
                    attempt: attempt, starts: lines.count { $0.what == "start" }, ends: lines.count { $0.what == "end" },
                    first: lines.map(\.at).min() ?? 0, last: lines.map(\.at).max() ?? 0)
            }
            .sorted { $0.attempt < $1.attempt }
    }
}
