import FlowModel

extension RunMachine {
    /// The hosts of a selector, as they were frozen when the run started, or when the step that made it had run.
    func hosts(_ selector: Expression, for number: Int) throws(EvaluationError) -> [Host] {
        let text = try selector.evaluate(in: scope(of: number)).text
        guard let hosts = run.created.targets[text] else {
            throw .invalid("the hosts of selector '\(text)' were not found")
        }
        return hosts
    }

    mutating func openMap(_ number: Int, _ map: MapSpec) throws(EvaluationError) {
        var keys: [String] = []
        var values: [JSON] = []
        switch map.elements {
        case .hosts(let selector):
            let hosts = try hosts(selector, for: number)
            keys = hosts.map(\.name)
            values = hosts.map(\.value)
        case .list(let list):
            let value = try list.evaluate(in: scope(of: number))
            guard let elements = value.arrayValue else { throw .invalid("a map needs a list, found \(value.typeName)") }
            keys = elements.indices.map(String.init)
            values = elements
        }
        guard keys.count <= Limits.mapElements else {
            throw .invalid("a map takes at most \(Limits.mapElements) elements, found \(keys.count)")
        }
        if let before = run.steps[number].elements {
            leave(before, for: keys, values)
            if keys.contains(where: { before.former[$0] != nil }) { emit(.elementsReturn(ref(number))) }
        }
        emit(.mapOpened(ref(number), keys: keys, values: values))
        advanceMap(number)
    }

    /// What a map needs was done again, and its elements are others: those with another value begin anew, those that are gone are skipped.
    private mutating func leave(_ before: Elements, for keys: [String], _ values: [JSON]) {
        let now = Dictionary(zip(keys, values), uniquingKeysWith: { first, _ in first })
        for (key, scope) in before.former.sorted(by: { $0.value < $1.value }) where now[key] != nil { beginAnew(scope) }
        for (element, key) in before.keys.enumerated() {
            guard let scope = before.scopes[element], now[key] != before.values[element] else { continue }
            let steps = run.stepsInside(scope)
            if now[key] == nil {
                for inner in steps where !run.steps[inner].state.isSettled { settle(inner, .skipped, reason: "'\(key)' is no element any more") }
            } else {
                beginAnew(scope)
            }
        }
    }

    private mutating func beginAnew(_ scope: Int) {
        let settled = run.stepsInside(scope).filter { run.steps[$0].state.isSettled }
        if !settled.isEmpty { emit(.reopened(settled.map(ref))) }
    }

    /// Closes elements that are over, opens as many as the width allows, and settles the map when none is left.
    /// - Parameter scope: the only one of it in which something has changed; nil: any.
    mutating func advanceMap(_ number: Int, after scope: Int? = nil) {
        guard run.steps[number].state == .running else { return }
        // What runs again at the end waits for that.
        if run.bodyOutcome == nil, run.cancellation != .kill, outermost(run.steps[number].scope) == PlanIndex.finally { return }
        guard run.cancellation != nil || !run.isQueued, mayHold(number) else { return }
        switch node(number).kind {
        case .map(let map): advance(number, map, after: scope)
        case .rollout(let rollout): advance(number, rollout, after: scope)
        case .repeatUntil(let rounds): advance(number, rounds)
        case .work, .approval, .sleep, .sleepUntil, .waitFor, .choice, .call: break
        }
    }

    /// False while one that is taken up again waits for what it needs to itself.
    private mutating func mayHold(_ number: Int) -> Bool {
        let scope = run.steps[number].scope
        guard node(number).policy.claims != nil, !run.isPaused, run.gate == nil, hasTurn(scope), mayGoOn(in: scope) else { return true }
        return ownsClaim(number)
    }

    private mutating func advance(_ number: Int, _ map: MapSpec, after scope: Int?) {
        closeElements(of: number, after: scope)
        let tolerance = map.keepsGoing == true ? .max : map.tolerance(of: run.steps[number].elements)
        while let element = nextElement(of: number, width: map.width, tolerates: tolerance) {
            emit(.elementOpened(ref(number), element: element))
            guard let scope = run.steps[number].elements?.scopes[element] else { break }
            resumeScope(scope)
            closeElements(of: number, after: scope)
        }
        settleMap(number, map)
    }

    mutating func closeElements(of number: Int, after scope: Int? = nil) {
        for element in changed(.body, run.steps[number].elements?.open, after: scope) {
            guard let scope = run.steps[number].elements?.scopes[element], isOver(scope) else { continue }
            emit(.elementClosed(ref(number), element: element, hasFailed: run.scopes[scope].hasFailed, target: nil))
        }
    }

    /// Of those that are open, the ones that may be over: the one of the scope, when that is such a part.
    func changed(_ part: Node.Part, _ open: [Int]?, after scope: Int?) -> [Int] {
        guard let scope = scope.map({ run.scopes[$0] }) else { return open ?? [] }
        return scope.part == part && open?.contains(scope.element) == true ? [scope.element] : []
    }

    func nextElement(of number: Int, width: Int, tolerates tolerance: Int = 0) -> Int? {
        guard let elements = run.steps[number].elements, elements.failed <= tolerance, elements.open.count < max(width, 1),
            !run.isPaused, run.gate == nil, hasTurn(run.steps[number].scope), mayGoOn(in: run.steps[number].scope)
        else { return nil }
        return elements.queue.last
    }

    /// Maps inside a scope that is taken up again after a retry.
    func openMaps(in scope: Int) -> [Int] {
        let base = run.scopes[scope].base
        let steps = base..<base + run.index.scopes[run.scopes[scope].plan].nodes.count
        return steps.filter { run.steps[$0].state == .running && run.steps[$0].elements != nil }
    }

    private mutating func settleMap(_ number: Int, _ map: MapSpec) {
        guard let elements = run.steps[number].elements, elements.open.isEmpty else { return }
        let mayGoOn = mayGoOn(in: run.steps[number].scope)
        // The others have their turn first.
        if map.keepsGoing == true, !elements.queue.isEmpty, mayGoOn { return }
        if elements.failed > map.tolerance(of: elements) {
            if wasOnlyStopped(number) { return settle(number, .cancelled, reason: elements.progress(in: run)) }
            fail(
                number, map.keepsGoing == true ? failures(of: elements, map) : failureReason(of: elements) + map.shortfall(elements.failed, elements))
        } else if map.minSucceeded != nil, elements.queue.isEmpty, elements.scopes.allSatisfy({ $0.map(isSettled) ?? false }) {
            settle(number, .succeeded, value: .array(elements.scopes.map(lastValue)))
        } else if elements.queue.isEmpty, elements.isComplete(in: run) {
            settle(number, .succeeded, value: .array(elements.scopes.map(lastValue)))
        } else if !mayGoOn {
            settle(number, .cancelled, reason: elements.progress(in: run))
        }
    }

    /// Nothing in it has failed: somebody stopped it.
    func wasOnlyStopped(_ number: Int) -> Bool {
        isStopped && !steps(inBodiesOf: number).contains { run.steps[$0].state == .failed && node($0).policy.onFailure != .ignore }
    }

    private func isSettled(_ scope: Int) -> Bool { run.scopes[scope].unsettled == 0 || run.scopes[scope].hasFailed }

    func failureReason(of elements: Elements) -> String {
        for (element, scope) in elements.scopes.enumerated() {
            guard let scope, run.scopes[scope].hasFailed else { continue }
            let base = run.scopes[scope].base
            let steps = run.steps[base..<base + run.index.scopes[run.scopes[scope].plan].nodes.count]
            let failed = steps.first { $0.state == .failed }
            return "element '\(elements.keys[element])' failed" + (failed?.reason.map { ": \($0)" } ?? "")
        }
        return "an element failed"
    }

    /// `'systemctl restart web' failed on 2 of 50: web-3: exit status 1; web-7: exit status 1`.
    private func failures(of elements: Elements, _ map: MapSpec) -> String {
        let failed = elements.scopes.indices.filter { elements.scopes[$0].map { run.scopes[$0].hasFailed } ?? false }
        let named = failed.prefix(Limits.failuresNamed).map { element in
            let steps = elements.scopes[element].map { run.ownSteps($0) } ?? 0..<0
            let reason = steps.lazy.filter { run.steps[$0].state == .failed }.compactMap { run.steps[$0].reason }.first
            return elements.keys[element] + (reason.map { ": \($0)" } ?? "")
        }
        let more = failed.count > named.count ? "; and \(failed.count - named.count) more" : ""
        let title = map.title.map { "'\($0.prefix(Limits.titleCharacters + 1))' " } ?? ""
        return "\(title)failed on \(failed.count) of \(elements.keys.count): \(named.joined(separator: "; "))\(more)"
    }

    /// The output of the last step of an element's body, null when it has none.
    func lastValue(of scope: Int?) -> JSON {
        guard let scope else { return .null }
        let count = run.index.scopes[run.scopes[scope].plan].nodes.count
        guard count > 0 else { return .null }
        return run.steps[run.scopes[scope].base + count - 1].value ?? .null
    }
}

extension MapSpec {
    /// How many elements may fail.
    fileprivate func tolerance(of elements: FlowEngine.Elements?) -> Int {
        guard let minSucceeded, let count = elements?.keys.count else { return 0 }
        return max(count - minSucceeded.rounded(up: count), 0)
    }

    fileprivate func shortfall(_ failed: Int, _ elements: FlowEngine.Elements) -> String {
        guard let minSucceeded else { return "" }
        return " (\(failed) of \(elements.keys.count) failed, \(minSucceeded) must succeed)"
    }
}

extension Elements {
    fileprivate func isComplete(in run: Run) -> Bool {
        scopes.allSatisfy { $0.map { run.scopes[$0].unsettled == 0 && !run.scopes[$0].hasFailed } ?? false }
    }

    /// Of a map that is stopped, for people.
    fileprivate func progress(in run: Run) -> String {
        let finished = scopes.count { $0.map { run.scopes[$0].unsettled == 0 && !run.scopes[$0].hasFailed } ?? false }
        return "stopped after \(finished) of \(keys.count) elements"
    }
}
