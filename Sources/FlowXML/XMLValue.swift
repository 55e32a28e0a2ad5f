/// What an XPath expression gives.
package enum XMLValue: Hashable, Sendable {
    /// The string-values of the nodes that it finds, in the document's order; none where it finds none. An element's string-value is all text
    /// inside it, spaces included.
    case strings([String])
    case string(String)
    /// May be a NaN or infinite, as XPath has it: `number('x')`, `1 div 0`.
    case number(Double)
    case boolean(Bool)
}
