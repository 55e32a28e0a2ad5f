package import FlowModel

/// What a step did in a generation that is over. A retry takes the step up again, and may not come as far: what was done stands all the same, and is
/// undone with what it was done with.
package struct PastSuccess: Hashable, Sendable {
    /// What it handed out.
    package var value: JSON?
    /// How often the inputs had been edited when it began.
    package var edition: Int
    /// The elements that it was done for, by the maps around it.
    package var elements: [Int: JSON]
    /// What other steps had handed out that its undo reads, by step.
    package var outputs: [Int: JSON]
}

extension Run {
    /// Notes what the step did, before a new generation of it begins or its element goes.
    mutating func keepPast(of number: Int) {
        let step = steps[number]
        guard step.state == .succeeded, mayBeUndone(number), !isUndoneAround(number), !isFormer(step.scope) else { return }
        pasts[number] = PastSuccess(
            value: step.value, edition: editions[number] ?? 0, elements: elementsAround(number), outputs: outputsRead(byUndoOf: number))
    }

    /// What the steps that take back this one, or the target that it stands in, read of others.
    private func outputsRead(byUndoOf number: Int) -> [Int: JSON] {
        let scope = StepScope(run: self, step: number)
        var found: [Int: JSON] = [:]
        for around in [steps[number].node] + scopesAround(steps[number].scope).map({ steps[$0.step].node }) {
            guard let undo = index.undos[around] else { continue }
            for node in index.scopes[undo].nodes {
                for source in plan.nodes[node].sources(in: plan) {
                    guard let other = scope.position(of: source), other != number, steps[other].state == .succeeded else { continue }
                    found[other] = steps[other].value ?? .null
                }
            }
        }
        return found
    }

    /// What it did was done in this generation or one before, as far as it has not been undone since.
    func stands(_ number: Int) -> Bool { steps[number].state == .succeeded || pasts[number] != nil }

    /// The element of the step is none any more.
    private func isFormer(_ scope: Int) -> Bool {
        scopesAround(scope).contains { steps[$0.step].elements?.former.values.contains($0.scope) == true }
    }

    /// It says how it is undone, or something around it does.
    private func mayBeUndone(_ number: Int) -> Bool {
        index.undos[steps[number].node] != nil
            || scopesAround(steps[number].scope).contains { scopes[$0.scope].part == .body && index.undos[steps[$0.step].node] != nil }
    }

    /// It was undone, or the target that it stands in.
    private func isUndoneAround(_ number: Int) -> Bool {
        stepUndos[number]?.state == .undone
            || scopesAround(steps[number].scope).contains {
                scopes[$0.scope].part == .body && rollouts[$0.step]?.targets[scopes[$0.scope].element].undo == .undone
            }
    }

    private func elementsAround(_ number: Int) -> [Int: JSON] {
        scopesAround(steps[number].scope).reduce(into: [:]) { found, around in
            guard scopes[around.scope].part == .body else { return }
            found[around.step] = steps[around.step].elements?.values[scopes[around.scope].element]
        }
    }

    /// Nothing of it stands any more.
    mutating func forgetPast(of item: UndoEntry.Item) {
        guard !pasts.isEmpty else { return }
        let number = item.step.index
        guard let element = item.element else { return pasts[number] = nil }
        guard let scope = steps[number].elements?.scopes[element] else { return }
        for inner in stepsInside(scope) { pasts[inner] = nil }
    }

    // MARK: - What an undo reads

    /// What the undo that a step is part of takes back, when that was done in a generation that is over.
    func past(undoneBy step: Int) -> PastSuccess? {
        guard !pasts.isEmpty, let item = undoItem(around: step), item.element == nil, let past = pasts[item.step.index] else { return nil }
        return steps[item.step.index].state == .succeeded && !isFormer(steps[item.step.index].scope) ? nil : past
    }

    /// What another step had handed out when that was done which the undo takes back, if it was done in a generation that is over.
    func pastOutput(of number: Int, undoneBy step: Int) -> JSON? {
        guard !pasts.isEmpty, let item = undoItem(around: step) else { return nil }
        guard let element = item.element else { return past(undoneBy: step)?.outputs[number] }
        guard let scope = steps[item.step.index].elements?.scopes[element] else { return nil }
        let done = stepsInside(scope).filter(stands)
        guard !done.contains(where: { steps[$0].state == .succeeded }) else { return nil }
        return done.lazy.compactMap { pasts[$0]?.outputs[number] }.first
    }

    /// The inputs that a step has: those of now, of one that has begun those that it began with; of what undoes something, those that it was done
    /// with.
    func inputs(for step: Int) -> [String: JSON] {
        guard !formerInputs.isEmpty else { return created.inputs }
        let edition: Int
        if let item = undoItem(around: step) {
            edition = self.edition(of: item)
        } else if hasBegun(step) {
            edition = editions[step] ?? 0
        } else {
            return created.inputs
        }
        return edition < formerInputs.count ? formerInputs[edition] : created.inputs
    }

    /// An attempt of this generation was handed out.
    func hasBegun(_ number: Int) -> Bool { steps[number].attempt?.row.generation == steps[number].generation }

    /// Of a target, that of what was done there first.
    private func edition(of item: UndoEntry.Item) -> Int {
        let number = item.step.index
        let own = { (number: Int) in self.steps[number].state == .succeeded ? self.editions[number] ?? 0 : self.pasts[number]?.edition ?? 0 }
        guard let element = item.element else { return own(number) }
        guard let scope = steps[number].elements?.scopes[element] else { return formerInputs.count }
        return stepsInside(scope).filter(stands).map(own).min() ?? formerInputs.count
    }
}
