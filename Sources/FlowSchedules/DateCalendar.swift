package import FlowModel

/// Dates on which nothing is due, from a file: one date, range or yearly date on a line, `out` or `in` behind it, then anything.
///
///     2026-10-01..2026-10-07 out  National Day
///     2026-10-04             in   a working Sunday inside it
///     *-12-25                     Christmas of every year; out, since nothing else is said
///
/// `in` wins over `out`, also over that of another calendar of the same schedule. `#` begins a comment.
package struct DateCalendar: Hashable, Sendable {
    package let name: String
    private var closed: [ClosedRange<Int>] = []
    private var open: [ClosedRange<Int>] = []
    /// Month × 100 + day.
    private var closedYearly = Set<Int>()
    private var openYearly = Set<Int>()

    /// Refuses with all lines that it cannot read.
    package init(name: String, text: String) throws(FlowError) {
        self.name = name
        var faults: [FlowError.Detail] = []
        let lines = WrittenText.lines(of: WrittenText.withoutMark(text))
        guard lines.count <= ScheduleLimits.calendarLines else {
            throw FlowError(.usage, subject: name, "Calendar '\(name)' has \(lines.count) lines; \(ScheduleLimits.calendarLines) are allowed.")
        }
        for (index, line) in lines.enumerated() {
            // A date behind an odd line end would be a word of the line before, or of its comment, and the day open.
            if let odd = line.unicodeScalars.first(where: { "\u{85}\u{2028}\u{2029}\u{B}\u{C}\0".unicodeScalars.contains($0) }) {
                let message = "the line has U+\(String(odd.value, radix: 16, uppercase: true)): lines end with LF, CR LF or CR"
                faults.append(FlowError.Detail(subject: name, message: message, location: "\(name):\(index + 1)"))
                continue
            }
            let words = line.prefix { $0 != "#" }.split(whereSeparator: \.isWhitespace)
            guard let date = words.first, !take(date, isIn: words.count > 1 && words[1] == "in") else { continue }
            faults.append(
                FlowError.Detail(
                    subject: String(date), message: "is no date such as 2026-10-01, 2026-10-01..2026-10-07 or *-12-25",
                    location: "\(name):\(index + 1)"))
        }
        guard faults.isEmpty else {
            throw FlowError(.usage, subject: name, "Calendar '\(name)' has lines that cannot be read.", errors: faults)
        }
    }

    private mutating func take(_ text: Substring, isIn: Bool) -> Bool {
        if text.hasPrefix("*-") {
            // 2000 was a leap year.
            guard let date = CivilDate(text: "2000-" + text.dropFirst(2)) else { return false }
            let key = date.month * 100 + date.day
            if isIn { openYearly.insert(key) } else { closedYearly.insert(key) }
            return true
        }
        let ends = text.split(separator: "..", omittingEmptySubsequences: false).map { CivilDate(text: $0)?.daysSince1970 }
        guard ends.count <= 2, let first = ends[0], let last = ends[ends.count - 1], first <= last else { return false }
        if isIn { open.append(first...last) } else { closed.append(first...last) }
        return true
    }

    func isIn(day: Int) -> Bool { contains(day, open, openYearly) }
    func isOut(day: Int) -> Bool { contains(day, closed, closedYearly) }

    private func contains(_ day: Int, _ ranges: [ClosedRange<Int>], _ yearly: Set<Int>) -> Bool {
        if ranges.contains(where: { $0.contains(day) }) { return true }
        guard !yearly.isEmpty else { return false }
        let date = CivilDate(daysSince1970: day)
        return yearly.contains(date.month * 100 + date.day)
    }
}
