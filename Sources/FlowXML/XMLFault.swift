/// Why no value came of a document.
package enum XMLFault: Error, Hashable, Sendable {
    package enum Bound: Hashable, Sendable { case bytes, nodes, depth, attributes, namespaces, values, valueBytes }

    /// There is nothing in it.
    case empty
    /// It has a DOCTYPE: entities come with that, and those can be made to grow without bound or to name files.
    case doctype
    /// It is in an encoding that is not read, or not in the one that it says; why.
    case encoding(String)
    case notWellFormed(String)
    case tooLarge(Bound, limit: Int)
    /// The expression took more steps than that on this document.
    case tooMuchWork(limit: Int)
    case noMemory
}

extension XMLFault: CustomStringConvertible {
    package var description: String {
        switch self {
        case .empty: "there is no XML: the document is empty"
        case .doctype: "XML with a DOCTYPE is not read: it can define entities"
        case .encoding(let why): "the XML cannot be read: \(why)"
        case .notWellFormed(let why): "this is not well-formed XML: \(why)"
        case .tooLarge(let bound, let limit): bound.text(limit)
        case .tooMuchWork(let limit): "the XPath expression is too much work on this document: more than \(limit) steps"
        case .noMemory: "there is no memory to read XML"
        }
    }
}

extension XMLFault.Bound {
    fileprivate func text(_ limit: Int) -> String {
        switch self {
        case .bytes: "the XML is larger than \(limit) bytes"
        case .nodes: "the XML has more than \(limit) elements, attributes and texts"
        case .depth: "the XML has elements more than \(limit) deep inside each other"
        case .attributes: "an element of the XML has more than \(limit) attributes"
        case .namespaces: "the XML declares more than \(limit) namespaces at one place"
        case .values: "the XPath expression gives more than \(limit) values"
        case .valueBytes: "the XPath expression gives values of more than \(limit) bytes"
        }
    }
}
