/// Rows under titles, each column as wide as its widest cell.
package struct Table: Sendable {
    package struct Cell: ExpressibleByStringLiteral, Sendable {
        var text: String
        var colour: Style.Colour

        package init(_ text: String, _ colour: Style.Colour = .plain) {
            self.text = text.neutralised()
            self.colour = colour
        }

        package init(stringLiteral value: String) { self.init(value) }
    }

    package var titles: [String]
    package var rows: [[Cell]] = []

    package init(_ titles: String...) { self.titles = titles }

    package mutating func add(_ cells: Cell...) { rows.append(cells) }

    /// The lines of the table. With a width, cells of the widest columns are cut until it fits.
    package func lines(style: Style, width: Int? = nil) -> [String] {
        var widths = titles.indices.map { column in
            ([titles[column]] + rows.map { $0[column].text }).map(\.displayWidth).max() ?? 0
        }
        if let width { Table.fit(&widths, into: width, least: titles.map(\.displayWidth)) }
        func line(_ cells: [Cell]) -> String {
            let shown = zip(cells, widths).map { cell, width in
                let text = cell.text.clipped(to: width)
                return style.paint(text, cell.colour) + String(repeating: " ", count: max(0, width - text.displayWidth))
            }
            return shown.joined(separator: "  ").trimmingTrailingSpaces
        }
        return [line(titles.map { Cell($0.uppercased(), .dim) })] + rows.map(line)
    }

    private static func fit(_ widths: inout [Int], into width: Int, least: [Int]) {
        let gaps = 2 * max(0, widths.count - 1)
        while widths.reduce(gaps, +) > width {
            let candidates = widths.indices.filter { widths[$0] > max(least[$0], 8) }
            guard let widest = candidates.max(by: { (widths[$0], $0) < (widths[$1], $1) }) else { return }
            widths[widest] -= 1
        }
    }
}

extension String {
    var trimmingTrailingSpaces: String {
        var text = self[...]
        while text.last == " " { text.removeLast() }
        return String(text)
    }
}
