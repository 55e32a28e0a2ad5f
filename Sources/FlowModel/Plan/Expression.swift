/// A value that is known when its step starts. Total and without effects: evaluating one can only give a value or say what is
/// missing.
package indirect enum Expression: Hashable, Sendable {
    case literal(JSON)
    /// An input of the run.
    case parameter(String)
    /// A member of a step's output: the node's id, then member names. The node is in the same scope or an enclosing one.
    case output(node: String, path: [String])
    /// A member of the element of the enclosing map with this id.
    case element(map: String, path: [String])
    /// A fact of the run.
    case run(RunFact)
    /// `value`, or null when its step was skipped, failed and ignored, or it has no such member.
    case optional(Expression)
    /// `value`, or the other when its step was skipped, failed and ignored, or it is null.
    case fallback(Expression, Expression)
    /// The texts of the parts, joined.
    case text([Expression])
    case list([Expression])
    /// An object of values.
    case object([String: Expression])
    case not(Expression)
    case and(Expression, Expression)
    case or(Expression, Expression)
    case compare(Comparison, Expression, Expression)
    /// How many elements or characters.
    case count(Expression)
    /// Whether the list or text of the first contains the second.
    case contains(Expression, Expression)

    package enum RunFact: String, Hashable, Sendable, CaseIterable {
        case id, flow, actor, outcome, startedAt
    }

    package enum Comparison: String, Hashable, Sendable, CaseIterable {
        case equal, notEqual, less, lessOrEqual, greater, greaterOrEqual
    }
}

extension Expression {
    /// The names of the parameters that it reads.
    package var parameters: [String] {
        var names: [String] = []
        forEach { if case .parameter(let name) = $0 { names.append(name) } }
        return names
    }

    /// Calls `visit` for this expression and every one inside it.
    package func forEach(_ visit: (Expression) -> Void) {
        visit(self)
        switch self {
        case .literal, .parameter, .output, .element, .run: break
        case .optional(let inner), .not(let inner), .count(let inner): inner.forEach(visit)
        case .text(let parts), .list(let parts): parts.forEach { $0.forEach(visit) }
        case .object(let members): members.sorted { $0.key < $1.key }.forEach { $0.value.forEach(visit) }
        case .fallback(let one, let other), .and(let one, let other), .or(let one, let other),
            .compare(_, let one, let other), .contains(let one, let other):
            one.forEach(visit)
            other.forEach(visit)
        }
    }
}
