package import FlowModel

/// A plan as a drawing for Graphviz or Mermaid, coloured by state when it is the plan of a run.
package struct GraphText {
    package enum Format: String, CaseIterable, Sendable { case dot, mermaid }

    private let plan: Plan
    /// The loudest state of each node's steps, by id of the node.
    private let states: [String: StepState]
    private let numbers: [String: Int]
    private let hasBody: Set<String>

    package init(_ plan: Plan, states: [String: StepState] = [:]) {
        self.plan = plan
        self.states = states
        numbers = Dictionary(plan.nodes.enumerated().map { ($0.element.id, $0.offset) }, uniquingKeysWith: { one, _ in one })
        hasBody = Set(plan.nodes.compactMap(\.scope))
    }

    package func lines(_ format: Format) -> [String] {
        switch format {
        case .dot: dot
        case .mermaid: mermaid
        }
    }

    // MARK: - Edges

    private struct Edge: Hashable {
        var from: String
        var to: String
        var label: String?
    }

    /// What must be settled first. An edge from a choice says which answer; `finally` follows everything and shows as dashed.
    private var edges: [Edge] {
        plan.nodes.flatMap { node in
            let guards = Dictionary(node.guards.map { ($0.choice, $0.answer) }, uniquingKeysWith: { $1 })
            let choices = node.guards.map { Edge(from: $0.choice, to: node.id, label: $0.answer ? "yes" : "no") }
            return choices + node.needs.filter { guards[$0] == nil }.map { Edge(from: $0, to: node.id, label: nil) }
        }.filter { numbers[$0.from] != nil }
    }

    private func caption(_ node: Node) -> String {
        if case .choice(let condition) = node.kind { return "\(ExpressionText.text(condition))?" }
        if case .map = node.kind { return "\(node.name) (for each)" }
        if node.part != .body { return "\(node.part.rawValue): \(node.name)" }
        return node.kindName == "shell" ? node.name : "\(node.name) (\(node.kindName))"
    }

    // MARK: - DOT

    private var dot: [String] {
        var lines = [
            "digraph \(quoted(plan.flow)) {", "  rankdir=TB;",
            ##"  node [shape=box, style="rounded,filled", fillcolor="#ffffff", fontname="sans-serif"];"##,
        ]
        lines += dotNodes(in: nil, indent: "  ")
        for edge in edges {
            let label = edge.label.map { " [label=\(quoted($0))]" } ?? ""
            lines.append("  \(quoted(edge.from)) -> \(quoted(edge.to))\(label);")
        }
        return lines + ["}"]
    }

    private func dotNodes(in scope: String?, indent: String) -> [String] {
        plan.nodes.filter { $0.scope == scope }.flatMap { node -> [String] in
            var marks = ["label=\(quoted(caption(node)))"]
            if case .choice = node.kind { marks.append("shape=diamond") }
            if case .approval = node.kind { marks.append("shape=octagon") }
            if node.isFinally { marks.append(#"style="rounded,filled,dashed""#) }
            if let state = states[node.id] { marks.append("fillcolor=\(quoted(StateLook(state).fill))") }
            let line = "\(indent)\(quoted(node.id)) [\(marks.joined(separator: ", "))];"
            guard hasBody.contains(node.id) else { return [line] }
            return [
                line, "\(indent)subgraph \(quoted("cluster_" + node.id)) {",
                "\(indent)  label=\(quoted("for each of \(node.name)"));",
            ]
                + dotNodes(in: node.id, indent: indent + "  ") + ["\(indent)}"]
        }
    }

    private func quoted(_ text: String) -> String {
        // By scalars: a quote and the accent behind it are one character, and the reader sees the quote.
        "\"" + text.neutralised().unicodeScalars.map { $0 == "\\" || $0 == "\"" ? "\\\($0)" : String($0) }.joined() + "\""
    }

    // MARK: - Mermaid

    private var mermaid: [String] {
        var lines = ["flowchart TD"]
        lines += mermaidNodes(in: nil, indent: "  ")
        for edge in edges {
            guard let from = numbers[edge.from], let to = numbers[edge.to] else { continue }
            lines.append("  n\(from) -->\(edge.label.map { "|\($0)|" } ?? "") n\(to)")
        }
        for state in StepState.allCases {
            let marked = plan.nodes.filter { states[$0.id] == state && !hasBody.contains($0.id) }.compactMap { numbers[$0.id] }
            guard !marked.isEmpty else { continue }
            lines.append("  classDef \(state.rawValue) fill:\(StateLook(state).fill),stroke:#555,color:#000")
            lines.append("  class \(marked.map { "n\($0)" }.joined(separator: ",")) \(state.rawValue)")
        }
        return lines
    }

    private func mermaidNodes(in scope: String?, indent: String) -> [String] {
        plan.nodes.filter { $0.scope == scope }.flatMap { node -> [String] in
            guard let number = numbers[node.id] else { return [] }
            let text = "\"\(entities(caption(node)))\""
            if hasBody.contains(node.id) {
                return ["\(indent)subgraph n\(number) [\(text)]"] + mermaidNodes(in: node.id, indent: indent + "  ") + [
                    "\(indent)end"
                ]
            }
            switch node.kind {
            case .choice: return ["\(indent)n\(number){\(text)}"]
            case .approval: return ["\(indent)n\(number){{\(text)}}"]
            case .work, .sleep, .sleepUntil, .waitFor, .map, .repeatUntil, .rollout, .call: return ["\(indent)n\(number)(\(text))"]
            }
        }
    }

    /// Mermaid takes markup out of quoted text by character number.
    private func entities(_ text: String) -> String {
        String(
            text.neutralised().flatMap { "\"#<>&;`\\".contains($0) ? "#\($0.unicodeScalars.first?.value ?? 32);" : String($0) })
    }
}
