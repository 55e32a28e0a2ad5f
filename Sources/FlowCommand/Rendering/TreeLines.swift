package import FlowModel

/// Draws a followed run: a line for the run, one for each step, fitted to a screen.
package struct TreeLines {
    private struct Line {
        var parts: [(text: String, colour: Style.Colour)]
        /// Nothing goes on there: the first to be left out when the screen is too small.
        var isQuiet: Bool
    }

    private let run: FollowedRun
    private let now: Instant
    private let style: Style

    package init(_ run: FollowedRun, now: Instant, style: Style) {
        self.run = run
        self.now = now
        self.style = style
    }

    /// The lines, at most `rows` of them and `columns` wide where these are given.
    package func lines(columns: Int? = nil, rows: Int? = nil) -> [String] {
        let tree = StepTree(run.steps)
        var lines = [header]
        let width = min(48, TreeLines.labelWidth(tree.roots, indent: 1))
        for root in tree.roots { add(root, depth: 1, width: width, to: &lines) }
        if let rows { lines = fit(lines, into: max(rows, 2)) }
        return lines.map { paint($0, columns: columns) }
    }

    // MARK: - Lines

    private var header: Line {
        let took = (run.endedAt ?? now).seconds(since: run.startedAt ?? run.createdAt)
        var parts: [(String, Style.Colour)] = [
            (run.flow, .bold), ("  \(run.id)  ", .dim), (run.state.rawValue, run.state.colour),
            ("  \(durationText(took))", .plain),
        ]
        if let reason = run.reason { parts.append(("  \(reason.neutralised())", .plain)) }
        return Line(parts: parts, isQuiet: false)
    }

    private func add(_ node: StepTree.Node, depth: Int, width: Int, to lines: inout [Line]) {
        let state = node.state
        let word = node.undoWord
        let look = word == nil ? StateLook(state) : node.undo.map { StateLook($0) } ?? StateLook(state)
        let indent = String(repeating: "  ", count: depth)
        let label = node.label.neutralised().clipped(to: max(8, width - 2 * depth)).padded(to: max(0, width - 2 * depth))
        var parts: [(String, Style.Colour)] = [
            (indent, .plain), (style.isUnicode ? look.symbol : look.ascii, look.colour), (" \(label)  ", .plain),
            ((word ?? state.rawValue).padded(to: 10), look.colour), (" ", .plain), (took(node).padded(to: 12), .dim),
        ]
        parts += detail(node)
        let isDone = state == .succeeded && (!node.holdsUndo || node.undo == .undone)
        let isQuiet = isDone || state == .skipped || state == .pending || state == .ready
        lines.append(Line(parts: parts, isQuiet: isQuiet))
        // An element that is done, or has not begun, is one line.
        guard node.step != nil || !isQuiet else { return }
        for child in node.shownChildren { add(child, depth: depth + 1, width: width, to: &lines) }
    }

    private func took(_ node: StepTree.Node) -> String {
        guard let start = node.startedAt, node.state != .skipped else { return "" }
        return durationText((node.endedAt ?? now).seconds(since: start))
    }

    private func detail(_ node: StepTree.Node) -> [(String, Style.Colour)] {
        guard let step = node.step else { return [] }
        // Steps beneath a step undo it; elements are no steps themselves.
        let elements = node.children.filter { $0.step == nil }
        if !elements.isEmpty { return [(counts(of: elements), .plain)] }
        var parts: [(String, Style.Colour)] = []
        if step.attempt > 1 { parts.append((" attempt \(step.attempt)", .plain)) }
        if step.state == .succeeded, step.changed == true { parts.append((" changed", .plain)) }
        if step.state == .backingOff || step.state == .waiting, let until = step.until {
            parts.append((" \(durationText(until.seconds(since: now))) left", .yellow))
        }
        if let reason = step.reason { parts.append((" \(reason.neutralised())", step.state == .failed ? .red : .plain)) }
        if !step.state.isSettled, let release = step.release { parts.append(("  \(release)", .bold)) }
        if step.state == .running || step.state == .failed, let line = step.lastLine {
            parts.append((" \(style.isUnicode ? "│" : "|") \(line.neutralised())", .dim))
        }
        return parts
    }

    private func counts(of elements: [StepTree.Node]) -> String {
        let states = elements.map(\.state)
        let settled = states.count { $0.isSettled }
        var shown = StepState.allCases.compactMap { state -> String? in
            let count = elements.count { $0.state == state && $0.undoWord == nil }
            return count > 0 && state != .pending ? "\(count) \(state.rawValue)" : nil
        }
        shown += Dictionary(grouping: elements.compactMap(\.undoWord)) { $0 }.sorted { $0.key > $1.key }.map { "\($0.value.count) \($0.key)" }
        // What failed and was undone is counted among the failed, too.
        let rest = elements.count { $0.undoWord == nil && $0.undo == .undone }
        if rest > 0 { shown.append("\(rest) of them undone") }
        return " \(settled)/\(states.count)" + (shown.isEmpty ? "" : ": \(shown.joined(separator: ", "))")
    }

    private static func labelWidth(_ nodes: [StepTree.Node], indent: Int) -> Int {
        nodes.map { max(2 * indent + $0.label.displayWidth, labelWidth($0.children, indent: indent + 1)) }.max() ?? 0
    }

    // MARK: - Fitting

    private func fit(_ lines: [Line], into rows: Int) -> [Line] {
        guard lines.count > rows else { return lines }
        var over = lines.count - rows + 1
        var kept: [Line] = []
        for (index, line) in lines.enumerated() {
            if index > 0, over > 0, line.isQuiet { over -= 1 } else { kept.append(line) }
        }
        kept = Array(kept.prefix(rows - 1))
        let more = lines.count - kept.count
        return kept + [Line(parts: [("  \(style.isUnicode ? "…" : "...") \(more) more steps", .dim)], isQuiet: true)]
    }

    private func paint(_ line: Line, columns: Int?) -> String {
        var left = columns ?? Int.max
        var out = ""
        for part in line.parts where left > 0 {
            let text = part.text.clipped(to: left)
            left -= text.displayWidth
            out += style.paint(text, part.colour)
        }
        return out.trimmingTrailingSpaces
    }
}
