/// The shape of a declared type, as far as JSON can show it. `$FLOW_OUTPUT` is coerced to it and checked against it.
package indirect enum TypeShape: Hashable, Sendable {
    case any
    case string, int, double, bool
    case list(TypeShape)
    /// Values of one shape under names that are not known beforehand.
    case dictionary(TypeShape)
    case object([Field])
    case optional(TypeShape)

    package struct Field: Hashable, Sendable {
        package var name: String
        package var shape: TypeShape

        package init(name: String, shape: TypeShape) {
            self.name = name
            self.shape = shape
        }
    }
}

extension TypeShape: CustomStringConvertible {
    package var description: String {
        switch self {
        case .any: "any value"
        case .string: "String"
        case .int: "Int"
        case .double: "Double"
        case .bool: "Bool"
        case .list(let element): "[\(element)]"
        case .dictionary(let value): "[String: \(value)]"
        case .object(let fields): "{" + fields.map { "\($0.name): \($0.shape)" }.joined(separator: ", ") + "}"
        case .optional(let inner): "\(inner)?"
        }
    }

    /// All faults of `value` against the shape, each with the member it is about (empty: the value itself).
    package func faults(in value: JSON, at path: String = "") -> [FlowError.Detail] {
        func fault(_ message: String) -> [FlowError.Detail] { [FlowError.Detail(subject: path, message: message)] }
        func member(_ name: String) -> String { path.isEmpty ? name : "\(path).\(name)" }
        switch (self, value) {
        case (.any, _), (.string, .string), (.int, .int), (.double, .double), (.double, .int), (.bool, .bool): return []
        case (.optional, .null): return []
        case (.optional(let inner), _): return inner.faults(in: value, at: path)
        case (.list(let element), .array(let elements)):
            return elements.enumerated().flatMap { element.faults(in: $0.element, at: member(String($0.offset))) }
        case (.dictionary(let shape), .object(let members)):
            return members.sorted { $0.key < $1.key }.flatMap { shape.faults(in: $0.value, at: member($0.key)) }
        case (.object(let fields), .object(let members)):
            return fields.flatMap { field in
                if let value = members[field.name] { return field.shape.faults(in: value, at: member(field.name)) }
                if case .optional = field.shape { return [] }
                return [FlowError.Detail(subject: member(field.name), message: "missing; expected \(field.shape)")]
            }
        default: return fault("expected \(self), found \(value.typeName)")
        }
    }

    /// The value that a `name=value` line gives for this shape; nil when the text does not fit.
    package func coerce(_ text: String) -> JSON? {
        switch self {
        case .any, .string: return .string(text)
        case .int: return Int(text).map(JSON.int)
        case .double: return Double(text).flatMap { $0.isFinite ? JSON.double($0) : nil }
        case .bool: return text == "true" ? true : text == "false" ? false : nil
        case .optional(let inner): return inner.coerce(text)
        case .list, .dictionary, .object: return try? JSON.parse(text)
        }
    }

    /// What it says of a value that has no faults: members that it does not name are left out.
    package func part(of value: JSON) -> JSON {
        switch (self, value) {
        case (.optional(let inner), _): return value == .null ? value : inner.part(of: value)
        case (.list(let element), .array(let elements)): return .array(elements.map(element.part))
        case (.dictionary(let shape), .object(let members)): return .object(members.mapValues(shape.part))
        case (.object(let fields), .object(let members)):
            var part: [String: JSON] = [:]
            for field in fields { part[field.name] = members[field.name].map(field.shape.part) }
            return .object(part)
        default: return value
        }
    }
}
