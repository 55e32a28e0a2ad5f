import FlowModel

/// Rollouts that wait for nothing but the next start that their rate allows.
extension Projection {
    func paceWaits(of run: Run) -> [Waiting] {
        run.rollouts.keys.sorted().prefix(RunRow.waitingShown).compactMap { number in
            let step = run.steps[number]
            guard step.state == .running, let due = step.due, case .rollout(let spec) = run.plan.nodes[step.node].kind,
                let rate = run.rollouts[number]?.startRate(spec)
            else { return nil }
            return Waiting(
                kind: .rate, subject: step.path.text, since: run.rollouts[number]?.starts.last ?? run.createdAt, until: due,
                release: "flowctl rollout \(run.id) '\(step.path)' --start-rate N/min",
                reason: "\(rate.count) hosts in \(rate.secondsText) s have begun")
        }
    }
}
