package import FlowModel

extension Wire {
    /// What an undo of a run would take back.
    package struct UndoPlan: Codable, Sendable {
        /// In order: the items of a stage together, a stage when the one before it is over.
        package var stages: [[Item]]

        package init(stages: [[Item]]) { self.stages = stages }

        package struct Item: Codable, Sendable {
            /// What is undone: a step, or a rollout.
            package var step: StepPath
            /// The target of the rollout.
            package var target: String?
            /// The steps that undo it.
            package var by: [String]

            package init(step: StepPath, target: String?, by: [String]) {
                self.step = step
                self.target = target
                self.by = by
            }
        }
    }
}
