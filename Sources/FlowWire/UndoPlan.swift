package import FlowModel

extension Wire {
    /// What an undo of a run would take back.
    package struct UndoPlan: Codable, Sendable {
        /// In order: the items of a stage together, a stage when the one before it is over.
        package var stages: [[Item]]

        /// Steps that did something and do not say how it is undone: that stays. Of a whole run only; absent when there are none.
        package var stays: [String]?

        package init(stages: [[Item]], stays: [String]? = nil) {
            self.stages = stages
            self.stays = stays
        }

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
