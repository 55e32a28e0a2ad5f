/// An input of a flow.
package struct Parameter: Hashable, Sendable {
    package indirect enum Kind: Hashable, Sendable {
        case string, int, double, bool
        /// Hosts of the inventory, as a selector; resolved and frozen when the run starts.
        case selector
        case list(Kind)
    }

    package var name: String
    package var help: String
    package var kind: Kind
    /// Used when the input is not given; without it the parameter is required.
    package var fallback: JSON?
    /// A regular expression that the whole text must match (strings and lists of strings).
    package var pattern: String?
    /// The values allowed; empty means any.
    package var choices: [JSON]
    /// Sealed on its way and at rest, redacted everywhere.
    package var isSecret: Bool

    package init(
        name: String, help: String = "", kind: Kind, fallback: JSON? = nil, pattern: String? = nil, choices: [JSON] = [],
        isSecret: Bool = false
    ) {
        self.name = name
        self.help = help
        self.kind = kind
        self.fallback = fallback
        self.pattern = pattern
        self.choices = choices
        self.isSecret = isSecret
    }

    package var isRequired: Bool { fallback == nil }
}

extension Parameter.Kind {
    /// The shape of its values.
    package var shape: TypeShape {
        switch self {
        case .string, .selector: .string
        case .int: .int
        case .double: .double
        case .bool: .bool
        case .list(let element): .list(element.shape)
        }
    }
}
