package import FlowModel

/// Five fields that say at which minutes something is due: `minute hour day-of-month month day-of-week`.
///
/// Fields hold `*`, numbers, names (`JAN`, `SUN`, in any case), lists, ranges and steps. `?` is `*`. In the day of month `L` is the
/// month's last day; in the day of week `5L` is the last Friday, `5#2` the second, and 7 is Sunday like 0. `@hourly`, `@daily`,
/// `@midnight`, `@weekly`, `@monthly`, `@yearly` and `@annually` are short for the usual expressions. `@reboot` is refused: an engine's
/// start is no time.
///
/// As in Vixie's cron, a day must match either of the two day fields when both are restricted (do not begin with `*` or `?`), and both
/// of them otherwise. Ranges that end before they begin are refused, save that Sunday may end a range of weekdays.
package struct CronExpression: Hashable, Sendable {
    /// As it was written.
    package let text: String
    let minutes: UInt64
    let hours: UInt64
    let months: UInt64
    let days: CronDays

    /// Due in every hour of a day that matches, and so bound to elapsed time rather than to a time of the day.
    package var isEveryHour: Bool { hours == 0xFF_FFFF }

    /// Refuses what it cannot read, naming the field, what was found and what is allowed; and an expression that never comes.
    package init(_ text: String) throws(FlowError) {
        self.text = text
        let content = try CronExpression.spelledOut(text)
        let fields = content.split(whereSeparator: { $0 == " " || $0 == "\t" })
        guard fields.count == 5 else {
            throw FlowError(
                .usage, subject: "cron",
                "Cron '\(text)' has \(fields.count) fields; it takes 5: minute, hour, day of month, month, day of week.")
        }
        minutes = try CronFieldReader(field: .minute, text: text).mask(of: fields[0])
        hours = try CronFieldReader(field: .hour, text: text).mask(of: fields[1])
        months = try CronFieldReader(field: .month, text: text).mask(of: fields[3])
        days = try CronDays(ofMonth: fields[2], ofWeek: fields[4], text: text)
        guard nextDay(onOrAfter: 0, before: CronExpression.calendarCycleDays) != nil else {
            throw FlowError(
                .usage, subject: "cron", "Cron '\(text)' never comes: no month that it allows has such a day.",
                hint: "Use L in the day of month for a month's last day.")
        }
    }

    /// The Gregorian calendar repeats after 400 years.
    private static let calendarCycleDays = 146_097

    private static func spelledOut(_ text: String) throws(FlowError) -> String {
        let trimmed = text.drop { $0 == " " || $0 == "\t" }
        guard trimmed.hasPrefix("@") else { return text }
        switch trimmed.lowercased().split(separator: " ").first {
        case "@hourly": return "0 * * * *"
        case "@daily", "@midnight": return "0 0 * * *"
        case "@weekly": return "0 0 * * 0"
        case "@monthly": return "0 0 1 * *"
        case "@yearly", "@annually": return "0 0 1 1 *"
        default:
            throw FlowError(
                .usage, subject: "cron",
                "Cron '\(text)' is no known name; allowed are @hourly, @daily, @midnight, @weekly, @monthly, @yearly and @annually.")
        }
    }

    // MARK: - Matching

    /// Minutes of the day, in order, at which it is due on a day that matches.
    var minutesOfDay: [Int] {
        (0..<24).filter { hours & 1 << UInt64($0) != 0 }.flatMap { hour in
            (0..<60).filter { minutes & 1 << UInt64($0) != 0 }.map { hour * 60 + $0 }
        }
    }

    func nextDay(onOrAfter first: Int, before end: Int) -> Int? {
        var date = CivilDate(daysSince1970: first)
        var number = first
        while number < end {
            let length = date.daysInMonth
            if months & 1 << UInt64(date.month) != 0 {
                var weekday = CivilDate.weekday(ofDay: number)
                for day in date.day...length where number + day - date.day < end {
                    if days.includes(day: day, weekday: weekday, monthLength: length) { return number + day - date.day }
                    weekday = weekday == 6 ? 0 : weekday + 1
                }
            }
            number += length - date.day + 1
            date = CivilDate(year: date.month == 12 ? date.year + 1 : date.year, month: date.month % 12 + 1, day: 1)
        }
        return nil
    }
}
