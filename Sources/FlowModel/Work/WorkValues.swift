/// The values of a step when an attempt of it is handed out.
package struct WorkValues {
    private let scope: any ExpressionScope
    /// The step's id in the plan.
    package let node: String
    /// The shape of its output, if it declares one; nil for a probe, which hands nothing out.
    package let output: TypeShape?
    /// Digest of the flow's binary, if the run has one.
    package let binary: Digest?

    package init(in scope: some ExpressionScope, node: String, output: TypeShape?, binary: Digest?) {
        self.scope = scope
        self.node = node
        self.output = output
        self.binary = binary
    }

    package func value(_ expression: Expression) throws(EvaluationError) -> JSON { try expression.evaluate(in: scope) }

    package func text(_ expression: Expression) throws(EvaluationError) -> String { try value(expression).text }

    /// nil for none.
    package func text(_ expression: Expression?) throws(EvaluationError) -> String? {
        guard let expression else { return nil }
        return try text(expression) as String
    }

    /// The account to become; an empty name means the one that logged in.
    package func account(_ expression: Expression?) throws(EvaluationError) -> String? {
        let name: String? = try text(expression)
        return name?.isEmpty == true ? nil : name
    }
}
