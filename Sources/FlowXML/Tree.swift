/// A document as XPath sees it, in a few arrays. Its nodes are in the document's order: an element, its attributes, what is inside it.
struct Tree: Sendable {
    enum Kind: UInt8, Sendable { case root, element, attribute, text, comment, instruction }

    struct Node: Sendable {
        let kind: Kind
        let parent: Int32
        /// Of `names`; -1: it has none.
        let name: Int32
        /// Behind the last that is inside it.
        var end: Int32
        /// Where its children begin, behind its attributes; they end with it.
        var children: Int32
        /// Its string-value.
        var from: Int32
        var to: Int32
    }

    struct Name: Hashable, Sendable {
        let local: String
        let prefix: String
        let namespace: String

        var qualified: String { prefix.isEmpty ? local : "\(prefix):\(local)" }
    }

    var nodes: [Node] = [Node(kind: .root, parent: -1, name: -1, end: 1, children: 1, from: 0, to: 0)]
    var names: [Name] = []
    /// All text of the document: whatever is inside an element is one stretch of it.
    var text: [UInt8] = []
    /// The values of attributes, comments and processing instructions.
    var aside: [UInt8] = []

    func string(of index: Int32) -> ArraySlice<UInt8> {
        let node = nodes[Int(index)]
        let range = Int(node.from)..<Int(node.to)
        return switch node.kind {
        case .root, .element, .text: text[range]
        case .attribute, .comment, .instruction: aside[range]
        }
    }

    func name(of index: Int32) -> Name? {
        let name = nodes[Int(index)].name
        return name < 0 ? nil : names[Int(name)]
    }
}
