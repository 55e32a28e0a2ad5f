/// How much a document may be, and how much work an expression may make of it.
package struct XMLLimits: Hashable, Sendable {
    /// No document is larger, whatever `bytes` says: places in it are kept in 32 bits.
    package static let largestBytes = 256 << 20

    /// Bytes of the document, as they come and again in UTF-8.
    package var bytes: Int
    /// Elements, attributes, texts, comments and processing instructions.
    package var nodes: Int
    /// Elements inside each other; libxml2 itself takes at most 256.
    package var depth: Int
    /// Attributes of one element. libxml2 compares each with all others.
    package var attributes: Int
    /// Declarations of namespaces that are in force at one place.
    package var namespaces: Int
    /// Steps of one evaluation: a node that is looked at, or 16 bytes that are. A million takes 3 to 30 ms.
    package var steps: Int
    /// Strings that one expression gives.
    package var values: Int
    /// Bytes of all of them.
    package var valueBytes: Int

    package init(
        bytes: Int = 16 << 20, nodes: Int = 1_000_000, depth: Int = 200, attributes: Int = 256, namespaces: Int = 256, steps: Int = 20_000_000,
        values: Int = 10_000, valueBytes: Int = 1 << 20
    ) {
        self.bytes = min(bytes, Self.largestBytes)
        self.nodes = nodes
        self.depth = min(depth, 256)
        self.attributes = attributes
        self.namespaces = namespaces
        self.steps = steps
        self.values = values
        self.valueBytes = valueBytes
    }
}
