import FlowModel

/// Expressions as an author would write them; what is known stands for itself.
struct ExpressionText: ExpressionWords {
    /// Inputs that have their values already, and may be shown.
    var inputs: [String: JSON] = [:]

    static func text(_ expression: Expression) -> String { ExpressionText().text(expression) }

    func text(_ expression: Expression) -> String {
        switch expression {
        case .literal(let value): value.text
        case .parameter(let name): inputs[name]?.text ?? "$\(name)"
        case .output(let node, let path): ([Self.last(node)] + path).joined(separator: ".")
        case .element(let map, let path):
            path.isEmpty ? "the element of \(Self.last(map))" : (["\(Self.last(map))[]"] + path).joined(separator: ".")
        case .run(let fact): "run.\(fact.rawValue)"
        case .optional(let inner): "\(text(inner))?"
        case .fallback(let one, let other): "\(text(one)) ?? \(text(other))"
        case .text(let parts): parts.map(part).joined()
        case .list(let parts): "[\(parts.map(text).joined(separator: ", "))]"
        case .object(let members):
            "{\(members.sorted { $0.key < $1.key }.map { "\($0.key): \(text($0.value))" }.joined(separator: ", "))}"
        case .not(let inner): "!(\(text(inner)))"
        case .and(let one, let other): "(\(text(one)) && \(text(other)))"
        case .or(let one, let other): "(\(text(one)) || \(text(other)))"
        case .compare(let comparison, let one, let other): "\(text(one)) \(Self.symbol(comparison)) \(text(other))"
        case .count(let inner): "\(text(inner)).count"
        case .contains(let whole, let part): "\(text(whole)).contains(\(text(part)))"
        }
    }

    /// Inside a text, what is not known stands in braces.
    func part(_ expression: Expression) -> String {
        switch expression {
        case .literal(let value): value.text
        case .parameter(let name): inputs[name]?.text ?? "{$\(name)}"
        default: "{\(text(expression))}"
        }
    }

    /// In a command, what is known stands as a shell reads it.
    func word(_ expression: Expression) -> String {
        if case .parameter(let name) = expression, let value = inputs[name] { return shellQuoted(value.text) }
        return part(expression)
    }

    private static func last(_ id: String) -> String { id.split(separator: "/").last.map(String.init) ?? id }

    private static func symbol(_ comparison: Expression.Comparison) -> String {
        switch comparison {
        case .equal: "=="
        case .notEqual: "!="
        case .less: "<"
        case .lessOrEqual: "<="
        case .greater: ">"
        case .greaterOrEqual: ">="
        }
    }
}
