package import FlowModel

/// Selectors that a step makes. Their hosts are looked up when the step that runs on them begins, and stay these for the rest of the run.
///
/// The inventory is outside: the step waits until somebody has said there which hosts it means. What is lost with the process is asked again.
extension RunMachine {
    /// Asks for the hosts of the step's selector. False when they are known, or it needs none.
    mutating func seeksHosts(_ number: Int) throws(EvaluationError) -> Bool {
        guard let search = try hostSearch(number) else { return false }
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
        if let closure = closure(of: hosts, for: number) {
            // Found again, and looked at again, by the retry that lets it go on.
            return emit(.held(ref(number), reason: "\(closure.kind.rawValue) \(closure.rule) keeps changes from the hosts of '\(selector)'"))
        }
        emit(.hostsFound(ref(number), selector: selector, hosts))
        startIfPossible(number)
    }

    /// What it waited for is there.
    private mutating func takeUp(_ number: Int) {
        emit(.ready(ref(number)))
        startIfPossible(number)
    }

    /// The run began without these hosts: what keeps changes from them now. The batches of a rollout have gates of their own.
    private func closure(of hosts: [Host], for number: Int) -> ChangeClosure? {
        if case .rollout = node(number).kind { return nil }
        guard run.created.isUngated != true, run.undo == nil, run.bodyOutcome == nil, !run.isInUndo(run.steps[number].scope) else { return nil }
        let known = Set(run.created.targets.values.joined().map(\.name))
        let new = hosts.map(\.name).filter { !known.contains($0) }
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
