import FlowModel

/// The steps of a run as a tree: steps of a map under their element, elements under their map.
package struct StepTree: Sendable {
    package struct Node: Sendable {
        var label: String
        /// nil for the element of a map, which is no step itself.
        var step: FollowedRun.Step?
        var children: [Node] = []

        /// The state of the step, or what the steps of an element amount to.
        var state: StepState {
            if let step { return step.state }
            let states = Set(body.map(\.state))
            let loudest: [StepState] = [.failed, .unknown, .held, .cancelled, .running, .backingOff, .waiting, .ready]
            if let state = loudest.first(where: states.contains) { return state }
            if states.contains(.pending) { return states == [.pending] ? .pending : .running }
            return states == [.skipped] ? .skipped : .succeeded
        }

        var startedAt: Instant? { step.map(\.startedAt) ?? body.compactMap(\.startedAt).min() }
        var endedAt: Instant? {
            if let step { return step.endedAt }
            return state.isSettled ? body.compactMap(\.endedAt).max() : nil
        }
    }

    package let roots: [Node]

    /// Conditions of `when` (`when-N`) are left out: their branches show what was decided.
    package init(_ steps: [FollowedRun.Step]) {
        var byParent: [String: [String]] = [:]
        var found: [String: FollowedRun.Step] = [:]
        var seen: Set<String> = []
        for step in steps where step.kind != "when" {
            let chain = StepTree.ancestry(of: step.path.text)
            for (index, path) in chain.enumerated() where seen.insert(path).inserted {
                byParent[index == 0 ? "" : chain[index - 1], default: []].append(path)
            }
            found[step.path.text] = step
        }
        func nodes(under parent: String) -> [Node] {
            (byParent[parent] ?? []).map { path in
                Node(label: StepTree.label(of: path, under: parent), step: found[path], children: nodes(under: path))
            }
        }
        roots = nodes(under: "")
    }

    /// `a[x]/b` → `a`, `a[x]`, `a[x]/b`. A bracket ends where its key does: at `]` before `/`, `[` or the end.
    static func ancestry(of path: String) -> [String] {
        var chain: [String] = []
        let characters = Array(path)
        var isInKey = false
        for (index, character) in characters.enumerated() {
            let prefix = String(characters[..<index])
            if isInKey {
                let next = index + 1 < characters.count ? characters[index + 1] : "/"
                if character == "]", next == "/" || next == "[" { isInKey = false }
            } else if character == "[" {
                chain.append(prefix)
                isInKey = true
            } else if character == "/" {
                chain.append(prefix)
            }
        }
        return chain.last == path ? chain : chain + [path]
    }

    private static func label(of path: String, under parent: String) -> String {
        let rest = path.dropFirst(parent.isEmpty ? 0 : parent.count)
        if rest.hasPrefix("/") { return String(rest.dropFirst()) }
        if rest.hasPrefix("["), rest.hasSuffix("]") { return String(rest.dropFirst().dropLast()) }
        return String(rest)
    }
}
