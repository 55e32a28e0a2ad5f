/// Values that are made up where nothing says them: in a rehearsal.
extension TypeShape {
    /// Elements of a list that is made up.
    package static let inventedElements = 2

    /// A value of the shape. A text says where it stands, as `<build.path>`; a number is 1, a Bool true, a list has two elements.
    /// - Parameter name: whose value it is, such as the name of a step.
    package func invented(as name: String) -> JSON {
        switch self {
        case .any, .string: JSON.invented(as: name)
        case .int: 1
        case .double: 1.0
        case .bool: true
        case .list(let element): .array((1...TypeShape.inventedElements).map { element.invented(as: "\(name).\($0)") })
        case .dictionary(let value): ["key": value.invented(as: "\(name).key")]
        case .object(let fields):
            .object(Dictionary(fields.map { ($0.name, $0.shape.invented(as: "\(name).\($0.name)")) }, uniquingKeysWith: { first, _ in first }))
        case .optional(let inner): inner.invented(as: name)
        }
    }
}

extension Parameter {
    /// An answer to it, as a field of an approval: its first choice, what its pattern asks for, else a value of its type. One that does not fit where
    /// no text is found that its pattern matches.
    /// - Parameter name: whose value it is.
    package func invented(as name: String) -> JSON {
        let element = choices.first ?? pattern.flatMap { Pattern.example(of: $0) }.map(JSON.string)
        guard case .list(let inner) = kind else { return element ?? kind.shape.invented(as: name) }
        return .array([element ?? inner.shape.invented(as: name)])
    }
}

extension JSON {
    /// A text that is made up, and can be told from others.
    package static func invented(as name: String) -> JSON { .string("<\(name)>") }
}

extension String {
    /// Whether it is a text that was made up, or holds one.
    package var isInvented: Bool {
        guard let open = firstIndex(of: "<") else { return false }
        return self[open...].contains(">")
    }
}
