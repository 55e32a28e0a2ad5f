import Glibc

/// A cron expression read in the plainest way there is: each question goes through the text again.
struct NaivePattern {
    private static let months = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
    private static let weekdays = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]

    private let minute: [Bool]
    private let hour: [Bool]
    private let month: [Bool]
    private let dayText: String
    private let weekdayText: String

    init(_ text: String) {
        let known = [
            "@hourly": "0 * * * *", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@weekly": "0 0 * * 0", "@monthly": "0 0 1 * *",
            "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *",
        ]
        let fields = (known[text] ?? text).split(separator: " ").map { String($0).uppercased() }
        precondition(fields.count == 5, text)
        minute = (0..<60).map { NaivePattern.matches(fields[0], $0, 59, []) }
        hour = (0..<24).map { NaivePattern.matches(fields[1], $0, 23, []) }
        month = (0...12).map { NaivePattern.matches(fields[3], $0, 12, [""] + NaivePattern.months) }
        dayText = fields[2]
        weekdayText = fields[4]
    }

    /// The minutes that match. Every minute is looked at; only the date's part of the answer is kept for the day's other minutes.
    func matching(_ shown: [Timeline.Shown]) -> [Timeline.Shown] {
        var dates: [Int: Bool] = [:]
        return shown.filter { minute in
            let label = minute.label
            guard self.minute[label.minute], hour[label.hour], month[label.month] else { return false }
            if let known = dates[label.month * 32 + label.day] { return known }
            let answer = matchesDate(label)
            dates[label.month * 32 + label.day] = answer
            return answer
        }
    }

    private func matchesDate(_ label: Timeline.Label) -> Bool {
        let byDay = dayText.split(separator: ",").contains { item in
            item == "L" ? label.isLastDay : NaivePattern.matches(String(item), label.day, 31, [])
        }
        let byWeekday = weekdayText.split(separator: ",").contains { item in
            if item.contains("#") {
                let halves = item.split(separator: "#")
                return weekday(halves[0], label) && Int(halves[1]) == (label.day + 6) / 7
            }
            if item.hasSuffix("L") { return weekday(item.dropLast(), label) && label.isInLastWeek }
            return [label.weekday, label.weekday + 7].contains { number in
                number <= 7 && NaivePattern.matches(String(item), number, 7, NaivePattern.weekdays)
            }
        }
        let isEither = !"*?".contains(dayText.first ?? "*") && !"*?".contains(weekdayText.first ?? "*")
        return isEither ? byDay || byWeekday : byDay && byWeekday
    }

    private func weekday(_ text: Substring, _ label: Timeline.Label) -> Bool {
        let number = Int(text) ?? NaivePattern.weekdays.firstIndex(of: String(text)) ?? -1
        return number % 7 == label.weekday
    }

    /// Whether `value` is among the items of `field`.
    private static func matches(_ field: String, _ value: Int, _ last: Int, _ names: [String]) -> Bool {
        func number(_ text: Substring) -> Int { Int(text) ?? names.firstIndex(of: String(text)) ?? -1 }
        return field.split(separator: ",").contains { item in
            let halves = item.split(separator: "/")
            let step = halves.count == 2 ? number(halves[1]) : 1
            if halves[0] == "*" || halves[0] == "?" {
                // Days and months begin with 1; a second Sunday is no value of its own.
                let first = last == 31 || last == 12 ? 1 : 0
                return value >= first && !(last == 7 && value == 7) && (value - first) % step == 0
            }
            let ends = halves[0].split(separator: "-")
            let first = number(ends[0])
            var end = ends.count == 2 ? number(ends[1]) : halves.count == 2 ? (last == 7 ? 6 : last) : first
            if last == 7, ends.count == 2, end == 0, first > 0 { end = 7 }
            return value >= first && value <= end && (value - first) % step == 0
        }
    }
}
