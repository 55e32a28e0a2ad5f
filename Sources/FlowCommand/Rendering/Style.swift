/// How text is painted: colours and symbols, or plain.
package struct Style: Hashable, Sendable {
    package var isColoured: Bool
    /// Whether the terminal shows Unicode.
    package var isUnicode: Bool

    package init(isColoured: Bool = false, isUnicode: Bool = true) {
        self.isColoured = isColoured
        self.isUnicode = isUnicode
    }

    /// What a terminal and its environment allow: `NO_COLOR` and `TERM=dumb` turn colours off (https://no-color.org).
    package init(environment: [String: String], isTerminal: Bool) {
        let isWanted = (environment["NO_COLOR"] ?? "").isEmpty && environment["TERM"] != "dumb"
        isColoured = isTerminal && isWanted
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].compactMap { environment[$0] }.first { !$0.isEmpty } ?? ""
        isUnicode = locale.lowercased().contains("utf")
    }

    package enum Colour: String, Sendable {
        case plain = "0", bold = "1", dim = "2", red = "31", green = "32", yellow = "33", cyan = "36"
    }

    package func paint(_ text: String, _ colour: Colour) -> String {
        isColoured && colour != .plain && !text.isEmpty ? "\u{1B}[\(colour.rawValue)m\(text)\u{1B}[0m" : text
    }
}
