import FlowModel

/// What entries do to rollouts.
extension Run {
    mutating func apply(_ entry: RolloutEntry, to step: Entry.StepRef, at: Instant) {
        let number = step.index
        dirty.append(number)
        switch entry {
        case .opened(let ends, let leftOut):
            let rollout = Rollout(ends: ends, leftOut: leftOut, at: at)
            rollouts[number] = rollout
            rollouts[number]?.enter(batch: 0)
            if !leftOut.isEmpty { steps[number].elements?.queue.removeAll { $0 >= rollout.count } }
            for target in rollouts[number]?.targets.indices ?? 0..<0 { dirtyTargets.append((number, target)) }
        case .batchBegan(let batch): rollouts[number]?.enter(batch: batch)
        case .soaking(let until): wait(.soak, step, at: at, until: until)
        case .soaked:
            enter(.running, number, at: at)
            rollouts[number]?.isSoaked = true
        case .paced(let until): steps[number].due = until
        case .betweenOpened(let batch):
            open(rollouts[number]?.betweens[batch], index.betweens[steps[number].node], .between, batch, of: number) {
                $0.betweens[batch] = $1
            }
        case .breached(let reason): rollouts[number]?.breach = reason
        case .released:
            enter(.running, number, at: at)
            rollouts[number]?.breach = nil
            rollouts[number]?.adjustment.pauseAfterBatch = nil
        case .adjusted(let adjustment, let ends):
            rollouts[number]?.adjustment = adjustment
            let moved = rollouts[number]?.ends == ends ? 0..<0 : rollouts[number]?.targets.indices ?? 0..<0
            rollouts[number]?.ends = ends
            for target in moved { dirtyTargets.append((number, target)) }
        case .requeued(let elements): requeueTargets(elements, of: number)
        default: applyUndo(entry, number, at: at)
        }
    }

    private mutating func applyUndo(_ entry: RolloutEntry, _ number: Int, at: Instant) {
        switch entry {
        case .undoBegan(let elements): rollouts[number]?.undoQueue = elements.reversed()
        case .undoOpened(let element):
            rollouts[number]?.undoQueue?.removeAll { $0 == element }
            rollouts[number]?.undoOpen.append(element)
            rollouts[number]?.targets[element].undo = .running
            dirtyTargets.append((number, element))
            open(rollouts[number]?.undos[element], index.undos[steps[number].node], .undo, element, of: number) {
                $0.undos[element] = $1
            }
        case .undoClosed(let element, let state):
            rollouts[number]?.undoOpen.removeAll { $0 == element }
            if let scope = rollouts[number]?.undos[element] {
                scopes[scope].isOpen = false
                dropClaim(ofScope: scope)
            }
            rollouts[number]?.targets[element].undo = state
            if state == .undone { forgetPast(of: UndoEntry.Item(Entry.StepRef(index: number, path: steps[number].path), element: element)) }
            dirtyTargets.append((number, element))
        case .undoEnded:
            rollouts[number]?.undoQueue = nil
            rollouts[number]?.endedUndone = true
        case .undoTold(let reason): steps[number].reason = reason
        default: break
        }
    }

    /// Gives a part of a rollout its turn: its scope is made when it has none.
    private mutating func open(
        _ scope: Int?, _ plan: Int?, _ part: Node.Part, _ element: Int, of number: Int, _ keep: (inout Rollout, Int) -> Void
    ) {
        if let scope {
            scopes[scope].isOpen = true
        } else if let plan, var rollout = rollouts.removeValue(forKey: number) {
            keep(&rollout, openScope(plan: plan, map: number, part: part, element: element))
            rollouts[number] = rollout
        }
    }

    mutating func beginTarget(_ element: Int, of number: Int, at: Instant) {
        guard let first = rollouts[number]?.targets[element].startedAt ?? (rollouts[number] == nil ? nil : at) else { return }
        rollouts[number]?.targets[element].startedAt = first
        rollouts[number]?.targets[element].endedAt = nil
        rollouts[number]?.targets[element].isRunning = true
        dirtyTargets.append((number, element))
        guard case .rollout(let spec) = plan.nodes[steps[number].node].kind, let rate = rollouts[number]?.startRate(spec) else { return }
        rollouts[number]?.starts.append(at)
        if let starts = rollouts[number]?.starts, starts.count > rate.count { rollouts[number]?.starts.removeFirst(starts.count - rate.count) }
    }

    mutating func endTarget(_ element: Int, of number: Int, _ end: Entry.TargetEnd, at: Instant) {
        rollouts[number]?.set(end.outcome, of: element)
        rollouts[number]?.targets[element].reason = end.reason
        rollouts[number]?.targets[element].endedAt = at
        rollouts[number]?.targets[element].isRunning = false
        dirtyTargets.append((number, element))
    }

    /// Gives targets their turn again, in the order of the rollout, in the batches that they belong to.
    mutating func requeueTargets(_ elements: [Int], of number: Int) {
        steps[number].elements?.queue = elements.sorted().reversed()
        for element in elements {
            rollouts[number]?.set(.notStarted, of: element)
            rollouts[number]?.targets[element].reason = nil
            rollouts[number]?.targets[element].undo = nil
            dirtyTargets.append((number, element))
        }
        rollouts[number]?.breach = nil
        rollouts[number]?.gate = nil
        rollouts[number]?.undoQueue = nil
        rollouts[number]?.endedUndone = false
        if let tally = rollouts[number]?.tally { rollouts[number]?.forgiven = tally }
        for scope in rollouts[number]?.betweens.values.sorted() ?? [] { scopes[scope].isOpen = false }
        // Never past what stands between: a batch that has not begun begins from the one before it.
        guard let first = elements.min(), let rollout = rollouts[number] else { return }
        rollouts[number]?.enter(batch: min(rollout.batch, rollout.batch(of: first)))
    }
}

extension Rollout {
    /// How many targets may begin in any stretch of time: what an operator set, else what the flow says.
    func startRate(_ spec: RolloutSpec) -> StartRate? { adjustment.startRate ?? spec.startRate }

    /// What a step between batches can read of the batch before it.
    func batchValue(_ batch: Int) -> JSON {
        guard ends.indices.contains(batch) else { return .null }
        return ["number": .int(batch + 1), "of": .int(ends.count), "targets": .int(targets(of: batch).count), "outcomes": tally.value]
    }
}
