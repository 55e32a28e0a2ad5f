import FlowModel

extension Run {
    /// The command that ends the hold of a step: one that is not refused as things are.
    package func endOfHold(_ number: Int) -> String {
        let step = steps[number]
        // While something is undone, what had failed before has no turn again.
        if undoItem(around: number) != nil, rollouts[number] == nil {
            let place = "\(id) '\(step.path)'"
            return "flowctl retry \(id) --from '\(step.path)', or: flowctl resolve \(place) --as succeeded -m REASON, "
                + "or: flowctl skip \(place) -m REASON"
        }
        let retry = "flowctl retry \(id)"
        guard let rollout = rollouts[number], case .rollout(let spec) = plan.nodes[step.node].kind else { return retry }
        let place = "\(id) '\(step.path)'"
        // While its budget is exceeded a release would be refused.
        if rollout.breachReason(spec) != nil { return "flowctl rollout \(place) --max-failures N, then: flowctl release \(place); or: \(retry)" }
        if hasFailedBetween(number) { return retry }
        // One that an operator stops after a batch stops there again however it is taken up.
        return rollout.adjustment.pauseAfterBatch == rollout.batch + 1 ? "flowctl release \(place)" : "flowctl release \(place), or: \(retry)"
    }

    /// Whether what stands after the batch that a rollout is in did not succeed.
    func hasFailedBetween(_ number: Int) -> Bool {
        guard let rollout = rollouts[number], let scope = rollout.betweens[rollout.batch] else { return false }
        return scopes[scope].hasFailed
    }
}
