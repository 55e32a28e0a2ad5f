import FlowModel

extension RandomPlan {
    /// The steps that take back what a step did: of every kind, but for rollouts.
    mutating func addUndo(of node: Node, _ place: Place) {
        addSteps(random.int(1...2), place.inside(node.id, .undo), depth: place.depth + 1)
    }
}
