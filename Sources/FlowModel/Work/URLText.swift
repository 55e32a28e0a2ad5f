/// A URL that is put together of what its author wrote and of values, last of all: a value cannot change where it leads.
///
/// A value at the beginning is a URL of its own, or the beginning of one. One in the host and port has only what these are made of; an address of IPv6
/// gets its brackets. One behind that is one part of the path or of the query: everything in it but letters, digits, `-`, `.`, `_` and `~` is
/// percent-encoded (RFC 3986 §2.3), `/` too.
package struct URLText: Hashable, Sendable {
    package enum Piece: Hashable, Sendable {
        case written(String)
        case value(String)
    }

    package var pieces: [Piece]

    package init(_ pieces: [Piece]) { self.pieces = pieces }

    init(_ expression: Expression, _ values: WorkValues) throws(EvaluationError) {
        pieces = []
        try add(expression, values)
    }

    private mutating func add(_ expression: Expression, _ values: WorkValues) throws(EvaluationError) {
        switch expression {
        case .text(let parts): for part in parts { try add(part, values) }
        case .literal(let value): pieces.append(.written(value.text))
        default: pieces.append(.value(try values.text(expression)))
        }
    }

    package func mapTexts<Failure: Error>(_ change: (String) throws(Failure) -> String) throws(Failure) -> URLText {
        var changed: [Piece] = []
        for piece in pieces {
            switch piece {
            case .written(let text): changed.append(.written(try change(text)))
            case .value(let text): changed.append(.value(try change(text)))
            }
        }
        return URLText(changed)
    }

    /// Why there is no URL.
    package struct Fault: Error, Hashable {
        package var message: String
    }

    /// As it was put together, not encoded: for people, and for who masks what they may not see. Without the user and password that a URL may have.
    package var shown: String {
        let text = pieces.map { piece in
            switch piece {
            case .written(let text), .value(let text): text
            }
        }.joined()
        guard let scheme = text.firstRange(of: "://") else { return text }
        let authority = text[scheme.upperBound...].prefix { !"/?#".contains($0) }
        guard let at = authority.lastIndex(of: "@") else { return text }
        return String(text[..<scheme.upperBound] + text[text.index(after: at)...])
    }

    /// - Parameter query: what is added to the query, encoded.
    package func text(query: [(name: String, value: String)] = []) throws(Fault) -> String {
        var (url, hasValueInSegment) = ("", false)
        for (number, piece) in pieces.enumerated() {
            switch piece {
            case .written(let text):
                let parts = text.split(separator: "/", omittingEmptySubsequences: false)
                for (number, part) in parts.enumerated() {
                    if number > 0 {
                        try URLText.checkSegment(of: url, hasValueInSegment)
                        url += "/"
                        hasValueInSegment = false
                    }
                    if hasValueInSegment, let end = part.firstIndex(where: { "?#".contains($0) }) {
                        try URLText.checkSegment(of: url + part[..<end], true)
                        hasValueInSegment = false
                    }
                    url += URLText.encoded(String(part)) { $0 > 0x20 && $0 < 0x7F }
                }
            case .value(let text):
                hasValueInSegment = number > 0 && URLText.isInPath(url)
                url += try URLText.value(text, behind: url)
            }
        }
        try URLText.checkSegment(of: url, hasValueInSegment)
        guard url.hasPrefix("http://") || url.hasPrefix("https://") else {
            throw Fault(message: "'\(shown)' is not a URL that begins with http:// or https://")
        }
        if let mark = url.firstIndex(of: "#") { url = String(url[..<mark]) }
        for (number, field) in query.enumerated() {
            url += number == 0 && !url.contains("?") ? "?" : "&"
            url += "\(URLText.part(field.name))=\(URLText.part(field.value))"
        }
        return url
    }

    /// The host of a URL: a name or address, without brackets; nil where it has none.
    static func host(of url: String) -> String? {
        guard let rest = rest(of: url) else { return nil }
        let authority = rest.prefix { !"/?#".contains($0) }
        let place = authority[(authority.lastIndex(of: "@").map(authority.index(after:)) ?? authority.startIndex)...]
        if place.first == "[" { return place.firstIndex(of: "]").map { String(place[place.index(after: place.startIndex)..<$0]) } }
        let host = place.prefix { $0 != ":" }
        return host.isEmpty ? nil : String(host)
    }

    /// What stands behind `scheme://`; nil where that is not there.
    private static func rest(of url: String) -> Substring? { url.firstRange(of: "://").map { url[$0.upperBound...] } }

    private static func isInPath(_ url: String) -> Bool {
        guard let rest = rest(of: url) else { return false }
        return rest.contains("/") && !rest.contains { "?#".contains($0) }
    }

    /// A part of the path that is nothing, `.` or `..` leads elsewhere than the author wrote.
    private static func checkSegment(of url: String, _ hasValue: Bool) throws(Fault) {
        guard hasValue, isInPath(url), let slash = url.lastIndex(of: "/") else { return }
        let segment = url[url.index(after: slash)...]
        guard !["", ".", ".."].contains(segment) else {
            throw Fault(message: "'\(segment)' cannot be a part of a URL's path: a value in it is \(segment.isEmpty ? "empty" : "of dots")")
        }
    }

    private static func value(_ text: String, behind url: String) throws(Fault) -> String {
        if url.isEmpty { return encoded(text) { $0 > 0x20 && $0 < 0x7F } }
        guard let rest = rest(of: url) else {
            throw Fault(message: "a value stands before the host: it is a whole URL, or a part of one behind http:// or https://")
        }
        guard rest.contains(where: { "/?#".contains($0) }) else {
            guard text.utf8.allSatisfy(isHostByte) else { throw Fault(message: "'\(text)' cannot stand in the host and port of a URL") }
            // An address of IPv6 has brackets there, whether its author thought of it or not.
            let isAddress = (rest.isEmpty || rest.hasSuffix("@")) && text.utf8.count { $0 == UInt8(ascii: ":") } > 1 && !text.hasPrefix("[")
            return isAddress ? "[\(text)]" : text
        }
        return part(text)
    }

    private static func isHostByte(_ byte: UInt8) -> Bool { isUnreserved(byte) || ":[]%".utf8.contains(byte) }

    private static func isUnreserved(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) || "-._~".utf8.contains(byte)
    }

    package static func part(_ text: String) -> String { encoded(text, isUnreserved) }

    private static func encoded(_ text: String, _ isLeft: (UInt8) -> Bool) -> String {
        guard !text.utf8.allSatisfy(isLeft) else { return text }
        var bytes: [UInt8] = []
        for byte in text.utf8 {
            if isLeft(byte) {
                bytes.append(byte)
            } else {
                bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static let digits = Array("0123456789ABCDEF".utf8)

    /// What is wrong with the constant beginning of a URL; nil: nothing.
    static func fault(ofStart start: String, isWhole: Bool) -> String? {
        let schemes = ["http://", "https://"]
        if schemes.contains(where: { start.hasPrefix($0) && (start != $0 || !isWhole) }) { return nil }
        return "its URL must begin with http:// or https://, found '\(start.prefix(80))'"
    }
}
