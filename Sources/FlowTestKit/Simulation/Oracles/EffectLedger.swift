internal import FlowModel

/// What is in effect on the hosts, from what ran there and the names of steps alone: nothing that the machine keeps goes into it, so that what a
/// run says of itself can be held against it.
///
/// A step is in effect from its good end until something that takes it back begins to run: half of an undo leaves nobody knows what.
struct EffectLedger {
    private struct Success {
        var moment: Int
        var generation: Int
    }

    /// Counts what happened, since much does within a second.
    private var moment = 0
    private var successes: [StepPath: Success] = [:]
    /// When what takes a part back last began to run, by the path of the step or target.
    private var takenBack: [StepPath: Int] = [:]

    mutating func began(_ step: StepPath) {
        moment += 1
        if let part = step.undonePart { takenBack[part] = moment }
    }

    mutating func succeeded(_ step: StepPath, generation: Int) {
        moment += 1
        successes[step] = Success(moment: moment, generation: generation)
    }

    func isInEffect(_ step: StepPath, generation: Int) -> Bool {
        guard let success = successes[step], success.generation == generation else { return false }
        return step.parts.allSatisfy { (takenBack[$0] ?? 0) < success.moment }
    }

    /// Whether a step that takes a part back did so after everything there was done.
    func tookBack(_ step: StepPath, generation: Int) -> Bool {
        guard let part = step.undonePart, let success = successes[step], success.generation == generation else { return false }
        return successes.allSatisfy { $0.key.undonePart != nil || !$0.key.parts.contains(part) || $0.value.moment < success.moment }
    }
}

extension StepPath {
    /// `deploy[web-1]` of `deploy[web-1]/undo:back`: what it takes back; nil when it takes nothing back.
    var undonePart: StepPath? {
        let words = text.split(separator: "/", omittingEmptySubsequences: false)
        return words.firstIndex { $0.hasPrefix("undo:") }.map { StepPath(words[..<$0].joined(separator: "/")) }
    }

    /// What takes it back when that is undone: itself, and each target or step that it stands in.
    var parts: [StepPath] {
        let words = text.split(separator: "/", omittingEmptySubsequences: false)
        return words.indices.map { StepPath(words[...$0].joined(separator: "/")) }
    }
}
