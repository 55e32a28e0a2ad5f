internal import FlowModel

/// Finds the shape of a declared type by letting it decode itself from nothing and noting what it asks for.
enum ShapeProbe {
    struct Fault: Error {
        var message: String
    }

    /// Nested types are followed this deep; a type that contains itself is `any` below.
    static let depth = 16

    static func shape<Value: Decodable>(of type: Value.Type) -> TypeShape { probe(type, depth).shape }

    /// The shape of a declared `$FLOW_OUTPUT`: names with values.
    static func shellOutput<Output: Decodable>(of type: Output.Type, step: String, _ site: Site) -> TypeShape {
        let shape = shape(of: type)
        switch shape {
        case .object, .dictionary, .any: break
        default:
            Recorder.complain(
                step, "output: takes a struct or a dictionary, found \(type): $FLOW_OUTPUT holds names with values", site)
        }
        return shape
    }

    /// The name in JSON of a stored property.
    static func member<Root: Decodable, Member>(of keyPath: KeyPath<Root, Member>) throws(Fault) -> String {
        let property = String("\(keyPath)".split(separator: ".").last ?? "")
        let isComputed = property.contains("<") || property.contains(">") || property.contains("$")
        let probe = probe(Root.self, depth)
        if !isComputed, let field = probe.names[property] { return field }
        let computed = "a computed property of \(Root.self) cannot be read in a flow's body"
        switch probe.shape {
        case .any where isComputed: throw Fault(message: computed)
        case .any where probe.isKey(property): return property
        case .any:
            throw Fault(
                message: "the name in JSON of '\(property)' is not known: before it \(Root.self) has a member that cannot be made from nothing; "
                    + "declare that one last")
        case .string, .int, .double, .bool, .list, .dictionary, .optional:
            let name = isComputed ? "a computed property" : "'\(property)'"
            throw Fault(message: "\(name) of a \(Root.self) cannot be read in a flow's body: use == and !=, of a list or dictionary '.count'")
        case .object(let fields):
            let names = fields.map(\.name).joined(separator: ", ")
            if isComputed { throw Fault(message: "\(computed); its stored ones are: \(names)") }
            // A type with a decoder of its own may have members that it did not ask for.
            if fields.contains(where: { $0.name == property }) { return property }
            throw Fault(message: "'\(property)' is not among the coded members of \(Root.self): \(names)")
        }
    }

    /// What is known of a type.
    struct Finding {
        var shape: TypeShape
        /// JSON names by property.
        var names: [String: String] = [:]
        /// A value of the type, where one could be made.
        var value: Any?
        /// Whether the type may have a member of this name, where it could not be asked for all of them.
        var isKey: (String) -> Bool = { _ in true }
    }

    static func probe<Value: Decodable>(_ type: Value.Type, _ depth: Int) -> Finding {
        if let known = type as? any ShapedType.Type { return known.finding(depth) }
        guard depth > 0 else { return Finding(shape: .any) }
        var shape = TypeShape.any
        var names: [String: String] = [:]
        var isKey = { (_: String) in true }
        // A type that wants a text of a certain form is shown a few until it takes one.
        for text in ["", "0", "00000000-0000-0000-0000-000000000000", "https://example.invalid", "2000-01-01T00:00:00Z"] {
            let notes = ProbeNotes(depth: depth, text: text)
            let value = try? Value(from: ProbeDecoder(notes: notes))
            shape = notes.shape
            names = notes.names
            isKey = notes.isKey
            if value != nil { return Finding(shape: shape, names: names, value: value) }
            guard shape == .string else { break }
        }
        let value = firstCase(of: type)
        // It did not come to its end: there may be more members than those that it asked for.
        if case .object = shape, value == nil { shape = .any }
        return Finding(shape: shape, names: names, value: value, isKey: isKey)
    }

    /// Some value of an enum: its first case.
    private static func firstCase<Value>(of type: Value.Type) -> Any? {
        if let enumeration = type as? any CaseIterable.Type { return anyCase(enumeration) }
        // An enum of raw values has no payloads: it is a byte, and 0 is its first case (none at all where it has one case). A
        // struct of that protocol and size would be a byte of its own. Nothing but the value's existence matters here.
        guard type is any RawRepresentable.Type, _isPOD(type), MemoryLayout<Value>.size <= 1 else { return nil }
        return withUnsafeBytes(of: UInt8(0)) { $0.load(as: type) }
    }

    private static func anyCase<Value: CaseIterable>(_ type: Value.Type) -> Any? { type.allCases.first }
}

/// A type whose shape need not be probed.
private protocol ShapedType {
    static func finding(_ depth: Int) -> ShapeProbe.Finding
}

extension String: ShapedType {
    static func finding(_ depth: Int) -> ShapeProbe.Finding { ShapeProbe.Finding(shape: .string, value: "") }
}
extension Bool: ShapedType {
    static func finding(_ depth: Int) -> ShapeProbe.Finding { ShapeProbe.Finding(shape: .bool, value: false) }
}
extension Int: ShapedType {
    static func finding(_ depth: Int) -> ShapeProbe.Finding { ShapeProbe.Finding(shape: .int, value: 0) }
}
extension Double: ShapedType {
    static func finding(_ depth: Int) -> ShapeProbe.Finding { ShapeProbe.Finding(shape: .double, value: 0.0) }
}
extension Array: ShapedType where Element: Decodable {
    static func finding(_ depth: Int) -> ShapeProbe.Finding {
        ShapeProbe.Finding(shape: .list(ShapeProbe.probe(Element.self, depth - 1).shape), value: [Element]())
    }
}
extension Set: ShapedType where Element: Decodable {
    static func finding(_ depth: Int) -> ShapeProbe.Finding {
        ShapeProbe.Finding(shape: .list(ShapeProbe.probe(Element.self, depth - 1).shape), value: Set<Element>())
    }
}
extension Dictionary: ShapedType where Key == String, Value: Decodable {
    static func finding(_ depth: Int) -> ShapeProbe.Finding {
        ShapeProbe.Finding(shape: .dictionary(ShapeProbe.probe(Value.self, depth - 1).shape), value: [String: Value]())
    }
}
extension Optional: ShapedType where Wrapped: Decodable {
    static func finding(_ depth: Int) -> ShapeProbe.Finding {
        let none: Wrapped? = nil
        return ShapeProbe.Finding(shape: .optional(ShapeProbe.probe(Wrapped.self, depth - 1).shape), value: none as Any)
    }
}
extension NoValue: ShapedType {
    static func finding(_ depth: Int) -> ShapeProbe.Finding { ShapeProbe.Finding(shape: .any, value: NoValue()) }
}
