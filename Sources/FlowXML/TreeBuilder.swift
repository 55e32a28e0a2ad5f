import CLibXML2

/// Makes a tree of what libxml2 tells of a document. Lives for one document, on one thread.
final class TreeBuilder {
    /// libxml2's own beginning, once for the process.
    private static let isReady: Bool = {
        flow_xml_begin()
        return true
    }()
    /// Characters of libxml2's words that are passed on: it quotes the document.
    private static let longestFault = 200

    /// libxml2 keeps each text of a name once for a document.
    private struct NameKey: Hashable {
        let local, prefix, namespace: UnsafePointer<xmlChar>?
    }

    private var tree = Tree()
    private var names: [NameKey: Int32] = [:]
    private var open: [Int32] = [0]
    private var fault: String?

    /// Throws `XMLFault.notWellFormed`. The document is small enough for its places to fit 32 bits.
    static func tree(of text: [UInt8]) throws(XMLFault) -> Tree {
        guard isReady else { throw .noMemory }
        let builder = TreeBuilder()
        var handlers = flow_xml_handlers(
            start: elementBegins, end: elementEnds, text: textComes, comment: commentComes, instruction: instructionComes, fault: faultIsFound)
        let me = Unmanaged.passUnretained(builder).toOpaque()
        let result = withExtendedLifetime(builder) {
            text.withUnsafeBytes { flow_xml_read($0.baseAddress?.assumingMemoryBound(to: CChar.self), Int32($0.count), &handlers, me) }
        }
        switch result {
        case 1 where builder.open.count == 1: return builder.finished()
        case 0, 1: throw .notWellFormed(builder.fault ?? "it has no element")
        default: throw .noMemory
        }
    }

    private func finished() -> Tree {
        tree.nodes[0].end = Int32(tree.nodes.count)
        tree.nodes[0].to = Int32(tree.text.count)
        return tree
    }

    private func append(_ kind: Tree.Kind, name: Int32 = -1, from: Int, to: Int) {
        let place = Int32(tree.nodes.count)
        let parent = open.last ?? 0
        tree.nodes.append(
            Tree.Node(kind: kind, parent: parent, name: name, end: place + 1, children: place + 1, from: Int32(from), to: Int32(to)))
    }

    private func appendAside(_ kind: Tree.Kind, name: Int32 = -1, _ value: UnsafeBufferPointer<xmlChar>) {
        let from = tree.aside.count
        tree.aside.append(contentsOf: value)
        append(kind, name: name, from: from, to: tree.aside.count)
    }

    private func name(_ key: NameKey) -> Int32 {
        if let known = names[key] { return known }
        func text(_ bytes: UnsafePointer<xmlChar>?) -> String { bytes.map { String(cString: $0) } ?? "" }
        let number = Int32(tree.names.count)
        tree.names.append(Tree.Name(local: text(key.local), prefix: text(key.prefix), namespace: text(key.namespace)))
        names[key] = number
        return number
    }

    // MARK: What libxml2 tells

    private static func of(_ pointer: UnsafeMutableRawPointer?) -> TreeBuilder? {
        pointer.map { Unmanaged<TreeBuilder>.fromOpaque($0).takeUnretainedValue() }
    }

    private static let elementBegins: startElementNsSAX2Func = { user, local, prefix, namespace, _, _, count, _, attributes in
        guard let builder = TreeBuilder.of(user) else { return }
        let from = builder.tree.text.count
        let place = builder.tree.nodes.count
        builder.append(.element, name: builder.name(NameKey(local: local, prefix: prefix, namespace: namespace)), from: from, to: from)
        builder.open.append(Int32(place))
        // Five of each attribute: name, prefix, namespace, where its value begins and where that ends.
        for first in stride(from: 0, to: Int(count) * 5, by: 5) {
            guard let attributes, let begin = attributes[first + 3], let end = attributes[first + 4] else { continue }
            let key = NameKey(local: attributes[first], prefix: attributes[first + 1], namespace: attributes[first + 2])
            builder.appendAside(.attribute, name: builder.name(key), UnsafeBufferPointer(start: begin, count: end - begin))
        }
        builder.tree.nodes[place].children = Int32(builder.tree.nodes.count)
    }

    private static let elementEnds: endElementNsSAX2Func = { user, _, _, _ in
        guard let builder = TreeBuilder.of(user), builder.open.count > 1, let place = builder.open.popLast() else { return }
        builder.tree.nodes[Int(place)].end = Int32(builder.tree.nodes.count)
        builder.tree.nodes[Int(place)].to = Int32(builder.tree.text.count)
    }

    /// CDATA comes here, too. Texts with nothing between them are one.
    private static let textComes: charactersSAXFunc = { user, bytes, count in
        guard let builder = TreeBuilder.of(user), let bytes, count > 0, builder.open.count > 1 else { return }
        let from = builder.tree.text.count
        builder.tree.text.append(contentsOf: UnsafeBufferPointer(start: bytes, count: Int(count)))
        let last = builder.tree.nodes.count - 1
        if builder.tree.nodes[last].kind == .text, builder.tree.nodes[last].parent == builder.open.last {
            builder.tree.nodes[last].to = Int32(builder.tree.text.count)
        } else {
            builder.append(.text, from: from, to: builder.tree.text.count)
        }
    }

    private static let commentComes: commentSAXFunc = { user, text in
        guard let builder = TreeBuilder.of(user), let text else { return }
        builder.appendAside(.comment, UnsafeBufferPointer(start: text, count: Int(xmlStrlen(text))))
    }

    private static let instructionComes: processingInstructionSAXFunc = { user, target, text in
        guard let builder = TreeBuilder.of(user) else { return }
        let name = builder.name(NameKey(local: target, prefix: nil, namespace: nil))
        builder.appendAside(.instruction, name: name, UnsafeBufferPointer(start: text, count: text == nil ? 0 : Int(xmlStrlen(text))))
    }

    /// The first is what is wrong; the rest follows from it.
    private static let faultIsFound: xmlStructuredErrorFunc = { user, error in
        guard let builder = TreeBuilder.of(user), builder.fault == nil, let error, error.pointee.level.rawValue >= XML_ERR_ERROR.rawValue else {
            return
        }
        // Of namespaces: a prefix that is not declared, which is a name all the same.
        guard error.pointee.domain != Int32(XML_FROM_NAMESPACE.rawValue) else { return }
        let words = error.pointee.message.map { String(cString: $0) } ?? "error \(error.pointee.code)"
        let line = words.split(separator: "\n").first.map(String.init) ?? words
        builder.fault = "line \(error.pointee.line): \(line.prefix(TreeBuilder.longestFault))"
    }
}
