import FlowModel

/// A rehearsal for people: a line for each thing that happens, then how it ended. At most 80 columns, where words allow it.
struct RehearsalText {
    private static let columns = 80
    /// The column of the steps is no wider.
    private static let widest = 30
    /// The column of the times is no narrower.
    private static let timeWidth = 10

    private let rehearsed: Rehearsed
    private let title: String
    private let timeWidth: Int
    private let style: Style

    init(_ rehearsed: Rehearsed, of flow: String, style: Style) {
        self.rehearsed = rehearsed
        self.style = style
        timeWidth = max(Self.timeWidth, (rehearsed.rows.map(\.time.displayWidth).max() ?? 0) + 2)
        title = "Rehearsal of \(flow) from \(rehearsed.start). Nothing is carried out."
    }

    var lines: [String] {
        let head = wrapped(title, first: 0, indent: 0).map { style.paint($0, .dim) }
        let foot = rehearsed.summary.flatMap { remark in
            let indent = remark.text.prefix { $0 == " " }.count
            let lines = wrapped(remark.text.trimmingLeadingSpaces, first: indent, indent: indent + 2)
            return lines.map { style.paint($0, colour(remark.tone, isHeading: remark.tone == .heading)) }
        }
        let width = min(rehearsed.rows.map(\.place.displayWidth).filter { $0 <= Self.widest }.max() ?? 0, Self.widest)
        return head + [""] + rehearsed.rows.flatMap { lines(of: $0, width) } + [""] + foot
    }

    private func lines(of row: Rehearsed.Row, _ width: Int) -> [String] {
        let time = style.paint(row.time.padded(to: timeWidth), .dim)
        let column = timeWidth + (width == 0 ? 0 : width + 2)
        let place = row.place.neutralised()
        let texts = wrapped(row.text.neutralised(), first: column, indent: column)
        let painted = texts.enumerated().map { number, text in
            let bare = number == 0 ? text.trimmingLeadingSpaces : text
            return style.paint(bare, colour(row.tone, isHeading: false))
        }
        // A long name has a line of its own.
        guard place.displayWidth <= width else {
            let places = wrapped(place, first: timeWidth, indent: timeWidth)
            let name = [time + (places.first ?? "").trimmingLeadingSpaces] + places.dropFirst()
            return name + [String(repeating: " ", count: column) + (painted.first ?? "")] + painted.dropFirst()
        }
        let start = time + (width == 0 ? "" : place.padded(to: width + 2))
        return [(start + (painted.first ?? "")).trimmingTrailingSpaces] + painted.dropFirst()
    }

    private func colour(_ tone: Rehearsed.Tone, isHeading: Bool) -> Style.Colour {
        switch tone {
        case .plain: .plain
        case .good: .green
        case .bad: .red
        case .waits: .yellow
        case .heading: isHeading ? .plain : .cyan
        }
    }

    /// The text in lines that end before the last column; the first begins after `first` columns, the others after `indent`.
    private func wrapped(_ text: String, first: Int, indent: Int) -> [String] {
        let whole = String(repeating: " ", count: first) + text
        if whole.displayWidth <= Self.columns { return [whole] }
        var lines: [String] = []
        var line = String(repeating: " ", count: first)
        var isEmpty = true
        for word in text.split(separator: " ", omittingEmptySubsequences: true) {
            let addition = (isEmpty ? "" : " ") + word
            if !isEmpty, line.displayWidth + addition.displayWidth > Self.columns {
                lines.append(line)
                line = String(repeating: " ", count: indent) + word
            } else {
                line += addition
            }
            // What is wider than a line goes on in the next one.
            while line.displayWidth > Self.columns, indent < Self.columns {
                let end = line.index(inColumn: Self.columns)
                lines.append(String(line[..<end]))
                line = String(repeating: " ", count: indent) + line[end...]
            }
            isEmpty = false
        }
        return lines + [line]
    }
}

extension String {
    fileprivate var trimmingLeadingSpaces: String { String(drop { $0 == " " }) }

    /// Where the text has to end so that it is no wider than that.
    fileprivate func index(inColumn column: Int) -> Index {
        var width = 0
        return indices.first { index in
            width += String(self[index]).displayWidth
            return width > column
        } ?? endIndex
    }
}
