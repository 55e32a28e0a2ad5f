/// A pattern in which `*` stands for any characters and `?` for one.
package struct Glob: Hashable, Sendable {
    package let pattern: String
    private let characters: [Character]

    package init(_ pattern: String) {
        self.pattern = pattern
        characters = Array(pattern)
    }

    package static func isPattern(_ text: some StringProtocol) -> Bool { text.contains("*") || text.contains("?") }

    /// Whether all of `text` fits. Goes back to the last `*` only: never more than length times length steps.
    package func matches(_ text: String) -> Bool {
        let text = Array(text)
        var (at, place) = (0, 0)
        var star: (pattern: Int, text: Int)?
        while at < text.count {
            if place < characters.count, characters[place] == "*" {
                star = (place, at)
                place += 1
            } else if place < characters.count, characters[place] == text[at] || characters[place] == "?" {
                (at, place) = (at + 1, place + 1)
            } else if let last = star {
                star = (last.pattern, last.text + 1)
                (at, place) = (last.text + 1, last.pattern + 1)
            } else {
                return false
            }
        }
        return characters[place...].allSatisfy { $0 == "*" }
    }
}
