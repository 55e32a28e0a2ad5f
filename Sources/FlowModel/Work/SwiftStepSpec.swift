/// A Swift closure in the flow's own process. Output: what it returns.
package struct SwiftStepSpec: Hashable, Sendable, Codable {
    package var inputs: [Expression]

    package init(inputs: [Expression]) { self.inputs = inputs }
}

extension SwiftStepSpec: WorkSpec {
    package static let kind = "step"

    package var expressions: [Expression] { inputs }
    package var needsFlowBinary: Bool { true }

    package func order(_ values: WorkValues) throws(EvaluationError) -> any WorkOrder {
        guard let binary = values.binary else { throw .invalid("the run has no flow binary for its Swift steps") }
        var inputs: [JSON] = []
        for input in self.inputs { inputs.append(try values.value(input)) }
        return StepWork(node: values.node, binary: binary, inputs: inputs)
    }

    package func outputShape(declared: TypeShape?) -> TypeShape? { declared }
    package func rehearsedFailure(status: Int) -> AttemptResult.Failure { AttemptResult.Failure(.thrown, "it threw an error") }
    package func summary(_ words: any ExpressionWords) -> String? { nil }
}
