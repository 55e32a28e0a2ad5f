/// An expression of XPath 1.0, checked as far as that goes without a document: its grammar, its functions and how many arguments they take, its
/// prefixes.
///
/// A name without a prefix, `//instanceId`, means elements (or attributes: `@id`) of that local name in whatever namespace, or none: most answers of
/// APIs declare a default namespace, and nobody who writes an expression wants to repeat it. Who must tell two namespaces apart gives `namespaces`,
/// prefix to name; then names mean what XPath 1.0 says: with a prefix, that namespace; without one, names in no namespace at all. The
/// prefixes of the document do not matter. `xml` is declared always.
///
/// Not there, and refused: variables, the namespace axis, `id()` (without a DTD it finds nothing), functions that are not of XPath itself, such as
/// `document()`.
package struct XPath: Sendable {
    /// Bytes of an expression.
    package static let longest = 4096
    /// Parentheses, predicates and arguments inside each other.
    package static let deepest = 64

    package let text: String
    let expression: Expression

    /// Throws `XPathFault` for what is not an expression.
    package init(_ text: String, namespaces: [String: String] = [:]) throws(XPathFault) {
        self.text = text
        guard text.utf8.count <= Self.longest else {
            throw XPathFault(text: "\(text.prefix(40))…", place: Self.longest, why: "it is longer than \(Self.longest) bytes")
        }
        var parser = XPathParser(try XPathLexer.tokens(of: text), of: text, namespaces: namespaces)
        expression = try parser.whole()
    }
}

/// Why a text is not an expression of XPath.
package struct XPathFault: Error, Hashable, Sendable, CustomStringConvertible {
    /// The expression.
    package var text: String
    /// Which of its bytes is the first that does not fit, from 0.
    package var place: Int
    package var why: String

    package var description: String {
        let read = String(decoding: text.utf8.prefix(place), as: UTF8.self)
        return "'\(text)' is not an expression of XPath 1.0: \(why)" + (read.isEmpty || place >= text.utf8.count ? "" : ", behind '\(read)'")
    }
}
