/// Inputs of a run that are set to other values, checked against the flow's parameters.
package struct InputEdit: Hashable, Sendable {
    /// Those that change; secrets sealed.
    package var inputs: [String: JSON]
    /// The hosts of selectors that the run did not know before.
    package var targets: [String: [Host]]

    package init(inputs: [String: JSON], targets: [String: [Host]] = [:]) {
        self.inputs = inputs
        self.targets = targets
    }
}
