/// A document from somebody who is not trusted, read into memory: an answer of an HTTP API, say.
///
/// Nothing but its bytes is looked at: no file, no network, no DTD, no XInclude. A document with a DOCTYPE is refused, so that there are no entities but
/// the five of XML itself. What libxml2 has no bounds for (attributes of an element, namespaces in force) is counted before it sees a byte.
/// Everything here computes and never waits. Reading 1 MB takes about 30 ms, an evaluation at most what `XMLLimits.steps` allows: with the usual limits
/// half a second at worst, some milliseconds for what people write. It belongs outside Swift's cooperative pool.
package struct XMLDocument: Sendable {
    private let tree: Tree
    private let limits: XMLLimits

    /// Reads `bytes`: in UTF-8, UTF-16 with its mark, US-ASCII or ISO-8859-1.
    package init(bytes: [UInt8], limits: XMLLimits = XMLLimits()) throws(XMLFault) {
        guard bytes.count <= limits.bytes else { throw .tooLarge(.bytes, limit: limits.bytes) }
        let text = try Encoding.utf8(bytes)
        guard text.count <= limits.bytes else { throw .tooLarge(.bytes, limit: limits.bytes) }
        guard !text.isEmpty else { throw .empty }
        var scan = MarkupScan(text, limits: limits)
        try scan.run()
        tree = try TreeBuilder.tree(of: text)
        self.limits = limits
    }

    /// The value of an expression; its context is the document. The same expression gives the same value, or fault, always.
    package func value(of xpath: XPath) throws(XMLFault) -> XMLValue {
        var evaluation = Evaluation(tree, limits: limits)
        return try evaluation.result(of: xpath.expression)
    }
}
