internal import FlowEngine
internal import FlowModel

// Freezes and windows: what they keep from beginning, and who passes them.
extension EntryOracle {
    /// What keeps the run, or a batch of a rollout, from beginning now.
    func closure(_ step: Int?, batch: Int) -> ChangeClosure? {
        let hosts: [String]
        if let step, let rollout = run.rollouts[step], let keys = run.steps[step].elements?.keys {
            hosts = rollout.targets(of: batch).map { keys[$0] }
        } else {
            hosts = run.created.targets.values.flatMap { $0.map(\.name) }
        }
        return context.closure(ChangeSubject(flow: run.created.flow, labels: run.created.labels, hosts: hosts))
    }

    /// The batch that a rollout's gate stands before.
    private func next(_ step: Int) -> Int {
        guard let rollout = run.rollouts[step] else { return 0 }
        return run.steps[step].elements?.queue.last.map(rollout.batch(of:)) ?? rollout.batch
    }

    func fault(of entry: ChangeGateEntry) -> String? {
        let step = entry.step?.index
        let gate = run.closedGates.first { $0.step == step }?.gate
        let name = step.map { "'\(run.steps[$0].path)'" } ?? "the run"
        let closure = closure(step, batch: step.map { gate?.batch ?? next($0) } ?? 0)
        switch entry.change {
        case .closed(let given):
            if given != closure { return "\(name) is closed by \(given.rule), which does not hold it now" }
            if wasPassed(step) { return "\(name) closes again although somebody let it begin" }
            if step == nil, case .undo? = command { return "undoing is kept waiting" }
            if let step, gate == nil, run.steps[step].elements?.open.isEmpty != true { return "\(name) closes in the middle of a batch" }
            return given == gate?.closure ? "\(name) is closed by what closed it before" : nil
        case .opened:
            if gate == nil { return "\(name) opens and was not closed" }
            return closure == nil ? nil : "\(name) opens in spite of \(closure?.rule ?? "")"
        case .passed(let user):
            guard gate != nil, case .breakGlass? = command, let actor, actor.user == user else { return "\(name) was passed by nobody" }
            if actor.person == run.created.person { return "who started the run broke the glass" }
            if Set(actor.roles).isDisjoint(with: ["admin", "release-manager"]) { return "somebody without a role for it broke the glass" }
            guard case .command(_, _, let message?) = event, message.contains(where: { !$0.isWhitespace }) else {
                return "the glass was broken and nobody said why"
            }
            return nil
        }
    }

    /// A batch begins when nothing keeps it from that, or somebody let it.
    func mayBegin(batch: Int, _ step: Int) -> String? {
        if run.rollouts[step]?.passedBatch == batch || wasPassed(step) { return nil }
        return closure(step, batch: batch).map { "batch \(batch) of '\(run.steps[step].path)' begins in spite of \($0.rule)" }
    }

    /// Somebody let it, or the whole run, begin in this very decision.
    private func wasPassed(_ step: Int?) -> Bool {
        for entry in earlier.reversed() {
            // That was for the batch before.
            if case .elementOpened(let other, _) = entry, other.index == step, !wasLetBegin { return false }
            if case .changeGate(let gate) = entry, case .passed = gate.change, gate.step == nil || gate.step?.index == step { return true }
        }
        return false
    }

    /// Somebody let the run as a whole begin.
    private var wasLetBegin: Bool {
        earlier.contains { entry in
            guard case .changeGate(let gate) = entry, case .passed = gate.change else { return false }
            return gate.step == nil
        }
    }
}
