package import FlowModel

/// Selectors that a step makes. Their hosts are looked up when the step that runs on them begins, and stay these for the rest of the run.
///
/// The inventory is outside: the step waits until somebody has said there which hosts it means. What is lost with the process is asked again.
extension RunMachine {
    /// Asks for the hosts of the step's selector. False when they are known, or it needs none.
    mutating func seeksHosts(_ number: Int) throws(EvaluationError) -> Bool {
        guard let search = try hostSearch(number) else { return try isHeldByFreeze(number) }
        emit(.seeking(ref(number), selector: search.selector))
        decision.actions.append(.findHosts(search))
        return true
    }

    private func hostSearch(_ number: Int) throws(EvaluationError) -> HostSearch? {
        guard let hosts = node(number).hosts else { return nil }
        // A rollout that is taken up again keeps its targets.
        if run.rollouts[number] != nil { return nil }
        let selector = try hosts.selector.evaluate(in: scope(of: number)).text
        if run.created.targets[selector] != nil { return nil }
        // One host may be named among those of another selector; an empty name is no place at all.
        if !hosts.isMany, selector.isEmpty || frozenHost(selector) != nil { return nil }
        let id = CallID(run: run.id, step: run.steps[number].path, generation: run.steps[number].generation)
        return HostSearch(id: id, selector: selector, limit: run.created.limit)
    }

    mutating func hostsFound(_ id: CallID, _ selector: String, _ hosts: [Host]) {
        guard let number = run.seeking(id, selector) else { return }
        // Another step has found them meanwhile: the first answer is that of the whole run.
        if run.created.targets[selector] != nil { return takeUp(number) }
        // Found again, and looked at again, by the retry that lets it go on.
        if let closure = closure(of: hosts, for: number) { return hold(number, closure, selector) }
        emit(.hostsFound(ref(number), selector: selector, hosts))
        startIfPossible(number)
    }

    private mutating func hold(_ number: Int, _ closure: ChangeClosure, _ selector: String) {
        emit(.held(ref(number), reason: "\(closure.kind.rawValue) \(closure.rule) keeps changes from the hosts of '\(selector)'"))
    }

    /// The hosts that a rollout has found wait at the gates of its batches; whatever else runs on them asks for itself, once for all that is inside.
    private mutating func isHeldByFreeze(_ number: Int) throws(EvaluationError) -> Bool {
        guard !run.unaskedHosts.isEmpty, let hosts = node(number).hosts,
            !run.scopesAround(run.steps[number].scope).contains(where: { node($0.step).isOverHosts })
        else { return false }
        let selector = try hosts.selector.evaluate(in: scope(of: number)).text
        let found = run.created.targets[selector] ?? frozenHost(selector).map { [$0] } ?? []
        guard let closure = closure(of: found, for: number) else { return false }
        hold(number, closure, selector)
        return true
    }

    /// What it waited for is there.
    private mutating func takeUp(_ number: Int) {
        emit(.ready(ref(number)))
        startIfPossible(number)
    }

    /// The run began without these hosts: what keeps changes from them now. The batches of a rollout have gates of their own.
    private func closure(of hosts: [Host], for number: Int) -> ChangeClosure? {
        if case .rollout = node(number).kind { return nil }
        guard !run.isUngated, run.undo == nil, run.bodyOutcome == nil, !run.isInUndo(run.steps[number].scope) else { return nil }
        let known = Set(run.created.targets.values.joined().map(\.name))
        let new = hosts.map(\.name).filter { !known.contains($0) || run.unaskedHosts.contains($0) }
        return new.isEmpty ? nil : context.closure(subject(new))
    }

    /// The inventory has no such hosts, or cannot be read.
    mutating func hostsRefused(_ id: CallID, _ selector: String, _ reason: String) {
        guard let number = run.seeking(id, selector) else { return }
        fail(number, reason)
    }

    mutating func recoverSearches() {
        for number in run.steps.indices where run.steps[number].isSeekingHosts {
            do throws(EvaluationError) {
                if let search = try hostSearch(number) {
                    // Its inputs were edited meanwhile: it seeks others now.
                    if search.selector != run.steps[number].sought { emit(.seeking(ref(number), selector: search.selector)) }
                    decision.actions.append(.findHosts(search))
                } else {
                    takeUp(number)
                }
            } catch {
                settle(number, because: error)
            }
        }
    }
}

extension Run {
    /// Before they become targets of the run.
    mutating func note(_ hosts: [Host], foundBy number: Int) {
        let names = hosts.map(\.name)
        guard case .rollout = plan.nodes[steps[number].node].kind else { return unaskedHosts.subtract(names) }
        let known = Set(created.targets.values.joined().map(\.name))
        unaskedHosts.formUnion(names.filter { !known.contains($0) })
    }

    /// The step that looks for these hosts and has not found them yet.
    package func seeking(_ id: CallID, _ selector: String) -> Int? {
        guard let number = positions[id.step], steps[number].isSeekingHosts, steps[number].generation == id.generation else { return nil }
        return steps[number].sought == selector ? number : nil
    }
}

extension Step {
    /// It waits until its hosts are found.
    var isSeekingHosts: Bool { state == .waiting && sought != nil }
}
