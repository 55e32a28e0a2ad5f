internal import FlowModel

extension Recorder.State {
    /// Checks what an expression reads, and adds the edges that it makes. Gives the faults.
    func faultsOfReading(_ expression: Expression, _ parameters: Set<String>) -> [String] {
        var faults: [String] = []
        expression.forEach { part in
            switch part {
            case .parameter(let name) where !parameters.contains(name):
                faults.append("'\(name)' is not a parameter of this flow")
            case .element(let map, _) where !frames.contains(where: { $0.map == map }):
                faults.append("the element of map '\(map)' exists inside its body only")
            case .run(.outcome) where !frames.contains(where: \.isFinally):
                faults.append("run.outcome is known in finally { } only")
            case .compare(.equal, let one, let other), .compare(.notEqual, let one, let other):
                if let fault = lineEndFault(one, other) ?? lineEndFault(other, one) { faults.append(fault) }
            default: break
            }
        }
        return faults + gapFaults(expression)
    }

    /// A command's `stdout` has no line ends at its end, as in `$(…)` of a shell: what compares it with a text that has one never holds.
    private func lineEndFault(_ one: Expression, _ other: Expression) -> String? {
        guard case .output(let step, path: ["stdout"]) = one.withoutDefault, case .literal(.string(let text)) = other, text.last?.isNewline == true
        else { return nil }
        let shown = JSON.string(String(text.reversed().drop { $0.isNewline }.reversed())).canonical
        return "it compares the stdout of '\(step)' with a text that ends with a line end; stdout is without those at its end, write \(shown)"
    }

    mutating func use(_ expression: Expression, needs: inout [String], _ parameters: Set<String>) -> [String] {
        var faults = faultsOfReading(expression, parameters)
        var sources: [String] = []
        expression.forEach { if case .output(let node, _) = $0, !sources.contains(node) { sources.append(node) } }
        for source in sources {
            faults += follow(source, needs: &needs)
            if let fault = branchFault(source) { faults.append(fault) }
        }
        return faults
    }

    /// Makes what stands here wait for `source`. Gives the faults.
    mutating func follow(_ source: String, needs: inout [String]) -> [String] {
        // A step that was refused has been complained about already.
        guard let place = places[source] else { return [] }
        if place.frame == frame.number {
            if !needs.contains(source) { needs.append(source) }
            return []
        }
        if let depth = frames.firstIndex(where: { $0.number == place.frame }) {
            // The step is outside: the map around us, in its scope, waits for it. `finally` comes after everything anyway.
            guard depth + 1 < frames.count, let map = frames[depth + 1].map, map != source, let node = places[map] else { return [] }
            if !nodes[node.index].needs.contains(source) { nodes[node.index].needs.append(source) }
            return []
        }
        if place.isFinally, nodes[place.index].scope == nil {
            return ["step '\(source)' runs in finally { }, after everything else; it cannot be used before"]
        }
        let map = nodes[place.index].scope ?? ""
        return ["step '\(source)' runs once for each element of map '\(map)'; outside of the map use the map's own value"]
    }

    /// A step in the other branch of a `when` has no value here, ever.
    private func branchFault(_ source: String) -> String? {
        guard let place = places[source] else { return nil }
        for other in place.guards {
            let isOpposite = frames.contains { $0.guards.contains(BranchGuard(choice: other.choice, answer: !other.answer)) }
            let line = places[other.choice].map { "the when in line \($0.site.line)" } ?? "a when"
            if isOpposite {
                return "step '\(source)' stands in the other branch of \(line): where one runs, the other is skipped"
            }
        }
        return nil
    }

    // MARK: - Blocks

    mutating func openParallel() { frame.blocks.append(.parallel(entry: entry, exits: [])) }

    mutating func closeParallel() {
        guard case .parallel(let entry, let exits)? = frame.blocks.popLast() else { return }
        // Those that another one of the block waits for have ended when that one has.
        let needed = Set(exits.flatMap { id in places[id].map { nodes[$0.index].needs } ?? [] })
        let last = exits.filter { !needed.contains($0) }
        advance(to: exits.isEmpty ? entry : last)
    }

    mutating func openBranch(_ choice: String, _ answer: Bool) {
        frame.guards.append(BranchGuard(choice: choice, answer: answer))
        frame.blocks.append(.sequence([choice]))
    }

    /// Gives what the branch ends with.
    mutating func closeBranch() -> [String] {
        frame.guards.removeLast()
        guard case .sequence(let exits)? = frame.blocks.popLast() else { return [] }
        return exits
    }

    mutating func openMap(_ id: String, part: Node.Part = .body, isHostMap: Bool) {
        var inner = Recorder.Frame(number: framesMade)
        framesMade += 1
        inner.map = id
        inner.part = part
        inner.isHostMap = isHostMap
        inner.isFinally = frame.isFinally
        frames.append(inner)
    }

    /// Gives the last step of the body.
    mutating func closeMap() -> String? {
        let frame = frames.removeLast()
        if let map = frame.map, frame.part == .body { ends[map] = frame.lastNode }
        return frame.lastNode
    }

    /// False where a `finally` has no meaning.
    mutating func openFinally() -> Bool {
        let isAtTop = frames.count == 1 && frame.blocks.count == 1
        var inner = Recorder.Frame(number: -1)
        inner.isFinally = true
        inner.choices = frames[0].choices
        inner.blocks = [.sequence(finallyExits)]
        frames.append(inner)
        return isAtTop
    }

    mutating func closeFinally() {
        finallyExits = entry
        frames[0].choices = frame.choices
        frames.removeLast()
    }

    /// The host of the innermost map over hosts, as a target.
    var hostElement: Expression? {
        frames.last(where: \.isHostMap)?.map.map { .element(map: $0, path: ["name"]) }
    }
}

extension Expression {
    /// What it reads where that is there.
    fileprivate var withoutDefault: Expression {
        switch self {
        case .optional(let inner), .fallback(let inner, _): inner.withoutDefault
        default: self
        }
    }
}
