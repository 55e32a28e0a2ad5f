internal import Yams

/// FlowModel has a `Node` of its own.
typealias YAMLNode = Yams.Node

extension YAMLNode {
    /// The text of a scalar as it is written: `yes` is a text here, not a truth value. nil for null.
    var text: String? { isNull ? nil : scalar?.string }

    var isNull: Bool {
        guard let scalar, scalar.style == .plain || scalar.style == .any else { return false }
        return ["", "~", "null", "Null", "NULL"].contains(scalar.string)
    }

    var typeName: String {
        switch self {
        case .mapping: "a mapping"
        case .sequence: "a list"
        case .scalar: isNull ? "nothing" : "a text"
        case .alias: "an alias"
        }
    }
}
