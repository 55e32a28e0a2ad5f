import FlowModel

/// In which order what a run did is taken back: the reverse of the order in which its steps need each other.
///
/// A step's stage is one after the last of what came after it, inside maps too, so that nothing is taken away under what stands on it; what
/// does not depend on each other shares a stage. Rounds of a `repeatUntil` came one after the other and go so. Only what succeeded, in this
/// generation or one before, and says how it is undone has a stage; `finally` cleans up and is never undone.
struct UndoOrder {
    private let run: Run
    private let chosen: Set<Int>?
    private(set) var stages: [[UndoEntry.Item]] = []

    /// - Parameter chosen: the steps that may be undone; nil: all.
    init(_ run: Run, only chosen: Set<Int>? = nil) {
        self.run = run
        self.chosen = chosen
        _ = place(scope: PlanIndex.root, from: 0)
    }

    /// Places what was done in the scope; gives the first stage that comes after all of it.
    private mutating func place(scope number: Int, from first: Int) -> Int {
        let scope = run.scopes[number]
        let plan = run.index.scopes[scope.plan]
        var ends = [Int](repeating: first, count: plan.nodes.count)
        for local in plan.nodes.indices.reversed() {
            let start = plan.successors[local].map { ends[$0] }.max() ?? first
            ends[local] = place(step: scope.base + local, from: start)
        }
        return ends.max() ?? first
    }

    private mutating func place(step number: Int, from stage: Int) -> Int {
        let step = run.steps[number]
        let isChosen = chosen?.contains(number) ?? true
        let ref = Entry.StepRef(index: number, path: step.path)
        if case .rollout = run.plan.nodes[step.node].kind, run.index.undos[step.node] != nil {
            // One that somebody said had succeeded, and that never began, has touched no target.
            let targets = isChosen && run.rollouts[number] != nil ? run.touchedTargets(of: number) : []
            for target in targets { add(UndoEntry.Item(ref, element: target), to: stage) }
            return targets.isEmpty ? stage : stage + 1
        }
        if let elements = step.elements {
            let scopes = elements.scopes.compactMap { $0 } + elements.former.values.sorted()
            guard case .repeatUntil = run.plan.nodes[step.node].kind else {
                return scopes.map { place(scope: $0, from: stage) }.max() ?? stage
            }
            return scopes.reversed().reduce(stage) { place(scope: $1, from: $0) }
        }
        guard isChosen, run.stands(number), run.index.undos[step.node] != nil, run.stepUndos[number]?.state != .undone else {
            return stage
        }
        add(UndoEntry.Item(ref), to: stage)
        return stage + 1
    }

    private mutating func add(_ item: UndoEntry.Item, to stage: Int) {
        while stages.count <= stage { stages.append([]) }
        stages[stage].append(item)
    }
}
