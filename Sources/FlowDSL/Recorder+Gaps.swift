internal import FlowModel

/// Lists that maps hand out, in which elements may be missing although their type says that none is.
extension Recorder.State {
    /// The faults of what reads the elements of such a list. Where some may fail is said with `minSucceeded:`, which makes them optional.
    func gapFaults(_ expression: Expression) -> [String] {
        expression.wholeOutputs.compactMap { source in
            gap(in: source).map { gap in
                "elements of map '\(gap.map)' are missing where \(gap.why), and their type does not say so: give '\(gap.map)' "
                    + "minSucceeded: .count(0), or how many must succeed; its value is a list of optionals then"
            }
        }
    }

    /// The map, this one or one that its elements are, and how its elements come to have no value.
    private func gap(in map: String) -> (map: String, why: String)? {
        guard let node = node(map), case .map(let spec) = node.kind, let last = ends[map] else { return nil }
        if spec.minSucceeded == nil, let why = absences[last] { return (map, why) }
        return gap(in: last)
    }

    /// How a step that is taken down comes to hand nothing out while its run goes on; nil when it does not.
    func absence(of entry: Recorder.Entry) -> String? {
        if entry.policy.onFailure == .ignore { return "'\(entry.name)' fails and is ignored" }
        let guards = frames.flatMap(\.guards)
        for source in entry.kind.expressions.flatMap(\.neededOutputs) {
            guard let place = places[source] else { continue }
            let isBranch = place.guards.contains { !guards.contains($0) }
            guard isBranch || absences[source] != nil else { continue }
            let why = isBranch ? "stands in a branch" : "may hand nothing out"
            return "'\(entry.name)' is skipped, since it reads '\(nodes[place.index].name)', which \(why)"
        }
        return nil
    }

    private func node(_ id: String) -> Node? { places[id].map { nodes[$0.index] } }
}

extension Expression {
    /// The steps whose values are handed on as they are. To count or search a list takes no type of its elements.
    fileprivate var wholeOutputs: [String] {
        switch self {
        case .output(let node, path: []): [node]
        case .literal, .parameter, .output, .element, .run, .count, .contains: []
        case .optional(let inner), .not(let inner): inner.wholeOutputs
        case .text(let parts), .list(let parts): parts.flatMap(\.wholeOutputs)
        case .object(let members): members.values.flatMap(\.wholeOutputs)
        case .fallback(let one, let other), .and(let one, let other), .or(let one, let other), .compare(_, let one, let other):
            one.wholeOutputs + other.wholeOutputs
        }
    }

    /// The steps without whose value it has none.
    fileprivate var neededOutputs: [String] {
        switch self {
        case .output(let node, _): [node]
        case .literal, .parameter, .element, .run, .optional: []
        case .fallback(_, let other): other.neededOutputs
        case .not(let inner), .count(let inner): inner.neededOutputs
        case .text(let parts), .list(let parts): parts.flatMap(\.neededOutputs)
        case .object(let members): members.values.flatMap(\.neededOutputs)
        case .and(let one, let other), .or(let one, let other), .compare(_, let one, let other), .contains(let one, let other):
            one.neededOutputs + other.neededOutputs
        }
    }
}
