/// A value of a YAML document, with the place where it begins.
struct YAMLNode {
    enum Value {
        /// `isPlain`: without quotes.
        case scalar(String, isPlain: Bool)
        case sequence([YAMLNode])
        case mapping([Member])
    }

    /// One line of a mapping.
    struct Member {
        var key: YAMLNode
        var value: YAMLNode
    }

    var value: Value
    /// Counted from 1.
    var line: Int
    /// Characters before it on its line.
    var column: Int

    /// The text of a scalar as it is written: `yes` is a text here, not a truth value. nil for null, and for what is not a scalar.
    var text: String? {
        guard case .scalar(let text, _) = value, !isNull else { return nil }
        return text
    }

    var isPlain: Bool { if case .scalar(_, let isPlain) = value { isPlain } else { false } }
    var sequence: [YAMLNode]? { if case .sequence(let elements) = value { elements } else { nil } }
    var mapping: [Member]? { if case .mapping(let members) = value { members } else { nil } }

    var isNull: Bool {
        guard case .scalar(let text, isPlain: true) = value else { return false }
        switch text {
        case "", "~", "null", "Null", "NULL": return true
        default: return false
        }
    }

    var typeName: String {
        switch value {
        case .mapping: "a mapping"
        case .sequence: "a list"
        case .scalar: isNull ? "nothing" : "a text"
        }
    }
}
